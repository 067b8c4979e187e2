package route

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/routetest"
)

func TestConsistentAsksTheViews(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	x := s.open(Config{})
	if _, err := x.Lookup(t.Context(), acct, "100", Options{}); err != nil {
		t.Fatal(err)
	}
	s.put(db, `{"_id":"b","numbers":["100"]}`)
	s.put(db, `{"_id":"a","numbers":["100"],"patterns":["^2(\\d)$"]}`)
	for number, want := range map[string]string{"100": "a", "21": "a", "3": ""} {
		a, err := x.Lookup(t.Context(), acct, number, Options{Consistent: true, Explain: true})
		if err != nil || a.Match.CallflowID != want || (a.Callflow != nil) != (want != "") || a.Explanation == nil {
			t.Errorf("%s: %+v, %v", number, a, err)
		}
	}
}

func TestSnapshotAnswersBeforeTheDatabase(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"cf1","name":"one","numbers":["100"],"flow":{"module":"user"}}`)
	dir := t.TempDir()
	x := s.open(Config{Dir: dir, SnapshotEvery: time.Hour})
	s.takes(x, "100", "cf1")
	l, err := x.account(t.Context(), acct)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.Close()
	s.put(db, `{"_id":"cf2","numbers":["200"]}`)

	s.down.Store(true)
	s.cut()
	x = s.open(Config{Dir: dir, SnapshotEvery: time.Hour})
	a := s.takes(x, "100", "cf1")
	if a.Callflow == nil || a.Callflow.Doc.String("name") != "one" {
		t.Errorf("callflow %+v", a.Callflow)
	}
	if time.Since(a.AsOf) < 0 || a.AsOf.IsZero() {
		t.Errorf("as of %v", a.AsOf)
	}
	s.down.Store(false)
	s.takes(x, "200", "cf2") // by the changes since the snapshot
}

func TestSnapshotsAreKept(t *testing.T) {
	s := newSite(t)
	s.put(s.account(acct), `{"_id":"cf1","numbers":["100"]}`)
	dir := t.TempDir()
	x := s.open(Config{Dir: dir, SnapshotEvery: time.Millisecond})
	s.takes(x, "100", "cf1")
	path := filepath.Join(dir, acct+snapshotSuffix)
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		s.takes(x, "100", "cf1")
	}
}

func TestDamagedSnapshot(t *testing.T) {
	s := newSite(t)
	s.put(s.account(acct), `{"_id":"cf1","numbers":["100"]}`)
	dir := t.TempDir()
	x := s.open(Config{Dir: dir, SnapshotEvery: time.Hour})
	s.takes(x, "100", "cf1")
	l, err := x.account(t.Context(), acct)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.Close() // nothing writes it anew
	whole, err := os.ReadFile(l.owner.stem(acct) + snapshotSuffix)
	if err != nil {
		t.Fatal(err)
	}
	text := string(whole)
	tests := map[string]string{
		"empty":           "",
		"cut":             text[:len(text)-20],
		"changed":         strings.Replace(text, `"100"`, `"101"`, 1),
		"another version": strings.Replace(text, `"version":2`, `"version":1`, 1),
		"another account": strings.Replace(text, acct, other, 1),
		"not JSON":        "x\n" + text,
	}
	for name, damaged := range tests {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSnapshot(path, acct); err == nil {
			t.Errorf("%s: read", name)
		}
		if err := os.WriteFile(l.owner.stem(acct)+snapshotSuffix, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if snap := x.readSnapshot(acct); snap != nil {
			t.Errorf("%s: used", name)
		}
	}
}

// An account has a snapshot soon after it was loaded, however long the next one
// takes, and the last one is written when the indexes are closed.
func TestFirstAndLastSnapshot(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"cf1","numbers":["100"]}`)
	dir := t.TempDir()
	x := s.open(Config{Dir: dir, SnapshotEvery: 1000 * time.Hour})
	s.takes(x, "100", "cf1")
	path := filepath.Join(dir, acct+snapshotSuffix)
	couchtest.Eventually(t, "a snapshot", func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
	doc := s.put(db, `{"_id":"cf2","numbers":["200"]}`)
	x.Apply(acct, doc)
	x.Close()
	if snap := x.readSnapshot(acct); snap == nil || snap.places["cf2"].length == 0 {
		t.Errorf("%+v", snap)
	}
}

