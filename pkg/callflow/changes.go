package callflow

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/names"
)

// Bounds of one answer of the change feed.
const (
	DefaultChanges = 100
	MaxChanges     = 1_000
	maxChangesWait = 60 * time.Second
)

// ChangesOptions choose part of an account's change feed.
type ChangesOptions struct {
	Since string        // LastSeq of an earlier page; "" for the beginning, "now" for the end
	Limit int           // 0 means DefaultChanges; clamped to MaxChanges
	Wait  time.Duration // how long to wait for a change if there is none yet; 0 does not wait
}

// Change is one document's latest change.
type Change struct {
	Seq      string `json:"seq"`
	ID       string `json:"id"`
	Type     string `json:"type"`
	Revision string `json:"revision"`
	Deleted  bool   `json:"deleted"` // soft-deleted ones too

	// What the document is called, and when it was changed; empty where that is
	// not known. The API does not tell them: both are in the document.
	Name string    `json:"-"`
	At   time.Time `json:"-"`
}

// ChangesPage is one answer of the feed. LastSeq is where the next begins.
type ChangesPage struct {
	Changes []Change // never nil
	LastSeq string
}

// Changes reads the account's change feed. Design documents and
// callflowd's own are left out. Nothing is kept between two calls.
func (s *Service) Changes(ctx context.Context, accountID string, o ChangesOptions) (ChangesPage, error) {
	limit := min(o.Limit, MaxChanges)
	if limit <= 0 {
		limit = DefaultChanges
	}
	deadline := s.clock().Add(min(o.Wait, maxChangesWait))
	out := ChangesPage{Changes: []Change{}, LastSeq: o.Since}
	for {
		left := deadline.Sub(s.clock())
		q := couch.ChangesOptions{Since: out.LastSeq, Limit: limit - len(out.Changes), IncludeDocs: true}
		if o.Wait > 0 && left > 0 && len(out.Changes) == 0 {
			q.Longpoll, q.Timeout = true, left
		}
		page, err := s.Couch.Account(accountID).Changes(ctx, q)
		if problem.Is(err, problem.Invalid) {
			return ChangesPage{}, badSince(out.LastSeq)
		}
		if err != nil {
			return ChangesPage{}, err
		}
		out.LastSeq = page.LastSeq
		for _, c := range page.Changes {
			if change, shown := changeOf(c); shown {
				out.Changes = append(out.Changes, change)
			}
		}
		more := len(page.Changes) == q.Limit && len(out.Changes) < limit
		if !more && (len(out.Changes) > 0 || !q.Longpoll) {
			return out, nil
		}
	}
}

// badSince refuses a sequence that the database cannot read.
func badSince(since string) error {
	return problem.Validation([]problem.Violation{{
		Path: "since", Code: "error", Message: "since is the last_seq of an earlier answer, or now",
		Members: map[string]any{"value": since},
	}})
}

// clock is the time that waits are measured with; tests may set Now.
func (s *Service) clock() time.Time { return time.Now() }

// ours reports whether an id belongs to CouchDB's own documents, or to a
// reservation, which has no type any more once it is deleted.
func ours(id string) bool {
	return strings.HasPrefix(id, "_") || strings.HasPrefix(id, reservationPrefix)
}

func changeOf(c couch.Change) (Change, bool) {
	var doc document.Doc
	if ours(c.ID) || json.Unmarshal(c.Doc, &doc) != nil {
		return Change{}, false
	}
	name, _ := names.Describe(doc).Fields["name"].(string)
	change := Change{Seq: c.Seq, ID: c.ID, Type: doc.Type(), Revision: doc.Rev(), Deleted: c.Deleted || !doc.Live(), Name: name}
	if at, ok := doc.Seconds("pvt_modified"); ok {
		change.At = document.FromGregorian(at)
	}
	return change, true
}
