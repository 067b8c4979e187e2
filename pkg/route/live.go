package route

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/names"
)

// live is one account's index and what keeps it fresh.
type live struct {
	id      string
	owner   *Indexes
	db      *couch.DB
	index   *index.Index
	ctx     context.Context // ends when the account is dropped
	cancel  context.CancelFunc
	ready   chan struct{} // closed when loading has ended
	failed  error         // why it failed; set before ready is closed
	journal *journal      // what is on disk
	saving  sync.Mutex    // one snapshot is written at a time
	used    atomic.Int64  // the tick of the last use
	plan    atomic.Pointer[plan]

	names    *names.Book // what its documents are called
	feed     couch.Follower
	attended atomic.Bool // its feed is being waited on, not only read when _db_updates tells so

	applying sync.Mutex // held while the index changes: the feed must not overwrite own writes
	written  map[string]write
	checking bool // unconfirmed writes are waited for; guarded by applying

	mu         sync.Mutex // never held while the index changes: lookups ask for asOf
	pending    bool       // what changed since the snapshot is being read for the first time
	doubted    bool       // the index comes from a snapshot that lacks changes
	asOf       time.Time  // when the index was last known to agree with the database
	dirty      bool       // something changed that has not been read
	refreshing bool
	behind     bool // the snapshot on disk is older than the index
	saved      time.Time
}

func newLive(s *Indexes, id string) *live {
	ctx, cancel := context.WithCancel(s.ctx)
	l := &live{
		id: id, owner: s, db: s.cfg.Couch.Account(id), index: index.New(),
		ctx: ctx, cancel: cancel, ready: make(chan struct{}), written: map[string]write{},
		journal: &journal{stem: s.stem(id)}, names: s.names.Book(),
	}
	l.feed = couch.Follower{DB: l.db, Longpoll: s.cfg.wait, IncludeDocs: true, Begin: l.reload, Take: l.take, Current: l.agrees, Lost: l.lost}
	l.plan.Store(new(plan))
	return l
}

// plan is the account's dial plan, as stored and as read.
type plan struct {
	raw json.RawMessage
	number.DialPlan
}

func (l *live) setPlan(raw json.RawMessage) {
	parsed, warnings := number.ParseDialPlan(raw)
	for _, w := range warnings {
		l.owner.cfg.Log.Warn("the account's dial plan", zap.String("account_id", l.id), zap.String("path", w.Path), zap.String("problem", w.Message))
	}
	if len(raw) == 0 {
		raw = json.RawMessage("null")
	}
	if !bytes.Equal(raw, l.plan.Load().raw) {
		l.note(record{Plan: raw})
	}
	l.plan.Store(&plan{raw, parsed})
}

// readPlan reads the dial plan from the account's document, whose members'
// order counts.
func (l *live) readPlan(ctx context.Context) error {
	for row, err := range l.db.AllDocs(ctx, couch.Query{Keys: []any{l.id}, IncludeDocs: true}) {
		if err != nil {
			return err
		}
		l.takePlan(row.Doc)
	}
	return nil
}

// takePlan takes the dial plan out of the account's document.
func (l *live) takePlan(raw json.RawMessage) {
	var doc struct {
		DialPlan json.RawMessage `json:"dial_plan"`
	}
	if len(raw) > 0 && json.Unmarshal(raw, &doc) == nil {
		l.setPlan(doc.DialPlan)
	}
}

// load fills the index: from the snapshot and the changes since, or from the
// view. With the database down an old snapshot is better than nothing.
func (l *live) load(ctx context.Context) error {
	if snap := l.owner.readSnapshot(l.id); snap != nil {
		if err := l.takeSnapshot(snap); err != nil {
			l.warn("the snapshot of routes cannot be continued", err)
		}
		return l.catchUpWithSnapshot()
	}
	return l.refresh(ctx)
}

// catchUpWithSnapshot reads what changed since the snapshot. Lookups wait for
// that as long as for a document. After that they are answered from the snapshot;
// one that finds nothing fails until storage has answered or failed.
func (l *live) catchUpWithSnapshot() error {
	done := make(chan error, 1)
	l.mu.Lock()
	l.pending = true
	l.mu.Unlock()
	l.owner.spawn(func(context.Context) {
		err := l.refresh(l.ctx)
		if err != nil && !isCode(err, problem.MissingDatabase) {
			l.warn("routes from a snapshot: the database cannot be read", err)
			err = nil
			l.changed(false)
		}
		l.mu.Lock()
		l.pending = false
		l.mu.Unlock()
		if err != nil {
			l.owner.removeSnapshot(l.id)
			l.owner.drop(l)
		}
		done <- err
	})
	timer := time.NewTimer(l.owner.cfg.Patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
	case <-l.ctx.Done():
	}
	return nil
}

// takeSnapshot makes a snapshot the current index and continues its journal.
func (l *live) takeSnapshot(snap *snapshot) error {
	fresh := index.New()
	fresh.Update(snap.changes())
	l.install(fresh, time.Time{}) // the file lacks this process's later writes
	l.plan.Store(new(plan))
	l.setPlan(snap.plan)
	l.feed.Resume(snap.seq, snap.life)
	l.mu.Lock()
	l.asOf, l.behind, l.doubted = snap.at, snap.behind, snap.behind
	l.mu.Unlock()
	l.applying.Lock()
	defer l.applying.Unlock()
	l.journal.resume(snap)
	return l.noteWritten()
}

