package account

import (
	"context"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
)

// claim is a name or a realm that only one live account may have.
type claim struct {
	field string // "name" or "realm"
	key   string // normalised
}

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

// names are the reservations of names and realms.
func (s *Service) names() reserve.Names { return reserve.Names{DB: s.accounts(), Now: s.Now} }

// reserve takes what doc claims for the account id and returns a violation
// for each claim that another account holds. What was taken is returned too,
// for [Service.release] if the change comes to nothing. After the first claim
// that cannot be had nothing more is taken: of several that want the same
// names one gets them all.
func (s *Service) reserve(ctx context.Context, doc document.Doc, id string) (took []claim, vs []problem.Violation, err error) {
	for _, c := range claimsOf(doc) {
		take := s.names().Take
		if len(vs) > 0 {
			take = s.names().Free
		}
		free, err := take(ctx, reserve.Name{ID: c.id(), HeldBy: c.heldBy}, id)
		if err == nil && free {
			if len(vs) == 0 {
				took = append(took, c)
			}
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

// copyOf reads an account's copy, nil if there is none.
func (s *Service) copyOf(ctx context.Context, id string) (document.Doc, error) {
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
		if held, err := s.names().Held(ctx, c.id(), id); err != nil || !held {
			return false, err
		}
	}
	return true, nil
}

// release gives up reservations that are id's.
func (s *Service) release(ctx context.Context, claims []claim, id string) error {
	for _, c := range claims {
		if err := s.names().Release(ctx, c.id(), id); err != nil {
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
