package callflow

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// clock makes a service's time stand still and returns a way to move it.
func clock(s *Service) (set func(time.Time)) {
	now := time.Date(2024, 3, 31, 12, 0, 0, 0, time.UTC)
	s.Now = func() time.Time { return now }
	return func(t time.Time) { now = t }
}

func history(t *testing.T, s *Service, id string) []HistoryItem {
	t.Helper()
	items, err := s.History(t.Context(), testAccount, id)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func actions(items []HistoryItem) string {
	out := ""
	for _, i := range items {
		out += i.Action + " "
	}
	return out
}

func TestHistory(t *testing.T) {
	s := newService(t)
	set := clock(s)
	first := create(t, s, `{"id":"c","name":"one","numbers":["1"]}`)
	set(s.now().Add(time.Hour))
	second := patch(t, s, "c", `{"name":"two"}`)
	set(s.now().AddDate(0, 2, 0))
	third := remove(t, s, "c")
	set(s.now().AddDate(0, 2, 0))

	items := history(t, s, "c")
	sameJSON(t, items, `[
		{"revision":"`+third.Rev()+`","action":"deleted","at":"2024-05-31T13:00:00Z","account_id":"`+testAccount+`","user_id":"u1","request_id":"r1","client_ip":"192.0.2.1"},
		{"revision":"`+second.Rev()+`","action":"updated","at":"2024-03-31T13:00:00Z","account_id":"`+testAccount+`","user_id":"u1","request_id":"r1","client_ip":"192.0.2.1"},
		{"revision":"`+first.Rev()+`","action":"created","at":"2024-03-31T12:00:00Z","account_id":"`+testAccount+`","user_id":"u1","request_id":"r1","client_ip":"192.0.2.1"}]`)

	for i, want := range []string{"two", "two", "one"} {
		old, err := s.Version(t.Context(), testAccount, "c", items[i].Revision)
		if err != nil || old.String("name") != want {
			t.Errorf("version %d: %v, %v", i, old, err)
		}
	}
	_, err := s.Version(t.Context(), testAccount, "c", "7-abc")
	wantError(t, err, problem.BadIdentifier, "")
	_, err = s.History(t.Context(), testAccount, "never")
	wantError(t, err, problem.BadIdentifier, "")

	changes, err := s.Diff(t.Context(), testAccount, "c", first.Rev(), second.Rev())
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, changes, `[{"path":"name","op":"replace","from":"one","to":"two"}]`)
}

func TestHistoryIsWrittenFirstAndOnce(t *testing.T) {
	s := newService(t)
	set := clock(s)
	stored := create(t, s, `{"id":"c","numbers":["1"]}`)
	// A writer died between history and callflow.
	if _, err := s.keep(t.Context(), testAccount, s.now(), stored); err != nil {
		t.Fatal(err)
	}
	if got := actions(history(t, s, "c")); got != "created " {
		t.Errorf("the stored revision is listed twice: %s", got)
	}
	set(time.Date(2024, 4, 15, 0, 0, 0, 0, time.UTC))
	patch(t, s, "c", `{"name":"n"}`)
	if got := actions(history(t, s, "c")); got != "updated created " {
		t.Errorf("a version kept twice is listed twice: %s", got)
	}
	for month := range 2 {
		if err := s.Couch.DropDB(t.Context(), couch.MonthDB(testAccount, s.now().AddDate(0, -month, 0))); err != nil {
			t.Fatal(err)
		}
	}
	if got := actions(history(t, s, "c")); got != "updated " {
		t.Errorf("archived months must be missing history, no error: %s", got)
	}
}

func TestHistoryExpires(t *testing.T) {
	s := newService(t)
	s.HistoryMonths = 2
	set := clock(s)
	month := func(m time.Month) { set(time.Date(2024, m, 15, 0, 0, 0, 0, time.UTC)) }
	month(1)
	create(t, s, `{"id":"c","numbers":["1"]}`)
	patch(t, s, "c", `{"n":1}`)
	cdr := doc(t, `{"_id":"202401-call","pvt_type":"cdr"}`)
	january := s.Couch.DB(couch.MonthDB(testAccount, s.now()))
	if err := january.Put(t.Context(), cdr); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		month time.Month
		want  int // versions known, the stored one included
	}{{2, 3}, {3, 4}, {4, 4}, {5, 4}} {
		month(step.month)
		patch(t, s, "c", `{"n":2}`)
		if got := len(history(t, s, "c")); got != step.want {
			t.Errorf("in %s: %d versions, want %d", step.month, got, step.want)
		}
	}
	if _, err := january.Get(t.Context(), "202401-call"); err != nil {
		t.Errorf("somebody else's document is gone: %v", err)
	}
}

