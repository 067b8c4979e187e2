package save

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/trace"
)

// Group are attempts of documents of one database that are written all or
// not at all. Keys may move between them. The documents go to storage in one
// request; what a crash in the middle of it leaves is for whoever wrote down,
// in Begin, what was about to be done.
type Group struct {
	Attempts []*Attempt
	// Begin writes down what is about to be written, End removes that when
	// nothing is left to be done.
	Begin func(ctx context.Context) error
	End   func(ctx context.Context) error
	// Finish finds out what a write came to whose answer was lost, and
	// completes it. It returns the documents, or nil where nothing was written.
	Finish func(ctx context.Context) ([]document.Doc, error)
	// Hold has do write, and shows readers what it returns at once.
	Hold func(do func() []document.Doc)
}

// NewGroup makes a group of attempts whose Doc is complete, and lets them give
// keys to each other.
func NewGroup(attempts []*Attempt) *Group {
	g := &Group{Attempts: attempts}
	for _, a := range attempts {
		a.giving = func(k reserve.Key) []string { return g.without(k) }
	}
	return g
}

// without are the documents of the group that will not have a key.
func (g *Group) without(k reserve.Key) []string {
	var ids []string
	for _, a := range g.Attempts {
		if !k.HeldBy(a.Doc) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// RunGroup makes attempts of a group until one is not overtaken. ids are the
// documents that are known beforehand.
func (s *Service) RunGroup(ctx context.Context, accountID string, ids []string, prepare func(context.Context) (*Group, error)) ([]Saved, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids))) // in one order, so that two groups do not wait for each other
	for _, id := range ids {
		unlock, err := s.locks.lock(ctx, accountID+"/"+id)
		if err != nil {
			return nil, &problem.Error{Code: problem.Unavailable, Msg: "wait for other writers", Err: err}
		}
		defer unlock()
	}
	return Retry(ctx, func() ([]Saved, error) {
		g, err := prepare(ctx)
		if err != nil || len(g.Attempts) == 0 {
			return nil, err
		}
		return g.commit(ctx)
	})
}

func (g *Group) store() reserve.Store { return g.Attempts[0].reservations() }

func (g *Group) claims() []*reserve.Claim {
	var all []*reserve.Claim
	for _, a := range g.Attempts {
		all = append(all, a.claims...)
	}
	return all
}

// commit writes what the attempts have prepared.
func (g *Group) commit(ctx context.Context) ([]Saved, error) {
	if err := g.Begin(ctx); err != nil {
		return nil, err
	}
	if err := g.takeAndKeep(ctx); err != nil {
		return nil, errors.Join(err, g.end(ctx))
	}
	var err error
	g.Hold(func() []document.Doc {
		if err = g.write(ctx); err != nil {
			return nil
		}
		return g.docs()
	})
	if err != nil {
		return nil, err
	}
	if err := g.end(ctx); err != nil {
		g.log().Warn("a batch that was written stays noted as begun", zap.Error(err))
	}
	saved := make([]Saved, len(g.Attempts))
	for i, a := range g.Attempts {
		saved[i] = Saved{Doc: a.Doc, Warnings: a.Warnings}
	}
	return saved, nil
}

func (g *Group) log() *zap.Logger { return g.Attempts[0].log() }

func (g *Group) docs() []document.Doc {
	docs := make([]document.Doc, len(g.Attempts))
	for i, a := range g.Attempts {
		docs[i] = a.Doc
	}
	return docs
}

// end ends the group even where the request has ended.
func (g *Group) end(ctx context.Context) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	return g.End(ctx)
}

// takeAndKeep takes the reservations of all keys and keeps all versions that
// are about to be replaced.
func (g *Group) takeAndKeep(ctx context.Context) error {
	for _, a := range g.Attempts {
		replaced := a.Stored
		if replaced == nil {
			replaced = a.Tombstone
		}
		if replaced == nil || a.Hooks.Keep == nil {
			continue
		}
		warnings, err := a.Hooks.Keep(ctx, replaced)
		a.Warnings = append(a.Warnings, warnings...)
		if err != nil {
			return err
		}
	}
	claims := g.claims()
	if len(claims) == 0 {
		return nil
	}
	if err := g.store().Take(ctx, claims); err != nil {
		return err
	}
	if slices.ContainsFunc(claims, func(c *reserve.Claim) bool { return c.Failed() }) {
		return Again(&problem.Error{Code: problem.Conflict, Msg: "a key was taken meanwhile"}) // the next attempt says by whom
	}
	return nil
}

