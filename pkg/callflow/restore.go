package callflow

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// Restore makes an old version the stored one, as a new revision, or brings a
// deleted callflow back. rev is the version wanted; "" is the newest one. It
// runs the whole pipeline: if a number has a new holder, the error says so and
// nothing is written. A version that is not available is
// [problem.BadIdentifier].
func (s *Service) Restore(ctx context.Context, w Write, rev string) (Saved, error) {
	version, err := s.toRestore(ctx, w.AccountID, w.ID, rev)
	if err != nil {
		return Saved{}, err
	}
	w.Data = version
	return s.save(ctx, w, actionRestored)
}

func (s *Service) toRestore(ctx context.Context, accountID, id, rev string) (document.Doc, error) {
	if rev != "" {
		version, err := s.Version(ctx, accountID, id, rev)
		if err == nil && isTombstone(version) {
			return nil, save.BadIdentifier(rev) // there is no older version
		}
		return version, err
	}
	versions, err := s.versions(ctx, accountID, id)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if !isTombstone(v) && !incomplete(v) {
			return v, nil
		}
	}
	return nil, save.BadIdentifier(id)
}

// isTombstone reports whether a version has nothing of the callflow left.
func isTombstone(doc document.Doc) bool { return document.Truthy(doc["_deleted"]) }

// Deleted is a callflow that [Service.Restore] can bring back.
type Deleted struct {
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty"`
	Numbers []string `json:"numbers"`
	// Revision is the version to restore.
	Revision string `json:"revision"`
	At       string `json:"at,omitempty"` // when it was deleted, ISO 8601, UTC; "" if that is not known
	Removed  bool   `json:"removed"`      // for good: its id can be used anew
}

// ListDeleted lists callflows that can be restored, by id: those that are
// soft-deleted, and those removed for good of which history has a version. A
// filter sees the version to restore; without a PageSize all are on one page.
// Every page reads the whole list of
// changes: this is meant for people, not for switches.
func (s *Service) ListDeleted(ctx context.Context, accountID string, o ListOptions) (page Page, err error) {
	found, err := s.deleted(ctx, accountID, o)
	if err != nil {
		return Page{}, err
	}
	page.Items = []json.RawMessage{}
	for _, id := range slices.SortedFunc(maps.Keys(found), o.compare) {
		item, ok, err := s.restorable(ctx, accountID, found[id], o.Filter)
		if err != nil {
			return Page{}, err
		}
		if !ok {
			continue
		}
		if o.PageSize > 0 && len(page.Items) == o.PageSize {
			page.NextStartKey = id
			break
		}
		text, err := json.Marshal(item)
		if err != nil {
			return Page{}, err
		}
		page.Items = append(page.Items, text)
	}
	return page, nil
}

// deleted reads the changes for documents that may be deleted callflows, by id:
// of those removed for good only the id is sure.
func (s *Service) deleted(ctx context.Context, accountID string, o ListOptions) (map[string]document.Doc, error) {
	found := map[string]document.Doc{}
	for c := (couch.ChangesOptions{Limit: changesPage, IncludeDocs: true}); ; {
		page, err := s.Couch.Account(accountID).Changes(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, change := range page.Changes {
			var doc document.Doc
			if ours(change.ID) || !o.has(change.ID) || json.Unmarshal(change.Doc, &doc) != nil || doc.Live() {
				delete(found, change.ID)
				continue
			}
			if doc.Type() == Type || isTombstone(doc) && doc.Type() == "" {
				found[change.ID] = doc
			}
		}
		if len(page.Changes) < changesPage {
			return found, nil
		}
		c.Since = page.LastSeq
	}
}

// has reports whether an id is between the keys of a listing.
func (o ListOptions) has(id string) bool {
	return (o.StartKey == "" || o.compare(o.StartKey, id) <= 0) && (o.EndKey == "" || o.compare(id, o.EndKey) <= 0)
}

// compare orders ids as a listing does.
func (o ListOptions) compare(a, b string) int {
	if o.Ascending {
		return strings.Compare(a, b)
	}
	return strings.Compare(b, a)
}

// restorable describes a deleted document if it is a callflow that can be
// brought back. A document that CouchDB deleted may not say what it was.
func (s *Service) restorable(ctx context.Context, accountID string, doc document.Doc, filter document.Filter) (Deleted, bool, error) {
	version := doc
	if isTombstone(doc) {
		found, err := s.toRestore(ctx, accountID, doc.ID(), "")
		if problem.Is(err, problem.BadIdentifier) || err == nil && found.Type() != Type {
			return Deleted{}, false, nil
		}
		if err != nil {
			return Deleted{}, false, err
		}
		version = found
	}
	if !filter.Empty() {
		text, err := json.Marshal(version)
		if err != nil || !filter.Match(text) {
			return Deleted{}, false, err
		}
	}
	item := Deleted{
		ID: doc.ID(), Name: version.String("name"), Numbers: version.Strings(numbersKey), Revision: version.Rev(), Removed: isTombstone(doc),
	}
	if at, dated := doc.Seconds("pvt_modified"); dated {
		item.At = document.FromGregorian(at).Format(time.RFC3339)
	}
	return item, true, nil
}