// An index that grew by lookups and writes after it was loaded counts with what
// it takes now.
func TestMemoryIsWeighedAsItIs(t *testing.T) {
	s := newSite(t)
	for _, id := range []string{acct, other} {
		s.put(s.account(id), `{"_id":"cf1","numbers":["100"]}`)
	}
	x := s.open(Config{Memory: 100_000})
	for _, id := range []string{acct, other} {
		if _, err := x.Lookup(t.Context(), id, "100", Options{}); err != nil {
			t.Fatal(err)
		}
	}
	x.evict(nil)
	if got := x.Totals(); got.Accounts != 2 {
		t.Fatalf("%+v", got)
	}
	numbers := make([]any, 1000)
	for i := range numbers {
		numbers[i] = fmt.Sprint(1000 + i)
	}
	grown := x.Totals().Bytes
	x.Apply(other, document.Doc{"_id": "cf2", "_rev": "1-a", "pvt_type": "callflow", "numbers": numbers})
	if got := x.Totals(); got.Bytes < grown+90_000 {
		t.Errorf("%d bytes, then %d", grown, got.Bytes)
	}
	x.evict(nil)
	if got := x.Totals(); got.Accounts != 0 || got.Bytes != 0 {
		t.Errorf("%+v", got)
	}
}

// What an answer came from, its age and the revision of what it found are part
// of an explanation, whatever it was asked of.
func TestExplanationNamesItsSource(t *testing.T) {
	s := newSite(t)
	doc := s.put(s.account(acct), `{"_id":"cf1","name":"Main","numbers":["100"],"patterns":["^2(.)$"]}`)
	x := s.open(Config{})
	for _, o := range []Options{{Explain: true}, {Explain: true, Consistent: true}} {
		for _, n := range []string{"100", "21"} {
			a, err := x.Lookup(t.Context(), acct, n, o)
			if err != nil {
				t.Fatal(err)
			}
			steps := a.Explanation.Steps
			source, callflow := steps[len(steps)-2], steps[len(steps)-1]
			if source.Step != "source" || !strings.Contains(source.Result, " ago") || callflow.Step != "callflow" || callflow.Detail != doc.Rev() {
				t.Errorf("%s: %+v", n, steps)
			}
		}
		a, err := x.Lookup(t.Context(), acct, "3", o)
		if err != nil || a.Explanation.Steps[len(a.Explanation.Steps)-1].Step != "source" {
			t.Errorf("%+v, %v", a.Explanation, err)
		}
	}
}

func TestEviction(t *testing.T) {
	s := newSite(t)
	for _, id := range []string{acct, other} {
		s.put(s.account(id), `{"_id":"cf1","numbers":["100"],"patterns":["^2"]}`)
	}
	x := s.open(Config{Memory: 1})
	for _, id := range []string{acct, other, acct} {
		a, err := x.Lookup(t.Context(), id, "100", Options{})
		if err != nil || a.Match.CallflowID != "cf1" {
			t.Fatalf("%s: %+v, %v", id, a, err)
		}
	}
	if got := x.Totals(); got.Accounts > 1 || got.Bytes == 0 {
		t.Errorf("totals %+v", got)
	}
}

func TestManyWithDrafts(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"a","numbers":["100"]}`)
	s.put(db, `{"_id":"b","numbers":["200","300"],"patterns":["^4(\\d)$"]}`)
	x := s.open(Config{})
	drafts := []document.Doc{
		couchtest.JSON[document.Doc](t, `{"id":"b","numbers":["200"],"patterns":["^5(\\d)$"]}`),
		couchtest.JSON[document.Doc](t, `{"numbers":["600","no_match","4158867900"]}`),
		couchtest.JSON[document.Doc](t, `{"id":"a","_deleted":true}`),
	}
	tests := []struct{ number, before, after string }{
		{"100", "a", "draft:1"},
		{"200", "b", "b"},
		{"300", "b", "draft:1"},
		{"41", "b", "draft:1"},
		{"51", "", "b"},
		{"600", "", "draft:1"},
		{"4158867900", "", "draft:1"},
		{"*1", "", ""},
	}
	var numbers []string
	for _, tt := range tests {
		numbers = append(numbers, tt.number)
	}
	got, err := x.Many(t.Context(), acct, numbers, drafts)
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range tests {
		g := got[i]
		if g.Before.Match.CallflowID != tt.before || g.After.Match.CallflowID != tt.after || g.Changed != (tt.before != tt.after) {
			t.Errorf("%s: %+v", tt.number, g)
		}
	}
	if a, _ := x.Lookup(t.Context(), acct, "100", Options{}); a.Match.CallflowID != "a" {
		t.Errorf("the drafts stayed: %+v", a.Match)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Many(ctx, acct, numbers, nil); err == nil {
		t.Error("no error after the caller left")
	}
}

func TestDialPlanIsFollowed(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"cf1","numbers":["100"]}`)
	s.put(db, `{"_id":"cf2","numbers":["200"]}`)
	doc := couchtest.JSON[document.Doc](t, `{"_id":"`+acct+`","pvt_type":"account","dial_plan":{"^9(\\d)$":{"prefix":"10"}}}`)
	if err := db.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	x := s.open(Config{Dir: dir, SnapshotEvery: time.Hour})
	if a := s.takes(x, "90", "cf1"); a.Match.Form != index.FormNormalized || a.Normalized != "100" {
		t.Errorf("match %+v", a.Match)
	}
	doc["dial_plan"] = couchtest.JSON[map[string]any](t, `{"^9(\\d)$":{"prefix":"20"}}`)
	if err := db.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	s.takes(x, "90", "cf2")
	l, err := x.account(t.Context(), acct)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.Close()
	s.down.Store(true)
	s.cut()
	s.takes(s.open(Config{Dir: dir, SnapshotEvery: time.Hour}), "90", "cf2")
}

