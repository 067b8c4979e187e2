package callflow

import (
	"fmt"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/save"
)

// The ratio of these two is the price of uniqueness, validation and defaults:
// design section 8 allows three.

func BenchmarkCreate(b *testing.B) {
	s := newService(b)
	s.Index = &silent{}
	for n := 0; b.Loop(); n++ {
		w := Write{AccountID: testAccount, Data: document.Doc{"numbers": []any{fmt.Sprintf("%d", n)}, "name": "n"}}
		if _, err := s.Create(b.Context(), w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDirectPut(b *testing.B) {
	s := newService(b)
	db := s.Couch.Account(testAccount)
	for n := 0; b.Loop(); n++ {
		doc := document.Doc{"_id": save.NewID(), "pvt_type": Type, "numbers": []any{fmt.Sprintf("%d", n)}, "name": "n"}
		if err := db.Put(b.Context(), doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPatch(b *testing.B) {
	s := newService(b)
	s.Index = &silent{}
	id := create(b, s, `{"numbers":["1"]}`).ID()
	for n := 0; b.Loop(); n++ {
		w := Write{AccountID: testAccount, ID: id, Data: document.Doc{"name": fmt.Sprint(n)}}
		if _, err := s.Patch(b.Context(), w); err != nil {
			b.Fatal(err)
		}
	}
}