// reload reads all callflows. Changes made meanwhile come with the feed.
func (l *live) reload(ctx context.Context) error {
	l.names.Clear()
	at := time.Now()
	entries, err := l.read(ctx)
	if err != nil {
		return err
	}
	if err := l.readPlan(ctx); err != nil {
		return err
	}
	if err := l.journal.forget(); err != nil {
		return err
	}
	fresh := index.New()
	fresh.Update(entries)
	l.owner.docs.DeleteFunc(func(k docKey) bool { return k.account == l.id })
	l.install(fresh, at)
	l.mu.Lock()
	l.asOf, l.behind, l.saved = at, true, time.Time{}
	l.mu.Unlock()
	return nil
}

// install replaces the index by one that was read from the database, beginning at
// began. It may lack this process's writes since then, so they are applied again.
// Older writes are in it, unless their database was deleted.
func (l *live) install(fresh *index.Index, began time.Time) {
	l.applying.Lock()
	defer l.applying.Unlock()
	var late []index.Change
	for id, w := range l.written {
		if w.at.Before(began) {
			delete(l.written, id)
			continue
		}
		late = append(late, w.change)
	}
	fresh.Update(late)
	l.index.Replace(fresh)
}

// readView reads what all live callflows contribute, without the documents.
// answers is called when the view does.
func (l *live) readView(ctx context.Context, answers func()) ([]index.Change, error) {
	var changes []index.Change
	for row, err := range l.db.View(ctx, "callflowd", "routes", couch.Query{}) {
		answers()
		if err != nil {
			return nil, err
		}
		var doc document.Doc
		if err := json.Unmarshal(row.Value, &doc); err != nil {
			return nil, &problem.Error{Code: problem.DatastoreFault, Msg: "read what " + row.ID + " contributes", Err: err}
		}
		doc["_id"], doc["_rev"], doc["pvt_type"] = row.ID, doc["rev"], "callflow"
		if e, ok := index.EntryOf(doc); ok {
			changes = append(changes, index.Change{ID: row.ID, Entry: &e})
		}
	}
	return changes, nil
}

// refresh reads the changes since those that the index knows, or begins.
func (l *live) refresh(ctx context.Context) error { return l.feed.CatchUp(ctx) }

// agrees records that the index has all changes made before at.
func (l *live) agrees(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asOf, l.doubted = at, false
}

// lost drops the account if its database is gone.
func (l *live) lost(err error) {
	if isCode(err, problem.MissingDatabase) {
		l.owner.removeSnapshot(l.id)
		l.owner.drop(l)
	}
}

// take applies one page of changes.
func (l *live) take(ctx context.Context, page couch.ChangesPage) error {
	changed := len(page.Changes)
	for _, c := range page.Changes {
		l.names.Forget(c.ID)
	}
	page.Changes = l.confirm(page.Changes)
	docs := map[string]document.Doc{}
	for _, c := range page.Changes {
		if c.Deleted || strings.HasPrefix(c.ID, "_design/") {
			continue
		}
		if c.ID == l.id {
			l.takePlan(c.Doc)
		}
		var doc document.Doc
		if err := json.Unmarshal(c.Doc, &doc); err != nil {
			l.warn("a changed document cannot be read", err)
			continue
		}
		docs[c.ID] = doc
	}
	l.apply(page.Changes, docs)
	if changed > 0 {
		l.note(record{Seq: page.LastSeq, At: page.At})
	}
	return nil
}

// apply brings documents into the index.
func (l *live) apply(page []couch.Change, docs map[string]document.Doc) {
	l.applying.Lock()
	defer l.applying.Unlock()
	l.applyLocked(page, docs)
}

func (l *live) applyLocked(page []couch.Change, docs map[string]document.Doc) {
	var changes []index.Change
	for _, c := range page {
		doc := docs[c.ID]
		if l.outranked(c, doc) {
			continue
		}
		change := index.Change{ID: c.ID}
		if e, ok := index.EntryOf(doc); ok {
			change.Entry = &e
		}
		if _, known := l.index.Entry(c.ID); known || change.Entry != nil {
			changes = append(changes, change)
			if _, cached := l.owner.docs.Get(docKey{l.id, c.ID}); cached {
				l.show(change, doc)
			}
			l.note(recordOf(change, doc))
		}
	}
	if len(changes) > 0 {
		l.index.Update(changes)
	}
}

// show makes lookups return this version of a document.
func (l *live) show(c index.Change, doc document.Doc) {
	key := docKey{l.id, c.ID}
	l.owner.docs.Delete(key)
	if c.Entry != nil {
		l.owner.cache(key, newStored(doc))
	}
}

// recordOf is the line of the journal about a change.
func recordOf(c index.Change, doc document.Doc) record {
	if c.Entry == nil {
		return record{Gone: c.ID}
	}
	return record{Doc: doc}
}

// current returns when the index was last known to agree with the database:
// now, if changes are followed and none is waiting to be read.
func (l *live) current() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owner.feedUp.Load() && !l.dirty && !l.refreshing && !l.pending && !l.owner.reads.silent.Load() && !l.owner.probe.silent.Load() {
		return time.Now()
	}
	return l.asOf
}
