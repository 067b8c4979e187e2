package reserve

import (
	"context"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// lease is how long a reservation is respected although its holder does not
// have the name yet: somebody is about to write it. It serves progress alone;
// safety comes from asking again after the writes.
const lease = time.Minute

// takeTries bounds how often a reservation that others release and take
// meanwhile is asked for.
const takeTries = 4

// Names are the reservations of one database, whose holders are documents of
// the same database.
type Names struct {
	DB  *couch.DB
	Now func() time.Time
}

// Name is what only one document may have.
type Name struct {
	ID string // of the reservation
	// HeldBy reports whether a document has the name; it is asked about live
	// and soft-deleted documents.
	HeldBy func(document.Doc) bool
}

// Take makes the reservation holder's, unless another has a right to it, and
// reports whether it is now.
func (n Names) Take(ctx context.Context, name Name, holder string) (bool, error) {
	for range takeTries {
		fresh := document.Doc{
			"_id": name.ID, "pvt_type": Type, "holder": holder, "pvt_created": document.GregorianNumber(n.Now()),
		}
		err := n.DB.Put(ctx, fresh)
		if err == nil || !problem.Is(err, problem.Conflict) {
			return err == nil, err
		}
		held, err := n.read(ctx, name.ID)
		if err != nil {
			return false, err
		}
		if held == nil { // released meanwhile
			continue
		}
		return n.takeOver(ctx, name, held, fresh)
	}
	return false, nil
}

// takeOver swaps the reservation held for fresh if its holder has no right to
// it any more.
func (n Names) takeOver(ctx context.Context, name Name, held, fresh document.Doc) (bool, error) {
	former, holder := held.String("holder"), fresh.String("holder")
	if former == holder {
		return true, nil
	}
	rightful, err := n.rightful(ctx, name, held)
	if err != nil || rightful {
		return false, err
	}
	fresh.SetRev(held.Rev())
	if err := n.DB.Put(ctx, fresh); err != nil {
		return false, ignoreConflict(err)
	}
	// The former holder may have got the name between the question and the
	// swap: then it has it back.
	doc, err := n.read(ctx, former)
	if err != nil || doc == nil || !name.HeldBy(doc) {
		return err == nil, err
	}
	fresh["holder"] = former
	return false, ignoreConflict(n.DB.Put(ctx, fresh))
}

// Free reports whether holder could take the reservation, without doing so.
func (n Names) Free(ctx context.Context, name Name, holder string) (bool, error) {
	held, err := n.read(ctx, name.ID)
	if err != nil || held == nil || held.String("holder") == holder {
		return err == nil, err
	}
	rightful, err := n.rightful(ctx, name, held)
	return err == nil && !rightful, err
}

// Held reports whether the reservation of that id is holder's.
func (n Names) Held(ctx context.Context, id, holder string) (bool, error) {
	held, err := n.read(ctx, id)
	return held.String("holder") == holder, err
}

// Release gives the reservation of that id up if it is holder's.
func (n Names) Release(ctx context.Context, id, holder string) error {
	held, err := n.read(ctx, id)
	if err != nil || held == nil || held.String("holder") != holder {
		return err
	}
	_, err = n.DB.Delete(ctx, id, held.Rev())
	if problem.Is(err, problem.BadIdentifier) {
		return nil
	}
	return ignoreConflict(err)
}

// rightful reports whether a reservation's holder has the name, or may be
// about to write it. A deleted one is not.
func (n Names) rightful(ctx context.Context, name Name, held document.Doc) (bool, error) {
	doc, err := n.read(ctx, held.String("holder"))
	switch {
	case err != nil:
		return false, err
	case doc != nil && name.HeldBy(doc):
		return true, nil
	case doc != nil && !doc.Live():
		return false, nil
	}
	since, ok := held.Seconds("pvt_created")
	return ok && document.Gregorian(n.Now())-since < int64(lease.Seconds()), nil
}

// read returns a document, nil if there is none.
func (n Names) read(ctx context.Context, id string) (document.Doc, error) {
	if id == "" {
		return nil, nil
	}
	doc, err := n.DB.Get(ctx, id)
	if problem.Is(err, problem.BadIdentifier) {
		return nil, nil
	}
	return doc, err
}

func ignoreConflict(err error) error {
	if problem.Is(err, problem.Conflict) {
		return nil
	}
	return err
}
