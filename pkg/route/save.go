package route

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

const (
	// syncEvery is how often journals are synced to disk and snapshots that are
	// due are written.
	syncEvery = time.Second
	// maxJournal is how long a journal grows until a new snapshot is written.
	maxJournal = 4 << 20
)

// keepSnapshots keeps on disk what the accounts in memory know: the first
// snapshot as soon as an account is loaded, changes in its journal, and a new
// snapshot where the journal is long or a change could not be written.
func (s *Indexes) keepSnapshots(ctx context.Context) {
	tick := time.NewTicker(min(syncEvery, s.cfg.SnapshotEvery))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.syncJournals()
		case <-s.unsaved:
		case <-ctx.Done():
			s.lastSnapshots()
			return
		}
		s.saveSnapshots(ctx)
	}
}

func (s *Indexes) syncJournals() {
	for _, l := range s.loaded() {
		if err := l.journal.sync(); err != nil {
			l.warn("a journal of routes cannot be synced", err)
		}
	}
}

// saveSnapshots writes the snapshots that are due.
func (s *Indexes) saveSnapshots(ctx context.Context) {
	for _, l := range s.loaded() {
		if ctx.Err() != nil {
			return
		}
		if !l.due() {
			continue
		}
		if err := l.save(ctx); err != nil && ctx.Err() == nil {
			l.warn("a snapshot of routes cannot be written", err)
		}
	}
}

// lastSnapshots writes everything in memory to disk, without the database.
func (s *Indexes) lastSnapshots() {
	for _, l := range s.loaded() {
		err := l.agreed()
		if _, whole := l.journal.grown(); !whole {
			err = errors.Join(err, l.write(l.remembered, l.at()))
		}
		if err = errors.Join(err, l.journal.sync()); err != nil {
			l.warn("the last snapshot of routes cannot be written", err)
		}
	}
}

func (l *live) warn(message string, err error) {
	l.owner.cfg.Log.Warn(message, zap.String("account_id", l.id), zap.Error(err))
}

// due reports whether a new snapshot is to be written. After the first one there
// is SnapshotEvery between two attempts, failed ones included.
func (l *live) due() bool {
	size, whole := l.journal.grown()
	l.mu.Lock()
	defer l.mu.Unlock()
	return (!whole || size > maxJournal) && time.Since(l.saved) >= l.owner.cfg.SnapshotEvery
}

// at is the point at which the index last agreed with the database.
func (l *live) at() snapshotHeader {
	return snapshotHeader{Seq: l.feed.Seq(), Life: l.feed.Life(), At: l.current()}
}

// agreed records on disk the point at which the index agreed with the database.
func (l *live) agreed() error {
	at := l.at()
	return l.journal.append(record{Seq: at.Seq, At: at.At})
}

// note writes a change to the journal, before it is applied to the index.
func (l *live) note(r record) {
	if err := l.journal.append(r); err != nil {
		l.mu.Lock()
		l.behind = true
		l.mu.Unlock()
		l.warn("a change of routes cannot be written to disk", err)
	}
}

// save writes the account's callflows as they are now, from the database.
func (l *live) save(ctx context.Context) error {
	l.mu.Lock()
	l.saved = time.Now()
	l.mu.Unlock()
	at := snapshotHeader{Life: l.feed.Life(), At: time.Now()}
	var err error
	if at.Seq, err = l.db.UpdateSeq(ctx); err != nil {
		return err
	}
	return l.write(func() iter.Seq2[document.Doc, error] { return l.stored(ctx) }, at)
}

