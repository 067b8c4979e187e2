package save_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
)

func TestChosenID(t *testing.T) {
	words := []string{"validate"}
	tests := []struct {
		data document.Doc
		want string
		bad  bool
	}{
		{document.Doc{}, "", false},
		{document.Doc{"id": ""}, "", false},
		{document.Doc{"id": nil, "_id": "b"}, "b", false},
		{document.Doc{"id": "a", "_id": "b"}, "a", false},
		{document.Doc{"id": "Validate.2_x-"}, "Validate.2_x-", false},
		{document.Doc{"id": "validate"}, "", true},
		{document.Doc{"id": ".."}, "", true},
		{document.Doc{"id": "_design/x"}, "", true},
		{document.Doc{"id": 7}, "", true},
		{document.Doc{"id": strings.Repeat("a", 129)}, "", true},
	}
	for _, tt := range tests {
		got, problems := save.ChosenID(tt.data, words)
		if got != tt.want || len(problems) > 0 != tt.bad {
			t.Errorf("%v: %q, %v", tt.data, got, problems)
		}
	}
	if a, b := save.NewID(), save.NewID(); a == b || len(a) != 32 {
		t.Errorf("made %q and %q", a, b)
	}
}

func TestRetry(t *testing.T) {
	cause := errors.New("met another")
	count := 0
	_, err := save.Retry(t.Context(), func() (int, error) { count++; return 0, save.Again(cause) })
	if !errors.Is(err, cause) || count < 5 {
		t.Errorf("%d attempts, then %v", count, err)
	}
	got, err := save.Retry(t.Context(), func() (int, error) {
		if count--; count > 20 {
			return 0, save.Again(cause)
		}
		return count, nil
	})
	if got != 20 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	count = 0
	if _, err := save.Retry(ended, func() (int, error) { count++; return 0, save.Again(cause) }); !errors.Is(err, cause) || count > 2 {
		t.Errorf("%d attempts of a request that has ended: %v", count, err)
	}
}

func TestPublic(t *testing.T) {
	stored := document.Doc{"_id": "x", "_rev": "1-a", "pvt_a": 1, "id": "y", "metadata": 2, "name": "n", "deep": map[string]any{"pvt_b": 3}}
	public := save.Public(stored, "metadata")
	if len(public) != 2 || public["name"] != "n" || public.Object("deep")["pvt_b"] != 3 {
		t.Errorf("public %v", public)
	}
	save.TakePrivate(public, stored)
	if len(public) != 5 || public["pvt_a"] != 1 || public.Rev() != "1-a" {
		t.Errorf("with private keys %v", public)
	}
	tomb := save.Tombstone(document.Doc{"_id": "x", "_rev": "1-a", "name": "n", "pvt_type": "menu"})
	if tomb.Live() || tomb["name"] != nil || tomb.Type() != "menu" || tomb.Rev() != "1-a" {
		t.Errorf("tombstone %v", tomb)
	}
}

// replacing prepares to give the document "d" another value.
func replacing(db *couch.DB, value string, hooks save.Hooks) func(context.Context) (*save.Attempt, error) {
	return func(ctx context.Context) (*save.Attempt, error) {
		stored, err := db.Get(ctx, "d")
		if err != nil {
			return nil, err
		}
		doc := stored.Clone()
		doc["value"], doc["pvt_request_id"] = value, "r-"+value
		return &save.Attempt{Write: save.Write{ID: "d"}, Hooks: hooks, DB: db, Stored: stored, Doc: doc}, nil
	}
}

func newDB(t *testing.T) *couch.DB {
	t.Helper()
	client := couchtest.New(t)
	if err := client.CreateDB(t.Context(), "docs"); err != nil {
		t.Fatal(err)
	}
	if err := client.DB("docs").Put(t.Context(), document.Doc{"_id": "d", "value": "first"}); err != nil {
		t.Fatal(err)
	}
	return client.DB("docs")
}

// TestOvertaken has another write come between: the attempt is repeated on the
// fresh document.
func TestOvertaken(t *testing.T) {
	db := newDB(t)
	var s save.Service
	meddled := false
	hooks := save.Hooks{Keep: func(ctx context.Context, replaced document.Doc) ([]problem.Warning, error) {
		if meddled {
			return []problem.Warning{{Code: replaced.String("other")}}, nil
		}
		meddled = true
		other := replaced.Clone()
		other["other"] = "theirs"
		return nil, db.Put(ctx, other)
	}}
	saved, err := s.Run(t.Context(), save.Write{ID: "d"}, replacing(db, "mine", hooks))
	if err != nil || saved.Doc["other"] != "theirs" || saved.Doc["value"] != "mine" || len(saved.Warnings) != 1 || saved.Warnings[0].Code != "theirs" {
		t.Errorf("%v, %v", saved, err)
	}
}

// TestLostAnswer: a write that is there already, though it was answered with a
// conflict, was ours.
func TestLostAnswer(t *testing.T) {
	db := newDB(t)
	var s save.Service
	hooks := save.Hooks{}
	prepare := replacing(db, "mine", hooks)
	saved, err := s.Run(t.Context(), save.Write{ID: "d"}, func(ctx context.Context) (*save.Attempt, error) {
		a, err := prepare(ctx)
		if err == nil {
			err = db.Put(ctx, a.Doc.Clone()) // as a proxy does that sends it twice
		}
		return a, err
	})
	if err != nil || !strings.HasPrefix(saved.Doc.Rev(), "2-") {
		t.Errorf("%v, %v", saved, err)
	}
}

// TestUndo: a save that cannot be settled leaves what was there before.
func TestUndo(t *testing.T) {
	db := newDB(t)
	var s save.Service
	failed := errors.New("not settled")
	hooks := save.Hooks{Settle: func(context.Context) error { return failed }}
	if _, err := s.Run(t.Context(), save.Write{ID: "d"}, replacing(db, "mine", hooks)); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	if doc, err := db.Get(t.Context(), "d"); err != nil || doc["value"] != "first" || !strings.HasPrefix(doc.Rev(), "3-") {
		t.Errorf("left %v, %v", doc, err)
	}
	_, err := s.Run(t.Context(), save.Write{}, func(context.Context) (*save.Attempt, error) {
		return &save.Attempt{Write: save.Write{ID: "new"}, Hooks: hooks, DB: db, Doc: document.Doc{"_id": "new"}}, nil
	})
	if !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	if doc, err := db.Get(t.Context(), "new"); !problem.Is(err, problem.BadIdentifier) {
		t.Errorf("left %v, %v", doc, err)
	}
	problems := []problem.Violation{{Path: "value", Code: "error"}}
	_, err = s.Run(t.Context(), save.Write{}, func(context.Context) (*save.Attempt, error) {
		return &save.Attempt{Write: save.Write{ID: "new"}, DB: db, Doc: document.Doc{"_id": "new"}, Problems: problems}, nil
	})
	if _, got := db.Get(t.Context(), "new"); !problem.Is(err, problem.Invalid) || !problem.Is(got, problem.BadIdentifier) {
		t.Errorf("written with problems: %v, %v", err, got)
	}
}
