package callflow

import (
	"context"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
	"github.com/callflowd/callflowd/pkg/save"
)

// At returns a callflow as of a time, from history. uncertain holds its id if
// somebody wrote around that time without leaving history (contract 9.23). A
// callflow that did not exist then is [problem.BadIdentifier].
func (s *Service) At(ctx context.Context, accountID, id string, t time.Time) (doc document.Doc, uncertain []string, err error) {
	versions, err := s.versions(ctx, accountID, id)
	if err != nil {
		return nil, nil, err
	}
	doc, sure := asOf(versions, document.Gregorian(t))
	if doc == nil {
		return nil, nil, save.BadIdentifier(id)
	}
	if !sure {
		uncertain = []string{id}
	}
	return doc, uncertain, nil
}

// asOf picks the version that stood at a time from versions ordered newest
// first: nil if the callflow was not there. It is not sure if a version in
// between is missing.
func asOf(versions []document.Doc, t int64) (doc document.Doc, sure bool) {
	next := 0 // the generation that replaced the version looked at; 0 for the stored one
	for _, v := range versions {
		if incomplete(v) {
			continue // as good as missing
		}
		at, dated := v.Seconds("pvt_modified")
		if dated && at > t {
			next = generation(v)
			continue
		}
		sure = dated && (next == 0 || next == generation(v)+1)
		if !v.Live() {
			return nil, sure
		}
		return v, sure
	}
	if len(versions) == 0 || next == 1 {
		return nil, true
	}
	oldest := versions[len(versions)-1]
	created, dated := oldest.Seconds("pvt_created")
	if dated && created > t || !oldest.Live() {
		return nil, dated
	}
	return oldest, false
}

// Route is where a dialled number goes.
type Route struct {
	Number     string // as dialled
	Normalized string
	Match      index.Match
	Callflow   document.Doc      // with private keys
	Skipped    []pattern.Skipped // patterns that could not be tried
}

// LookupAt answers where a number went at a time, from history. The dial plan
// is today's. uncertain lists the callflows that were written around that
// time without leaving history.
func (s *Service) LookupAt(ctx context.Context, accountID, dialled string, t time.Time) (r Route, uncertain []string, err error) {
	if err := problem.Validation(number.Check("number", dialled)); err != nil {
		return Route{}, nil, err
	}
	plan, _, err := s.dialPlan(ctx, accountID)
	if err != nil {
		return Route{}, nil, err
	}
	versions, err := s.versionsSince(ctx, accountID, t)
	if err != nil {
		return Route{}, nil, err
	}
	routes, docs := index.New(), map[string]document.Doc{}
	for id, known := range versions {
		doc, sure := asOf(known.ordered(), document.Gregorian(t))
		if !sure {
			uncertain = append(uncertain, id)
		}
		if entry, ok := index.EntryOf(doc); ok {
			docs[id] = doc
			routes.Apply(entry)
		}
	}
	slices.Sort(uncertain)
	r = Route{Number: dialled, Normalized: number.Normalize(dialled, plan)}
	result := routes.Lookup(r.Number, r.Normalized)
	r.Match, r.Callflow, r.Skipped = result.Match, docs[result.Match.CallflowID], result.Skipped
	if !result.Found {
		return r, uncertain, &problem.Error{Code: problem.NotFound, Msg: "no callflow took " + dialled}
	}
	return r, uncertain, nil
}

// maxRecovered bounds for how many callflows one lookup searches the database
// for versions that others replaced.
const maxRecovered = 200

// versionsSince reads every callflow that is stored, deleted ones included,
// and every version replaced in the month of t or later.
func (s *Service) versionsSince(ctx context.Context, accountID string, t time.Time) (map[string]*versionSet, error) {
	out := map[string]*versionSet{}
	var recover []document.Doc
	for row, err := range s.Couch.Account(accountID).AllDocs(ctx, couch.Query{IncludeDocs: true}) {
		if err != nil {
			return nil, err
		}
		doc, err := row.Document()
		if err != nil || doc.Type() != Type {
			continue
		}
		addVersion(out, row.ID, doc)
		if at, dated := doc.Seconds("pvt_modified"); byOthers(doc) && dated && at > document.Gregorian(t) && len(recover) < maxRecovered {
			recover = append(recover, doc)
		}
	}
	for _, doc := range recover {
		if err := s.addStored(ctx, accountID, doc, out[doc.ID()]); err != nil {
			return nil, err
		}
	}
	return out, s.addEntriesSince(ctx, accountID, t, out)
}

func (s *Service) addEntriesSince(ctx context.Context, accountID string, t time.Time, out map[string]*versionSet) error {
	months, err := s.months(ctx, accountID)
	if err != nil {
		return err
	}
	for _, m := range months {
		if m.month < t.UTC().Format("200601") {
			break
		}
		for entry, err := range m.entries(ctx, "") {
			if err != nil {
				return err
			}
			addVersion(out, entry.String("callflow_id"), versionOf(entry))
		}
	}
	return nil
}

func addVersion(versions map[string]*versionSet, id string, version document.Doc) {
	if versions[id] == nil {
		versions[id] = &versionSet{}
	}
	versions[id].add(version)
}
