package callflow

import (
	"context"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/save"
)

// Restore makes an old version the stored one, as a new revision, or brings a
// deleted callflow back. rev is the version wanted; "" is the newest there
// is. It runs the whole pipeline: a number that has found a new holder is
// reported, and nothing is written. A version that is not to be had is
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
			return nil, save.BadIdentifier(rev) // nothing to go back to
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
