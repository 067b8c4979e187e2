package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/collation"
)

// naiveRow is one emitted row.
type naiveRow struct {
	id, key string
	value   int
	asked   int // which of the keys asked for it is a row of
}

// naiveQuery is what a view is asked for; "" is a parameter that is not given.
type naiveQuery struct {
	start, end            string
	startDoc, endDoc      string
	keys                  []string
	descending, exclusive bool
	skip, limit           int // limit -1: none
	level                 int // -1: group=true, -2: no reduce
}

var naiveKeys = []string{`null`, `1`, `2`, `"a"`, `"A"`, `"b"`, `["a"]`, `["a",1]`, `["a",1,"x"]`, `["a",2]`, `["b",1]`, `["b",[1]]`, `{"x":1}`}

func drawQuery(t *rapid.T) naiveQuery {
	key := rapid.SampledFrom(naiveKeys)
	maybe := func(label string) string {
		if rapid.Bool().Draw(t, label+" given") {
			return key.Draw(t, label)
		}
		return ""
	}
	q := naiveQuery{
		descending: rapid.Bool().Draw(t, "descending"), exclusive: rapid.Bool().Draw(t, "exclusive"),
		skip: rapid.IntRange(0, 3).Draw(t, "skip"), limit: rapid.IntRange(-1, 5).Draw(t, "limit"),
		level: rapid.SampledFrom([]int{-2, -2, -1, 0, 1, 2}).Draw(t, "level"),
	}
	if rapid.IntRange(0, 3).Draw(t, "by keys") == 0 && q.level < 0 {
		q.keys = rapid.SliceOfN(key, 2, 4).Draw(t, "keys")
		return q
	}
	q.start, q.end = maybe("start"), maybe("end")
	if q.start != "" && rapid.Bool().Draw(t, "start doc given") {
		q.startDoc = rapid.SampledFrom([]string{"d0", "d3", "d5", "x"}).Draw(t, "start doc")
	}
	if q.end != "" && rapid.Bool().Draw(t, "end doc given") {
		q.endDoc = rapid.SampledFrom([]string{"c", "d0", "d3", "d5"}).Draw(t, "end doc")
	}
	return q
}

func (q naiveQuery) String() string {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("startkey", q.start)
	set("endkey", q.end)
	set("startkey_docid", q.startDoc)
	set("endkey_docid", q.endDoc)
	if q.keys != nil {
		set("keys", "["+strings.Join(q.keys, ",")+"]")
	}
	if q.descending {
		set("descending", "true")
	}
	if q.exclusive {
		set("inclusive_end", "false")
	}
	if q.skip > 0 {
		set("skip", fmt.Sprint(q.skip))
	}
	if q.limit >= 0 {
		set("limit", fmt.Sprint(q.limit))
	}
	switch {
	case q.level == -2:
		set("reduce", "false")
	case q.level == -1:
		set("group", "true")
	case q.level > 0:
		set("group_level", fmt.Sprint(q.level))
	}
	return v.Encode()
}

// naive answers queries by looking at all rows each time.
type naive struct {
	t    *testing.T
	c    *collation.Collator
	docs map[string][]string // keys that a document emits
}

func (n *naive) compare(a, b string) int {
	order, err := n.c.Compare([]byte(a), []byte(b))
	if err != nil {
		n.t.Fatal(err)
	}
	return order
}

// rows returns all rows in the order of the query.
func (n *naive) rows(descending bool) []naiveRow {
	var all []naiveRow
	for id, keys := range n.docs {
		for _, key := range keys {
			all = append(all, naiveRow{id: id, key: key, value: len(keys)})
		}
	}
	slices.SortFunc(all, func(a, b naiveRow) int {
		order := cmp.Or(n.compare(a.key, b.key), strings.Compare(a.id, b.id))
		if descending {
			return -order
		}
		return order
	})
	return all
}

// selected returns the rows of the query's range or keys, and how many rows come
// before the range.
func (n *naive) selected(q naiveQuery) (rows []naiveRow, offset int) {
	all := n.rows(q.descending)
	if q.keys != nil {
		keys := slices.Clone(q.keys)
		if q.descending { // CouchDB turns the keys around too
			slices.Reverse(keys)
		}
		for i, key := range keys {
			for _, r := range all {
				if n.compare(r.key, key) == 0 && !q.exclusive { // each key is a range that ends with itself
					r.asked = i
					rows = append(rows, r)
				}
			}
		}
		return rows, 0
	}
	direction := 1
	if q.descending {
		direction = -1
	}
	for _, r := range all {
		before := 1
		if q.start != "" {
			if before = n.compare(r.key, q.start) * direction; before == 0 && q.startDoc != "" {
				before = strings.Compare(r.id, q.startDoc) * direction
			}
		}
		if before < 0 {
			offset++
			continue
		}
		if q.end != "" {
			order := n.compare(r.key, q.end) * direction
			if order == 0 && q.endDoc != "" {
				order = strings.Compare(r.id, q.endDoc) * direction
			}
			if order > 0 || order == 0 && q.exclusive {
				continue
			}
		}
		rows = append(rows, r)
	}
	return rows, offset
}