// What EntryOf makes of a document is what the views make of it.
func TestEntryAgreesWithViews(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	r := rand.New(rand.NewSource(1))
	types := []any{"callflow", "callflow", "callflow", "callflow", "device", nil, true, json.Number("1"), []any{"callflow"}}
	deleted := []any{nil, nil, nil, false, true, "", "no", json.Number("0"), json.Number("-0.0"), json.Number("1"), []any{}, map[string]any{}}
	lists := []any{
		nil,
		[]any{},
		[]any{"1"},
		[]any{"1", "1", "2"},
		[]any{"é", ""},
		[]any{json.Number("1"), "x", nil, []any{"y"}, true},
		"12",
		map[string]any{"0": "1", "length": json.Number("1")},
		json.Number("5"), true,
	}
	want := map[string]int{}
	var bulk []document.Doc
	for i := range 300 {
		doc := document.Doc{"_id": fmt.Sprintf("d%03d", i), "name": "n"}
		for key, from := range map[string][]any{"pvt_type": types, "pvt_deleted": deleted, "numbers": lists, "patterns": lists} {
			if pick := r.Intn(len(from) + 1); pick < len(from) {
				doc[key] = from[pick]
			}
		}
		bulk = append(bulk, doc)
		e, _ := index.EntryOf(doc)
		for view, keys := range map[string][]string{"listing_by_number": e.Numbers, "listing_by_pattern": e.Patterns} {
			for _, k := range keys {
				want[view+doc.ID()+k]++
			}
		}
	}
	if _, err := db.Bulk(t.Context(), bulk); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	l := newLive(s.open(Config{}), acct)
	for _, view := range []string{"listing_by_number", "listing_by_pattern"} {
		err := l.eachRow(t.Context(), view, couch.Query{}, func(id, key string) { got[view+id+key]++ })
		if err != nil {
			t.Fatal(err)
		}
	}
	if !maps.Equal(got, want) {
		for k := range want {
			if got[k] != want[k] {
				t.Errorf("%s: %d rows, want %d", k, got[k], want[k])
			}
		}
		for k := range got {
			if want[k] == 0 {
				t.Errorf("%s: a row nobody wants", k)
			}
		}
	}
}

// Index, linear scan and views agree on winner and captures.
func TestIndexAndViewsAgree(t *testing.T) {
	couchtest.SkipPouchDB(t, "its views sort strings by code unit, not as CouchDB does")
	s := newSite(t)
	db := s.account(acct)
	x := s.open(Config{})
	texts := rapid.SliceOfN(routetest.PatternText(), 1, 3)
	numbers := rapid.SliceOfN(routetest.NumberText(), 0, 2)
	var bulk []document.Doc
	for i := range 40 {
		doc := document.Doc{"_id": fmt.Sprintf("cf%02d", i), "pvt_type": "callflow"}
		doc["patterns"], doc["numbers"] = anys(texts.Example(i)), anys(numbers.Example(i))
		bulk = append(bulk, doc)
	}
	if _, err := db.Bulk(t.Context(), bulk); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		n := routetest.NumberText().Example(i)
		fast, err := x.Lookup(t.Context(), acct, n, Options{})
		if err != nil {
			t.Fatal(err)
		}
		slow, err := x.Lookup(t.Context(), acct, n, Options{Consistent: true})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(fast.Match, slow.Match) {
			t.Errorf("%q: index %+v, views %+v", n, fast.Match, slow.Match)
		}
	}
}

func anys(list []string) []any {
	out := []any{}
	for _, s := range list {
		if utf8.ValidString(s) {
			out = append(out, s)
		}
	}
	return out
}
