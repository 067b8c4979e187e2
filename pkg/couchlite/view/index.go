package view

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// indexSchema is the layout of an index file. An entry's k is the collation
// key of the emitted key, the document's id, and which of the document's equal
// keys it is; view is the number of the map function. ranks count entries, a
// hundred or two to a row, so that an offset is not counted entry by entry.
// entriesIndex finds the entries of a document; the first build goes without.
const indexSchema = `
CREATE TABLE meta(
  only_row INTEGER PRIMARY KEY CHECK(only_row = 1),
  incarnation TEXT NOT NULL, seq INTEGER NOT NULL, purge_seq INTEGER NOT NULL);
INSERT INTO meta VALUES(1, '', 0, 0);
CREATE TABLE entries(
  view INTEGER NOT NULL, k BLOB NOT NULL, id TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY(view, k)) WITHOUT ROWID;
CREATE TABLE ranks(view INTEGER NOT NULL, lo BLOB NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(view, lo)) WITHOUT ROWID;
CREATE TABLE broken(view INTEGER PRIMARY KEY, reason TEXT NOT NULL);
`

const entriesIndex = `CREATE INDEX IF NOT EXISTS entries_id ON entries(id)`

// viewIndex is the index of a design document's views.
type viewIndex struct {
	set    *Set
	design *Design
	file   *store.File
	log    *zap.Logger

	users int         // who hold it; guarded by set.mu
	ranks *rankWriter // as last committed, or nil; for the running build

	mu       sync.Mutex
	seq      int64  // what the index has seen of the database
	purgeSeq int64  // up to where purged documents are not in it any more
	building *build // nil when none runs
	failures failures

	// unwritable is the database's sequence when the disk last refused the
	// index. The index is not written again until the database, on the same
	// disk, has a greater one. -1: never refused.
	unwritable int64
}

// build is one run over the changes; err is set before done is closed.
type build struct {
	done chan struct{}
	err  error
}

func newIndex(s *Set, d *Design) *viewIndex {
	return &viewIndex{
		set: s, design: d, failures: failures{}, unwritable: -1,
		log: s.db.Log().With(zap.String("design", d.name), zap.String("index", d.digest)),
	}
}

// openIndex opens the index file of a design document, or makes it. The index
// is built from scratch if the file cannot be read, belongs to another database
// or has a view that failed. If the disk cannot be written, the file is used if
// it is up to date, and else the index is built in memory.
func openIndex(ctx context.Context, s *Set, d *Design) (*viewIndex, error) {
	path := filepath.Join(s.db.IndexDir(), d.digest+store.FileSuffix)
	x := newIndex(s, d)
	err := os.MkdirAll(s.db.IndexDir(), 0o700)
	if err == nil {
		err = x.open(ctx, path)
	}
	if err != nil && !store.Unwritable(err) {
		x.log.Warn("view index is built from scratch", zap.Error(err))
		if err = store.RemoveFile(path); err == nil {
			err = x.open(ctx, path)
		}
	}
	if store.Unwritable(err) {
		x.log.Warn("view index cannot be written", zap.Error(err))
		return openUnwritable(ctx, s, d, path)
	}
	if err != nil {
		return nil, fmt.Errorf("open view index: %w", err)
	}
	return x, nil
}

func openUnwritable(ctx context.Context, s *Set, d *Design, path string) (*viewIndex, error) {
	x := newIndex(s, d)
	file, err := s.db.Store().OpenReadOnly(ctx, path)
	if err == nil {
		if err = x.take(ctx, file); err == nil && x.seq >= s.db.Current().Seq {
			return x, nil
		}
		_ = file.Close()
	}
	return openInMemory(ctx, s, d)
}

// openInMemory returns an empty index that is in memory only.
func openInMemory(ctx context.Context, s *Set, d *Design) (*viewIndex, error) {
	x := newIndex(s, d)
	file, err := s.db.Store().OpenMemory(ctx, store.FileOptions{Readers: 4, Schema: indexSchema})
	if err != nil {
		return nil, fmt.Errorf("open view index: %w", err)
	}
	return x, x.take(ctx, file)
}

// errUnwritable ends a build when the disk cannot be written.
var errUnwritable = fmt.Errorf("write view index: %w", syscall.ENOSPC)

