package couchlite

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// maxLookups bounds the documents of one _bulk_get, _revs_diff or
// _missing_revs.
const maxLookups = 100_000

// askedRevs reads {id: [rev, …]}.
func (q *request) askedRevs() (ids []string, revs map[string][]revtree.Rev, err error) {
	raw, err := q.body()
	if err != nil {
		return nil, nil, err
	}
	canonical, ids, err := ejson.Members(raw)
	if errors.Is(err, ejson.ErrNotObject) {
		return nil, nil, badRequest("Request body must be a JSON object")
	}
	var texts map[string]json.RawMessage
	if err != nil || json.Unmarshal(canonical, &texts) != nil {
		return nil, nil, badRequest("invalid UTF-8 JSON")
	}
	if len(ids) > maxLookups {
		return nil, nil, errTooLarge()
	}
	revs = map[string][]revtree.Rev{}
	for _, id := range ids {
		if revs[id], err = parseRevs(string(texts[id])); err != nil {
			return nil, nil, err
		}
	}
	return ids, revs, nil
}

// treeOrEmpty returns a document's tree, an empty one when it never was.
func (db *database) treeOrEmpty(ctx context.Context, id string) (*revtree.Tree, error) {
	t, _, err := db.tree(ctx, id)
	if isMissing(err) {
		return new(revtree.Tree), nil
	}
	return t, err
}

// revsDiff serves _revs_diff: which of a peer's revisions are not here.
func (q *request) revsDiff() error {
	return q.diff(func(t *revtree.Tree, missing []revtree.Rev) any {
		answer := map[string][]string{"missing": texts(missing)}
		if ancestors := t.PossibleAncestors(missing); len(ancestors) > 0 {
			answer["possible_ancestors"] = texts(ancestors)
		}
		return answer
	}, func(found map[string]any) any { return found })
}

// missingRevs serves _missing_revs, the older form of the same.
func (q *request) missingRevs() error {
	return q.diff(func(_ *revtree.Tree, missing []revtree.Rev) any { return texts(missing) },
		func(found map[string]any) any { return map[string]any{"missing_revs": found} })
}

func (q *request) diff(describe func(*revtree.Tree, []revtree.Rev) any, answer func(map[string]any) any) error {
	ids, revs, err := q.askedRevs()
	if err != nil {
		return err
	}
	found := map[string]any{}
	for _, id := range ids {
		t, err := q.db.treeOrEmpty(q.Context(), id)
		if err != nil {
			return err
		}
		if missing := t.Missing(revs[id]); len(missing) > 0 {
			found[id] = describe(t, missing)
		}
	}
	return writeJSON(q.w, http.StatusOK, answer(found))
}

func texts(revs []revtree.Rev) []string {
	list := make([]string, len(revs))
	for i, r := range revs {
		list[i] = r.String()
	}
	return list
}

// bulkGet serves _bulk_get: many documents by id and revision.
func (q *request) bulkGet() error {
	var in struct {
		Docs []struct {
			ID        *string
			Rev       *string
			AttsSince json.RawMessage `json:"atts_since"`
		}
	}
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Docs == nil {
		return badRequest("Missing JSON list of 'docs'.")
	}
	if len(in.Docs) > maxLookups {
		return errTooLarge()
	}
	base, err := q.docOptions()
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "application/json")
	out := newStream(q.w)
	out.text(`{"results":[`)
	for i, doc := range in.Docs {
		if i > 0 {
			out.text(",")
		}
		buf := append(out.buf, `{"id":`...)
		if doc.ID == nil {
			out.write(append(buf, `null,"docs":[{"error":{"rev":null,"reason":"document id missed","id":null,"error":"bad_request"}}]}`...))
			continue
		}
		o := base
		if doc.AttsSince != nil {
			if o.AttsSince, err = parseRevs(string(doc.AttsSince)); err != nil {
				return err
			}
		}
		docs, err := q.bulkGetOne(*doc.ID, doc.Rev, o)
		if err != nil {
			return err
		}
		buf = append(ejson.AppendString(buf, *doc.ID), `,"docs":[`...)
		out.write(append(append(buf, docs...), "]}"...))
	}
	return out.finish("]}\n")
}

// bulkGetOne returns the JSON of what one item of _bulk_get asks for, without
// the brackets around it: one revision, or every leaf.
func (q *request) bulkGetOne(id string, rev *string, o docOptions) ([]byte, error) {
	named, asked := "undefined", []revtree.Rev(nil)
	if rev != nil {
		named = *rev
		r, err := revtree.ParseRev(named)
		if err != nil {
			return bulkGetError(id, named, errRev()), nil
		}
		asked = []revtree.Rev{r}
	}
	leaves, err := q.db.openRevs(q.Context(), id, asked, q.flag("latest"))
	if err != nil {
		return nil, err
	}
	var out []byte
	for i, leaf := range leaves {
		if i > 0 {
			out = append(out, ',')
		}
		if leaf.missing {
			out = append(out, bulkGetError(id, named, errMissing())...)
			continue
		}
		doc, err := q.db.render(q.Context(), leaf.revision, o)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, `{"ok":`...), doc...), '}')
	}
	if len(leaves) == 0 {
		out = bulkGetError(id, named, errMissing())
	}
	return out, nil
}

func bulkGetError(id, rev string, f *failure) []byte {
	out := ejson.AppendString([]byte(`{"error":{"rev":`), rev)
	out = ejson.AppendString(append(out, `,"reason":`...), f.Reason)
	out = ejson.AppendString(append(out, `,"id":`...), id)
	return append(ejson.AppendString(append(out, `,"error":`...), f.Code), "}}"...)
}

// openRev is one revision asked for by open_revs or _bulk_get.
type openRev struct {
	revision
	missing bool
}

// openRevs returns the asked revisions of a document, or all its leaves when
// asked is nil. With latest, an inner revision stands for the leaves that
// descend from it.
func (db *database) openRevs(ctx context.Context, id string, asked []revtree.Rev, latest bool) ([]openRev, error) {
	t, err := db.treeOrEmpty(ctx, id)
	if err != nil {
		return nil, err
	}
	nodes := t.Leaves()
	if asked != nil {
		nodes = nil
		for _, rev := range asked {
			n, ok := t.Find(rev)
			if found := t.Descendants(rev); latest && len(found) > 0 {
				nodes = append(nodes, found...)
				continue
			}
			if n.Rev = rev; !ok {
				n.Body = 0
			}
			nodes = append(nodes, n)
		}
	}
	var revs []openRev
	seen := map[revtree.Rev]bool{}
	for _, n := range nodes {
		if seen[n.Rev] {
			continue
		}
		seen[n.Rev] = true
		r, err := db.load(ctx, id, t, n)
		if err != nil && !isMissing(err) {
			return nil, err
		}
		revs = append(revs, openRev{r, err != nil})
	}
	return revs, nil
}
