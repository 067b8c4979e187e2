package callflow

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

// Conflicts lists conflicts that replication left, for people to resolve.
type Conflicts struct {
	Documents []DocumentConflict `json:"documents"`
	Numbers   []NumberConflict   `json:"numbers"`
	Patterns  []PatternConflict  `json:"patterns"`
	Invalid   []InvalidDocument  `json:"invalid,omitempty"`
}

// InvalidDocument is a callflow that was stored although a save would refuse
// it, because another site or program wrote it, or a design document whose
// functions are not run.
type InvalidDocument struct {
	ID       string         `json:"id"`
	Name     string         `json:"name,omitempty"`
	Revision string         `json:"revision"`
	Problems map[string]any `json:"problems"` // in the shape of a 400's data
}

// maxInvalid bounds the list of invalid callflows.
const maxInvalid = 1_000

// DocumentConflict is a document with several leaf revisions that are not
// deleted.
type DocumentConflict struct {
	ID        string   `json:"id"`
	Type      string   `json:"type"`
	Winner    string   `json:"winner"`
	Losers    []string `json:"losers"`
	Mergeable bool     `json:"mergeable"` // the three-way merge finds no overlap
}

// NumberConflict is a number that several live callflows hold.
type NumberConflict struct {
	Number      string   `json:"number"`
	CallflowIDs []string `json:"callflow_ids"`
}

// PatternConflict is a pattern that several live callflows hold.
type PatternConflict struct {
	Pattern     string   `json:"pattern"`
	CallflowIDs []string `json:"callflow_ids"`
}

// Unsettled is a document with conflicting revisions.
type Unsettled struct {
	Leaves  []document.Doc   // its living revisions with their private keys, the winner first
	Merged  document.Doc     // what a merge would give; nil where it has something to ask
	Clashes []map[string]any // then: the places that both sides changed
}

// Unsettled shows a document's conflicting revisions, and what a merge of them
// would give. A document without a conflict is [problem.BadIdentifier].
func (s *Service) Unsettled(ctx context.Context, accountID, id string) (Unsettled, error) {
	leaves, err := save.Living(ctx, s.Couch.Account(accountID), id)
	if err != nil {
		return Unsettled{}, err
	}
	if len(leaves) < 2 || ours(id) {
		return Unsettled{}, save.BadIdentifier(id)
	}
	out := Unsettled{Leaves: leaves}
	if out.Merged, err = s.mergeLeaves(ctx, accountID, id, leaves); !problem.Is(err, problem.Conflict) {
		return out, err
	}
	clashes, _ := problem.AsError(err).Data["conflicts"].([]any)
	for _, one := range clashes {
		if members, ok := one.(map[string]any); ok {
			out.Clashes = append(out.Clashes, members)
		}
	}
	return out, nil
}

// changesPage is how many changes are read at a time.
const changesPage = 1_000

// Conflicts lists the account's documents with conflicting revisions and the
// numbers and patterns that are booked more than once. It reads the whole
// list of changes and is meant for people, not for switches.
func (s *Service) Conflicts(ctx context.Context, accountID string) (Conflicts, error) {
	out := Conflicts{Documents: []DocumentConflict{}, Numbers: []NumberConflict{}, Patterns: []PatternConflict{}}
	ids, _, err := s.inConflict(ctx, accountID, "")
	if err != nil {
		return Conflicts{}, err
	}
	rivals := s.contention(ctx, accountID)
	booked := map[key][]string{}
	for _, id := range ids {
		if err := s.addConflict(ctx, accountID, id, &out, booked, rivals); err != nil {
			return Conflicts{}, err
		}
	}
	if err := s.addDoubleBooked(ctx, accountID, &out, booked); err != nil {
		return Conflicts{}, err
	}
	return out, s.addInvalid(ctx, accountID, &out)
}

// addInvalid judges every live callflow as a save would, without asking the
// database.
func (s *Service) addInvalid(ctx context.Context, accountID string, out *Conflicts) error {
	if err := s.addNotRun(ctx, accountID, out); err != nil {
		return err
	}
	plan, _, err := s.dialPlan(ctx, accountID)
	if err != nil {
		return err
	}
	for row, err := range s.Couch.Account(accountID).AllDocs(ctx, couch.Query{IncludeDocs: true}) {
		if err != nil {
			return err
		}
		doc, err := row.Document()
		if err != nil || doc.Type() != Type || !doc.Live() {
			continue
		}
		if _, wrong := s.clean(publicOf(doc), plan); len(wrong) > 0 {
			name, _ := doc["name"].(string)
			out.Invalid = append(out.Invalid, InvalidDocument{row.ID, name, doc.Rev(), problem.Data(wrong)})
			if len(out.Invalid) == maxInvalid {
				return nil
			}
		}
	}
	return nil
}