var errStaleIndex = errors.New("index of another state of the database")

func (x *viewIndex) open(ctx context.Context, path string) error {
	file, err := x.set.db.Store().OpenFile(ctx, path, store.FileOptions{Sync: "NORMAL", Readers: 16, Schema: indexSchema})
	if err != nil {
		return err
	}
	return x.take(ctx, file)
}

// take reads the state of an open file, which is closed if it cannot be used.
func (x *viewIndex) take(ctx context.Context, file *store.File) error {
	x.file = file
	if err := x.load(ctx); err != nil {
		_ = file.Close()
		return err
	}
	return nil
}

// load reads how far the index is.
func (x *viewIndex) load(ctx context.Context) error {
	st := x.set.db.Current()
	var incarnation string
	var broken int64
	row := x.file.W.QueryRowContext(ctx, `SELECT incarnation, seq, purge_seq, (SELECT count(*) FROM broken) FROM meta`)
	if err := row.Scan(&incarnation, &x.seq, &x.purgeSeq, &broken); err != nil {
		return err
	}
	if x.seq == 0 && incarnation == "" {
		x.purgeSeq = st.PurgeSeq
		_, err := x.file.W.ExecContext(ctx, `UPDATE meta SET incarnation = ?, purge_seq = ?`, st.Incarnation, st.PurgeSeq)
		return err
	}
	if incarnation != st.Incarnation || x.seq > st.Seq || broken > 0 {
		return errStaleIndex
	}
	return nil
}

// busy reports whether somebody reads the index or a build runs. set.mu is
// held.
func (x *viewIndex) busy() bool {
	if x == nil {
		return false
	}
	if x.users > 0 {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.building != nil
}

// catchUp returns when the index has seen the database up to seq. All who
// wait share one build, which does not stop when they leave.
func (x *viewIndex) catchUp(ctx context.Context, seq int64) error {
	for {
		b := x.start(seq)
		if b == nil {
			return nil
		}
		select {
		case <-b.done:
			if b.err != nil {
				return b.err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// start returns the running build, or begins one; nil when the index is up to
// date.
func (x *viewIndex) start(seq int64) *build {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.seq >= seq && (x.unwritable >= seq || !x.failures.due()) {
		return nil
	}
	if x.building == nil && x.unwritable >= seq {
		b := &build{done: make(chan struct{}), err: errUnwritable}
		close(b.done)
		return b
	}
	if x.building == nil {
		b := &build{done: make(chan struct{})}
		if !x.set.begin() {
			b.err = fault.NoDatabase()
			close(b.done)
			return b
		}
		x.building = b
		x.set.engine.building.Store(x, nil)
		go x.run(b)
	}
	return x.building
}

func (x *viewIndex) run(b *build) {
	defer x.set.builds.Done()
	seq, err := x.update(x.set.ctx)
	if err != nil && x.set.ctx.Err() != nil {
		err = fault.NoDatabase()
	}
	x.mu.Lock()
	x.seq = seq
	if store.Unwritable(err) {
		x.unwritable = x.set.db.Current().Seq
	}
	x.building = nil
	x.set.engine.building.Delete(x)
	x.mu.Unlock()
	b.err = err
	close(b.done)
}

// freshen brings the index up to date if one of the queries wants that.
func (x *viewIndex) freshen(ctx context.Context, v view, queries []Query) error {
	x.asked(v.number)
	seq := x.set.db.Current().Seq
	for _, query := range queries {
		switch query.update {
		case "true":
			return x.catchUp(ctx, seq)
		case "lazy":
			x.start(seq)
		}
	}
	return nil
}

// snapshot is a view index at one moment.
type snapshot struct {
	tx  *sql.Tx
	seq int64
}

// read calls fn with a snapshot of the index.
func (x *viewIndex) read(ctx context.Context, fn func(snapshot) error) error {
	tx, err := x.file.R.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("read view index: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	s := snapshot{tx: tx}
	if err := tx.QueryRowContext(ctx, `SELECT seq FROM meta`).Scan(&s.seq); err != nil {
		return fmt.Errorf("read view index: %w", err)
	}
	return fn(s)
}
