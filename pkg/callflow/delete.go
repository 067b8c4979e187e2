package callflow

import (
	"context"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Delete soft-deletes a callflow as Kazoo does: the document stays whole and
// keeps its id (contract 2.2). hard removes it for good instead. The answer
// holds the deleted document with _read_only.deleted and the new revision
// (contract 9.6). Documents that still refer to the callflow are warnings, or
// [problem.Conflict] with RefuseIfReferenced.
func (s *Service) Delete(ctx context.Context, w Write, hard bool) (Saved, error) {
	unlock, err := s.locks.lock(ctx, w.AccountID+"/"+w.ID)
	if err != nil {
		return Saved{}, &problem.Error{Code: problem.Unavailable, Msg: "wait for other writers", Err: err}
	}
	defer unlock()
	month := s.now()
	return s.retry(ctx, func() (Saved, error) {
		v := &save{s: s, db: s.Couch.Account(w.AccountID), w: w, action: actionDeleted}
		if err := v.load(ctx); err != nil {
			return Saved{}, err
		}
		if err := v.undisputed(ctx); err != nil {
			return Saved{}, err
		}
		if err := v.referenced(ctx); err != nil {
			return Saved{}, err
		}
		warnings, err := s.keep(ctx, w.AccountID, month, v.stored)
		if err != nil {
			return Saved{}, err
		}
		v.warnings = append(v.warnings, warnings...)
		if err := v.remove(ctx, hard); err != nil {
			return Saved{}, err
		}
		s.applied(w.AccountID, v.doc)
		return Saved{Doc: withDeleted(v.doc), Warnings: v.warnings}, nil
	})
}

// undisputed refuses to delete what was edited since the revision the client
// names: that is an edit against a deletion (contract 9.21).
func (v *save) undisputed(ctx context.Context) error {
	base, err := v.base(ctx)
	if err != nil {
		return err
	}
	return editAgainstDeletion(document.Diff(publicOf(base), publicOf(v.stored)), "theirs", v.stored.Rev())
}

func (v *save) remove(ctx context.Context, hard bool) error {
	v.doc = v.stored.Clone()
	v.doc["pvt_deleted"] = true
	v.s.sign(v.doc, v.w, v.action)
	if !hard {
		return v.put(ctx)
	}
	whole := v.doc
	v.doc = tombstone(whole)
	if err := v.put(ctx); err != nil {
		return err
	}
	rev := v.doc.Rev()
	v.doc = whole
	v.doc.SetRev(rev)
	return nil
}

// tombstone is what stays of a callflow that is removed for good: who did it,
// for history.
func tombstone(doc document.Doc) document.Doc {
	out := document.Doc{"_deleted": true}
	for _, k := range []string{
		"_id", "_rev", "pvt_type", "pvt_account_id", "pvt_created", "pvt_modified", "pvt_request_id",
		"pvt_auth_account_id", "pvt_auth_user_id", traceKey,
	} {
		if v, ok := doc[k]; ok {
			out[k] = v
		}
	}
	return out
}
