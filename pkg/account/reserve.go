package account

import (
	"context"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/save"
)

// claim is a name or a realm that only one live account may have. Its
// reservation, and the copies of the accounts that may hold it, are in the
// database of copies.
type claim struct {
	field string // "name" or "realm"
	key   string // normalised
}

// claimsOf returns what a document claims, deleted or not. A name without a
// letter or digit claims nothing.
func claimsOf(doc document.Doc) []reserve.Key {
	var claims []reserve.Key
	if key := document.Alphanumeric(doc.String("name")); key != "" {
		claims = append(claims, claim{"name", key})
	}
	if key := strings.ToLower(doc.String("realm")); key != "" {
		claims = append(claims, claim{"realm", key})
	}
	return claims
}

// ReservationID names the field and the key.
func (c claim) ReservationID() string { return "callflowd-" + c.field + "-" + c.key }

// HeldBy reports whether a live account has the name or realm.
func (c claim) HeldBy(doc document.Doc) bool {
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

// Kind is the field.
func (c claim) Kind() string { return c.field }

// Text is the name or realm as it is compared.
func (c claim) Text() string { return c.key }

// lease is how long a name that is being taken is respected: creating an
// account takes a while.
const lease = time.Minute

// names are the reservations of names and realms.
func (s *Service) names() reserve.Store {
	return reserve.Store{DB: s.accounts(), Lease: lease, Now: s.Now}
}

// attempt begins a save of an account, whose keys are unique among all.
func (s *Service) attempt(w Write) *save.Attempt {
	a := &save.Attempt{Write: w, DB: s.accounts()}
	a.Hooks = save.Hooks{
		Lease: lease, Now: s.Now, Log: s.Log,
		Keys: func(doc document.Doc) []reserve.Key {
			if doc.Live() {
				return claimsOf(doc)
			}
			return nil
		},
		Holders: s.listed,
		Taken: func(_ context.Context, failed []*reserve.Claim) ([]problem.Violation, error) {
			return takenBy(a.Doc, failed), nil
		},
		Drop: func(doc document.Doc, k reserve.Key) {
			// An account needs both; it gets what nobody else can have.
			doc[k.Kind()] = doc.ID()
			if k.Kind() == "realm" {
				doc["realm"] = randomHex(6) + "." + s.RealmSuffix
			}
		},
	}
	return a
}

// takenBy words keys that other accounts hold (contract 7.1). The others are
// not named: they may be anybody's.
func takenBy(doc document.Doc, failed []*reserve.Claim) []problem.Violation {
	out := make([]problem.Violation, len(failed))
	for i, c := range failed {
		out[i] = problem.Violation{
			Path: c.Key.Kind(), Code: "unique", Message: "the " + c.Key.Kind() + " is in use by another account",
			Members: map[string]any{"cause": doc.String(c.Key.Kind())},
		}
	}
	return out
}

// listed asks the views for accounts that have names and realms, those that
// Kazoo made too.
func (s *Service) listed(ctx context.Context, keys []reserve.Key) (map[reserve.Key][]string, error) {
	out := map[reserve.Key][]string{}
	for _, k := range keys {
		for row, err := range s.accounts().View(ctx, "accounts", "listing_by_"+k.Kind(), couch.Query{Key: k.Text()}) {
			if err != nil {
				return nil, err
			}
			out[k] = append(out[k], row.ID)
		}
	}
	return out, nil
}

// copyOf reads an account's copy, nil if there is none.
func (s *Service) copyOf(ctx context.Context, id string) (document.Doc, error) {
	doc, err := s.accounts().Get(ctx, id)
	return doc, ignore(err, problem.BadIdentifier)
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