// write writes the documents and makes sure of their keys. If that fails,
// nothing of it stays, or Finish has to see to it.
func (g *Group) write(ctx context.Context) error {
	results, err := g.Attempts[0].DB.Bulk(ctx, g.docs())
	if err != nil {
		return g.afterLostAnswer(ctx, err)
	}
	var failed error
	var written []*Attempt
	for i, r := range results {
		a := g.Attempts[i]
		if r.Err == nil || problem.Is(r.Err, problem.Conflict) && a.already(ctx) {
			written = append(written, a)
			continue
		}
		failed = r.Err
	}
	if failed == nil {
		failed = g.confirm(ctx)
	}
	if failed == nil {
		return nil
	}
	if err := g.undo(ctx, written); err != nil {
		return errors.Join(failed, err)
	}
	if err := g.end(ctx); err != nil {
		return errors.Join(failed, err)
	}
	if problem.Is(failed, problem.Conflict) {
		return Again(failed)
	}
	return failed
}

// afterLostAnswer finds out whether a write that failed was made.
func (g *Group) afterLostAnswer(ctx context.Context, cause error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	docs, err := g.Finish(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	if docs == nil {
		return cause
	}
	for i, a := range g.Attempts {
		a.Doc = docs[i]
	}
	return nil
}

func (g *Group) confirm(ctx context.Context) error {
	claims := g.claims()
	if len(claims) == 0 {
		return nil
	}
	if err := g.store().Confirm(ctx, claims); err != nil {
		return err
	}
	for _, c := range claims {
		if c.Lost() {
			return &problem.Error{Code: problem.Conflict, Msg: "lost the reservation of " + c.Key.Text()}
		}
	}
	return nil
}

// undo puts back the versions before an unacknowledged write, with their keys
// as far as nobody else has got them.
func (g *Group) undo(ctx context.Context, written []*Attempt) error {
	trace.Note(ctx, trace.Undone)
	ctx, cancel := detached(ctx)
	defer cancel()
	var before []document.Doc
	for _, a := range written {
		old := document.Doc{"_id": a.ID, "_deleted": true}
		if a.Stored != nil {
			old = a.Stored.Clone()
		}
		old.SetRev(a.Doc.Rev())
		before = append(before, old)
	}
	_, err := g.Place(ctx, before)
	return err
}

// Place writes documents of the group, whose revisions are what they replace,
// and claims the keys that they have and the stored versions have not. A key
// that somebody else has is dropped. Who has written one of them meanwhile knows
// better: that document stays. It returns what was written.
func (g *Group) Place(ctx context.Context, docs []document.Doc) ([]document.Doc, error) {
	a := g.Attempts[0]
	ids := make([]string, len(g.Attempts))
	for i, one := range g.Attempts {
		ids[i] = one.ID
	}
	for range maxAttempts {
		var claims []*reserve.Claim
		for _, doc := range docs {
			for _, k := range a.Hooks.Keys(doc) {
				claims = append(claims, &reserve.Claim{Key: k, Self: doc.ID(), Giving: ids})
			}
		}
		if err := a.reservations().Take(ctx, claims); err != nil {
			return nil, err
		}
		if g.drop(docs, claims) {
			continue
		}
		results, err := a.DB.Bulk(ctx, docs)
		if err != nil {
			return nil, err
		}
		var kept []document.Doc
		for i, r := range results {
			switch {
			case r.Err == nil:
				kept = append(kept, docs[i])
			case !problem.Is(r.Err, problem.Conflict):
				return nil, r.Err
			}
		}
		docs = kept
		if err := a.reservations().Confirm(ctx, claims); err != nil {
			return nil, err
		}
		if !g.drop(docs, claims) {
			return docs, nil
		}
	}
	return nil, &problem.Error{Code: problem.Conflict, Msg: "the keys of a batch keep changing hands"}
}

// drop takes keys that somebody else has out of documents.
func (g *Group) drop(docs []document.Doc, claims []*reserve.Claim) bool {
	dropped := false
	for _, c := range claims {
		if !c.Failed() {
			continue
		}
		for _, doc := range docs {
			if doc.ID() == c.Self {
				g.Attempts[0].Hooks.Drop(doc, c.Key)
				dropped = true
			}
		}
	}
	return dropped
}