func TestHistoryOfWhatKazooWrote(t *testing.T) {
	s := newService(t)
	clock(s)
	put(t, s, `{"_id":"c","pvt_type":"callflow","pvt_created":63878975000,"pvt_modified":63878975000,"numbers":["1"],"pvt_request_id":"k1"}`)
	ours := patch(t, s, "c", `{"name":"n"}`)
	kazoo := ours.Clone()
	kazoo["pvt_request_id"] = "k2"
	kazoo["pvt_modified"] = document.GregorianNumber(s.now().Add(time.Minute))
	if err := s.Couch.Account(testAccount).Put(t.Context(), kazoo); err != nil {
		t.Fatal(err)
	}
	items := history(t, s, "c")
	if got := actions(items); got != "updated updated created " || items[0].ClientIP != "" || items[1].ClientIP == "" {
		t.Errorf("history %s, %+v", got, items)
	}
}

func TestRestore(t *testing.T) {
	s := newService(t)
	first := create(t, s, `{"id":"c","name":"one","numbers":["1"]}`)
	patch(t, s, "c", `{"name":"two","numbers":["2"]}`)
	saved, err := s.Restore(t.Context(), write(t, "c", `{}`), first.Rev())
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, publicOf(saved.Doc), `{"name":"one","numbers":["1"],"patterns":[]}`)
	for _, hard := range []bool{false, true} {
		if _, err := s.Delete(t.Context(), write(t, "c", `{}`), hard); err != nil {
			t.Fatal(err)
		}
		thief := create(t, s, `{"id":"thief","numbers":["1"]}`)
		_, err = s.Restore(t.Context(), write(t, "c", `{}`), "")
		wantError(t, err, problem.Invalid, `{"numbers":{"unique":{"cause":"1","causes":[{"number":"1","id":"thief","name":"thief"}]}}}`)
		if _, err := s.Delete(t.Context(), write(t, thief.ID(), `{}`), true); err != nil {
			t.Fatal(err)
		}
		saved, err = s.Restore(t.Context(), write(t, "c", `{}`), "")
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, publicOf(saved.Doc), `{"name":"one","numbers":["1"],"patterns":[]}`)
		if _, err := s.Get(t.Context(), testAccount, "c"); err != nil {
			t.Errorf("restored, but: %v", err)
		}
	}
	if got := actions(history(t, s, "c")); got != "restored deleted restored deleted restored updated created " &&
		got != "restored restored deleted restored updated created " {
		t.Errorf("history %s", got)
	}
	_, err = s.Restore(t.Context(), write(t, "never", `{}`), "")
	wantError(t, err, problem.BadIdentifier, "")
}

// TestRestoreKeepsNumbers: a version comes back with the numbers it was saved
// with. A dial plan that rewrites also what it has written must not do so again.
func TestRestoreKeepsNumbers(t *testing.T) {
	s := newService(t)
	if err := s.Couch.CreateDB(t.Context(), "accounts"); err != nil {
		t.Fatal(err)
	}
	plan := doc(t, `{"_id":"`+testAccount+`","pvt_type":"account","dial_plan":{"^\\d+$":{"prefix":"9"}}}`)
	if err := s.Couch.DB("accounts").Put(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	first := create(t, s, `{"id":"c","numbers":["1"]}`)
	sameJSON(t, publicOf(first), `{"numbers":["91"],"patterns":[]}`)
	patch(t, s, "c", `{"numbers":["2"]}`)
	saved, err := s.Restore(t.Context(), write(t, "c", `{}`), first.Rev())
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, publicOf(saved.Doc), `{"numbers":["91"],"patterns":[]}`)
}