// write writes a snapshot of the documents that a source yields. Changes made
// meanwhile go to the snapshot's journal.
func (l *live) write(source func() iter.Seq2[document.Doc, error], head snapshotHeader) error {
	if l.journal.stem == "" {
		return nil
	}
	l.saving.Lock()
	defer l.saving.Unlock()
	head.Version, head.Account, head.Plan = snapshotVersion, l.id, l.plan.Load().raw
	head.ID = strconv.FormatInt(time.Now().UnixNano(), 36)
	if err := os.MkdirAll(filepath.Dir(l.journal.stem), 0o700); err != nil {
		return err
	}
	if err := l.beginJournal(head.ID); err != nil {
		return err
	}
	defer l.journal.cancel(head.ID)
	f, err := os.CreateTemp(filepath.Dir(l.journal.stem), filepath.Base(l.journal.stem)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // no longer there after the rename
	defer f.Close()           //nolint:errcheck // closed below when it counts
	places, err := writeSnapshot(f, head, source(), l.journal.stem+snapshotSuffix)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := l.journal.finish(head.ID, f.Name(), places); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behind = false
	return nil
}

// beginJournal starts a journal with the writes that the feed has not
// confirmed: the database may not show them yet.
func (l *live) beginJournal(id string) error {
	l.applying.Lock()
	defer l.applying.Unlock()
	if err := l.journal.begin(id); err != nil {
		return err
	}
	return l.noteWritten()
}

// noteWritten writes the own writes that are not confirmed to the journal.
func (l *live) noteWritten() error {
	for _, w := range l.written {
		if err := l.journal.append(w.record()); err != nil {
			return err
		}
	}
	return nil
}

// stored yields the account's callflows as the database has them.
func (l *live) stored(ctx context.Context) iter.Seq2[document.Doc, error] {
	return func(yield func(document.Doc, error) bool) {
		for row, err := range l.db.View(ctx, "callflowd", "routes", couch.Query{IncludeDocs: true}) {
			if isCode(err, problem.MissingView) {
				l.withoutView(ctx)(yield)
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			doc, err := row.Document()
			if err == nil && doc == nil {
				continue // it was deleted meanwhile
			}
			if !yield(doc, err) {
				return
			}
		}
	}
}

// remembered yields the account's callflows as this process knows them: the
// document if it is in memory or on disk, else what it contributes.
func (l *live) remembered() iter.Seq2[document.Doc, error] {
	return func(yield func(document.Doc, error) bool) {
		for _, e := range l.index.Entries() {
			doc := l.journal.document(e.CallflowID)
			if cached, ok := l.owner.docs.Get(docKey{l.id, e.CallflowID}); ok && cached.Doc.Rev() == e.Rev {
				doc = cached.Doc
			}
			if doc == nil || doc.Rev() != e.Rev {
				doc = document.Doc{
					"_id": e.CallflowID, "_rev": e.Rev, "pvt_type": "callflow", "name": e.Name,
					"numbers": anyList(e.Numbers), "patterns": anyList(e.Patterns), entryOnly: true,
				}
			}
			if !yield(doc, nil) {
				return
			}
		}
	}
}

func anyList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// writeSnapshot writes a snapshot and returns where the documents lie in it,
// under the name it will have.
func writeSnapshot(f io.Writer, head snapshotHeader, docs iter.Seq2[document.Doc, error], name string) (map[string]place, error) {
	w := lineWriter{w: bufio.NewWriterSize(f, 1<<16), sum: sha256.New()}
	if _, err := w.write(head); err != nil {
		return nil, err
	}
	places := map[string]place{}
	for doc, err := range docs {
		if err != nil {
			return nil, err
		}
		at := w.offset
		length, err := w.write(doc)
		if err != nil {
			return nil, err
		}
		places[doc.ID()] = place{name, at, length}
	}
	if _, err := fmt.Fprintf(w.w, "%x\n", w.sum.Sum(nil)); err != nil {
		return nil, err
	}
	return places, w.w.Flush()
}

// lineWriter writes lines of JSON and hashes what it has written.
type lineWriter struct {
	w      *bufio.Writer
	sum    hash.Hash
	offset int64
}

// write returns the length of the line.
func (w *lineWriter) write(v any) (int64, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	text = append(text, '\n')
	w.sum.Write(text)
	w.offset += int64(len(text))
	_, err = w.w.Write(text)
	return int64(len(text)), err
}
