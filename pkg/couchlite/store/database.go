package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/content"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// databaseSchema is the layout of a database's file. A document's row names
// its winning revision and keeps its revision tree, whose nodes point into
// bodies; docs.leaves counts the tree's leaves. seq is the update sequence of
// the document's last change.
const databaseSchema = `
CREATE TABLE state(
  only_row INTEGER PRIMARY KEY CHECK(only_row = 1),
  version INTEGER NOT NULL, incarnation TEXT NOT NULL,
  seq INTEGER NOT NULL, docs INTEGER NOT NULL, deleted INTEGER NOT NULL,
  purge_seq INTEGER NOT NULL, revs_limit INTEGER NOT NULL, security TEXT NOT NULL, name TEXT NOT NULL DEFAULT '',
  commits INTEGER NOT NULL DEFAULT 0, merged INTEGER NOT NULL DEFAULT 0);
CREATE TABLE docs(
  num INTEGER PRIMARY KEY, id TEXT NOT NULL, seq INTEGER NOT NULL, deleted INTEGER NOT NULL,
  rev TEXT NOT NULL, body INTEGER NOT NULL, leaves INTEGER NOT NULL, tree BLOB NOT NULL);
CREATE UNIQUE INDEX docs_id ON docs(id, deleted);
CREATE UNIQUE INDEX docs_seq ON docs(seq);
CREATE TABLE bodies(num INTEGER PRIMARY KEY, body BLOB NOT NULL, attachments BLOB);
CREATE TABLE attachments(num INTEGER PRIMARY KEY, sha BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE locals(id TEXT PRIMARY KEY, rev INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
`

// State is the one row of the table state.
type State struct {
	Incarnation   string
	Seq           int64 // of the last change
	Docs, Deleted int64 // documents that live and that are tombstones
	PurgeSeq      int64
	RevsLimit     int64
	Security      string

	Commits int64 // transactions, all in all
	merged  int64 // of them, when the log was last begun anew
}

// Database is one open database.
type Database struct {
	name   string
	base   string // of its file's name
	store  *Store
	slot   *slot
	log    *zap.Logger
	file   *File
	read   readStatements
	writer *writer
	state  atomic.Pointer[State] // as last committed
	beside Companion             // may be nil

	reading content.Readers // of attachments

	compacting atomic.Bool
	checked    atomic.Bool // for damage, after a request had failed
	dropped    atomic.Bool // its files are gone, or going
}

