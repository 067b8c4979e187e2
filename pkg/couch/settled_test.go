package couch_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// leafOf is a revision of the document "new", made of one character, with the
// one it follows.
func leafOf(number int, hash, parent string, members document.Doc) document.Doc {
	doc := document.Doc{"_id": "new", "_rev": fmt.Sprint(number, "-", strings.Repeat(hash, 32))}
	if parent != "" {
		doc["_revisions"] = map[string]any{"start": number, "ids": []any{strings.Repeat(hash, 32), strings.Repeat(parent, 32)}}
	}
	for key, value := range members {
		doc[key] = value
	}
	return doc
}

// What others are making at the same time is read when nothing of it is
// withdrawn or written again any more; an old document at once.
func TestSettled(t *testing.T) {
	now, old := document.GregorianNumber(time.Now()), document.GregorianNumber(time.Now().Add(-time.Hour))
	withdrawn := document.Doc{"_deleted": true, "pvt_callflowd_withdrawn": true}
	two := []document.Doc{leafOf(1, "0", "", document.Doc{"pvt_created": now}), leafOf(1, "f", "", document.Doc{"pvt_created": now})}
	tests := []struct {
		name    string
		at      []document.Doc // first
		then    []document.Doc // while it is read
		want    string         // revision; "" for none
		waiting bool
	}{
		{"the winner is withdrawn", two, []document.Doc{leafOf(2, "e", "f", withdrawn)}, two[0].Rev(), true},
		{"the loser is withdrawn", two, []document.Doc{leafOf(2, "e", "0", withdrawn)}, two[1].Rev(), true},
		{"both stay", two, nil, two[1].Rev(), true},
		{"another one comes", two[:1], two[1:], two[1].Rev(), true},
		{
			"withdrawn and written again",
			[]document.Doc{leafOf(2, "e", "f", withdrawn)},
			[]document.Doc{leafOf(3, "d", "e", document.Doc{"pvt_created": now})},
			leafOf(3, "d", "", nil).Rev(), true,
		},
		{"withdrawn for good", []document.Doc{leafOf(2, "e", "f", withdrawn)}, nil, "", true},
		{"changed a moment ago", []document.Doc{leafOf(1, "f", "", document.Doc{"pvt_created": old, "pvt_modified": now})}, nil, two[1].Rev(), true},
		{"old", []document.Doc{leafOf(1, "f", "", document.Doc{"pvt_created": old}), leafOf(1, "0", "", nil)}, nil, two[1].Rev(), false},
		{"of unknown age", []document.Doc{leafOf(1, "f", "", nil)}, nil, two[1].Rev(), false},
		{"deleted", []document.Doc{leafOf(2, "f", "e", document.Doc{"_deleted": true})}, nil, "", false},
		{"never there", nil, nil, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address := couchtest.URL(t)
			direct := couchtest.Open(t, address)
			check(t, direct.CreateDB(t.Context(), dbName))
			check(t, direct.DB(dbName).BulkRevisions(t.Context(), tt.at))
			var reads atomic.Int32
			cluster := couchtest.Cluster(t, address, func(r *http.Request) {
				if r.URL.Query().Get("r") != "" && reads.Add(1) == 3 {
					if err := direct.DB(dbName).BulkRevisions(r.Context(), tt.then); err != nil {
						t.Error(err)
					}
				}
			})
			doc, err := couchtest.Open(t, cluster).DB(dbName).Settled(t.Context(), "new")
			if tt.want == "" {
				wantCode(t, err, problem.BadIdentifier)
			} else if check(t, err); doc.Rev() != tt.want {
				t.Errorf("%s, want %s", doc.Rev(), tt.want)
			}
			if n := reads.Load(); tt.waiting != (n >= 3) || !tt.waiting && n != 1 {
				t.Errorf("read %d times", n)
			}
		})
	}
}

// An attachment is that of the revision that was asked for.
func TestAttachmentAt(t *testing.T) {
	client := couchtest.New(t)
	check(t, client.CreateDB(t.Context(), dbName))
	file := func(data string) document.Doc {
		return document.Doc{"_attachments": map[string]any{"a": map[string]any{"content_type": "text/plain", "data": data}}}
	}
	loser, winner := leafOf(1, "0", "", file("MA==")), leafOf(1, "f", "", file("Zg=="))
	check(t, client.DB(dbName).BulkRevisions(t.Context(), []document.Doc{loser, winner}))
	for rev, want := range map[string]string{loser.Rev(): "0", winner.Rev(): "f", "": "f"} {
		raw, err := client.DB(dbName).AttachmentAt(t.Context(), "new", rev, "a")
		if check(t, err); string(raw) != want {
			t.Errorf("at %q: %q, want %q", rev, raw, want)
		}
	}
}
