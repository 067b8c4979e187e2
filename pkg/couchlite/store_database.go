package couchlite

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
  purge_seq INTEGER NOT NULL, revs_limit INTEGER NOT NULL, security TEXT NOT NULL);
INSERT INTO state VALUES(1, 1, '` + blankIncarnation + `', 0, 0, 0, 0, 1000,
  '{"members":{"roles":["_admin"]},"admins":{"roles":["_admin"]}}');
CREATE TABLE docs(
  num INTEGER PRIMARY KEY, id TEXT NOT NULL, seq INTEGER NOT NULL, deleted INTEGER NOT NULL,
  rev TEXT NOT NULL, body INTEGER NOT NULL, leaves INTEGER NOT NULL, tree BLOB NOT NULL);
CREATE UNIQUE INDEX docs_id ON docs(id, deleted);
CREATE UNIQUE INDEX docs_seq ON docs(seq);
CREATE TABLE bodies(num INTEGER PRIMARY KEY, body BLOB NOT NULL, attachments BLOB);
CREATE TABLE attachments(num INTEGER PRIMARY KEY, sha BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE locals(id TEXT PRIMARY KEY, rev INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
`

// state is the one row of the table state.
type state struct {
	incarnation   string
	seq           int64 // of the last change
	docs, deleted int64 // documents that live and that are tombstones
	purgeSeq      int64
	revsLimit     int64
	security      string
}

// database is one open database.
type database struct {
	name   string
	base   string // of its file's name
	store  *dbStore
	slot   *slot
	log    *zap.Logger
	file   *sqliteFile
	read   readStatements
	writer *writer
	state  atomic.Pointer[state] // as last committed
	beside companion             // may be nil

	compacting atomic.Bool
}

// openDatabase opens the file of a database, or makes it. Errors wrap
// os.ErrNotExist when it is not there, and are errFileExists when it is.
func (s *dbStore) openDatabase(ctx context.Context, name string, create bool) (*database, error) {
	base := s.file(name)
	switch {
	case create && base != "":
		return nil, errFileExists()
	case create:
		base = newFileBase(name)
		if err := s.placeFile(s.databasePath(base)); err != nil {
			return nil, fmt.Errorf("create database: %w", err)
		}
	case base == "":
		return nil, fmt.Errorf("open database: %w", os.ErrNotExist)
	}
	file, err := openFile(ctx, s.databasePath(base), fileOptions{durable: !s.temp, readers: 4, schema: databaseSchema})
	if err != nil {
		return nil, err
	}
	db := &database{name: name, base: base, store: s, log: s.log.With(zap.String("database", name)), file: file}
	if err := db.start(ctx); err != nil {
		_ = file.close()
		return nil, fmt.Errorf("open database %s: %w", name, err)
	}
	if create {
		s.setFile(name, base)
		s.committed(name, updateCreated)
	}
	return db, nil
}

func (db *database) start(ctx context.Context) error {
	var st state
	row := db.file.w.QueryRowContext(ctx, `SELECT incarnation, seq, docs, deleted, purge_seq, revs_limit, security FROM state`)
	if err := row.Scan(&st.incarnation, &st.seq, &st.docs, &st.deleted, &st.purgeSeq, &st.revsLimit, &st.security); err != nil {
		return err
	}
	db.state.Store(&st)
	if err := db.read.prepare(db.file.r); err != nil {
		return err
	}
	w, err := startWriter(ctx, db)
	if err != nil {
		return err
	}
	db.writer = w
	if db.store.opts.Companion != nil {
		db.beside = db.store.opts.Companion(db)
	}
	return nil
}

// close waits for writes under way and closes the file.
func (db *database) close() error {
	db.writer.stop()
	if db.beside != nil {
		db.beside.Close()
	}
	return db.file.close()
}

// Beside is what [storeOptions] made for the database.
func (db *database) Beside() companion { return db.beside }

// Name is the database's name.
func (db *database) Name() string { return db.name }

// Log is the store's log, naming the database.
func (db *database) Log() *zap.Logger { return db.log }

// Store is where the database is kept.
func (db *database) Store() *dbStore { return db.store }

// current is the database's state as last committed.
func (db *database) current() *state { return db.state.Load() }

// setSecurity keeps the security object.
func (db *database) setSecurity(ctx context.Context, object string) error {
	return db.writer.do(ctx, func(w *writer) error {
		w.st.security = object
		return nil
	})
}

// setRevsLimit sets how many revisions of a document are remembered.
func (db *database) setRevsLimit(ctx context.Context, n int64) error {
	return db.writer.do(ctx, func(w *writer) error {
		w.st.revsLimit = n
		return nil
	})
}

// retire refuses further writes: the database is being deleted.
func (db *database) retire() { db.writer.stop() }

// gone returns what a request is told whose database was deleted under it; any
// other failure is returned as it is.
func (db *database) gone(err error) error {
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	select {
	case <-db.writer.quit:
		return errNoDatabase()
	default:
		return err
	}
}

// indexDir is where the database's view indexes are kept.
func (db *database) indexDir() string {
	return filepath.Join(db.store.dir, "views", db.base)
}

// inTx runs fn in a read transaction: one snapshot of the database.
func (db *database) inTx(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := db.file.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return fn(tx)
}

// info is what GET /{db} says.
func (db *database) info() map[string]any {
	st := db.state.Load()
	size := db.file.size()
	return map[string]any{
		"db_name": db.name, "doc_count": st.docs, "doc_del_count": st.deleted,
		"update_seq": db.encodeSeq(st.seq), "purge_seq": strconv.FormatInt(st.purgeSeq, 10) + "-" + st.incarnation,
		"instance_start_time": "0", "compact_running": db.compacting.Load(), "disk_format_version": 8, "props": map[string]any{},
		"cluster": map[string]int{"q": 1, "n": 1, "w": 1, "r": 1},
		"sizes":   map[string]int64{"file": size, "active": size, "external": size},
	}
}
