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
// callflowd's own are left out. Nothing is kept between two calls; those that
// wait for the same changes share one request, and what it brought.
func (s *Service) Changes(ctx context.Context, accountID string, o ChangesOptions) (ChangesPage, error) {
	limit := min(o.Limit, MaxChanges)
	if limit <= 0 {
		limit = DefaultChanges
	}
	deadline := s.clock().Add(min(o.Wait, maxChangesWait))
	out := ChangesPage{Changes: []Change{}, LastSeq: o.Since}
	for {
		left := deadline.Sub(s.clock())
		waits := o.Wait > 0 && left > 0 && len(out.Changes) == 0
		look := feedLook{accountID, out.LastSeq, limit - len(out.Changes)}
		found, err := s.look(ctx, look, waits, left)
		if problem.Is(err, problem.Invalid) {
			return ChangesPage{}, badSince(out.LastSeq)
		}
		if err != nil {
			return ChangesPage{}, err
		}
		out.LastSeq = found.lastSeq
		out.Changes = append(out.Changes, found.shown...)
		more := found.read == look.limit && len(out.Changes) < limit
		if !more && (len(out.Changes) > 0 || !waits) {
			return out, nil
		}
	}
}

// feedLook is one look at an account's feed.
type feedLook struct {
	account, since string
	limit          int
}

// feedPage is what a look finds: of the changes that were read, those that are
// shown. Several may hold it.
type feedPage struct {
	shown   []Change
	read    int
	lastSeq string
}

// look reads the changes after look.since. waits says that it waits for one,
// for so long, if there is none.
func (s *Service) look(ctx context.Context, look feedLook, waits bool, wait time.Duration) (feedPage, error) {
	switch {
	case waits && look.since != "":
		return s.feeds.await(ctx, s.Couch, look, wait)
	case waits:
		return look.read(ctx, s.Couch, wait)
	}
	return look.read(ctx, s.Couch, 0)
}

// read asks the database, and waits up to wait for a change.
func (l feedLook) read(ctx context.Context, client *couch.Client, wait time.Duration) (feedPage, error) {
	page, err := client.Account(l.account).Changes(ctx, couch.ChangesOptions{
		Since: l.since, Limit: l.limit, IncludeDocs: true, Longpoll: wait > 0, Timeout: wait,
	})
	found := feedPage{read: len(page.Changes), lastSeq: page.LastSeq}
	for _, c := range page.Changes {
		if change, shown := changeOf(c); shown {
			found.shown = append(found.shown, change)
		}
	}
	return found, err
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
