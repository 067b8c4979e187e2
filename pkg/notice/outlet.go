package notice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/problem"
)

const (
	// page is how many changes are read and published at a time.
	page = 500
	// gather is how long a write waits for others, to be announced with them.
	gather = 30 * time.Millisecond
	// grace is how long the process that wrote a document has to announce it,
	// before another does. pvt_modified has whole seconds.
	grace = 2 * time.Second
	// readers is how many databases are read at the same time.
	readers = 4
	// retryAfter is how long a database that cannot be read is left alone.
	retryAfter = time.Second
	// remembered bounds the documents whose latest notice is known.
	remembered = 20_000
)

// outlet announces changes to one broker.
type outlet struct {
	couch   *couch.Client
	broker  *broker
	node    string
	log     *zap.Logger
	written written
	queue   *queue
	done    *lru.Map[docKey, change] // the latest notice of a document
	late    late
	whole   chan change // of databases

	published, failed atomic.Int64
}

func newOutlet(client *couch.Client, b *broker, node string) *outlet {
	return &outlet{
		couch: client, broker: b, node: node, log: b.log, queue: newQueue(),
		done: lru.New[docKey, change](remembered), whole: make(chan change, maxWhole),
	}
}

// maxWhole bounds the databases that were made or dropped and are not announced.
const maxWhole = 10_000

func (o *outlet) checkpointID() string {
	sum := sha256.Sum256([]byte(o.broker.name))
	return "_local/callflowd-notices-" + hex.EncodeToString(sum[:8])
}

// wrote takes a write of this process.
func (o *outlet) wrote(c change) {
	if c.kind == databaseType {
		select {
		case o.whole <- c:
		default:
			o.failed.Add(1)
		}
		return
	}
	o.written.add(c)
	o.queue.add(c.db, time.Now().Add(gather))
}

// work looks at one database after the other.
func (o *outlet) work(ctx context.Context) {
	for {
		db, err := o.queue.take(ctx)
		if err != nil {
			return
		}
		if _, err := o.broker.await(ctx); err != nil {
			return
		}
		again, err := o.visit(ctx, db)
		switch {
		case ctx.Err() != nil:
			return
		case problem.Is(err, problem.MissingDatabase):
			again = time.Time{}
		case err != nil:
			again = time.Now().Add(retryAfter)
			o.log.Warn("changes cannot be announced yet", zap.String("database", db), zap.Error(err))
		}
		o.queue.done(db, again)
	}
}

