package reserve

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Type is the pvt_type of a reservation document.
const Type = "callflowd_reservation"

// Store keeps the reservations of one database, whose holders are documents
// of the same database.
type Store struct {
	DB        *couch.DB
	AccountID string // whose database it is; may be ""
	// Lease is how long a reservation is respected although its holder does
	// not have the key yet: somebody is about to write it. 0 for not at all.
	Lease time.Duration
	Now   func() time.Time // needed with a Lease
}

// maxRounds bounds how often claims ask storage before they give up; a claim
// that nobody disputes needs two or three rounds.
const maxRounds = 40

// Take drives claims until each is held or has failed. Once one has failed, no
// more reservations are taken, but those taken wrongly are given back.
func (s Store) Take(ctx context.Context, claims []*Claim) error {
	for range maxRounds {
		if err := s.Look(ctx, claims); err != nil {
			return err
		}
		wanted, wrong := in(claims, taking), in(claims, returning)
		var err error
		switch {
		case len(wrong) > 0:
			err = s.write(ctx, wrong)
		case len(wanted) > 0 && len(in(claims, refused)) == 0:
			err = s.write(ctx, s.turn(wanted))
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return &problem.Error{Code: problem.Conflict, Msg: "the reservations change all the time"}
}

// Look drives claims as far as possible without writing. [Claim.Failed]
// tells which keys others hold.
func (s Store) Look(ctx context.Context, claims []*Claim) error {
	if unread := in(claims, reading); len(unread) > 0 {
		if err := s.readReservations(ctx, unread); err != nil {
			return err
		}
	}
	if doubtful := in(claims, judging, judgingAgain); len(doubtful) > 0 {
		return s.judge(ctx, doubtful)
	}
	return nil
}

func in(claims []*Claim, states ...state) []*Claim {
	return slices.DeleteFunc(slices.Clone(claims), func(c *Claim) bool { return !slices.Contains(states, c.state) })
}

// turn returns the claims to take next. Where there is a lease, keys are taken
// one after the other: two writers that each hold one key of two would refuse
// each other.
func (s Store) turn(claims []*Claim) []*Claim {
	if s.Lease > 0 {
		return claims[:1]
	}
	return claims
}

// Judge looks at the documents that Others names and at no reservation.
// [Claim.Failed] tells which keys they hold; the other claims are as before.
func (s Store) Judge(ctx context.Context, claims []*Claim) error {
	disputed := slices.DeleteFunc(slices.Clone(claims), func(c *Claim) bool { return len(c.Others) == 0 })
	for _, c := range disputed {
		c.state = judging
	}
	if err := s.judge(ctx, disputed); err != nil {
		return err
	}
	for _, c := range disputed {
		if !c.Failed() {
			c.state = reading
		}
	}
	return nil
}

// Confirm reads the reservations of held claims again: they are confirmed or
// lost. Of many, the revision tells first which are as they were.
func (s Store) Confirm(ctx context.Context, claims []*Claim) error {
	for _, c := range claims {
		c.state = confirming
	}
	if len(claims) < 2 {
		return s.readReservations(ctx, claims)
	}
	revs, err := s.DB.Current(ctx, idsOf(claims))
	if err != nil {
		return err
	}
	var changed []*Claim
	for _, c := range claims {
		if revs[c.Key.ReservationID()] == c.seen.rev {
			c.read(c.seen)
		} else {
			changed = append(changed, c)
		}
	}
	return s.readReservations(ctx, changed)
}

// Release ends the leases of reservations that are still held by self, whose
// keys it has given up or never got. The reservations stay: they say which
// document the next holder has to look at.
func (s Store) Release(ctx context.Context, self string, keys []Key) error {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ReservationID()
	}
	docs, err := s.DB.GetMany(ctx, ids)
	if err != nil {
		return err
	}
	var ended []document.Doc
	for _, doc := range docs {
		if r := reservationOf(doc); r.holder == self && r.since != 0 {
			delete(doc, "pvt_created")
			ended = append(ended, doc)
		}
	}
	_, err = s.DB.Bulk(ctx, ended) // one that was written meanwhile is left as it is
	return err
}

func idsOf(claims []*Claim) []string {
	ids := make([]string, len(claims))
	for i, c := range claims {
		ids[i] = c.Key.ReservationID()
	}
	return ids
}

func (s Store) readReservations(ctx context.Context, claims []*Claim) error {
	ids := idsOf(claims)
	docs, err := s.DB.GetMany(ctx, ids)
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

func (s Store) judge(ctx context.Context, claims []*Claim) error {
	ids := map[string]bool{}
	for _, c := range claims {
		for _, id := range c.suspects() {
			ids[id] = true
		}
	}
	docs, err := s.DB.GetMany(ctx, slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return err
	}
	for _, c := range claims {
		holder := ""
		for _, id := range c.suspects() {
			if doc := docs[id]; doc != nil && c.Key.HeldBy(doc) {
				holder = id
				break
			}
		}
		c.judge(holder, s.leased(c.seen, docs[c.seen.holder]))
	}
	return nil
}

// leased reports whether a reservation's holder may still be about to write
// its key. A deleted one is not.
func (s Store) leased(r reservation, holder document.Doc) bool {
	if s.Lease <= 0 || r.since == 0 || holder != nil && !holder.Live() {
		return false
	}
	return document.Gregorian(s.Now())-r.since < int64(s.Lease.Seconds())
}

// writeBatch bounds how many reservations are written in one request, which
// has a limit of time.
const writeBatch = 2_000

func (s Store) write(ctx context.Context, claims []*Claim) error {
	for batch := range slices.Chunk(claims, writeBatch) {
		docs := make([]document.Doc, len(batch))
		for i, c := range batch {
			if s.Lease > 0 {
				c.now = document.Gregorian(s.Now())
			}
			docs[i] = s.document(c)
		}
		results, err := s.DB.Bulk(ctx, docs)
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

// document is the reservation that a claim wants, as it is stored.
func (s Store) document(c *Claim) document.Doc {
	r := c.wanted()
	doc := document.Doc{
		"_id": c.Key.ReservationID(), "pvt_type": Type, "kind": c.Key.Kind(), "key": c.Key.Text(), "holder": r.holder,
	}
	if s.AccountID != "" {
		doc["pvt_account_id"] = s.AccountID
	}
	if r.rev != "" {
		doc.SetRev(r.rev)
	}
	if r.previous != "" {
		doc["previous"] = r.previous
	}
	if r.since != 0 {
		doc["pvt_created"] = document.GregorianNumber(document.FromGregorian(r.since))
	}
	return doc
}
