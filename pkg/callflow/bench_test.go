package callflow

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/route"
	"github.com/callflowd/callflowd/pkg/save"
)

// The ratio of [BenchmarkCreate] and [BenchmarkDirectPut] is the price of
// uniqueness, validation, advice and history in this process. Design section 8
// allows three for the whole program, which `make bench` measures.

// benchFlow is a callflow as a console writes it.
const benchFlow = `{"name":"Main line","numbers":["+12002000000"],"flow":{"module":"menu","data":{"id":"463e7431cd7248dea28645c267b03262"},"children":{
	"1":{"module":"user","data":{"id":"463e7431cd7248dea28645c267b03262","timeout":20},"children":{"_":{"module":"voicemail","data":{"id":"463e7431cd7248dea28645c267b03262"},"children":{}}}},
	"2":{"module":"ring_group","data":{"name":"sales","timeout":25,"endpoints":[{"id":"463e7431cd7248dea28645c267b03262","endpoint_type":"user","delay":0,"timeout":20}]},"children":{}},
	"_":{"module":"user","data":{"id":"463e7431cd7248dea28645c267b03262","timeout":20},"children":{}}}}}`

// benchService has the index that the program has.
func benchService(b *testing.B) *Service {
	b.Helper()
	s := newService(b)
	indexes := route.NewIndexes(route.Config{Couch: s.Couch, Prepare: s.Accounts.Prepare})
	b.Cleanup(indexes.Close)
	s.Index = indexes
	return s
}

// byClients lets 1 and 16 clients call one after the other until b.N calls
// are made; one is given a number of its own each time.
func byClients(b *testing.B, one func(b *testing.B, s *Service, n int64) error) {
	b.Helper()
	for _, clients := range []int{1, 16} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := benchService(b)
			if err := one(b, s, 0); err != nil { // has the index loaded
				b.Fatal(err)
			}
			var next atomic.Int64
			var group sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range clients {
				group.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if err := one(b, s, n); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}

func benchDoc(b *testing.B, n int64) document.Doc {
	b.Helper()
	d := doc(b, benchFlow)
	d["numbers"] = []any{fmt.Sprintf("+1200%07d", 2_000_000+n)}
	return d
}

func BenchmarkCreate(b *testing.B) {
	byClients(b, func(b *testing.B, s *Service, n int64) error {
		_, err := s.Create(b.Context(), Write{AccountID: testAccount, Data: benchDoc(b, n)})
		return err
	})
}

func BenchmarkDirectPut(b *testing.B) {
	byClients(b, func(b *testing.B, s *Service, n int64) error {
		d := benchDoc(b, n)
		d["_id"], d["pvt_type"] = save.NewID(), Type
		return s.Couch.Account(testAccount).Put(b.Context(), d)
	})
}

func BenchmarkPatch(b *testing.B) {
	s := benchService(b)
	id := create(b, s, benchFlow).ID()
	for n := 0; b.Loop(); n++ {
		w := Write{AccountID: testAccount, ID: id, Data: document.Doc{"name": fmt.Sprint(n)}}
		if _, err := s.Patch(b.Context(), w); err != nil {
			b.Fatal(err)
		}
	}
}
