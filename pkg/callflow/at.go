package callflow

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// At returns a callflow as of a time, from history. uncertain holds its id if
// it is not known which version was stored then: somebody wrote without
// recording the time, or the database has forgotten a version (contract 9.23).
// A callflow that did not exist then is [problem.BadIdentifier].
func (s *Service) At(ctx context.Context, accountID, id string, t time.Time) (doc document.Doc, uncertain []string, err error) {
	versions, err := s.versions(ctx, accountID, id)
	if err != nil {
		return nil, nil, err
	}
	doc, sure := asOf(versions, document.Gregorian(t))
	if !sure {
		uncertain = []string{id}
	}
	if doc == nil {
		absent := &problem.Error{
			Code: problem.BadIdentifier, Msg: "no callflow then: " + id,
			Data: map[string]any{"message": "bad identifier", "cause": id},
		}
		if !sure {
			absent.Data["uncertain"] = uncertain
		}
		return nil, uncertain, absent
	}
	return doc, uncertain, nil
}

// asOf picks the version that was stored at a time, from versions ordered
// newest first; nil if the callflow did not exist. It is not sure if a version
// in between is missing, or if one was written at an unknown time: then the
// answer may be that one or the one before.
func asOf(versions []document.Doc, t int64) (doc document.Doc, sure bool) {
	next, sure := 0, true // the generation that replaced the version looked at; 0 for the stored one
	for i, v := range versions {
		if incomplete(v) {
			continue // counts as missing
		}
		at, timed := writtenAt(v, versions[i+1:])
		switch {
		case timed && at > t, !timed && laterThan(versions[i+1:], t):
			next = v.Generation()
			continue
		case !timed && !v.Live():
			sure, next = false, v.Generation() // this one may have been stored still
			continue
		}
		sure = sure && timed && (next == 0 || next == v.Generation()+1)
		if !v.Live() {
			return nil, sure
		}
		return v, sure
	}
	if len(versions) == 0 || next == 1 {
		return nil, sure
	}
	oldest := versions[len(versions)-1]
	created, dated := oldest.Seconds("pvt_created")
	if dated && created > t || !oldest.Live() {
		return nil, dated && created > t
	}
	return oldest, false
}

// writtenAt is when a version was written, if that is known. Others may write a
// version with the time of the one before it.
func writtenAt(v document.Doc, older []document.Doc) (at int64, known bool) {
	at, dated := v.Seconds("pvt_modified")
	if !dated || !byOthers(v) {
		return at, dated
	}
	if before := parent(v, older); before != nil {
		was, _ := before.Seconds("pvt_modified")
		return at, at > was
	}
	return at, !untouched(v)
}

// parent is the version that v replaced; nil if it is not known.
func parent(v document.Doc, older []document.Doc) document.Doc {
	for _, o := range older {
		if o.Generation() == v.Generation()-1 {
			return o
		}
	}
	return nil
}

// laterThan reports whether the newest of some versions was written after a time.
func laterThan(versions []document.Doc, t int64) bool {
	if len(versions) == 0 {
		return false
	}
	at, timed := writtenAt(versions[0], versions[1:])
	return timed && at > t || !timed && laterThan(versions[1:], t)
}

// Route is where a dialled number goes.
type Route struct {
	Number     string // as dialled
	Normalized string
	index.Explanation
	Callflow document.Doc // with private keys; nil where nothing took the number
}

// LookupAt answers where a number went at a time, from history, with the steps
// that led there. The dial plan is today's. uncertain lists the callflows of
// which it is not known which version was stored then.
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
	r = Route{Number: dialled, Normalized: number.Normalize(dialled, plan), Explanation: routes.Explain(dialled, plan)}
	r.Callflow = docs[r.Match.CallflowID]
	return r, uncertain, nil
}

// maxRecovered bounds for how many callflows one lookup searches the database
// for versions that others replaced.
const maxRecovered = 200

// versionsSince reads every callflow that is stored, deleted ones included,
// and every version replaced in the month of t or later.
func (s *Service) versionsSince(ctx context.Context, accountID string, t time.Time) (map[string]*versionSet, error) {
	out := map[string]*versionSet{}
	if err := s.addCurrent(ctx, accountID, out); err != nil {
		return nil, err
	}
	if err := s.addEntriesSince(ctx, accountID, t, out); err != nil {
		return nil, err
	}
	searched := 0
	for _, known := range out {
		if len(known.orphans()) == 0 {
			continue
		}
		if searched++; searched > maxRecovered {
			break
		}
		if err := s.addForgotten(ctx, accountID, known); err != nil {
			return nil, err
		}
	}
	for id, known := range out { // a deleted document may not say what it was
		if !slices.ContainsFunc(known.list, func(d document.Doc) bool { return d.Type() == Type }) {
			delete(out, id)
		}
	}
	return out, nil
}

// addCurrent adds the stored revision of every callflow, and of everything
// that was deleted by CouchDB's own deletion: it may have been a callflow.
func (s *Service) addCurrent(ctx context.Context, accountID string, out map[string]*versionSet) error {
	for o := (couch.ChangesOptions{Limit: changesPage, IncludeDocs: true}); ; {
		page, err := s.Couch.Account(accountID).Changes(ctx, o)
		if err != nil {
			return err
		}
		for _, c := range page.Changes {
			var doc document.Doc
			if ours(c.ID) || json.Unmarshal(c.Doc, &doc) != nil {
				continue
			}
			if doc.Type() == Type || isTombstone(doc) && doc.Type() == "" {
				addVersion(out, c.ID, doc)
			}
		}
		if len(page.Changes) < changesPage {
			return nil
		}
		o.Since = page.LastSeq
	}
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