// announceWhole announces databases that were made or dropped.
func (o *outlet) announceWhole(ctx context.Context) {
	for {
		select {
		case c := <-o.whole:
			for ctx.Err() == nil {
				if _, err := o.publish(ctx, []change{c}); err == nil {
					break
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// visit announces what changed in a database behind its checkpoint, and
// returns when to come again, if something has to wait.
func (o *outlet) visit(ctx context.Context, name string) (again time.Time, err error) {
	db := o.couch.DB(name)
	since, err := o.checkpoint(ctx, db)
	if err != nil {
		return time.Time{}, err
	}
	reached := since             // everything up to there is announced
	behind := o.written.in(name) // the checkpoint
	for {
		changes, err := db.Changes(ctx, couch.ChangesOptions{Since: since, Limit: page, IncludeDocs: true})
		if err != nil {
			return time.Time{}, err
		}
		if !changes.Follows(since) { // another database by that name
			since, reached = "", ""
			continue
		}
		list := o.list(name, changes.Changes)
		if err := o.announce(ctx, list); err != nil {
			return time.Time{}, err
		}
		if again.IsZero() {
			reached, again = upTo(since, changes, list)
		}
		for _, c := range changes.Changes {
			delete(behind, c.ID)
		}
		since = changes.LastSeq
		if len(changes.Changes) < page {
			return again, errors.Join(o.announce(ctx, o.remembered(name, behind)), o.setCheckpoint(ctx, db, reached))
		}
	}
}

// entry is one change of the feed: what there is to announce of it now, or
// until when it is left to the process that made it.
type entry struct {
	notices []change
	own     int // how many of them come from memory
	until   time.Time
}

// remembered is what is left to announce of documents that the feed has behind
// the checkpoint. Another process has moved it: it announced them, or found a
// later revision there that is somebody else's to announce.
func (o *outlet) remembered(db string, ids map[string]bool) []entry {
	var list []entry
	for id := range ids {
		list = append(list, o.entry(db, couch.Change{ID: id}))
	}
	return list
}

// upTo is the sequence up to which nothing has to wait, since or later, and
// when the first wait ends.
func upTo(since string, changes couch.ChangesPage, list []entry) (seq string, until time.Time) {
	seq = since
	for i, e := range list {
		if !e.until.IsZero() {
			return seq, e.until
		}
		seq = changes.Changes[i].Seq
	}
	return changes.LastSeq, time.Time{}
}

func (o *outlet) list(db string, changes []couch.Change) []entry {
	list := make([]entry, len(changes))
	for i, c := range changes {
		list[i] = o.entry(db, c)
	}
	return list
}

// entry decides about one change: writes in memory are announced as they were,
// others by what the feed says of them.
func (o *outlet) entry(db string, c couch.Change) entry {
	last, known := o.done.Get(docKey{db, c.ID})
	e := entry{notices: o.written.of(db, c.ID)}
	e.own = len(e.notices)
	for i := range e.notices {
		if e.notices[i].kind == "" && known { // a bare tombstone
			e.notices[i].kind = last.kind
		}
		known, last = true, e.notices[i]
	}
	doc, err := (couch.Row{Doc: c.Doc}).Document()
	if err != nil || doc == nil || len(c.Revs) == 0 || known && last.rev == c.Revs[0] || !doc.Ours() {
		return e
	}
	now := changeOf(db, doc, doc.Generation() == 1)
	if !kazoos(now) || known && document.Generation(last.rev) > document.Generation(now.rev) {
		return e
	}
	modified := document.FromGregorian(now.modified)
	if wait := time.Until(modified.Add(grace)); wait > 0 && wait < time.Minute {
		e.until = time.Now().Add(wait)
		return e
	}
	e.notices = append(e.notices, now)
	return e
}

// announce publishes in order. What the broker has is forgotten.
func (o *outlet) announce(ctx context.Context, list []entry) error {
	for _, e := range list {
		if len(e.notices) > 0 {
			return o.announceAll(ctx, list)
		}
	}
	return nil
}

func (o *outlet) announceAll(ctx context.Context, list []entry) error {
	var all []change
	own := map[int]bool{} // by place in all
	for _, e := range list {
		for i, c := range e.notices {
			if i < e.own {
				own[len(all)] = true
			}
			all = append(all, c)
		}
	}
	n, err := o.publish(ctx, all)
	for i, c := range all[:n] {
		o.done.Put(docKey{c.db, c.id}, c)
		if own[i] {
			o.written.forget(c.db, c.id, 1)
		}
	}
	return err
}

// publish sends changes and returns how many of them the broker has.
func (o *outlet) publish(ctx context.Context, changes []change) (int, error) {
	o.late.sending.RLock()
	defer o.late.sending.RUnlock()
	n, err := o.broker.publish(ctx, o.node, changes)
	o.published.Add(int64(n))
	if since, ok := o.broker.back(); ok && since < settle {
		o.late.add(changes[:n])
	}
	if err != nil {
		o.failed.Add(1)
	}
	return n, err
}

// checkpoint is how far a database's changes are announced, "" for nothing.
func (o *outlet) checkpoint(ctx context.Context, db *couch.DB) (string, error) {
	doc, err := db.Get(ctx, o.checkpointID())
	if problem.Is(err, problem.BadIdentifier) {
		return "", nil
	}
	return doc.String("seq"), err
}

// setCheckpoint moves the checkpoint. Of two processes that do so the last one
// wins, which is right: whatever is behind either place was announced.
func (o *outlet) setCheckpoint(ctx context.Context, db *couch.DB, seq string) error {
	doc, err := db.Get(ctx, o.checkpointID())
	if problem.Is(err, problem.BadIdentifier) {
		doc, err = document.Doc{"_id": o.checkpointID()}, nil
	}
	if err != nil || seq == "" || doc.String("seq") == seq {
		return err
	}
	doc["seq"], doc["broker"] = seq, o.broker.name
	if err := db.Put(ctx, doc); err != nil && !problem.Is(err, problem.Conflict) {
		return err
	}
	return nil
}
