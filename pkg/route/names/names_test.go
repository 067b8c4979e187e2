package names

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

func TestDescribe(t *testing.T) {
	tests := []struct{ doc, want string }{
		{`{"_id":"a","pvt_type":"user","first_name":"Ada","last_name":"L","name":"x","numbers":"no"}`, `{"name":"Ada L","pvt_type":"user"}`},
		{`{"_id":"a","pvt_type":"user","first_name":"Ada"}`, `{"name":"Ada","pvt_type":"user"}`},
		{`{"_id":"a","pvt_type":"callflow","name":"x","numbers":["1",2],"flow":{}}`, `{"name":"x","numbers":["1",2],"pvt_type":"callflow"}`},
		{`{"_id":"a","name":5}`, `{}`},
	}
	for _, tt := range tests {
		want := couchtest.JSON[document.Doc](t, tt.want)
		if got := Describe(couchtest.JSON[document.Doc](t, tt.doc)); !document.Equal(got.Fields, map[string]any(want)) || got.Deleted {
			t.Errorf("%s is described as %v", tt.doc, got)
		}
	}
	if d := Describe(document.Doc{"pvt_deleted": true}); !d.Deleted || d.Fields == nil {
		t.Errorf("a deleted document is described as %v", d)
	}
	if Describe(nil).Fields != nil {
		t.Error("no document has a description")
	}
}

func TestOldDescriptions(t *testing.T) {
	now := time.Now()
	c := NewCache(1 << 20)
	c.Now = func() time.Time { return now }
	b := c.Book()
	_, _, since := b.Get([]string{"a"})
	b.Put(since, map[string]Description{"a": {Fields: map[string]any{"name": "A"}}, "none": {}})
	now = now.Add(maxAge - time.Second)
	known, missing, _ := b.Get([]string{"a", "none", "other"})
	if want := map[string]Description{"a": {Fields: map[string]any{"name": "A"}}, "none": {}}; !reflect.DeepEqual(known, want) || !slices.Equal(missing, []string{"other"}) {
		t.Errorf("known %v, missing %v", known, missing)
	}
	now = now.Add(2 * time.Second)
	if known, _, _ := b.Get([]string{"a"}); len(known) > 0 {
		t.Errorf("still maxAge: %v", known)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := NewCache(100_000)
	a, b := c.Book(), c.Book()
	for i := range 1000 {
		a.Put(0, map[string]Description{fmt.Sprint(i): {Fields: map[string]any{"name": strings.Repeat("x", 100)}}})
		b.Put(0, map[string]Description{fmt.Sprint(i): {}})
		if c.Size() > 100_000 {
			t.Fatalf("%d bytes", c.Size())
		}
	}
	if known, _, _ := a.Get([]string{"0", "999"}); len(known) != 1 {
		t.Errorf("known %v, want the last", known)
	}
	a.Put(0, map[string]Description{"large": {Fields: map[string]any{"name": strings.Repeat("x", 100_000)}}})
	if known, _, _ := b.Get([]string{"999"}); len(known) != 1 && c.Size() > 0 {
		t.Error("one that does not fit drove out others, and stayed")
	}
}

// TestOthersChange keeps what was read of a document while others changed: in
// an account that is written to all the time something always does.
func TestOthersChange(t *testing.T) {
	b := NewCache(1 << 20).Book()
	_, _, since := b.Get([]string{"a"})
	b.Forget("b")
	b.Put(since, map[string]Description{"a": {}, "b": {}})
	if _, missing, _ := b.Get([]string{"a", "b"}); !slices.Equal(missing, []string{"b"}) {
		t.Errorf("not known: %q, want b alone", missing)
	}
}

// others are more documents than a book remembers changes of.
var others = func() []string {
	ids := make([]string, maxForgotten)
	for i := range ids {
		ids[i] = fmt.Sprint("other ", i)
	}
	return ids
}()

// TestBooks has readers that are overtaken by changes at every point: what a
// book says is what the documents are called now, or that it does not know.
func TestBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewCache(3 * (entrySize + 100))
		books := []*Book{c.Book(), c.Book()}
		stored := []map[string]string{{}, {}} // what the documents are called
		type reader struct {
			book  int
			since uint64
			read  map[string]Description
		}
		var readers []reader
		id := func() string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id") }
		t.Repeat(map[string]func(*rapid.T){
			"read": func(t *rapid.T) {
				n := rapid.IntRange(0, 1).Draw(t, "book")
				_, missing, since := books[n].Get([]string{"a", "b", "c"})
				read := map[string]Description{}
				for _, id := range missing {
					read[id] = Description{}
					if name, ok := stored[n][id]; ok {
						read[id] = Description{Fields: map[string]any{"name": name}}
					}
				}
				readers = append(readers, reader{n, since, read})
			},
			"finish": func(t *rapid.T) {
				if len(readers) == 0 {
					t.Skip("nobody reads")
				}
				r := readers[0]
				readers = readers[1:]
				books[r.book].Put(r.since, maps.Clone(r.read))
			},
			"change": func(t *rapid.T) {
				n, id := rapid.IntRange(0, 1).Draw(t, "book"), id()
				if rapid.Bool().Draw(t, "delete") {
					delete(stored[n], id)
				} else {
					stored[n][id] = fmt.Sprint(rapid.IntRange(0, 99).Draw(t, "name"))
				}
				books[n].Forget(id)
			},
			"change many": func(t *rapid.T) {
				books[rapid.IntRange(0, 1).Draw(t, "book")].Forget(others...)
			},
			"made anew": func(t *rapid.T) {
				n := rapid.IntRange(0, 1).Draw(t, "book")
				stored[n] = map[string]string{}
				books[n].Clear()
			},
			"": func(t *rapid.T) {
				for n, b := range books {
					known, _, _ := b.Get([]string{"a", "b", "c"})
					for id, d := range known {
						name, exists := stored[n][id]
						if (d.Fields != nil) != exists || exists && d.Fields["name"] != name {
							t.Fatalf("book %d: %s is %v, want %q", n, id, d, name)
						}
					}
				}
			},
		})
	})
}
