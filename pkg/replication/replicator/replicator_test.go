package replicator_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

func TestOnceBothWays(t *testing.T) {
	a, b := database(t), database(t)
	fill(t, a, 300, 1)
	fill(t, b, 200, 2)
	there := replicate(t, peers(a, b))
	replicate(t, peers(b, a))
	same(t, a, b)
	if there.DocWriteFailures != 0 || there.DocsWritten != there.MissingFound || there.DocsRead != there.DocsWritten {
		t.Errorf("counts %+v", there)
	}
}

// A second run reads what has changed since, not everything.
func TestGoesOnFromTheCheckpoint(t *testing.T) {
	a, b := database(t), database(t)
	fill(t, a, 100, 1)
	o := peers(a, b)
	first := replicate(t, o)
	if again := replicate(t, o); again.MissingChecked != 0 {
		t.Errorf("nothing was new, and %d revisions were checked of %d", again.MissingChecked, first.MissingChecked)
	}
	ask(t, http.MethodPut, a+"/new", object{"x": 1}, nil)
	if again := replicate(t, o); again.MissingChecked != 1 || again.DocsWritten != 1 {
		t.Errorf("one was new: %+v", again)
	}
	same(t, a, b)
	if again := replicate(t, peers(b, a)); again.DocsWritten != 0 {
		t.Errorf("the way back had nothing to copy: %+v", again)
	}
}

// The logs are CouchDB's: of two ends that went different ways, the newest run
// that both know counts.
func TestCheckpointForm(t *testing.T) {
	a, b := database(t), database(t)
	fill(t, a, 20, 1)
	r, err := replicator.New(peers(a, b))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var source, target struct {
		Session   string          `json:"session_id"`
		SourceSeq json.RawMessage `json:"source_last_seq"`
		Version   int             `json:"replication_id_version"`
		History   []map[string]any
	}
	ask(t, http.MethodGet, a+"/_local/"+r.ID(), nil, &source)
	ask(t, http.MethodGet, b+"/_local/"+r.ID(), nil, &target)
	if source.Session == "" || source.Session != target.Session || string(source.SourceSeq) != string(target.SourceSeq) || source.Version != 4 {
		t.Errorf("logs %+v and %+v", source, target)
	}
	for _, member := range []string{
		"session_id", "start_time", "end_time", "start_last_seq", "end_last_seq", "recorded_seq", "missing_checked", "missing_found",
		"docs_read", "docs_written", "doc_write_failures", "bulk_get_docs", "bulk_get_attempts",
	} {
		if _, ok := source.History[0][member]; !ok {
			t.Errorf("the history has no %s", member)
		}
	}
}

// A target that was restored from an older copy gets again what it lacks.
func TestTargetStartsOver(t *testing.T) {
	a, b := database(t), database(t)
	fill(t, a, 50, 1)
	o := peers(a, b)
	replicate(t, o)
	ask(t, http.MethodDelete, b, nil, nil)
	ask(t, http.MethodPut, b, nil, nil)
	replicate(t, o)
	same(t, a, b)
}

func TestCreatesTheTarget(t *testing.T) {
	a := database(t)
	fill(t, a, 10, 1)
	o := peers(a, couchtest.URL(t)+"/new")
	r, err := replicator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err == nil {
		t.Error("a target that is not there was no error")
	}
	o.CreateTarget = true
	replicate(t, o)
	same(t, a, o.Target.URL)
}

func TestFilters(t *testing.T) {
	a := database(t)
	for i := range 10 {
		ask(t, http.MethodPut, fmt.Sprintf("%s/d%d", a, i), object{"n": i}, nil)
	}
	ask(t, http.MethodPut, a+"/_design/f", object{"filters": object{"few": "function(doc, req) { return doc.n < Number(req.query.max); }"}}, nil)
	tests := []struct {
		name   string
		filter replicator.Filter
		want   int
	}{
		{"doc_ids", replicator.Filter{DocIDs: []string{"d1", "d7"}}, 2},
		{"selector", replicator.Filter{Selector: json.RawMessage(`{"n": {"$gte": 7}}`)}, 3},
		{"function", replicator.Filter{Function: "f/few", Params: map[string]string{"max": "4"}}, 4},
		{"other parameter", replicator.Filter{Function: "f/few", Params: map[string]string{"max": "5"}}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.filter.Selector != nil {
				couchtest.SkipPouchDB(t, "its change feed has no filter _selector")
			}
			o := peers(a, database(t))
			o.Filter = tt.filter
			replicate(t, o)
			if got := len(leaves(t, o.Target.URL)); got != tt.want {
				t.Errorf("%d documents, want %d", got, tt.want)
			}
		})
	}
}

