package callflow

import (
	"context"
	"maps"
	"slices"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// maxRounds bounds how often claims ask storage before they give up; a claim
// that nobody disputes needs two or three rounds.
const maxRounds = 40

// reserve drives claims until each is held or refused. Once one is refused,
// no more reservations are taken, but what was taken wrongly is given back.
func reserve(ctx context.Context, db *couch.DB, accountID string, claims []*claim) error {
	for range maxRounds {
		open := func(states ...state) []*claim {
			return slices.DeleteFunc(slices.Clone(claims), func(c *claim) bool { return !slices.Contains(states, c.state) })
		}
		refusedAny := len(open(refused)) > 0
		var err error
		switch {
		case len(open(reading)) > 0:
			err = readReservations(ctx, db, open(reading))
		case len(open(judging, judgingAgain)) > 0:
			err = judgeSuspects(ctx, db, open(judging, judgingAgain))
		case len(open(returning)) > 0:
			err = writeReservations(ctx, db, accountID, open(returning))
		case len(open(taking)) > 0 && !refusedAny:
			err = writeReservations(ctx, db, accountID, open(taking))
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return &problem.Error{Code: problem.Conflict, Msg: "the reservations keep changing hands"}
}

// confirm reads the reservations of held claims again. Of many, the revision
// tells first which are as they were.
func confirm(ctx context.Context, db *couch.DB, claims []*claim) error {
	for _, c := range claims {
		c.state = confirming
	}
	if len(claims) < 2 {
		return readReservations(ctx, db, claims)
	}
	revs, err := db.Current(ctx, reservationIDs(claims))
	if err != nil {
		return err
	}
	var changed []*claim
	for _, c := range claims {
		if revs[c.key.reservationID()] == c.seen.rev {
			c.read(c.seen)
		} else {
			changed = append(changed, c)
		}
	}
	return readReservations(ctx, db, changed)
}

func reservationIDs(claims []*claim) []string {
	ids := make([]string, len(claims))
	for i, c := range claims {
		ids[i] = c.key.reservationID()
	}
	return ids
}

func readReservations(ctx context.Context, db *couch.DB, claims []*claim) error {
	if len(claims) == 0 {
		return nil
	}
	ids := reservationIDs(claims)
	docs, err := getMany(ctx, db, ids)
	if err != nil {
		return err
	}
	for i, c := range claims {
		var r reservation
		if doc, ok := docs[ids[i]]; ok {
			r = reservationOf(doc)
		}
		c.read(r)
	}
	return nil
}

func judgeSuspects(ctx context.Context, db *couch.DB, claims []*claim) error {
	ids := map[string]bool{}
	for _, c := range claims {
		for _, id := range c.suspects() {
			ids[id] = true
		}
	}
	docs, err := getMany(ctx, db, slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return err
	}
	for _, c := range claims {
		suspects := c.suspects()
		i := slices.IndexFunc(suspects, func(id string) bool { return c.key.heldBy(docs[id]) })
		if i < 0 {
			c.judge("")
			continue
		}
		c.judge(suspects[i])
	}
	return nil
}

// writeBatch bounds how many reservations are written in one request, which
// has a limit of time.
const writeBatch = 2_000

func writeReservations(ctx context.Context, db *couch.DB, accountID string, claims []*claim) error {
	for batch := range slices.Chunk(claims, writeBatch) {
		docs := make([]document.Doc, len(batch))
		for i, c := range batch {
			docs[i] = c.wanted().document(c.key, accountID)
		}
		results, err := db.Bulk(ctx, docs)
		if err != nil {
			return err
		}
		for i, r := range results {
			if r.Err != nil && !problem.Is(r.Err, problem.Conflict) {
				return r.Err
			}
			batch[i].wrote(r.Rev)
		}
	}
	return nil
}

// getMany reads documents by id; what is absent is left out. One document is
// asked for on its own, which costs the server less.
func getMany(ctx context.Context, db *couch.DB, ids []string) (map[string]document.Doc, error) {
	if len(ids) != 1 {
		return db.GetMany(ctx, ids)
	}
	doc, err := db.Get(ctx, ids[0])
	if problem.Is(err, problem.BadIdentifier) {
		return map[string]document.Doc{}, nil
	}
	return map[string]document.Doc{ids[0]: doc}, err
}
