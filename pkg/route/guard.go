package route

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// guardTime is how long the index prefers a write of this process to what the
// feed shows. If the feed has not confirmed the write by then, the document is
// read again: the write may have been undone, or another branch of the document's
// revisions may have won.
const guardTime = time.Second

// write is a document that this process wrote and the feed has not confirmed yet.
type write struct {
	rev    string
	at     time.Time
	change index.Change
	doc    document.Doc
}

// wrote applies a document that this process wrote.
func (l *live) wrote(doc document.Doc) { l.guard(writeOf(doc)) }

func writeOf(doc document.Doc) write {
	change := index.Change{ID: doc.ID()}
	if e, ok := index.EntryOf(doc); ok {
		change.Entry = &e
	}
	return write{doc.Rev(), time.Now(), change, doc}
}

// record is the line of the journal about a write.
func (w write) record() record { return recordOf(w.change, w.doc) }

// guard applies writes at once, and has the documents read again unless the feed
// confirms them in time. It ignores a write if a later one of the same document
// came before.
func (l *live) guard(writes ...write) {
	l.applying.Lock()
	defer l.applying.Unlock()
	l.guardLocked(writes...)
}

func (l *live) guardLocked(writes ...write) {
	var changes []index.Change
	for _, w := range writes {
		id := w.change.ID
		if later, ok := l.written[id]; ok && document.Generation(later.rev) > document.Generation(w.rev) {
			continue
		}
		l.written[id] = w
		l.note(w.record())
		l.show(w.change, w.doc)
		changes = append(changes, w.change)
	}
	if len(changes) == 0 {
		return
	}
	l.index.Update(changes)
	if !l.checking {
		l.checking = true
		l.owner.spawn(func(context.Context) { l.check() })
	}
}

// confirm returns the changes without those that are this process's last writes.
func (l *live) confirm(changes []couch.Change) []couch.Change {
	l.applying.Lock()
	defer l.applying.Unlock()
	return slices.DeleteFunc(changes, func(c couch.Change) bool {
		w, guarded := l.written[c.ID]
		own := guarded && len(c.Revs) > 0 && c.Revs[0] == w.rev
		if own {
			delete(l.written, c.ID)
		}
		return own
	})
}

// outranked reports whether a change from the feed is older than a write of this
// process. Such a change is ignored; [live.check] reads the document again.
func (l *live) outranked(c couch.Change, doc document.Doc) bool {
	w, ok := l.written[c.ID]
	if !ok {
		return false
	}
	reached := doc.Rev() == w.rev || doc.Generation() > document.Generation(w.rev)
	for _, rev := range c.Revs {
		reached = reached || rev == w.rev || document.Generation(rev) > document.Generation(w.rev)
	}
	if reached {
		delete(l.written, c.ID)
	}
	return !reached
}

// check reads the documents again whose writes the feed does not confirm in time.
// It ends when there are none left.
func (l *live) check() {
	wait := pause.Growing{First: firstPause, Last: lastPause}
	for {
		due, next := l.unconfirmed(time.Now())
		if len(due) == 0 && next == 0 {
			return
		}
		if len(due) > 0 {
			next = 0
			if err := l.readAgain(due); err != nil {
				l.owner.cfg.Log.Debug("own writes cannot be read again", zap.String("account_id", l.id), zap.Error(err))
				if !wait.Wait(l.ctx) {
					return
				}
			}
		}
		if !pause.For(l.ctx, next) {
			return
		}
	}
}

// unconfirmed returns the writes whose guard time has passed, and how long until
// that of the next one has. If there are no writes, it ends the checking.
func (l *live) unconfirmed(now time.Time) (due map[string]write, next time.Duration) {
	l.applying.Lock()
	defer l.applying.Unlock()
	due = map[string]write{}
	for id, w := range l.written {
		left := l.owner.cfg.guard - now.Sub(w.at)
		switch {
		case left <= 0:
			due[id] = w
		case next == 0 || left < next:
			next = left
		}
	}
	l.checking = len(l.written) > 0
	return due, next
}

// readAgain reads the documents of writes and applies what the database has. A
// write that was confirmed or replaced meanwhile is left to the feed.
func (l *live) readAgain(due map[string]write) error {
	ids := make([]string, 0, len(due))
	for id := range due {
		ids = append(ids, id)
	}
	docs, err := l.db.GetMany(l.ctx, ids)
	if err != nil {
		return err
	}
	l.applying.Lock()
	defer l.applying.Unlock()
	var changes []couch.Change
	for id, w := range due {
		if now, ok := l.written[id]; ok && now.rev == w.rev && now.at.Equal(w.at) {
			delete(l.written, id)
			changes = append(changes, couch.Change{ID: id})
		}
	}
	l.applyLocked(changes, docs)
	return nil
}
