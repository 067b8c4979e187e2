package route

import (
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Two callflows swap their numbers: lookups see neither write or both, also
// between the two, when storage has one of them already.
func TestTogetherIsSeenAtOnce(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	a := s.put(db, `{"_id":"a","numbers":["100"]}`)
	b := s.put(db, `{"_id":"b","numbers":["200"]}`)
	x := s.open(Config{})
	s.takes(x, "100", "a")
	s.takes(x, "200", "b")
	holder := func(n string) string { return mustHeld(t, x).index.Lookup(n, n).Match.CallflowID }
	x.Together(acct, func() []document.Doc {
		first := s.put(db, `{"_id":"a","_rev":"`+a.Rev()+`","numbers":["200"]}`)
		if holder("100") != "a" || holder("200") != "b" {
			t.Errorf("between the writes 100 goes to %s, 200 to %s", holder("100"), holder("200"))
		}
		return []document.Doc{first, s.put(db, `{"_id":"b","_rev":"`+b.Rev()+`","numbers":["100"]}`)}
	})
	if holder("100") != "b" || holder("200") != "a" {
		t.Errorf("after the writes 100 goes to %s, 200 to %s", holder("100"), holder("200"))
	}
	s.takes(x, "100", "b") // and nothing that the feed brings later takes it back
	s.takes(x, "200", "a")
}

func mustHeld(t *testing.T, x *Indexes) *live {
	t.Helper()
	l := x.held(acct)
	if l == nil {
		t.Fatal("the account is not in memory")
	}
	return l
}

// What is written to an account that is not in memory is written all the same.
func TestTogetherWithoutAnIndex(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	x := s.open(Config{})
	x.Together(acct, func() []document.Doc { return []document.Doc{s.put(db, `{"_id":"a","numbers":["100"]}`)} })
	if x.held(acct) != nil {
		t.Error("the account was loaded")
	}
	s.takes(x, "100", "a")
}

// The impact of drafts goes by the account's dial plan and leaves the index alone.
func TestImpactOfDrafts(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"a","numbers":["100"]}`)
	s.put(db, `{"_id":"b","patterns":["^2(\\d)$"]}`)
	x := s.open(Config{})
	drafts := []document.Doc{couchtest.JSON[document.Doc](t, `{"id":"a","numbers":["101"],"patterns":["^(2[01])$"]}`)}
	r, err := x.Impact(t.Context(), acct, drafts)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range r.Changes {
		for _, n := range c.Numbers {
			got[n] = deref(c.From) + ">" + deref(c.To)
		}
	}
	for n, want := range map[string]string{"100": "a>", "101": ">a", "20": "b>a", "21": "b>a"} {
		if got[n] != want {
			t.Errorf("%s: %q, want %q", n, got[n], want)
		}
	}
	if len(got) != 4 || len(r.Undecided) > 0 {
		t.Errorf("%v, undecided %+v", got, r.Undecided)
	}
	if a, _ := x.Lookup(t.Context(), acct, "20", Options{}); a.Match.CallflowID != "b" {
		t.Errorf("the draft stayed: %+v", a.Match)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// What asks for an account that has no database says that it is not there.
func TestQuestionsAboutNoAccount(t *testing.T) {
	s := newSite(t)
	x := s.open(Config{})
	_, impactErr := x.Impact(t.Context(), acct, nil)
	_, planErr := x.Plan(t.Context(), acct)
	_, indexErr := x.Index(t.Context(), acct)
	_, _, holdersErr := x.Holders(t.Context(), acct, []string{"1"}, nil)
	_, adviceErr := x.Advise(t.Context(), acct, "a", document.Doc{})
	for name, err := range map[string]error{"impact": impactErr, "plan": planErr, "index": indexErr, "holders": holdersErr, "advice": adviceErr} {
		if !problem.Is(err, problem.MissingDatabase) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The dial plan is the account document's, and holders are listed lowest first.
func TestPlanAndHolders(t *testing.T) {
	s := newSite(t)
	db := s.account(acct)
	s.put(db, `{"_id":"`+acct+`","dial_plan":{"^(\\d{3})$":{"prefix":"9"}}}`)
	s.put(db, `{"_id":"b","numbers":["1","2"],"patterns":["^3$"]}`)
	s.put(db, `{"_id":"a","numbers":["1"],"patterns":["^3$","^4$"]}`)
	x := s.open(Config{})
	plan, err := x.Plan(t.Context(), acct)
	if err != nil {
		t.Fatal(err)
	}
	if got := number.Normalize("123", plan); got != "9123" {
		t.Errorf("123 becomes %s", got)
	}
	byNumber, byPattern, err := x.Holders(t.Context(), acct, []string{"1", "2", "7"}, []string{"^3$", "^4$", "^5$"})
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2][]string{
		"1": {byNumber["1"], {"a", "b"}}, "2": {byNumber["2"], {"b"}}, "7": {byNumber["7"], nil},
		"^3$": {byPattern["^3$"], {"a", "b"}}, "^4$": {byPattern["^4$"], {"a"}}, "^5$": {byPattern["^5$"], nil},
	} {
		if len(pair[0]) != len(pair[1]) {
			t.Errorf("%s: %q, want %q", what, pair[0], pair[1])
			continue
		}
		for i := range pair[0] {
			if pair[0][i] != pair[1][i] {
				t.Errorf("%s: %q, want %q", what, pair[0], pair[1])
			}
		}
	}
}

// Lookups can be answered without the database from memory or from a snapshot.
func TestRemembers(t *testing.T) {
	s := newSite(t)
	s.put(s.account(acct), `{"_id":"a","numbers":["100"]}`)
	dir := t.TempDir()
	x := s.open(Config{Dir: dir, SnapshotEvery: time.Hour})
	if x.Remembers() {
		t.Error("nothing was read yet")
	}
	s.takes(x, "100", "a")
	if !x.Remembers() {
		t.Error("an account is in memory")
	}
	if err := mustHeld(t, x).save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !s.open(Config{Dir: dir, SnapshotEvery: time.Hour}).Remembers() {
		t.Error("there is a snapshot")
	}
	if s.open(Config{}).Remembers() || s.open(Config{Dir: dir + "/none"}).Remembers() {
		t.Error("there is neither an account in memory nor a directory")
	}
}