func TestContinuousBothWays(t *testing.T) {
	a, b := database(t), database(t)
	fill(t, a, 50, 1)
	there, _ := continuous(t, peers(a, b))
	continuous(t, peers(b, a))
	fill(t, b, 50, 2)
	ask(t, http.MethodPut, a+"/late", object{"x": 1}, nil)
	equal := func() bool { return fmt.Sprint(leaves(t, a)) == fmt.Sprint(leaves(t, b)) && len(leaves(t, a)) == 101 }
	couchtest.Eventually(t, "both have all", equal)
	same(t, a, b)
	couchtest.Eventually(t, "the replication says that it is current", func() bool {
		s := there.Stats()
		return s.Current && s.Pending == 0 && s.Lag(time.Now()) == 0
	})
	couchtest.Eventually(t, "a checkpoint", func() bool { s := there.Stats(); return s.Through == s.Checkpointed })
}

// Attachments that are large stream; one that the target has is not sent
// again.
func TestLargeAttachments(t *testing.T) {
	size := 3 << 20
	if os.Getenv("REPLICATION_BIG") != "" {
		size = 50 << 20
	}
	a, b := database(t), database(t)
	data := randomBytes(rand.New(rand.NewPCG(1, 1)), size)
	ask(t, http.MethodPut, a+"/doc", object{"_attachments": object{
		"large": inline("application/octet-stream", data[:size/2]), "text": inline("text/plain", data[:200_000]),
	}}, nil)
	o := peers(a, b)
	first := replicate(t, o)
	same(t, a, b)
	var doc object
	ask(t, http.MethodGet, a+"/doc", nil, &doc)
	doc["more"] = true
	ask(t, http.MethodPut, a+"/doc", doc, nil)
	second := replicate(t, o)
	same(t, a, b)
	if first.Bytes < int64(size/2) || second.Bytes > 10_000 && couchtest.Vendor(t) != couchtest.PouchDB {
		t.Errorf("sent %d bytes, and then %d for a document with the same attachments", first.Bytes, second.Bytes)
	}
}

// What the target refuses is counted and left out.
func TestRefusedDocuments(t *testing.T) {
	couchtest.SkipPouchDB(t, "it runs no validate_doc_update")
	a, b := database(t), database(t)
	fill(t, a, 30, 1)
	ask(t, http.MethodPut, a+"/bad", object{"bad": true}, nil)
	ask(t, http.MethodPut, a+"/bad2", object{"bad": true, "_attachments": object{"a": inline("image/png", make([]byte, 100_000))}}, nil)
	ask(t, http.MethodPut, b+"/_design/v", object{"validate_doc_update": `function(doc) { if (doc.bad) { throw({forbidden: "no bad ones"}); } }`}, nil)
	s := replicate(t, peers(a, b))
	if s.DocWriteFailures != 2 || len(s.Refused) != 2 || s.Refused[0].ID != "bad" {
		t.Errorf("stats %+v", s)
	}
	if got, want := len(leaves(t, b)), 31; got != want {
		t.Errorf("%d documents, want %d", got, want)
	}
}

