package callflow

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// HistoryItem is one version of a callflow and the write that made it.
type HistoryItem struct {
	Revision  string `json:"revision"`
	Action    string `json:"action"` // created, updated, deleted, restored or merged
	At        string `json:"at"`     // ISO 8601, UTC
	AccountID string `json:"account_id,omitempty"`
	UserID    string `json:"user_id,omitempty"`
	RequestID string `json:"request_id"`
	ClientIP  string `json:"client_ip,omitempty"`
	// Incomplete says that the version was too large: its content is not kept.
	Incomplete bool `json:"incomplete,omitempty"`
}

// History lists the versions of a callflow, the stored one first. Versions
// whose month is gone are missing, and so are those that Kazoo replaced and
// the database has forgotten. A callflow that is neither stored nor in
// history is [problem.BadIdentifier].
func (s *Service) History(ctx context.Context, accountID, id string) ([]HistoryItem, error) {
	versions, err := s.versions(ctx, accountID, id)
	if err != nil {
		return nil, err
	}
	items := make([]HistoryItem, len(versions))
	for i, doc := range versions {
		items[i] = describeVersion(doc)
	}
	return items, nil
}

// Version returns one version of a callflow, from storage or from history, with
// its private keys. One that is not available is [problem.BadIdentifier].
func (s *Service) Version(ctx context.Context, accountID, id, rev string) (document.Doc, error) {
	stored, err := s.current(ctx, accountID, id)
	if err != nil {
		return nil, err
	}
	return s.version(ctx, accountID, id, rev, stored)
}

// Diff lists what changed in the public fields from one version to another.
func (s *Service) Diff(ctx context.Context, accountID, id, from, to string) ([]document.Change, error) {
	before, err := s.Version(ctx, accountID, id, from)
	if err != nil {
		return nil, err
	}
	after, err := s.Version(ctx, accountID, id, to)
	if err != nil {
		return nil, err
	}
	return document.Diff(publicOf(before), publicOf(after)), nil
}

// current reads the stored revision, deleted or not; nil if there is none. A
// document of another type is [problem.BadIdentifier].
func (s *Service) current(ctx context.Context, accountID, id string) (document.Doc, error) {
	leaves, err := s.Couch.Account(accountID).Leaves(ctx, id)
	if problem.Is(err, problem.BadIdentifier) {
		return nil, nil //nolint:nilnil // absence is an answer here: history may have it
	}
	if err != nil {
		return nil, err
	}
	if !isCallflow(id, leaves[0]) {
		return nil, save.BadIdentifier(id)
	}
	return leaves[0], nil
}

func (s *Service) version(ctx context.Context, accountID, id, rev string, stored document.Doc) (document.Doc, error) {
	doc, err := s.anyVersion(ctx, accountID, id, rev, stored)
	if err == nil && !isCallflow(id, doc) {
		return nil, save.BadIdentifier(rev)
	}
	return doc, err
}

// anyVersion is a version of a document of whatever type.
func (s *Service) anyVersion(ctx context.Context, accountID, id, rev string, stored document.Doc) (document.Doc, error) {
	if stored != nil && stored.Rev() == rev {
		return stored, nil
	}
	doc, err := s.Couch.Account(accountID).GetRev(ctx, id, rev)
	if !problem.Is(err, problem.BadIdentifier) {
		return doc, err
	}
	months, err := s.months(ctx, accountID)
	if err != nil {
		return nil, err
	}
	for _, m := range months {
		entry, err := m.Get(ctx, historyID(m.month, id, rev))
		switch {
		case err == nil && entry.String("callflow_id") == id && !incomplete(versionOf(entry)):
			return versionOf(entry), nil
		case err != nil && !problem.Is(err, problem.BadIdentifier) && !problem.Is(err, problem.MissingDatabase):
			return nil, err
		}
	}
	return nil, save.BadIdentifier(rev)
}

// versions lists the stored version and those in history, newest first.
func (s *Service) versions(ctx context.Context, accountID, id string) ([]document.Doc, error) {
	stored, err := s.current(ctx, accountID, id)
	if err != nil {
		return nil, err
	}
	var known versionSet
	if stored != nil {
		known.add(stored)
	}
	months, err := s.months(ctx, accountID)
	if err != nil {
		return nil, err
	}
	for _, m := range months {
		for entry, err := range m.entries(ctx, id+"-") {
			if err != nil {
				return nil, err
			}
			if entry.String("callflow_id") == id {
				known.add(versionOf(entry))
			}
		}
	}
	if len(known.list) == 0 {
		return nil, save.BadIdentifier(id)
	}
	err = s.addForgotten(ctx, accountID, &known)
	return known.ordered(), err
}

// addForgotten adds the versions that others replaced and no history has, as
// far as the database has not forgotten them.
func (s *Service) addForgotten(ctx context.Context, accountID string, known *versionSet) error {
	for _, version := range known.orphans() {
		others, err := s.overwritten(ctx, accountID, version)
		if err != nil {
			return err
		}
		for _, other := range others {
			known.add(other)
		}
	}
	return nil
}

// versionSet is versions of one callflow, each once. A whole version replaces an
// incomplete one.
type versionSet struct {
	list  []document.Doc
	index map[string]int
}

func (k *versionSet) add(version document.Doc) {
	if k.index == nil {
		k.index = map[string]int{}
	}
	i, known := k.index[version.Rev()]
	switch {
	case !known:
		k.index[version.Rev()] = len(k.list)
		k.list = append(k.list, version)
	case incomplete(k.list[i]):
		k.list[i] = version
	}
}

func (k *versionSet) ordered() []document.Doc {
	return slices.SortedStableFunc(slices.Values(k.list), newestFirst)
}

// orphans are the versions of others whose predecessor is not known. A write of
// our own kept its predecessor: if that is missing, its month has expired.
func (k *versionSet) orphans() []document.Doc {
	var out []document.Doc
	list := k.ordered()
	for i, v := range list {
		if mayBeByOthers(v) && v.Generation() > 1 && parent(v, list[i+1:]) == nil {
			out = append(out, v)
		}
	}
	return out
}

// newestFirst orders versions by generation; conflicting ones of the same
// generation by the time they were written.
func newestFirst(a, b document.Doc) int {
	at := func(d document.Doc) int64 { t, _ := d.Seconds("pvt_modified"); return t }
	return cmp.Or(cmp.Compare(b.Generation(), a.Generation()), cmp.Compare(at(b), at(a)), cmp.Compare(b.Rev(), a.Rev()))
}

// describeVersion reads who made a version from its private fields. A
// version that Kazoo wrote has no trace of ours, or an old one.
func describeVersion(doc document.Doc) HistoryItem {
	item := HistoryItem{
		Revision: doc.Rev(), Action: string(actionUpdated), RequestID: doc.String("pvt_request_id"),
		AccountID: doc.String("pvt_auth_account_id"), UserID: doc.String("pvt_auth_user_id"), Incomplete: incomplete(doc),
	}
	if at, ok := doc.Seconds("pvt_modified"); ok {
		item.At = document.FromGregorian(at).Format(time.RFC3339)
	}
	switch trace := document.Doc(doc.Object(document.TraceKey)); {
	case !byOthers(doc):
		item.Action, item.ClientIP = trace.String("action"), trace.String("client_ip")
	case !doc.Live():
		item.Action = string(actionDeleted)
	case doc.Generation() == 1:
		item.Action = string(actionCreated)
	}
	return item
}