// TestAClockAheadCostsNoHistory: a clock that jumps years ahead, and processes
// that start with it, delete a month each at most, and none that is young.
func TestAClockAheadCostsNoHistory(t *testing.T) {
	first := newService(t)
	set := clock(first)
	first.HistoryMonths = 2
	create(t, first, `{"id":"c","numbers":["1"]}`)
	for m := time.Month(1); m < 4; m++ {
		set(time.Date(2024, m, 15, 0, 0, 0, 0, time.UTC))
		patch(t, first, "c", `{"n":1}`)
	}
	set(time.Date(2034, 1, 1, 0, 0, 0, 0, time.UTC))
	patch(t, first, "c", `{"n":2}`)
	if got := len(history(t, first, "c")); got != 4 {
		t.Errorf("%d versions after the jump, want January gone and no more", got)
	}
	set(time.Date(2024, 4, 1, 0, 0, 0, 0, time.UTC))
	patch(t, restarted(first), "c", `{"n":3}`)
	if got := len(history(t, restarted(first), "c")); got != 5 {
		t.Errorf("%d versions when the clock is right again", got)
	}
}

// restarted is the service of a process that starts with retention.
func restarted(s *Service) *Service {
	return &Service{Couch: s.Couch, Schemas: s.Schemas, Accounts: s.Accounts, Now: s.Now, HistoryMonths: 2}
}

// monthsKept are the months that have history, the latest first.
func monthsKept(t *testing.T, s *Service) (kept []string) {
	t.Helper()
	months, err := s.months(t.Context(), testAccount)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range months {
		if _, some, err := m.writtenAt(t.Context()); err != nil {
			t.Fatal(err)
		} else if some {
			kept = append(kept, m.month)
		}
	}
	return kept
}

// TestAWrongClockForLong: however often processes start while the clock is
// wrong, and edit on which day, it costs no month that is not due anyway.
func TestAWrongClockForLong(t *testing.T) {
	for _, wrong := range []time.Time{
		time.Date(2034, 1, 30, 0, 0, 0, 0, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(wrong.Format(time.DateOnly), func(t *testing.T) {
			first := newService(t)
			set := clock(first)
			first.HistoryMonths = 2
			create(t, first, `{"id":"c","numbers":["1"]}`)
			for m := time.Month(1); m < 4; m++ {
				set(time.Date(2024, m, 15, 0, 0, 0, 0, time.UTC))
				patch(t, first, "c", `{"n":1}`)
			}
			for start := range 4 {
				set(wrong.Add(time.Duration(start) * 6 * time.Hour))
				patch(t, restarted(first), "c", `{"n":2}`)
				patch(t, first, "c", `{"n":3}`)
			}
			for start := range 4 {
				set(time.Date(2024, 3, 20+start, 0, 0, 0, 0, time.UTC))
				patch(t, restarted(first), "c", `{"n":4}`)
			}
			if kept := strings.Join(monthsKept(t, first), " "); !strings.Contains(kept, "202403 202402") {
				t.Errorf("only %s have history", kept)
			}
		})
	}
}

// TestOldHistoryGoesInTheEnd: where retention begins late, a process that runs
// on deletes a month a day until as many are left as are to be kept.
func TestOldHistoryGoesInTheEnd(t *testing.T) {
	all := newService(t)
	set := clock(all)
	create(t, all, `{"id":"c","numbers":["1"]}`)
	for m := time.Month(1); m < 7; m++ {
		set(time.Date(2024, m, 15, 0, 0, 0, 0, time.UTC))
		patch(t, all, "c", `{"n":1}`)
	}
	s := restarted(all)
	for day := range 6 {
		set(time.Date(2024, 7, 1+day, 0, 0, 0, 0, time.UTC))
		before := len(monthsKept(t, s))
		patch(t, s, "c", `{"n":2}`)
		patch(t, s, "c", `{"n":3}`)
		if after := len(monthsKept(t, s)); before-after > 1 {
			t.Errorf("%d months deleted in a day", before-after)
		}
	}
	if kept := strings.Join(monthsKept(t, s), " "); kept != "202407 202406 202405" {
		t.Errorf("%s have history", kept)
	}
}

func TestAt(t *testing.T) {
	s := newService(t)
	set := clock(s)
	start := s.now()
	create(t, s, `{"id":"c","name":"one","numbers":["1"]}`)
	set(start.Add(10 * time.Second))
	patch(t, s, "c", `{"name":"two","numbers":["2"]}`)
	set(start.Add(20 * time.Second))
	remove(t, s, "c")
	set(start.Add(30 * time.Second))
	create(t, s, `{"id":"d","numbers":["1"]}`)
	set(start.AddDate(0, 3, 0))
	tests := []struct {
		seconds int
		name    string // of c, "" if it was not there
		one     string // who had number 1
	}{
		{-1, "", ""}, {0, "one", "c"}, {9, "one", "c"}, {10, "two", ""}, {19, "two", ""}, {20, "", ""}, {30, "", "d"}, {999, "", "d"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.seconds), func(t *testing.T) {
			at := start.Add(time.Duration(tt.seconds) * time.Second)
			got, uncertain, err := s.At(t.Context(), testAccount, "c", at)
			if got.String("name") != tt.name || len(uncertain) > 0 || (err == nil) != (tt.name != "") {
				t.Errorf("%v, uncertain %v, %v", got, uncertain, err)
			}
			route, uncertain, err := s.LookupAt(t.Context(), testAccount, "1", at)
			if route.Match.CallflowID != tt.one || route.Callflow.ID() != tt.one || len(uncertain) > 0 {
				t.Errorf("went to %q, uncertain %v, %v", route.Match.CallflowID, uncertain, err)
			}
			if err != nil || route.Found != (tt.one != "") || route.Normalized != "1" || len(route.Steps) == 0 {
				t.Errorf("answered %+v, %v", route, err)
			}
		})
	}
}

