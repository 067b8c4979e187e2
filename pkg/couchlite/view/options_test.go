package view

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// TestIncludeDesign shows design documents to the views of a design document
// that asks for them, and to no others.
func TestIncludeDesign(t *testing.T) {
	l := newLab(t)
	l.put(t, "i", "_design/all", `{"options":{"include_design":true},"views":{"v":{"map":"function(d){ emit(d._id, null) }"}}}`)
	l.put(t, "i", "_design/some", `{"views":{"v":{"map":"function(d){ emit(d._id, null) }"}}}`)
	l.put(t, "i", "a", `{}`)
	for range 2 {
		for ddoc, want := range map[string]string{"all": `"_design/all" "_design/some" "a"`, "some": `"a"`} {
			got := l.answer(t, "i/"+ddoc+"/v")
			var keys []string
			for _, part := range strings.Split(got, `"key":`)[1:] {
				key, _, _ := strings.Cut(part, ",")
				keys = append(keys, key)
			}
			if strings.Join(keys, " ") != want {
				t.Errorf("%s: %s, want %s", ddoc, got, want)
			}
		}
		l.dropIndexes(t, "i")
	}
	l.put(t, "i", "_design/some", `{"_deleted":true}`)
	if got := l.answer(t, "i/all/v?key="+`"_design/some"`); !strings.Contains(got, `"rows":[]`) {
		t.Errorf("deleted: %s", got)
	}
}

// TestLibrary requires modules of views.lib in map functions: a change to one
// makes another index.
func TestLibrary(t *testing.T) {
	l := newLab(t)
	const body = `{"views":{"lib":{"twice":"exports.of = function(n) { return %d * n }"},"v":{"map":"function(d){ emit(require('views/lib/twice').of(d.n), null) }"}}}`
	l.put(t, "m", "a", `{"n":4}`)
	for factor, want := range map[int]string{2: `"key":8`, 3: `"key":12`} {
		l.put(t, "m", "_design/d", fmt.Sprintf(body, factor))
		if got := l.answer(t, "m/d/v"); !strings.Contains(got, want) {
			t.Errorf("factor %d: %s", factor, got)
		}
	}
	if _, err := l.ask(t, "m/d/lib"); refusal(err) != "404 not_found: missing_named_view" {
		t.Errorf("the library as a view: %v", err)
	}
}

// TestSameIndexForSameMaps: views of several design documents with the same map
// functions read one index, which is built once.
func TestSameIndexForSameMaps(t *testing.T) {
	dir := t.TempDir()
	l := labIn(t, dir)
	defer l.close(t)
	l.putDesign(t, "s", "one", map[string]string{"v": "function(d){ emit(d._id, 2) }|_sum", "w": "function(d){ emit(d._id, 2) }|_count", "x": "function(d){ emit(d._id, 2) }"})
	l.putDesign(t, "s", "two", map[string]string{"y": "function(d){ emit(d._id, 2) }|_stats"})
	l.put(t, "s", "a", `{}`)
	l.put(t, "s", "b", `{}`)
	for view, want := range map[string]string{
		"one/v": `"value":4`, "one/w": `"value":2`, "one/x": `"total_rows":2`, "two/y": `"sumsqr":8`,
	} {
		if got := l.answer(t, "s/"+view); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", view, got, want)
		}
	}
	if files := indexFiles(t, dir); len(files) != 1 {
		t.Errorf("index files %v", files)
	}
}

