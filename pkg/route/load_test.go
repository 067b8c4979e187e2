package route

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// BenchmarkLoad reads an account's index from the database, view built. The
// number of callflows is 5,000 unless LOAD_CALLFLOWS says otherwise.
func BenchmarkLoad(b *testing.B) {
	count := 5000
	if n, err := strconv.Atoi(os.Getenv("LOAD_CALLFLOWS")); err == nil {
		count = n
	}
	client := couchtest.New(b)
	fill(b, client, count)
	s := NewIndexes(Config{Couch: client})
	defer s.Close()
	if err := newLive(s, acct).load(b.Context()); err != nil { // has the view built
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		l := newLive(s, acct)
		if err := l.load(b.Context()); err != nil {
			b.Fatal(err)
		}
		if got := l.index.Stats().Callflows; got != count {
			b.Fatalf("%d callflows", got)
		}
		b.ReportMetric(float64(l.index.Stats().Bytes)/1e6, "MB")
	}
	b.ReportMetric(float64(count), "callflows")
}

func fill(b *testing.B, client *couch.Client, count int) {
	b.Helper()
	if err := client.CreateDB(b.Context(), couch.AccountDB(acct)); err != nil {
		b.Fatal(err)
	}
	db := client.Account(acct)
	designs, err := couchviews.Designs("account")
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range designs {
		if d.ID() == "_design/callflowd" {
			err = db.SyncDesign(b.Context(), d)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	var docs []document.Doc
	for i := range count {
		docs = append(docs, document.Doc{
			"_id": fmt.Sprintf("%032d", i), "pvt_type": "callflow", "name": fmt.Sprintf("flow %d", i),
			"numbers": []any{fmt.Sprintf("+1%010d", 2000000000+i)},
			"flow":    map[string]any{"module": "user", "data": map[string]any{"id": fmt.Sprintf("%032d", i)}},
		})
		if len(docs) == 2000 || i == count-1 {
			if _, err := db.Bulk(b.Context(), docs); err != nil {
				b.Fatal(err)
			}
			docs = nil
		}
	}
}