// openDatabase opens the file of a database, or with create makes it. The error
// wraps os.ErrNotExist if a file to open is missing, and is errFileExists if one
// to make exists.
func (s *Store) openDatabase(ctx context.Context, name string, create bool) (*Database, error) {
	base := s.file(name)
	switch {
	case create && base != "":
		return nil, errFileExists()
	case create:
		base = newFileBase(name)
		path := s.databasePath(base)
		if err := s.retry(path, func() error { return s.placeFile(name, path) }); err != nil {
			return nil, fmt.Errorf("create database: %w", err)
		}
	case base == "":
		return nil, fmt.Errorf("open database: %w", os.ErrNotExist)
	}
	if err := checkHeader(name, s.databasePath(base)); err != nil {
		return nil, err
	}
	leftLog, err := s.checkLeftLog(ctx, name, base)
	if err != nil {
		return nil, err
	}
	db, err := s.startDatabase(ctx, name, base, leftLog, func() (*File, error) {
		return s.OpenFile(ctx, s.databasePath(base), FileOptions{Sync: "FULL", Readers: 4, OwnMerges: true})
	})
	if !create && Unwritable(err) {
		s.log.Warn("database can only be read", zap.String("database", name), zap.Error(err))
		db, err = s.startDatabase(ctx, name, base, leftLog, func() (*File, error) {
			return s.OpenReadOnly(ctx, s.databasePath(base))
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", name, err)
	}
	if create {
		s.setFile(name, base)
		s.committed(name, updateCreated)
	}
	return db, nil
}

// startDatabase opens a database's file and starts the database on it.
func (s *Store) startDatabase(ctx context.Context, name, base string, leftLog bool, open func() (*File, error)) (*Database, error) {
	file, err := open()
	db := &Database{name: name, base: base, store: s, log: s.log.With(zap.String("database", name)), file: file}
	if err != nil {
		return nil, db.damaged(err)
	}
	if err := db.start(ctx, leftLog); err != nil {
		_ = file.Close()
		return nil, db.damaged(err)
	}
	return db, nil
}

// start reads what the file says and begins to write. leftLog tells that the
// file was left with a log, which is merged first.
func (db *Database) start(ctx context.Context, leftLog bool) error {
	if err := db.identify(ctx); err != nil {
		return err
	}
	st, err := db.loadState(ctx)
	if err != nil {
		return err
	}
	known, _ := db.store.journal.Of(db.base)
	if err := older(db.name, db.store.databasePath(db.base), st.Commits, known); err != nil {
		return err
	}
	db.state.Store(st)
	if err := db.read.prepare(db.file.R); err != nil {
		return err
	}
	if db.file.ReadOnly {
		db.writer = refusingWriter(db)
		return db.addCompanion()
	}
	merged := !leftLog
	if leftLog {
		if merged, err = merge(ctx, db.file.W); err != nil {
			return err
		}
	}
	w, err := startWriter(ctx, db, merged)
	if err != nil {
		return err
	}
	db.writer = w
	return db.addCompanion()
}

// loadState reads the table state, to which the file of an earlier version is
// given what it lacks.
func (db *Database) loadState(ctx context.Context) (*State, error) {
	const columns = `incarnation, seq, docs, deleted, purge_seq, revs_limit, security, `
	read := func(counts string) (*State, error) {
		var st State
		row := db.file.W.QueryRowContext(ctx, `SELECT `+columns+counts+` FROM state`)
		return &st, row.Scan(&st.Incarnation, &st.Seq, &st.Docs, &st.Deleted, &st.PurgeSeq, &st.RevsLimit, &st.Security, &st.Commits, &st.merged)
	}
	st, err := read(`commits, merged`)
	if sqliteCode(err) != sqliteError {
		return st, err
	}
	if db.file.ReadOnly {
		return read(`0, 0`)
	}
	if err := db.addCounts(ctx); err != nil {
		return nil, err
	}
	return read(`commits, merged`)
}

func (db *Database) addCompanion() error {
	if db.store.opts.Companion != nil {
		db.beside = db.store.opts.Companion(db)
	}
	return nil
}

// close waits for writes under way and closes the file.
func (db *Database) close() error {
	db.writer.stop()
	if db.beside != nil {
		db.beside.Close()
	}
	db.settle()
	err := db.file.Close()
	if db.dropped.Load() { // a connection may have been opened while the file was removed
		err = errors.Join(err, dropLog(db.store.databasePath(db.base)))
	}
	return err
}

// Beside is the database's [Companion], nil if it has none.
func (db *Database) Beside() Companion { return db.beside }

// Name is the database's name.
func (db *Database) Name() string { return db.name }

// Log is the store's log, naming the database.
func (db *Database) Log() *zap.Logger { return db.log }

// Store is where the database is kept.
func (db *Database) Store() *Store { return db.store }

// Current is the database's state as last committed.
func (db *Database) Current() *State { return db.state.Load() }

// SetSecurity keeps the security object.
func (db *Database) SetSecurity(ctx context.Context, object string) error {
	return db.writer.do(ctx, func(w *writer) error {
		w.st.Security = object
		return nil
	})
}

// SetRevsLimit sets how many revisions of a document are remembered.
func (db *Database) SetRevsLimit(ctx context.Context, n int64) error {
	return db.writer.do(ctx, func(w *writer) error {
		w.st.RevsLimit = n
		return nil
	})
}

// retire refuses further writes: the database is being deleted.
func (db *Database) retire() {
	db.dropped.Store(true)
	db.writer.stop()
}

// Gone returns the 404 of a deleted database if the database was deleted while
// the request ran and so failed; otherwise it returns err.
func (db *Database) Gone(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	select {
	case <-db.writer.quit:
		return fault.NoDatabase()
	default:
		db.suspect(err)
		return err
	}
}

// IndexDir is where the database's view indexes are kept.
func (db *Database) IndexDir() string {
	return filepath.Join(db.store.dir, "views", db.base)
}

// inTx runs fn in a read transaction: one snapshot of the database.
func (db *Database) inTx(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := db.file.R.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return fn(tx)
}

// Info is what GET /{db} says.
func (db *Database) Info() map[string]any {
	st := db.state.Load()
	size := db.file.Size()
	return map[string]any{
		"db_name": db.name, "doc_count": st.Docs, "doc_del_count": st.Deleted,
		"update_seq": db.EncodeSeq(st.Seq), "purge_seq": strconv.FormatInt(st.PurgeSeq, 10) + "-" + st.Incarnation,
		"instance_start_time": "0", "compact_running": db.compacting.Load(), "disk_format_version": 8, "props": map[string]any{},
		"cluster": map[string]int{"q": 1, "n": 1, "w": 1, "r": 1},
		"sizes":   map[string]int64{"file": size, "active": size, "external": size},
	}
}
