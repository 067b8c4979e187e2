package couchlite

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/collation"
	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/mango"
)

// findQuery is the body of _find. Every query looks at every document.
type findQuery struct {
	Selector  json.RawMessage
	Fields    []string
	Sort      []json.RawMessage
	Limit     *int
	Skip      int
	Bookmark  string
	Conflicts bool

	selector *mango.Selector
	order    []sortField
}

// sortField is one element of sort.
type sortField struct {
	name string
	desc bool
}

// Limits of _find: its default page, and how many documents it sorts.
const (
	findLimit = 25
	maxSorted = 100_000
)

func (q *request) findQuery() (f findQuery, err error) {
	if err := q.decode(&f); err != nil {
		return f, err
	}
	if f.Selector == nil {
		return f, fail(http.StatusBadRequest, "missing_required_key", "Missing required key: selector")
	}
	if f.selector, err = mango.New(f.Selector); err != nil {
		return f, selectorFailure(err)
	}
	for _, raw := range f.Sort {
		var s sortField
		var object map[string]string
		if json.Unmarshal(raw, &s.name) != nil {
			if json.Unmarshal(raw, &object) != nil || len(object) != 1 {
				return f, fail(http.StatusBadRequest, "invalid_sort_json", "sort must list field names")
			}
			for name, direction := range object {
				s = sortField{name, direction == "desc"}
			}
		}
		f.order = append(f.order, s)
	}
	if f.Limit == nil {
		n := findLimit
		f.Limit = &n
	}
	if f.Bookmark != "" && f.Bookmark != "nil" {
		n, err := strconv.Atoi(f.Bookmark)
		if err != nil || n < 0 {
			return f, fail(http.StatusBadRequest, "invalid_bookmark", "Invalid bookmark value: "+strconv.Quote(f.Bookmark))
		}
		f.Skip += n
	}
	if *f.Limit < 0 || f.Skip < 0 {
		return f, fail(http.StatusBadRequest, "invalid_value", "limit and skip must not be negative")
	}
	return f, nil
}

// find serves _find.
func (q *request) find() error {
	f, err := q.findQuery()
	if err != nil {
		return err
	}
	docs, err := q.db.findDocs(q.Context(), f)
	if err != nil {
		return err
	}
	bookmark := "nil"
	if len(docs) > 0 {
		bookmark = strconv.Itoa(f.Skip + len(docs))
	}
	out := append([]byte("{\"docs\":[\n"), bytes.Join(docs, []byte(",\n"))...)
	out = ejson.AppendString(append(out, "\n],\n\"bookmark\": "...), bookmark)
	writeRaw(q.w, http.StatusOK, append(out, ",\n\"warning\": \"Indexes are not used: every document was looked at.\"}"...))
	return nil
}

// findDocs returns the documents of one page.
func (db *database) findDocs(ctx context.Context, f findQuery) ([][]byte, error) {
	var found [][]byte
	want := f.Skip + *f.Limit
	for after, more := "", true; more && (len(f.order) > 0 || len(found) < want); {
		rows, err := db.docRows(ctx, idRange{where: "d.deleted = 0 AND d.id > ?", args: []any{after}}, rangeQuery{includeDocs: true}, chunk, 0)
		if err != nil {
			return nil, err
		}
		more = len(rows) == chunk
		for _, r := range rows {
			after = r.ID
			if strings.HasPrefix(r.ID, "_design/") {
				continue
			}
			doc, err := db.render(ctx, r, docOptions{Conflicts: f.Conflicts})
			if err != nil {
				return nil, err
			}
			if ok, err := f.selector.Match(doc); err != nil || !ok {
				continue
			}
			if found = append(found, doc); len(found) > maxSorted {
				return nil, fail(http.StatusBadRequest, "no_usable_index", "Too many documents to sort.")
			}
		}
	}
	if err := f.sort(found); err != nil {
		return nil, err
	}
	found = found[min(f.Skip, len(found)):min(want, len(found))]
	for i, doc := range found {
		found[i] = f.project(doc)
	}
	return found, nil
}

// sort orders documents by the fields of sort; one that lacks a field goes
// first.
func (f findQuery) sort(docs [][]byte) error {
	if len(f.order) == 0 {
		return nil
	}
	type keyed struct {
		doc  []byte
		keys [][]byte
	}
	order := collation.New()
	list := make([]keyed, len(docs))
	for i, doc := range docs {
		list[i].doc = doc
		for _, s := range f.order {
			key, err := order.Append(nil, pick(doc, s.name))
			if err != nil {
				key = nil
			}
			list[i].keys = append(list[i].keys, key)
		}
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		for i, s := range f.order {
			c := bytes.Compare(a.keys[i], b.keys[i])
			if s.desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return cmp.Compare(0, 0)
	})
	for i := range list {
		docs[i] = list[i].doc
	}
	return nil
}

// pick returns the value at a dotted path, nil when there is none.
func pick(doc []byte, path string) json.RawMessage {
	v := json.RawMessage(doc)
	for _, step := range mango.Path(path) {
		var object map[string]json.RawMessage
		if json.Unmarshal(v, &object) != nil {
			return nil
		}
		if v = object[step]; v == nil {
			return nil
		}
	}
	return v
}

// project keeps the fields asked for, all when none are.
func (f findQuery) project(doc []byte) []byte {
	if len(f.Fields) == 0 {
		return doc
	}
	kept := map[string]any{}
	for _, name := range f.Fields {
		v := pick(doc, name)
		if v == nil {
			continue
		}
		at, path := kept, mango.Path(name)
		for _, step := range path[:len(path)-1] {
			inner, ok := at[step].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[step] = inner
			}
			at = inner
		}
		at[path[len(path)-1]] = v
	}
	out, err := json.Marshal(kept)
	if err != nil {
		return []byte("{}")
	}
	return out
}
