package view

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// Trust decides which functions of design documents that replication brought
// are run, by their source. Nil runs all of them.
type Trust func(source string) bool

// runs reports whether a function may be run. An empty one is none.
func (t Trust) runs(source string) bool {
	return t == nil || source == "" || t(strings.TrimSpace(source))
}

// runsReduce is runs for a reduce function, which may be one of the server's.
func (t Trust) runsReduce(source string) bool {
	return strings.HasPrefix(source, "_") || t.runs(source)
}

// notRun is the answer to a request for a function that is not run: a 404, as
// for one that is missing, which clients handle already.
func notRun(ddoc string) *fault.Error {
	return fault.New(404, "not_found", "The design document "+ddoc+" came by replication and this function of it is not run. "+
		"Saving the document at this server allows it, or --run-replicated-designs allows all.")
}

// trustIn decides about the functions in a revision of a design document: the
// engine's trust if replication brought it, nil if it was saved at this server.
func (s *Set) trustIn(ctx context.Context, id, rev string) (Trust, error) {
	if s.engine.trust == nil {
		return nil, nil
	}
	outside, err := s.db.Outside(ctx)
	if err != nil || !slices.Contains(outside[id], rev) {
		return nil, err
	}
	return s.engine.trust, nil
}

// eachDesign calls fn for every design document, with the trust that decides
// about its functions as in trustIn.
func (s *Set) eachDesign(ctx context.Context, fn func(r store.Revision, trust Trust)) error {
	var outside map[string][]string
	if s.engine.trust != nil {
		var err error
		if outside, err = s.db.Outside(ctx); err != nil {
			return err
		}
	}
	return s.db.EachDesign(ctx, func(r store.Revision) {
		if slices.Contains(outside[r.ID], r.Rev) {
			fn(r, s.engine.trust)
		} else {
			fn(r, nil)
		}
	})
}

// Withheld lists the functions that are not run, by the id of their design
// document: views/NAME, filters/NAME, validate_doc_update.
func (s *Set) Withheld(ctx context.Context) (map[string][]string, error) {
	all := map[string][]string{}
	return all, s.eachDesign(ctx, func(r store.Revision, trust Trust) {
		if list := withheldIn(r, trust); len(list) > 0 {
			all[r.ID] = list
		}
	})
}

func withheldIn(r store.Revision, trust Trust) []string {
	if trust == nil {
		return nil
	}
	d, err := parseDesign(r.ID, r.Body, trust)
	if err != nil {
		return []string{"views"}
	}
	var list []string
	for _, name := range d.withheld {
		list = append(list, "views/"+name)
	}
	var doc struct {
		Filters  map[string]json.RawMessage `json:"filters"`
		Validate string                     `json:"validate_doc_update"`
	}
	_ = json.Unmarshal(r.Body, &doc) // what cannot be read is no function
	for _, name := range slices.Sorted(maps.Keys(doc.Filters)) {
		var source string
		if json.Unmarshal(doc.Filters[name], &source) == nil && !trust.runs(source) {
			list = append(list, "filters/"+name)
		}
	}
	if !trust.runs(doc.Validate) {
		list = append(list, "validate_doc_update")
	}
	return list
}