func TestWithCuts(t *testing.T) {
	n := 150
	if os.Getenv("REPLICATION_BIG") != "" {
		n = 10_000
	}
	a, b := database(t), database(t)
	fill(t, a, n, 1)
	fill(t, b, n/2, 2)
	ask(t, http.MethodPut, a+"/large", object{"_attachments": object{"l": inline("image/png", make([]byte, 300_000))}}, nil)
	o, back := peers(a, cutting(t, b, 25*time.Millisecond)), peers(cutting(t, b, 31*time.Millisecond), a)
	there, _ := continuous(t, o)
	here, _ := continuous(t, back)
	ask(t, http.MethodPut, a+"/late", object{"x": 1}, nil)
	couchtest.Eventually(t, "both have all", func() bool {
		l := leaves(t, b)
		return len(l) == n+n/2+2 && fmt.Sprint(leaves(t, a)) == fmt.Sprint(l)
	})
	same(t, a, b)
	t.Logf("there: %d attempts broken off, back: %d", there.Stats().Failures, here.Stats().Failures)
}

// The address of an error or a status holds no password.
func TestNoCredentialsInErrors(t *testing.T) {
	r, err := replicator.New(peers("http://user:secret@127.0.0.1:1/db", "http://user:secret@127.0.0.1:1/db2"))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Source(); got != "http://127.0.0.1:1/db/" {
		t.Errorf("source %s", got)
	}
	o := peers("http://user:secret@127.0.0.1:1/db", "http://user:secret@127.0.0.1:1/db2")
	o.Attempts = 1
	if r, err = replicator.New(o); err != nil {
		t.Fatal(err)
	}
	err = r.Run(t.Context())
	if err == nil || !replicator.Passes(err) {
		t.Fatalf("error %v", err)
	}
	if text := err.Error(); text != "GET http://127.0.0.1:1/db/: dial tcp 127.0.0.1:1: connect: connection refused" {
		t.Errorf("error %q", text)
	}
}

// TestMany copies REPLICATION_DOCS documents and tells the rate and how much
// memory it took at the beginning, in the middle and at the end. The replicator
// of the server REPLICATION_BESIDE, which may be pouchdb-server, copies between
// two such servers as well.
func TestMany(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("REPLICATION_DOCS"))
	if err != nil {
		t.Skip("REPLICATION_DOCS is not set")
	}
	a, b := database(t), database(t)
	for seed := range n / 1000 {
		fill(t, a, 1000, uint64(seed))
	}
	r, err := replicator.New(peers(a, b))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	watched := make(chan string)
	go func() { watched <- heapAt(done, leavesIn(t, a), func() int64 { return r.Stats().DocsWritten }) }()
	begun := time.Now()
	err = r.Run(t.Context())
	took := time.Since(begun)
	close(done)
	heap := <-watched
	if err != nil {
		t.Fatal(err)
	}
	same(t, a, b)
	s := r.Stats()
	t.Logf("%d revisions of %d documents in %v: %.0f/s; heap in use, both servers in this process: %s", s.DocsWritten, n, took.Round(time.Millisecond),
		float64(s.DocsWritten)/took.Seconds(), heap)
	if beside := os.Getenv("REPLICATION_BESIDE"); beside != "" {
		c := database(t)
		begun := time.Now()
		var told object
		ask(t, http.MethodPost, beside+"/_replicate", object{"source": a, "target": c}, &told)
		took := time.Since(begun)
		t.Logf("the replicator of %s between two such servers: %v, %.0f/s, said %v", beside, took.Round(time.Millisecond), float64(s.DocsWritten)/took.Seconds(), told["docs_written"])
		same(t, a, c)
	}
}

// leavesIn counts a database's leaf revisions.
func leavesIn(t *testing.T, address string) (n int64) {
	for _, revs := range leaves(t, address) {
		n += int64(len(revs))
	}
	return n
}

// heapAt tells how much of the heap was in use when a tenth, a half and all was
// written, and at most.
func heapAt(done <-chan struct{}, all int64, written func() int64) string {
	var said []string
	var peak uint64
	parts := []int64{10, 50}
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapInuse)
		if len(parts) > 0 && written()*100 >= all*parts[0] {
			said = append(said, fmt.Sprintf("%d MB at %d %%", m.HeapInuse>>20, parts[0]))
			parts = parts[1:]
		}
		select {
		case <-done:
			return strings.Join(append(said, fmt.Sprintf("%d MB at the end, %d MB at most", m.HeapInuse>>20, peak>>20)), ", ")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
