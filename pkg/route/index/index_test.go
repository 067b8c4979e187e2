package index

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/route/routetest"
)

// Lookups and changes at the same time: every lookup sees the index before or
// after a change, and what is not touched is always found.
func TestConcurrentLookups(t *testing.T) {
	x := New()
	for i := range 20 {
		x.Apply(Entry{CallflowID: fmt.Sprintf("s%02d", i), Numbers: []string{fmt.Sprint(100 + i)}, Patterns: []string{fmt.Sprintf(`^\*%d(\d*)$`, 10+i)}})
	}
	stop := make(chan struct{})
	var writer, readers sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			id := fmt.Sprintf("w%d", i%50)
			x.Apply(Entry{CallflowID: id, Numbers: []string{"100"}, Patterns: []string{fmt.Sprintf(`^9%d$`, i%70), `^(?=8)8$`}})
			if i%3 == 0 {
				x.Remove(id)
			}
		}
	})
	for g := range 4 {
		readers.Go(func() {
			for i := range 500 {
				k := (i + g) % 20
				dialled := fmt.Sprintf("*%d%d", 10+k, i)
				if r := x.Lookup(dialled, dialled); r.Match.CallflowID != fmt.Sprintf("s%02d", k) || r.Match.CaptureGroup != fmt.Sprint(i) {
					t.Errorf("%s: %+v", dialled, r)
				}
				if r := x.Lookup(fmt.Sprint(100+k), ""); r.Match.CallflowID != fmt.Sprintf("s%02d", k) {
					t.Errorf("%d: %+v", 100+k, r)
				}
			}
		})
	}
	readers.Wait()
	close(stop)
	writer.Wait()
}

// Whatever is done to an index, it answers as one made anew does.
func TestIndexAgreesWithRebuilt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := New()
		now := map[string]Entry{}
		for i := range rapid.SampledFrom([]int{0, 0, 0, 100}).Draw(t, "others") {
			id := fmt.Sprintf("z%02d", i)
			e := Entry{CallflowID: id, Patterns: []string{fmt.Sprintf("^%d(.)", i)}}
			now[id] = e
			x.Apply(e)
		}
		for range rapid.IntRange(1, 60).Draw(t, "changes") {
			id := rapid.StringMatching(`[a-c][0-3]`).Draw(t, "id")
			if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				delete(now, id)
				x.Remove(id)
				continue
			}
			e := Entry{
				CallflowID: id,
				Numbers:    rapid.SliceOfN(routetest.NumberText(), 0, 3).Draw(t, "numbers"),
				Patterns:   rapid.SliceOfN(routetest.PatternText(), 0, 3).Draw(t, "patterns"),
			}
			now[id] = e
			x.Apply(e)
		}
		fresh := New()
		var all []Change
		for id, e := range now {
			all = append(all, Change{id, &e})
		}
		fresh.Update(all)
		for _, n := range rapid.SliceOfN(routetest.NumberText(), 1, 12).Draw(t, "dialled") {
			a, b := x.Lookup(n, "+1"+n), fresh.Lookup(n, "+1"+n)
			if a.Found != b.Found || a.Match.CallflowID != b.Match.CallflowID || a.Match.Key != b.Match.Key || a.Match.CaptureGroup != b.Match.CaptureGroup {
				t.Fatalf("%q: %+v, rebuilt %+v", n, a, b)
			}
			want := holders(now, n)
			if got := x.Holders(n); !slices.Equal(got, want) {
				t.Fatalf("%q: holders %v, want %v", n, got, want)
			}
		}
	})
}

func holders(now map[string]Entry, n string) []string {
	var out []string
	for id, e := range now {
		if slices.Contains(e.Numbers, n) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
