package callflow

import (
	"context"
	"encoding/json"
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

// ListDeleted lists the callflows that can be restored, by id: those that are
// soft-deleted, and those removed for good of which history has a version. It
// reads the whole list of changes and is meant for people, not for switches.
func (s *Service) ListDeleted(ctx context.Context, accountID string) ([]Deleted, error) {
	out := []Deleted{}
	for o := (couch.ChangesOptions{Limit: changesPage, IncludeDocs: true}); ; {
		page, err := s.Couch.Account(accountID).Changes(ctx, o)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Changes {
			var doc document.Doc
			if ours(c.ID) || json.Unmarshal(c.Doc, &doc) != nil || doc.Live() {
				continue
			}
			item, found, err := s.restorable(ctx, accountID, doc)
			if err != nil {
				return nil, err
			}
			if found {
				out = append(out, item)
			}
		}
		if len(page.Changes) < changesPage {
			break
		}
		o.Since = page.LastSeq
	}
	slices.SortFunc(out, func(a, b Deleted) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// restorable describes a deleted document if it is a callflow that can be
// brought back. A document that CouchDB deleted may not say what it was.
func (s *Service) restorable(ctx context.Context, accountID string, doc document.Doc) (Deleted, bool, error) {
	version := doc
	switch {
	case doc.Type() != Type && !(isTombstone(doc) && doc.Type() == ""):
		return Deleted{}, false, nil
	case isTombstone(doc):
		found, err := s.toRestore(ctx, accountID, doc.ID(), "")
		if problem.Is(err, problem.BadIdentifier) || err == nil && found.Type() != Type {
			return Deleted{}, false, nil
		}
		if err != nil {
			return Deleted{}, false, err
		}
		version = found
	}
	item := Deleted{
		ID: doc.ID(), Name: version.String("name"), Numbers: version.Strings(numbersKey), Revision: version.Rev(), Removed: isTombstone(doc),
	}
	if at, dated := doc.Seconds("pvt_modified"); dated {
		item.At = document.FromGregorian(at).Format(time.RFC3339)
	}
	return item, true, nil
}
