package account

import (
	"context"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// claim is a name or a realm that only one live account may have.
type claim struct {
	field string // "name" or "realm"
	key   string // normalised
}

// lease is how long a reservation is respected although its holder has not
// appeared yet: somebody is creating it. It serves progress alone; safety
// comes from reading reservations again after the writes.
const lease = time.Minute

// claimsOf returns what a document claims. A name without a letter or digit
// claims nothing.
func claimsOf(doc document.Doc) []claim {
	var claims []claim
	if key := document.Alphanumeric(doc.String("name")); key != "" {
		claims = append(claims, claim{"name", key})
	}
	if key := strings.ToLower(doc.String("realm")); key != "" {
		claims = append(claims, claim{"realm", key})
	}
	return claims
}

func (c claim) id() string { return "callflowd-" + c.field + "-" + c.key }

func (c claim) heldBy(doc document.Doc) bool {
	if doc == nil || !doc.Live() {
		return false
	}
	for _, other := range claimsOf(doc) {
		if other == c {
			return true
		}
	}
	return false
}

// taken is the violation for a claim that another account holds (contract
// 7.1). The other account is not named: it may be anybody's.
func (c claim) taken(value string) problem.Violation {
	return problem.Violation{
		Path: c.field, Code: "unique", Message: "the " + c.field + " is in use by another account",
		Members: map[string]any{"cause": value},
	}
}

// reserve takes what doc claims for the account id and returns a violation
// for each claim that another account holds. What was taken is returned too,
// for [Service.release] if the change comes to nothing.
func (s *Service) reserve(ctx context.Context, doc document.Doc, id string) (took []claim, vs []problem.Violation, err error) {
	for _, c := range claimsOf(doc) {
		free, err := s.take(ctx, c, id)
		if err == nil && free {
			took = append(took, c)
			free, err = s.unlisted(ctx, c, id)
		}
		if err != nil {
			return took, nil, err
		}
		if !free {
			vs = append(vs, c.taken(doc.String(c.field)))
		}
	}
	return took, vs, nil
}

// take creates the reservation, or swaps it when its holder has no right to
// it any more. It reports whether the reservation is id's now.
func (s *Service) take(ctx context.Context, c claim, id string) (bool, error) {
	fresh := document.Doc{
		"_id": c.id(), "pvt_type": "callflowd_reservation", "holder": id, "pvt_created": document.GregorianNumber(s.Now()),
	}
	err := s.accounts().Put(ctx, fresh)
	if err == nil || !problem.Is(err, problem.Conflict) {
		return err == nil, err
	}
	held, err := s.accounts().Get(ctx, c.id())
	if problem.Is(err, problem.BadIdentifier) { // released meanwhile: whoever asks again gets it
		return false, nil
	}
	if err != nil {
		return false, err
	}
	holder := held.String("holder")
	if holder == id {
		return true, nil
	}
	rightful, err := s.rightful(ctx, c, held)
	if err != nil || rightful {
		return false, err
	}
	fresh.SetRev(held.Rev())
	if err := s.accounts().Put(ctx, fresh); err != nil {
		return false, ignore(err, problem.Conflict)
	}
	// The holder may have appeared between the question and the swap.
	doc, err := s.copyOf(ctx, holder)
	if err != nil {
		return false, err
	}
	if c.heldBy(doc) {
		return false, s.release(ctx, []claim{c}, id)
	}
	return true, nil
}

// rightful reports whether a reservation's holder still has a right to it.
func (s *Service) rightful(ctx context.Context, c claim, held document.Doc) (bool, error) {
	doc, err := s.copyOf(ctx, held.String("holder"))
	if err != nil {
		return false, err
	}
	if doc != nil {
		return c.heldBy(doc), nil
	}
	since, ok := held.Seconds("pvt_created")
	return ok && document.Gregorian(s.Now())-since < int64(lease.Seconds()), nil
}

// copyOf reads an account's copy, nil if there is none.
func (s *Service) copyOf(ctx context.Context, id string) (document.Doc, error) {
	if id == "" {
		return nil, nil
	}
	doc, err := s.accounts().Get(ctx, id)
	return doc, ignore(err, problem.BadIdentifier)
}

// unlisted asks the view for accounts without a reservation, made by Kazoo.
func (s *Service) unlisted(ctx context.Context, c claim, id string) (bool, error) {
	for row, err := range s.accounts().View(ctx, "accounts", "listing_by_"+c.field, couch.Query{Key: c.key}) {
		if err != nil {
			return false, err
		}
		if row.ID != id {
			return false, nil
		}
	}
	return true, nil
}

// stillHeld reads reservations again after the account was written. Of two
// writers at least one finds that it lost.
func (s *Service) stillHeld(ctx context.Context, claims []claim, id string) (bool, error) {
	for _, c := range claims {
		held, err := s.accounts().Get(ctx, c.id())
		if err = ignore(err, problem.BadIdentifier); err != nil {
			return false, err
		}
		if held.String("holder") != id {
			return false, nil
		}
	}
	return true, nil
}

// release gives up reservations that are id's.
func (s *Service) release(ctx context.Context, claims []claim, id string) error {
	for _, c := range claims {
		held, err := s.accounts().Get(ctx, c.id())
		if err = ignore(err, problem.BadIdentifier); err != nil {
			return err
		}
		if held == nil || held.String("holder") != id {
			continue
		}
		if _, err := s.accounts().Delete(ctx, c.id(), held.Rev()); ignore(err, problem.Conflict, problem.BadIdentifier) != nil {
			return err
		}
	}
	return nil
}

// ignore returns nil for an error of one of the codes.
func ignore(err error, codes ...problem.Code) error {
	for _, code := range codes {
		if problem.Is(err, code) {
			return nil
		}
	}
	return err
}
