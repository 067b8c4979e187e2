package save_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/save"
)

// nameKey is a name that only one document may have.
type nameKey string

func (k nameKey) ReservationID() string { return "reservation-" + string(k) }
func (k nameKey) Kind() string          { return "name" }
func (k nameKey) Text() string          { return string(k) }

func (k nameKey) HeldBy(doc document.Doc) bool {
	return doc.Live() && doc.String("name") == string(k)
}

// named are documents that hold their names alone.
type named struct {
	t        *testing.T
	db       *couch.DB
	saves    save.Service
	hooks    save.Hooks
	attempts int
}

func newNamed(t *testing.T) *named {
	n := &named{t: t, db: newDB(t)}
	n.hooks = save.Hooks{
		Keys: func(doc document.Doc) []reserve.Key {
			if name := doc.String("name"); name != "" && doc.Live() {
				return []reserve.Key{nameKey(name)}
			}
			return nil
		},
		Holders: func(ctx context.Context, keys []reserve.Key) (map[reserve.Key][]string, error) {
			holders := map[reserve.Key][]string{}
			for row, err := range n.db.AllDocs(ctx, couch.Query{IncludeDocs: true}) {
				if err != nil {
					return nil, err
				}
				doc, err := row.Document()
				if err != nil {
					return nil, err
				}
				for _, k := range keys {
					if k.HeldBy(doc) {
						holders[k] = append(holders[k], row.ID)
					}
				}
			}
			return holders, nil
		},
		Taken: func(_ context.Context, failed []*reserve.Claim) (out []problem.Violation, _ error) {
			for _, c := range failed {
				out = append(out, problem.Violation{Path: "name", Code: "unique", Message: c.Key.Text() + " is held by " + strings.Join(c.Possible(), ",")})
			}
			return out, nil
		},
		Drop:  func(doc document.Doc, _ reserve.Key) { delete(doc, "name") },
		Lease: time.Minute, Now: time.Now,
	}
	return n
}

// save stores the document id with these fields, anew or over what is there.
func (n *named) save(id string, fields document.Doc) (save.Saved, error) {
	return n.saves.Run(n.t.Context(), save.Write{ID: id}, func(ctx context.Context) (*save.Attempt, error) {
		n.attempts++
		stored, err := n.db.Get(ctx, id)
		if err != nil && !problem.Is(err, problem.BadIdentifier) {
			return nil, err
		}
		doc := fields.Clone()
		if doc["_id"] = id; stored != nil {
			doc.SetRev(stored.Rev())
		}
		a := &save.Attempt{Write: save.Write{ID: id}, Hooks: n.hooks, DB: n.db, Stored: stored, Doc: doc}
		return a, a.JudgeKeys(ctx)
	})
}

func (n *named) mustSave(id string, fields document.Doc) save.Saved {
	n.t.Helper()
	saved, err := n.save(id, fields)
	if err != nil {
		n.t.Fatalf("save %s: %v", id, err)
	}
	return saved
}

// stored is what storage holds under an id, nil for nothing.
func (n *named) stored(id string) document.Doc {
	n.t.Helper()
	doc, err := n.db.Get(n.t.Context(), id)
	if err != nil && !problem.Is(err, problem.BadIdentifier) {
		n.t.Fatal(err)
	}
	return doc
}

// TestKeysAreHeldAlone: a key that a document holds is refused to others until
// it gives the key up.
func TestKeysAreHeldAlone(t *testing.T) {
	n := newNamed(t)
	n.mustSave("a", document.Doc{"name": "x"})
	if _, err := n.save("b", document.Doc{"name": "x"}); !problem.Is(err, problem.Invalid) || n.stored("b") != nil {
		t.Errorf("a name of a's: %v, stored %v", err, n.stored("b"))
	}
	n.mustSave("b", document.Doc{"name": "y"})
	if _, err := n.save("b", document.Doc{"name": "x", "more": true}); !problem.Is(err, problem.Invalid) || n.stored("b")["more"] != nil {
		t.Errorf("changed to a name of a's: %v, stored %v", err, n.stored("b"))
	}
	if saved := n.mustSave("a", document.Doc{"name": "x", "more": true}); len(saved.Warnings) > 0 {
		t.Errorf("a name that it has already: %v", saved.Warnings)
	}
	n.mustSave("a", document.Doc{"name": "z"})
	n.mustSave("b", document.Doc{"name": "x"})
	if _, err := n.save("a", document.Doc{"name": "x"}); !problem.Is(err, problem.Invalid) {
		t.Errorf("a name that it had once: %v", err)
	}
}

