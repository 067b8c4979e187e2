package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/collation"
	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// shown is a query in short.
func shown(q Query) string {
	text := fmt.Sprintf("%s..%s", q.start, q.end)
	for name, on := range map[string]bool{
		"exclusive": q.exclusiveEnd, "descending": q.descending, "docs": q.includeDocs, "attachments": q.docs.Attachments,
		"encodings": q.docs.Encodings, "seq": q.updateSeq, "conflicts": q.docs.Conflicts, "partition": q.partition,
	} {
		if on {
			text += " " + name
		}
	}
	for name, v := range map[string]*bool{"reduce": q.reduce, "group": q.group} {
		if v != nil {
			text += fmt.Sprintf(" %s=%t", name, *v)
		}
	}
	for name, v := range map[string]*string{"startdoc": q.startDoc, "enddoc": q.endDoc} {
		if v != nil {
			text += " " + name + "=" + *v
		}
	}
	if q.groupLevel != nil {
		text += fmt.Sprintf(" level=%d", *q.groupLevel)
	}
	if q.keys != nil {
		text += fmt.Sprintf(" keys=%s", q.keys)
	}
	if q.limit != -1 || q.skip != 0 || q.update != "true" {
		text += fmt.Sprintf(" limit=%d skip=%d update=%s", q.limit, q.skip, q.update)
	}
	return text
}

func TestQueryParameters(t *testing.T) {
	tests := []struct{ query, want string }{
		{"", ".."},
		{"key=%22a%22", `"a".."a"`},
		{"startkey=[1,+2]&endkey={}", `[1,2]..{}`},
		{"start_key=1&end_key=2&inclusive_end=false", `1..2 exclusive`},
		{"inclusive_end=true", ".."},
		{"startkey_docid=a", ".. startdoc=a"},
		{"end_key_doc_id=b", ".. enddoc=b"},
		{"limit=3&skip=2", ".. limit=3 skip=2 update=true"},
		{"descending=true", ".. descending"},
		{"descending=TRUE", ".. descending"},
		{"include_docs=true", ".. docs"},
		{"attachments=true", ".. attachments"},
		{"att_encoding_info=true", ".. encodings"},
		{"update_seq=true", ".. seq"},
		{"conflicts=true", ".. conflicts"},
		{"reduce=false", ".. reduce=false"},
		{"group=true", ".. group=true"},
		{"group_level=2", ".. level=2"},
		{"stale=ok", ".. limit=-1 skip=0 update=false"},
		{"stale=update_after", ".. limit=-1 skip=0 update=lazy"},
		{"update=lazy", ".. limit=-1 skip=0 update=lazy"},
		{"update=false&update=true", ".."},
		{"stable=true&sorted=false&unknown=1", ".."},
		{`keys=["a","b"]`, `.. keys=["a" "b"]`},
		{`keys=["a"]`, `"a".."a"`},
		{"keys=[]", ".. keys=[]"},
		{"partition=x", ".. partition"},
	}
	for _, tt := range tests {
		q := NewQuery()
		if err := q.SetAll(tt.query); err != nil || shown(q) != tt.want {
			t.Errorf("%s: %s %v, want %s", tt.query, shown(q), err, tt.want)
		}
		body, ok := asBody(t, tt.query)
		if !ok {
			continue
		}
		q = NewQuery()
		if err := q.SetBody(body); err != nil || shown(q) != tt.want {
			t.Errorf("%s: %s %v, want %s", body, shown(q), err, tt.want)
		}
	}
}

// asBody is a query string of one parameter as the body of a POST.
func asBody(t *testing.T, query string) (map[string]json.RawMessage, bool) {
	t.Helper()
	name, value, ok := strings.Cut(query, "=")
	if !ok || strings.ContainsAny(query, "&%") {
		return nil, false
	}
	raw, err := ejson.Canonical([]byte(value))
	if err != nil {
		raw = ejson.AppendString(nil, value)
	}
	return map[string]json.RawMessage{name: raw}, true
}

