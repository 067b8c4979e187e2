package notice

import (
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/lru"
)

// A flood of notices, forged or not, makes an account be looked at now and
// then, and an own notice never.
func TestHintsAreBounded(t *testing.T) {
	looked := 0
	h := &hints{node: "us", look: func(string) { looked++ }, last: lru.New[string, time.Time](10)}
	h.take("doc_edited."+encodedDB+".callflow.x", []byte(`{"Node":"us"}`))
	if looked != 0 {
		t.Fatal("looked for an own notice")
	}
	started := time.Now()
	for range 100_000 {
		h.take("doc_edited."+encodedDB+".callflow.x", []byte(`{"Node":"them"}`))
	}
	if most := int(time.Since(started)/hintEvery) + 1; looked == 0 || looked > most {
		t.Errorf("looked %d times, at most %d are due", looked, most)
	}
}

// What is remembered of writes is bounded, and in the order of revisions.
func TestWrittenIsBounded(t *testing.T) {
	var w written
	for range maxRemembered / 10 {
		w.add(change{db: "a", id: "first", rev: "1-a"})
	}
	for i := range maxRemembered {
		w.add(change{db: "a", id: strings.Repeat("x", i%7) + string(rune('a'+i%26)), rev: "1-a"})
	}
	if w.count > maxRemembered || len(w.of("a", "first")) > 0 {
		t.Errorf("%d remembered, %d of the oldest", w.count, len(w.of("a", "first")))
	}
	w = written{}
	w.add(change{db: "a", id: "d", rev: "10-a"})
	w.add(change{db: "a", id: "d", rev: "9-a"})
	if list := w.of("a", "d"); list[0].rev != "9-a" || list[1].rev != "10-a" {
		t.Errorf("order: %v", list)
	}
	w.forget("a", "d", 1)
	if list := w.of("a", "d"); len(list) != 1 || list[0].rev != "10-a" {
		t.Errorf("after one was announced: %v", list)
	}
}

// An address that cannot be one is refused without being repeated.
func TestNewRefuses(t *testing.T) {
	for _, addresses := range [][]string{
		{"http://guest:s3cret@mq"},
		{"amqp://guest:s3cret@mq", "amqp://other:s3cret@mq:5672/"},
	} {
		if _, err := New(addresses, nil); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v: %v", addresses, err)
		}
	}
}