// groupOf is the key of a row's group.
func groupOf(t *testing.T, key string, level int) string {
	if level == 0 {
		return "null"
	}
	var list []json.RawMessage
	if level < 0 || json.Unmarshal([]byte(key), &list) != nil || key == "null" {
		return key
	}
	raw, err := json.Marshal(list[:min(level, len(list))])
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func page[T any](list []T, skip, limit int) []T {
	list = list[min(skip, len(list)):]
	if limit >= 0 {
		list = list[:min(limit, len(list))]
	}
	return list
}

// answer is what the query should give. reduce is sum or count.
func (n *naive) answer(q naiveQuery, reduce string) string {
	rows, offset := n.selected(q)
	var lines []string
	if q.level == -2 {
		for _, r := range page(rows, q.skip, q.limit) {
			lines = append(lines, fmt.Sprintf(`{"id":"%s","key":%s,"value":%d}`, r.id, r.key, r.value))
		}
		total := len(n.rows(false))
		head := fmt.Sprintf(`{"total_rows":%d,"offset":%d,`, total, min(total, offset+q.skip))
		if q.keys != nil {
			head = fmt.Sprintf(`{"total_rows":%d,`, total)
		}
		return head + `"rows":[` + strings.Join(lines, ",") + `]}`
	}
	type group struct {
		key   string
		value int
	}
	var groups []group
	last, asked := "", 0
	for _, r := range rows {
		key := groupOf(n.t, r.key, q.level)
		if len(groups) == 0 || key != last || r.asked != asked { // a key that is asked for twice is answered twice
			groups = append(groups, group{key: key})
		}
		last, asked = key, r.asked
		g := &groups[len(groups)-1]
		if g.value++; reduce == "sum" {
			g.value += r.value - 1
		}
	}
	for _, g := range page(groups, q.skip, q.limit) {
		lines = append(lines, fmt.Sprintf(`{"key":%s,"value":%d}`, g.key, g.value))
	}
	return `{"rows":[` + strings.Join(lines, ",") + `]}`
}

// against reports whether the query's range runs against its direction, which
// is an error.
func (n *naive) against(q naiveQuery) bool {
	if q.start == "" || q.end == "" || q.start == q.end {
		return false
	}
	order := n.compare(q.start, q.end)
	return order > 0 && !q.descending || order < 0 && q.descending
}

// withoutOffset cuts the offset out: of several keys it is the one of the first
// key that has rows.
func withoutOffset(answer string) string {
	head, rest, ok := strings.Cut(answer, `"offset":`)
	if !ok {
		return answer
	}
	_, rest, _ = strings.Cut(rest, ",")
	return head + rest
}

// TestAgainstNaive edits random documents and compares the answers to random
// queries with those of a program that looks at every row each time.
func TestAgainstNaive(t *testing.T) {
	l := newLab(t)
	const source = "function(d){ for (var i in d.k) emit(d.k[i], d.k.length) }"
	l.putDesign(t, "n", "d", map[string]string{
		"sum": source + "|_sum", "count": source + "|_count",
		"script": source + "|function(keys, values, again){ return again ? sum(values) : values.length }",
	})
	n := &naive{t: t, c: collation.New(), docs: map[string][]string{}}
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(0, 4).Draw(rt, "edits") {
			id := fmt.Sprintf("d%d", rapid.IntRange(0, 7).Draw(rt, "id"))
			keys := rapid.SliceOfN(rapid.SampledFrom(naiveKeys), 0, 4).Draw(rt, "emitted")
			l.put(t, "n", id, `{"k":[`+strings.Join(keys, ",")+`]}`)
			n.docs[id] = keys
		}
		q := drawQuery(rt)
		view := rapid.SampledFrom([]string{"sum", "count", "script"}).Draw(rt, "view")
		got, err := l.ask(t, "n/d/"+view+"?"+q.String())
		if n.against(q) {
			if err == nil {
				rt.Fatalf("%s: %s, want an error", q, got)
			}
			return
		}
		if err != nil {
			rt.Fatalf("%s: %v", q, err)
		}
		if q.keys != nil {
			got = withoutOffset(got)
		}
		if want := n.answer(q, view); got != want {
			rt.Errorf("%s?%s of %v\n got %s\nwant %s", view, q, n.docs, got, want)
		}
	})
}
