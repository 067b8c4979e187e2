package couch_test

import (
	"io"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

func TestAttachments(t *testing.T) {
	client := couchtest.New(t)
	if err := client.CreateDB(t.Context(), "media"); err != nil {
		t.Fatal(err)
	}
	db := client.DB("media")
	doc := document.Doc{"_id": "m", "pvt_type": "media"}
	if err := db.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	var told couch.Wrote
	client.OnWrite(func(w couch.Wrote) { told = w })
	text := strings.Repeat("0123456789", 30_000)
	stale := doc.Clone()
	if err := db.PutAttachment(t.Context(), doc, "a b.mp3", "audio/mp3", []byte(text)); err != nil {
		t.Fatal(err)
	}
	if told.Doc.ID() != "m" || told.Doc.Rev() != doc.Rev() || doc.Rev() == stale.Rev() {
		t.Errorf("told of %v, now at %s", told.Doc, doc.Rev())
	}
	if err := db.PutAttachment(t.Context(), stale, "b.mp3", "audio/mp3", []byte("x")); !problem.Is(err, problem.Conflict) {
		t.Errorf("over an old revision: %v", err)
	}
	for _, offset := range []int64{0, 7, 299_999} {
		a, err := db.OpenAttachment(t.Context(), "m", "a b.mp3", offset)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(a)
		if err != nil || string(got) != text[offset:] || a.Type != "audio/mp3" || a.Length != int64(len(got)) || !strings.HasPrefix(a.Digest, "md5-") {
			t.Errorf("from %d: %d bytes of %d, %s %s, %v", offset, len(got), a.Length, a.Type, a.Digest, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"m", "nosuch", "_design/x"} {
		if _, err := db.OpenAttachment(t.Context(), id, "c.mp3", 0); !problem.Is(err, problem.BadIdentifier) {
			t.Errorf("%s: %v", id, err)
		}
	}
}