// addNotRun lists the design documents of others that the server does not run.
func (s *Service) addNotRun(ctx context.Context, accountID string, out *Conflicts) error {
	db := s.Couch.Account(accountID)
	withheld, err := db.Withheld(ctx)
	if err != nil || len(withheld) == 0 {
		return err
	}
	ids := slices.Sorted(maps.Keys(withheld))
	revs, err := db.Current(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids[:min(len(ids), maxInvalid/2)] {
		var wrong []problem.Violation
		for _, function := range withheld[id] {
			wrong = append(wrong, problem.Violation{
				Path: strings.ReplaceAll(function, "/", "."), Code: "not_run", Message: "the function came by replication and is not run; --run-replicated-designs allows it",
			})
		}
		out.Invalid = append(out.Invalid, InvalidDocument{ID: id, Revision: revs[id], Problems: problem.Data(wrong)})
	}
	return nil
}

// addConflict adds a document to the list, and to booked what it would hold
// once the conflict is settled.
func (s *Service) addConflict(ctx context.Context, accountID, id string, out *Conflicts, booked map[key][]string, rivals contention) error {
	leaves, err := save.Living(ctx, s.Couch.Account(accountID), id)
	if err != nil || len(leaves) < 2 {
		return err
	}
	c := DocumentConflict{ID: id, Type: leaves[0].Type(), Winner: leaves[0].Rev()}
	for _, leaf := range leaves[1:] {
		c.Losers = append(c.Losers, leaf.Rev())
	}
	merged, err := s.mergeLeaves(ctx, accountID, id, leaves)
	if err != nil && !problem.Is(err, problem.Conflict) {
		return err
	}
	if c.Mergeable = err == nil; c.Mergeable {
		if _, c.Mergeable, err = s.freeKeys(ctx, accountID, leaves[0], merged, rivals); err != nil {
			return err
		}
		leaves = []document.Doc{merged}
	}
	for _, leaf := range leaves {
		for _, k := range s.keys(leaf) {
			if k, ok := k.(key); ok && !slices.Contains(booked[k], id) {
				booked[k] = append(booked[k], id)
			}
		}
	}
	out.Documents = append(out.Documents, c)
	return nil
}

// addDoubleBooked reads the views, whose rows of one key come together. booked
// are keys of conflicting revisions, which views do not show.
func (s *Service) addDoubleBooked(ctx context.Context, accountID string, out *Conflicts, booked map[key][]string) error {
	if err := s.prepareViews(ctx, accountID); err != nil {
		return err
	}
	db := s.Couch.Account(accountID)
	numbers := &bookings{kind: numbersKey, besides: booked, found: func(text string, ids []string) {
		out.Numbers = append(out.Numbers, NumberConflict{text, ids})
	}}
	if err := numbers.read(ctx, db, "listing_by_number"); err != nil {
		return err
	}
	patterns := &bookings{kind: patternsKey, besides: booked, found: func(text string, ids []string) {
		out.Patterns = append(out.Patterns, PatternConflict{text, ids})
	}}
	return patterns.read(ctx, db, "listing_by_pattern")
}

// bookings finds keys that several documents hold.
type bookings struct {
	kind    string
	besides map[key][]string
	found   func(text string, ids []string)
}

// tell reports a key with its holders, if there are several.
func (b *bookings) tell(text string, ids []string) {
	k := key{b.kind, text}
	for _, id := range b.besides[k] {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
			slices.Sort(ids)
		}
	}
	delete(b.besides, k)
	if len(ids) > 1 {
		b.found(text, ids)
	}
}

func (b *bookings) read(ctx context.Context, db *couch.DB, view string) error {
	var current string
	var ids []string
	for row, err := range db.View(ctx, "callflows", view, couch.Query{}) {
		if err != nil {
			return err
		}
		var text string
		if json.Unmarshal(row.Key, &text) != nil {
			continue
		}
		if text != current {
			b.tell(current, ids)
			current, ids = text, nil
		}
		if !slices.Contains(ids, row.ID) {
			ids = append(ids, row.ID)
		}
	}
	b.tell(current, ids)
	left := slices.SortedFunc(maps.Keys(b.besides), func(x, y key) int { return strings.Compare(x.text, y.text) })
	for _, k := range left { // no winner holds these
		if k.kind == b.kind {
			b.tell(k.text, nil)
		}
	}
	return nil
}
