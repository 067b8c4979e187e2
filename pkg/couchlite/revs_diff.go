package couchlite

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// maxLookups bounds the documents of one _bulk_get, _revs_diff or
// _missing_revs, the revisions of the latter two, and the ids of a filter.
const maxLookups = 100_000

// askedRevs reads {id: [rev, …]}.
func (q *request) askedRevs() (ids []string, revs map[string][]revtree.Rev, err error) {
	raw, err := q.body()
	if err != nil {
		return nil, nil, err
	}
	canonical, ids, err := ejson.Members(raw)
	if errors.Is(err, ejson.ErrNotObject) {
		return nil, nil, fault.BadRequest("Request body must be a JSON object")
	}
	var texts map[string]json.RawMessage
	if err != nil || json.Unmarshal(canonical, &texts) != nil {
		return nil, nil, fault.BadRequest("invalid UTF-8 JSON")
	}
	if len(ids) > maxLookups {
		return nil, nil, fault.TooLarge()
	}
	revs = map[string][]revtree.Rev{}
	asked := 0
	for _, id := range ids {
		if revs[id], err = store.ParseRevs(string(texts[id])); err != nil {
			return nil, nil, err
		}
		if asked += len(revs[id]); asked > maxLookups {
			return nil, nil, fault.TooLarge()
		}
	}
	return ids, revs, nil
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
		t, err := q.db.TreeOrEmpty(q.Context(), id)
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