// TestKeptKeysOnlyWarn: what another program wrote beside a document does not
// keep the document from being saved.
func TestKeptKeysOnlyWarn(t *testing.T) {
	n := newNamed(t)
	n.mustSave("a", document.Doc{"name": "x"})
	if err := n.db.Put(t.Context(), document.Doc{"_id": "foreign", "name": "x"}); err != nil {
		t.Fatal(err)
	}
	saved := n.mustSave("a", document.Doc{"name": "x", "more": true})
	if len(saved.Warnings) != 1 || saved.Warnings[0].Message != "x is held by foreign" || n.stored("a")["more"] != true {
		t.Errorf("warnings %v, stored %v", saved.Warnings, n.stored("a"))
	}
	if _, err := n.save("b", document.Doc{"name": "x"}); !problem.Is(err, problem.Invalid) {
		t.Errorf("a third holder: %v", err)
	}
}

// steal writes a document that holds the name and takes its reservation, as
// another process does whose lease has run out here.
func (n *named) steal(ctx context.Context, name string) error {
	taken, err := n.db.Get(ctx, nameKey(name).ReservationID())
	if err != nil {
		return err
	}
	taken["holder"] = "thief"
	if err := n.db.Put(ctx, taken); err != nil {
		return err
	}
	return n.db.Put(ctx, document.Doc{"_id": "thief", "name": name})
}

// TestLostReservation undoes a write whose reservation was taken before it was
// acknowledged, and finds out on the next attempt who has the key.
func TestLostReservation(t *testing.T) {
	for _, before := range []document.Doc{nil, {"name": "old", "value": "first"}} {
		n := newNamed(t)
		if before != nil {
			n.mustSave("a", before)
		}
		n.attempts = 0
		n.hooks.Put = func(ctx context.Context, doc document.Doc) error {
			err := n.db.Put(ctx, doc)
			if err == nil && doc.String("name") == "x" {
				err = n.steal(ctx, "x")
			}
			return err
		}
		_, err := n.save("a", document.Doc{"name": "x", "value": "second"})
		if !problem.Is(err, problem.Invalid) || n.attempts != 2 {
			t.Errorf("over %v: %v after %d attempts", before, err, n.attempts)
		}
		got := n.stored("a")
		if before == nil && got != nil || before != nil && (got.String("name") != "old" || got.String("value") != "first") {
			t.Errorf("over %v: left %v", before, got)
		}
	}
}

// TestPutBackWithoutItsKey restores the version before without a name that has
// found another holder meanwhile.
func TestPutBackWithoutItsKey(t *testing.T) {
	n := newNamed(t)
	n.mustSave("a", document.Doc{"name": "old", "value": "first"})
	failed := errors.New("not settled")
	n.hooks.Settle = func(ctx context.Context) error {
		other := newOther(n)
		other.mustSave("b", document.Doc{"name": "old"})
		return failed
	}
	if _, err := n.save("a", document.Doc{"name": "new", "value": "second"}); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if got := n.stored("a"); got.String("value") != "first" || got["name"] != nil {
		t.Errorf("put back %v", got)
	}
	n.hooks.Settle = nil
	n.mustSave("c", document.Doc{"name": "new"})
}

// newOther is another process on the same database, long after the leases of
// the first.
func newOther(n *named) *named {
	other := &named{t: n.t, db: n.db, hooks: n.hooks}
	other.hooks.Settle = nil
	other.hooks.Now = func() time.Time { return time.Now().Add(time.Hour) }
	return other
}
