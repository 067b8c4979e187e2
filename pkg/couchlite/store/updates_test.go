package store

import (
	"fmt"
	"strings"
	"testing"
)

func eventsOf(l *UpdateLog, since int64) string {
	events, last := l.Since(since)
	out := make([]string, 0, len(events)+1)
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s %s %d", e.Name, e.Kind, e.Seq))
	}
	return strings.Join(append(out, fmt.Sprint("last ", last)), ", ")
}

// TestUpdateLog keeps of each database the last event, in the order of events.
func TestUpdateLog(t *testing.T) {
	l := newUpdateLog([]string{"a", "b"})
	next := l.Next()
	l.add("c", updateCreated)
	select {
	case <-next:
	default:
		t.Error("nobody was told of an event")
	}
	l.add("a", updateUpdated)
	l.add("b", updateDeleted)
	tests := []struct {
		since int64
		want  string
	}{
		{0, "c created 3, a updated 4, b deleted 5, last 5"},
		{2, "c created 3, a updated 4, b deleted 5, last 5"},
		{3, "a updated 4, b deleted 5, last 5"},
		{5, "last 5"},
		{9, "last 5"},
	}
	for _, tt := range tests {
		if got := eventsOf(l, tt.since); got != tt.want {
			t.Errorf("since %d: %s, want %s", tt.since, got, tt.want)
		}
	}
}

func TestUpdateLogDecode(t *testing.T) {
	l := newUpdateLog([]string{"a", "b"})
	tests := []struct {
		since string
		want  int64
	}{
		{"", 0},
		{"now", 2},
		{l.Encode(1), 1},
		{l.Encode(2), 2},
		{l.Encode(3), 0},          // not reached yet
		{"1-0123456789abcdef", 0}, // another run's
		{"1", 0},
	}
	for _, tt := range tests {
		if got, err := l.Decode(tt.since); got != tt.want || err != nil {
			t.Errorf("%q: %d %v, want %d", tt.since, got, err, tt.want)
		}
	}
	for _, since := range []string{"x", "x-" + l.Incarnation, "-1-", "1.5"} {
		if got, err := l.Decode(since); err == nil {
			t.Errorf("%q: %d", since, got)
		}
	}
}

// TestWatch tells of commits to one database, and of its deletion.
func TestWatch(t *testing.T) {
	s := newStore(t)
	db := hold(t, s, "db")
	watch, other := s.Watch("db"), s.Watch("other")
	put(t, db, "a", `{}`)
	<-watch
	watch = s.Watch("db")
	select {
	case <-watch:
		t.Error("told without a commit")
	case <-other:
		t.Error("told of another database")
	default:
	}
	s.Release(db)
	if err := s.Destroy(t.Context(), "db"); err != nil {
		t.Fatal(err)
	}
	<-watch
	if got := eventsOf(s.Updates(), 0); !strings.Contains(got, "db deleted") {
		t.Errorf("events %s", got)
	}
}

// TestNewIDs sorts ids in the order in which they were made.
func TestNewIDs(t *testing.T) {
	last, seen := "", map[string]bool{}
	for range 1000 {
		id := NewID()
		if len(id) != 32 || seen[id] || id[:14] < last {
			t.Fatalf("%s after %s", id, last)
		}
		seen[id], last = true, id[:14]
	}
}
