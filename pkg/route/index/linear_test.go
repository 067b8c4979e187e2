package index

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/collation"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/pcre"
	"github.com/callflowd/callflowd/pkg/route/pattern"
	"github.com/callflowd/callflowd/pkg/route/routetest"
)

// linear answers by the contract's words (5.1, 9.4, 9.15), one callflow after the
// other, and shares nothing with the index but the matcher and the collation.
type linear []Entry

// holder is the callflow with the lowest id that has the number.
func (l linear) holder(n string) string {
	var id string
	for _, e := range l {
		if slices.Contains(e.Numbers, n) && (id == "" || e.CallflowID < id) {
			id = e.CallflowID
		}
	}
	return id
}

// row is a pattern of a callflow at its place in the view.
type row struct {
	key      []byte
	id, text string
}

func (l linear) rows() []row {
	sorter, list := collation.New(), []row{}
	for _, e := range l {
		for _, p := range e.Patterns {
			list = append(list, row{sorter.AppendString(nil, p), e.CallflowID, p})
		}
	}
	slices.SortFunc(list, func(a, b row) int {
		if c := bytes.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	return list
}

// longest is the longest group, the leftmost of equals; the whole match if there
// are no groups.
func longest(text, number string) (capture string, matches bool) {
	re, err := pcre.Parse(text)
	if err != nil {
		return "", false
	}
	work := 10_000_000
	m, found, done := re.Match(number, &work)
	if !done {
		panic(text + " takes too much work on " + number)
	}
	if !found || re.Groups() == 0 {
		return number[m.Start:m.End], found
	}
	for i := 1; i <= re.Groups(); i++ {
		if from, to, ok := m.Group(i); ok && utf8.RuneCountInString(number[from:to]) > utf8.RuneCountInString(capture) {
			capture = number[from:to]
		}
	}
	return capture, true
}

// best is the row that captures most; of equals the last in the view.
func (l linear) best(number string) (best row, capture string, found bool) {
	for _, r := range l.rows() {
		c, ok := longest(r.text, number)
		if ok && (!found || utf8.RuneCountInString(c) >= utf8.RuneCountInString(capture)) {
			best, capture, found = r, c, true
		}
	}
	return best, capture, found
}

// lookup returns the answer in words.
func (l linear) lookup(dialled, normalized string) string {
	if dialled == "" {
		return "none"
	}
	forms := []string{dialled}
	if normalized != dialled {
		forms = append(forms, normalized)
	}
	for i, n := range forms {
		if id := l.holder(n); id != "" && n != NoMatch {
			return fmt.Sprintf("number %s of %s, form %d", n, id, i)
		}
	}
	for i, n := range forms {
		if dialled == NoMatch {
			break
		}
		if r, c, ok := l.best(n); ok {
			return fmt.Sprintf("pattern %s of %s takes %q, form %d", r.text, r.id, c, i)
		}
	}
	rest := strings.TrimLeft(dialled, "+")
	isDigits := !strings.ContainsFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
	if id := l.holder(NoMatch); id != "" && (isDigits || dialled == NoMatch) {
		return "no_match of " + id
	}
	return "none"
}

// words is a result in the same words.
func words(r Result) string {
	form := slices.Index([]string{FormDialled, FormNormalized}, r.Match.Form)
	switch m := r.Match; {
	case r.Incomplete:
		return "incomplete"
	case !r.Found:
		return "none"
	case m.Kind == KindNumber:
		return fmt.Sprintf("number %s of %s, form %d", m.Key, m.CallflowID, form)
	case m.Kind == KindPattern:
		return fmt.Sprintf("pattern %s of %s takes %q, form %d", m.Key, m.CallflowID, m.CaptureGroup, form)
	}
	return "no_match of " + r.Match.CallflowID
}

// drawEntry draws what a callflow contributes.
func drawEntry(t *rapid.T, id string) Entry {
	numbers := rapid.OneOf(routetest.NumberText(), rapid.SampledFrom([]string{NoMatch, "2600", "+14155550100", "4155550100", "100"}))
	patterns := rapid.OneOf(routetest.PatternText(), rapid.SampledFrom([]string{`^\+1(\d*)$`, `^(415)(\d+)$`, `^\d+$`, `^(\d{3})$`, `^+`, `^\+?1?415(\d{7})$`}))
	return Entry{
		CallflowID: id, Numbers: rapid.SliceOfN(numbers, 0, 3).Draw(t, "numbers"),
		Patterns: rapid.SliceOfNDistinct(patterns, 0, 4, rapid.ID).Draw(t, "patterns"),
	}
}

// dialled draws a number and its normalised form.
func dialled(t *rapid.T) (n, normal string) {
	n = rapid.OneOf(routetest.NumberText(), rapid.SampledFrom([]string{NoMatch, "2600", "4155550100", "+14155550100", "0049301234567", "100", "++1"})).Draw(t, "dialled")
	return n, number.Normalize(n, number.DialPlan{})
}

// TestLookupFollowsTheContract looks numbers up among random callflows, with and
// without drafts, and beside a scan that knows nothing but the contract's rule.
func TestLookupFollowsTheContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, entries := New(), map[string]Entry{}
		for i := range rapid.IntRange(0, 6).Draw(t, "callflows") {
			id := fmt.Sprintf("cf%d", i)
			entries[id] = drawEntry(t, id)
			x.Apply(entries[id])
		}
		compare := func(lookup func(n, normal string) Result) {
			l := linear{}
			for _, e := range entries {
				l = append(l, e)
			}
			for range 6 {
				n, normal := dialled(t)
				if got, want := words(lookup(n, normal)), l.lookup(n, normal); got != want {
					t.Fatalf("%q (%q): %s, want %s, of %+v", n, normal, got, want, entries)
				}
			}
		}
		compare(x.Lookup)
		var docs []document.Doc
		for i := range rapid.IntRange(1, 4).Draw(t, "drafts") {
			id := fmt.Sprintf("cf%d", i*2)
			if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
				docs = append(docs, document.Doc{"id": id, "_deleted": true})
				delete(entries, id)
				continue
			}
			e := drawEntry(t, id)
			docs = append(docs, document.Doc{"id": id, "numbers": anys(e.Numbers), "patterns": anys(e.Patterns)})
			e.Numbers = slices.Clone(e.Numbers)
			for k, n := range e.Numbers {
				e.Numbers[k] = number.Normalize(n, number.DialPlan{})
			}
			entries[id] = e
		}
		d := x.Draft(docs, number.DialPlan{})
		compare(func(n, normal string) Result {
			left := pattern.Budget(pattern.PerLookup)
			return d.Lookup(n, normal, &left)
		})
		checkLists(t, d, entries)
	})
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// checkLists compares what a draft lists with the callflows it stands for.
func checkLists(t *rapid.T, d *Draft, entries map[string]Entry) {
	claims := map[string][]string{}
	for id, e := range entries {
		for _, n := range unique(slices.Clone(e.Numbers)) {
			claims[n] = append(claims[n], id)
		}
		got := slices.Sorted(slices.Values(d.NumbersOf(id)))
		if want := unique(slices.Clone(e.Numbers)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Fatalf("numbers of %s: %q, want %q", id, got, want)
		}
	}
	var all, shared []string
	for n, ids := range claims {
		slices.Sort(ids)
		if !slices.Equal(d.Holders(n), ids) || d.Holder(n) != ids[0] {
			t.Fatalf("holders of %q: %q, want %q", n, d.Holders(n), ids)
		}
		if len(ids) > 1 {
			shared = append(shared, n)
		}
		if n != NoMatch && n != "" {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	slices.Sort(shared)
	if got := slices.Sorted(slices.Values(d.AllNumbers())); !slices.Equal(got, all) {
		t.Fatalf("all numbers: %q, want %q", got, all)
	}
	if got := d.SharedNumbers(); !slices.Equal(got, shared) {
		t.Fatalf("shared: %q, want %q", got, shared)
	}
}