// TestEqualKeys lists rows of equal keys by document, and a document's by value
// in Erlang's order, forwards and backwards alike; each is a row of its own.
func TestEqualKeys(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "e", "d", map[string]string{"v": "function(d){ for (var i in d.v) emit(d.k ? d.k : null, d.v[i]) }|_count"})
	l.put(t, "e", "b", `{"v":[{"a":1},"x",[1],null,2,1,true,false,1]}`)
	l.put(t, "e", "a", `{"v":[2,1]}`)
	l.put(t, "e", "c", `{"v":[7],"k":"z"}`)
	const a, b, c = "1 2", `1 1 2 false null true {"a":1} [1] "x"`, "7"
	for query, want := range map[string]string{
		"":                           a + " " + b + " " + c,
		"&descending=true":           c + " " + b + " " + a,
		"&key=null":                  a + " " + b,
		"&key=null&skip=3&limit=2":   "1 2",
		"&key=null&startkey_docid=b": b,
		"&key=null&endkey_docid=a":   a,
		"&descending=true&key=null&startkey_docid=a":                   a,
		"&descending=true&key=null&skip=9":                             a,
		"&startkey=null&startkey_docid=aa&endkey=null":                 b,
		"&keys=[null,%22z%22,null]&skip=9&limit=4":                     `[1] "x" 7 1`,
		"&startkey=null&endkey=%22z%22&inclusive_end=false":            a + " " + b,
		"&startkey=%22z%22&endkey=null&descending=true&endkey_docid=b": c + " " + b,
	} {
		got := l.answer(t, "e/d/v?reduce=false"+query)
		var values []string
		for _, part := range strings.Split(got, `"value":`)[1:] {
			value, _, _ := strings.Cut(part, "},{\"id\"")
			values = append(values, strings.TrimSuffix(value, "}]}"))
		}
		if strings.Join(values, " ") != want {
			t.Errorf("%s: %q, want %q", query, strings.Join(values, " "), want)
		}
	}
	if got := l.answer(t, "e/d/v?group=true"); got != `{"rows":[{"key":null,"value":11},{"key":"z","value":1}]}` {
		t.Errorf("%s", got)
	}
	l.checkRanks(t, "e", "d")
}

// TestAskedWhileWritten asks a view from several clients while others write: no
// answer misses what was acknowledged before it was asked for.
func TestAskedWhileWritten(t *testing.T) {
	l := newLab(t)
	l.putDesign(t, "c", "d", map[string]string{"v": "function(d){ emit(d._id, 1) }|_sum"})
	const writers, each = 3, 15
	var mu sync.Mutex
	acknowledged := 0
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			l.with(t, "c", func(db *store.Database) {
				for n := range each {
					if err := db.Save(t.Context(), &store.Edit{ID: fmt.Sprintf("%d-%d", w, n), Body: []byte(`{}`)}); err != nil {
						t.Error(err)
					}
					mu.Lock()
					acknowledged++
					mu.Unlock()
				}
			})
		})
	}
	for range 2 {
		group.Go(func() {
			for last := 0; last < writers*each; {
				mu.Lock()
				least := acknowledged
				mu.Unlock()
				var value int
				got, err := l.ask(t, "c/d/v")
				if _, serr := fmt.Sscanf(got, `{"rows":[{"key":null,"value":%d}]}`, &value); err != nil || serr != nil && got != `{"rows":[]}` || value < least || value < last {
					t.Errorf("%s %v, %d were acknowledged, %d were seen", got, err, least, last)
					return
				}
				last = value
			}
		})
	}
	group.Wait()
	l.checkRanks(t, "c", "d")
}

// TestOlderIndexFile puts an index file of an earlier moment back: what changed
// since is taken in, and purged documents go.
func TestOlderIndexFile(t *testing.T) {
	dir := t.TempDir()
	l := labIn(t, dir)
	l.putDesign(t, "o", "d", map[string]string{"v": "function(d){ emit(d._id, d.n) }"})
	for _, id := range []string{"a", "b", "c"} {
		l.put(t, "o", id, `{"n":1}`)
	}
	l.answer(t, "o/d/v")
	l.close(t)
	path := indexFiles(t, dir)[0]
	early, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l = labIn(t, dir)
	l.put(t, "o", "a", `{"n":2}`)
	l.put(t, "o", "b", `{"_deleted":true}`)
	l.put(t, "o", "d", `{"n":3}`)
	l.purge(t, "o", "c")
	const want = `{"total_rows":2,"offset":0,"rows":[{"id":"a","key":"a","value":2},{"id":"d","key":"d","value":3}]}`
	if got := l.answer(t, "o/d/v"); got != want {
		t.Errorf("%s", got)
	}
	l.close(t)
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + suffix)
	}
	if err := os.WriteFile(filepath.Clean(path), early, 0o600); err != nil {
		t.Fatal(err)
	}
	l = labIn(t, dir)
	defer l.close(t)
	if got := l.answer(t, "o/d/v"); got != want {
		t.Errorf("from the earlier file: %s", got)
	}
	l.checkRanks(t, "o", "d")
}