func TestQueryRefuses(t *testing.T) {
	for query, want := range map[string]string{
		"key=a":                "bad_request: invalid UTF-8 JSON",
		"startkey={":           "bad_request: invalid UTF-8 JSON",
		"limit=x":              `query_parse_error: Invalid value for integer: "x"`,
		"limit=-1":             `query_parse_error: Invalid value for positive integer: "-1"`,
		"skip=1.5":             `query_parse_error: Invalid value for integer: "1.5"`,
		"group_level=-2":       `query_parse_error: Invalid value for positive integer: "-2"`,
		"descending=1":         `query_parse_error: Invalid boolean parameter: "1"`,
		"reduce=maybe":         `query_parse_error: Invalid boolean parameter: "maybe"`,
		"stale=yes":            "query_parse_error: Invalid value for `stale`.",
		"update=never":         "query_parse_error: Invalid value for `update`.",
		"stable=perhaps":       "query_parse_error: Invalid value for `stable`.",
		"a=%zz":                "bad_request: Invalid query string.",
		"%zz=a":                "bad_request: Invalid query string.",
		"keys=" + many(50_001): "too_large: the request entity is too large",
	} {
		q := NewQuery()
		if err := q.SetAll(query); err == nil || err.Error() != want {
			t.Errorf("%.40s: %v, want %s", query, err, want)
		}
	}
	for body, want := range map[string]string{
		`{"keys":1}`:           "bad_request: `keys` member must be an array.",
		`{"limit":"x"}`:        `query_parse_error: Invalid value for integer: <<"x">>`,
		`{"limit":1.5}`:        `query_parse_error: Invalid value for integer: 1.5`,
		`{"descending":[]}`:    `query_parse_error: Invalid boolean parameter: []`,
		`{"descending":"yes"}`: `query_parse_error: Invalid boolean parameter: <<"yes">>`,
	} {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &members); err != nil {
			t.Fatal(err)
		}
		q := NewQuery()
		if err := q.SetBody(members); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func many(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }

// TestQueryRules holds the rules that depend on the view.
func TestQueryRules(t *testing.T) {
	plain, reduced := view{}, view{reduce: "_count"}
	tests := []struct {
		query string
		view  view
		want  string // of the error
		level int
	}{
		{"", plain, "", 0},
		{"", reduced, "", 0},
		{"reduce=true", plain, "Reduce is invalid for map-only views.", 0},
		{"group=true", plain, "Invalid use of grouping on a map view.", 0},
		{"group_level=1", plain, "Invalid use of grouping on a map view.", 0},
		{"group_level=0", plain, "", 0},
		{"group=true", reduced, "", groupAll},
		{"group_level=3", reduced, "", 3},
		{"group=false", reduced, "", 0},
		{"group=false&group_level=0", reduced, "", 0},
		{"group=false&group_level=3", reduced, "Can't specify group=false and group_level>0 at the same time", 0},
		{"group=true&group_level=2", reduced, "", 2},
		{"keys=[1,2]", reduced, "Multi-key fetches for reduce views must use `group=true`", 0},
		{"keys=[1,2]&group=true", reduced, "", groupAll},
		{"keys=[1,2]&reduce=false", reduced, "", 0},
		{"keys=[1,2]&startkey=1", plain, "`keys` is incompatible with `key`, `start_key` and `end_key`", 0},
		{"keys=1", plain, "`keys` must be an array of strings.", 0},
		{"include_docs=true", reduced, "`include_docs` is invalid for reduce", 0},
		{"include_docs=true&reduce=false", reduced, "", 0},
		{"conflicts=true", reduced, "`conflicts` is invalid for reduce views.", 0},
		{"partition=x", plain, "`partition` parameter is not supported in this design doc", 0},
	}
	for _, tt := range tests {
		q := NewQuery()
		if err := q.SetAll(tt.query); err != nil {
			t.Fatal(err)
		}
		err := q.resolve(tt.view)
		got := ""
		if err != nil {
			got = fault.As(err).Reason
		}
		if got != tt.want || err == nil && *q.groupLevel != tt.level {
			t.Errorf("%s with reduce %q: %s, want %s at level %d", tt.query, tt.view.reduce, got, tt.want, tt.level)
		}
	}
}

// place is an entry of a view.
type place struct {
	key, id string
	k       []byte
}

func places(t *testing.T, c *collation.Collator) []place {
	t.Helper()
	var all []place
	for _, key := range []string{`null`, `1`, `"a"`, `"a\u0301"`, `["a"]`, `["a",1]`} {
		for _, id := range []string{"d1", "d2", "d3"} {
			entries := []entry{{key: []byte(key), value: []byte("1")}, {key: []byte(key), value: []byte("2")}}
			for i := range entries {
				entries[i].k, _ = c.Append(nil, []byte(key))
			}
			number(entries, id)
			for _, e := range entries {
				all = append(all, place{key, id, e.k})
			}
		}
	}
	return all
}

// TestRanges asks for entries by key and document, and compares what the
// ranges hold with going through all entries.
func TestRanges(t *testing.T) {
	c := collation.New()
	all := places(t, c)
	tests := []struct {
		query string
		want  func(p place, order func(a, b string) int) bool
	}{
		{"", func(place, func(a, b string) int) bool { return true }},
		{`startkey=1`, func(p place, order func(a, b string) int) bool { return order(p.key, "1") >= 0 }},
		{`endkey="a"`, func(p place, order func(a, b string) int) bool { return order(p.key, `"a"`) <= 0 }},
		{`endkey="a"&inclusive_end=false`, func(p place, order func(a, b string) int) bool { return order(p.key, `"a"`) < 0 }},
		{`key="a"`, func(p place, _ func(a, b string) int) bool { return p.key == `"a"` }},
		{`startkey="a"&startkey_docid=d2`, func(p place, order func(a, b string) int) bool {
			return order(p.key, `"a"`) > 0 || p.key == `"a"` && p.id >= "d2"
		}},
		{`endkey="a"&endkey_docid=d2`, func(p place, order func(a, b string) int) bool {
			return order(p.key, `"a"`) < 0 || p.key == `"a"` && p.id <= "d2"
		}},
		{`endkey="a"&endkey_docid=d2&inclusive_end=false`, func(p place, order func(a, b string) int) bool {
			return order(p.key, `"a"`) < 0 || p.key == `"a"` && p.id < "d2"
		}},
		{`descending=true&startkey="a"&endkey=1`, func(p place, order func(a, b string) int) bool {
			return order(p.key, `"a"`) <= 0 && order(p.key, "1") >= 0
		}},
		{`descending=true&startkey="a"&endkey=1&inclusive_end=false`, func(p place, order func(a, b string) int) bool {
			return order(p.key, `"a"`) <= 0 && order(p.key, "1") > 0
		}},
	}
	order := func(a, b string) int {
		d, err := c.Compare([]byte(a), []byte(b))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tt := range tests {
		q := NewQuery()
		if err := q.SetAll(tt.query); err != nil {
			t.Fatal(err)
		}
		ranges, err := q.ranges(c)
		if err != nil || len(ranges) != 1 {
			t.Fatalf("%s: %v %v", tt.query, ranges, err)
		}
		for _, p := range all {
			in := slices.Compare(p.k, ranges[0].lo) >= 0 && (ranges[0].hi == nil || slices.Compare(p.k, ranges[0].hi) < 0)
			if in != tt.want(p, order) {
				t.Errorf("%s: %s of %s is in: %t", tt.query, p.key, p.id, in)
			}
		}
	}
}

func TestRangesAgainstTheDirection(t *testing.T) {
	c := collation.New()
	for _, query := range []string{"startkey=2&endkey=1", "startkey=1&endkey=2&descending=true", `startkey=1&endkey=1.0&startkey_docid=b&endkey_docid=a`} {
		q := NewQuery()
		if err := q.SetAll(query); err != nil {
			t.Fatal(err)
		}
		if _, err := q.ranges(c); err == nil || !strings.Contains(err.Error(), "No rows can match") {
			t.Errorf("%s: %v", query, err)
		}
	}
	const same = "startkey=1&endkey=1.0&startkey_docid=a&endkey_docid=a" // written in two ways, so that CouchDB compares them
	for query, want := range map[string]string{
		same:                      "400 query_parse_error: No rows can match your key range, reverse your start_key and end_key or set descending=true",
		same + "&descending=true": "none", "startkey=1&endkey=1.0": "none", "startkey=1&endkey=1.0&descending=true": "none",
		"startkey=1&endkey=1.0&endkey_docid=a": "none", "startkey=1&endkey=1&startkey_docid=b&endkey_docid=a": "none",
		"startkey=1&endkey=2&descending=true": "400 query_parse_error: No rows can match your key range, reverse your start_key and end_key or set descending=false",
	} {
		q := NewQuery()
		if err := q.SetAll(query); err != nil {
			t.Fatal(err)
		}
		if _, err := q.ranges(c); refusal(err) != want {
			t.Errorf("%s: %s, want %s", query, refusal(err), want)
		}
	}
}

func TestTerms(t *testing.T) {
	ordered := []string{`-1`, `0`, `1`, `1.5`, `10`, `false`, `null`, `true`, `{"a":1}`, `[1]`, `""`, `"a"`}
	for i, a := range ordered {
		for k, b := range ordered {
			if got := compareTerms([]byte(a), []byte(b)); (got < 0) != (i < k) || (got > 0) != (i > k) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}

func TestBackwards(t *testing.T) {
	row := func(key string, n byte, value string) viewRow {
		return viewRow{k: []byte(key + "\x00\x00" + string(n)), id: key, value: []byte(value)}
	}
	var got []string
	fn := backwards(func(r viewRow) error {
		if r.k == nil {
			got = append(got, "end")
		} else {
			got = append(got, string(r.value))
		}
		return nil
	})
	for _, r := range []viewRow{row("b", 1, "b1"), row("b", 0, "b0"), row("a", 2, "a2"), row("a", 1, "a1"), row("a", 0, "a0"), {}} {
		if err := fn(r); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"b0", "b1", "a0", "a1", "a2", "end"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