func TestAsOfIsUncertainWhereVersionsAreMissing(t *testing.T) {
	version := func(rev string, modified int) document.Doc {
		return doc(t, fmt.Sprintf(`{"_id":"c","_rev":"%s","pvt_type":"callflow","pvt_created":5,"pvt_modified":%d}`, rev, modified))
	}
	tests := []struct {
		name     string
		versions []document.Doc
		t        int64
		rev      string
		sure     bool
	}{
		{"nothing known", nil, 10, "", true},
		{"the stored one", []document.Doc{version("3-a", 10)}, 11, "3-a", true},
		{"before all that is known", []document.Doc{version("3-a", 10)}, 9, "3-a", false},
		{"before it was created", []document.Doc{version("3-a", 10)}, 4, "", true},
		{"the first was later", []document.Doc{version("1-a", 10)}, 9, "", true},
		{"a gap", []document.Doc{version("3-a", 10), version("1-a", 5)}, 9, "1-a", false},
		{"no gap", []document.Doc{version("2-a", 10), version("1-a", 5)}, 9, "1-a", true},
		{"no date", []document.Doc{doc(t, `{"_id":"c","_rev":"2-a","pvt_type":"callflow"}`)}, 9, "2-a", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, sure := asOf(tt.versions, tt.t)
			if got.Rev() != tt.rev || sure != tt.sure {
				t.Errorf("version %q, sure %v", got.Rev(), sure)
			}
		})
	}
}

// TestHistoryOfARemovedCallflow removes a callflow for good, brings it back in
// a later month, and makes another with its id.
func TestHistoryOfARemovedCallflow(t *testing.T) {
	s := newService(t)
	set := clock(s)
	first := create(t, s, `{"id":"c","numbers":["1"]}`)
	removal := func() {
		t.Helper()
		set(s.now().Add(time.Hour))
		if _, err := s.Delete(t.Context(), write(t, "c", `{}`), true); err != nil {
			t.Fatal(err)
		}
	}
	removal()
	removed := s.now()
	set(s.now().AddDate(0, 2, 0))
	if _, err := s.Restore(t.Context(), write(t, "c", `{}`), first.Rev()); err != nil {
		t.Fatal(err)
	}
	if got := actions(history(t, s, "c")); got != "restored deleted created " {
		t.Errorf("history %s", got)
	}
	_, _, err := s.At(t.Context(), testAccount, "c", removed)
	wantError(t, err, problem.BadIdentifier, "")
	removal()
	create(t, s, `{"id":"c","numbers":["1"]}`)
	if got := actions(history(t, s, "c")); !strings.HasPrefix(got, "created deleted restored ") {
		t.Errorf("history %s", got)
	}
}
