package callflow

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
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
}

// maxMonths bounds how far back history is looked for.
const maxMonths = 120

// History lists the versions of a callflow, the stored one first. Versions
// whose month is gone, or that Kazoo replaced, are missing. A callflow that
// is neither stored nor in history is [problem.BadIdentifier].
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

// Version returns one version of a callflow, from storage or from history,
// with its private keys. One that is not to be had is [problem.BadIdentifier].
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
		return nil, nil //nolint:nilnil // absence is an answer here, history may know more
	}
	if err != nil {
		return nil, err
	}
	if !isCallflow(id, leaves[0]) {
		return nil, badIdentifier(id)
	}
	return leaves[0], nil
}

func (s *Service) version(ctx context.Context, accountID, id, rev string, stored document.Doc) (document.Doc, error) {
	doc, err := s.anyVersion(ctx, accountID, id, rev, stored)
	if err == nil && !isCallflow(id, doc) {
		return nil, badIdentifier(rev)
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
	for db, month := range s.months(accountID, stored) {
		entry, err := db.Get(ctx, historyID(month, id, rev))
		switch {
		case err == nil:
			return entry.Object("document"), nil
		case !problem.Is(err, problem.BadIdentifier) && !problem.Is(err, problem.MissingDatabase):
			return nil, err
		}
	}
	return nil, badIdentifier(rev)
}

// versions lists the stored version and those in history, newest first.
func (s *Service) versions(ctx context.Context, accountID, id string) ([]document.Doc, error) {
	stored, err := s.current(ctx, accountID, id)
	if err != nil {
		return nil, err
	}
	var out []document.Doc
	seen := map[string]bool{}
	if stored != nil {
		out = append(out, stored)
		seen[stored.Rev()] = true
	}
	for db, month := range s.months(accountID, stored) {
		prefix := historyID(month, id, "")
		q := couch.Query{StartKey: prefix, EndKey: prefix + "\ufff0", IncludeDocs: true}
		for row, err := range db.AllDocs(ctx, q) {
			if problem.Is(err, problem.MissingDatabase) {
				break
			}
			if err != nil {
				return nil, err
			}
			entry, err := row.Document()
			if err != nil || entry.String("callflow_id") != id || seen[entry.String("revision")] {
				continue
			}
			seen[entry.String("revision")] = true
			out = append(out, entry.Object("document"))
		}
	}
	if len(out) == 0 {
		return nil, badIdentifier(id)
	}
	slices.SortStableFunc(out, newestFirst)
	return out, nil
}

// newestFirst orders versions by generation; conflicting ones of the same
// generation by the time they were written.
func newestFirst(a, b document.Doc) int {
	at := func(d document.Doc) int64 { t, _ := d.Seconds("pvt_modified"); return t }
	return cmp.Or(cmp.Compare(generation(b), generation(a)), cmp.Compare(at(b), at(a)), cmp.Compare(b.Rev(), a.Rev()))
}

func generation(d document.Doc) int {
	n, _, _ := strings.Cut(d.Rev(), "-")
	g, _ := strconv.Atoi(n)
	return g
}

// months yields the account's monthly databases, the latest first, from a day
// ahead (clocks differ) back to the month the callflow was created in.
func (s *Service) months(accountID string, stored document.Doc) iter.Seq2[*couch.DB, time.Time] {
	latest := s.now().UTC().Add(24 * time.Hour)
	month := time.Date(latest.Year(), latest.Month(), 1, 0, 0, 0, 0, time.UTC)
	oldest := month.AddDate(0, -maxMonths, 0)
	if created, ok := stored.Seconds("pvt_created"); ok {
		t := document.FromGregorian(created)
		if first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC); first.After(oldest) && !first.After(month) {
			oldest = first
		}
	}
	return func(yield func(*couch.DB, time.Time) bool) {
		for m := month; !m.Before(oldest); m = m.AddDate(0, -1, 0) {
			if !yield(s.Couch.DB(couch.MonthDB(accountID, m)), m) {
				return
			}
		}
	}
}

// describeVersion reads who made a version from its private fields. What
// Kazoo wrote has no trace of ours, or an old one.
func describeVersion(doc document.Doc) HistoryItem {
	item := HistoryItem{
		Revision: doc.Rev(), Action: string(actionUpdated), RequestID: doc.String("pvt_request_id"),
		AccountID: doc.String("pvt_auth_account_id"), UserID: doc.String("pvt_auth_user_id"),
	}
	if at, ok := doc.Seconds("pvt_modified"); ok {
		item.At = document.FromGregorian(at).Format(time.RFC3339)
	}
	trace := document.Doc(doc.Object(traceKey))
	switch {
	case trace.String("request_id") == item.RequestID && trace.String("action") != "":
		item.Action, item.ClientIP = trace.String("action"), trace.String("client_ip")
	case !doc.Live():
		item.Action = string(actionDeleted)
	case generation(doc) == 1:
		item.Action = string(actionCreated)
	}
	return item
}
