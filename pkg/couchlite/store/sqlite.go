package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"modernc.org/sqlite"
)

// FileOptions says how an SQLite file is opened.
type FileOptions struct {
	// Sync is SQLite's synchronous: with FULL a commit returns when it is on
	// disk, with NORMAL a crash of the machine may lose the last ones. In a
	// store in memory it is OFF, whatever is asked.
	Sync    string
	Readers int    // most read connections
	Schema  string // statements that make the tables of a new file; none: it is not new

	// OwnMerges leaves it to the caller when the log is merged into the file and
	// when its file may go: see [File.releaseLog].
	OwnMerges bool
}

// File is one SQLite file in WAL mode: readers never wait for the
// writer, nor it for them.
type File struct {
	W *sql.DB // one connection; begin transactions with BEGIN IMMEDIATE
	R *sql.DB

	ReadOnly bool // the disk cannot be written; W is R

	store *Store
	path  string
	held  atomic.Int64 // descriptors
	once  sync.Once    // closes
}

// OpenFile opens path, creating it when it does not exist.
func (s *Store) OpenFile(ctx context.Context, path string, o FileOptions) (*File, error) {
	if s.temp {
		o.Sync = "OFF"
	}
	// Synchronous comes before the switch to WAL, which waits for the disk only if
	// it is set by then. Temporary tables stay in memory: a container need not have
	// a /tmp.
	pragmas := []string{"busy_timeout(10000)", "synchronous(" + o.Sync + ")", "cache_size(-1000)", "temp_store(MEMORY)", "journal_size_limit(4194304)"}
	if o.OwnMerges {
		pragmas = append(pragmas, "wal_autocheckpoint(0)")
	}
	if _, err := os.Stat(path); os.IsNotExist(err) {
		pragmas = slices.Insert(pragmas, 0, "auto_vacuum(INCREMENTAL)") // SQLite writes it, even over the same
		if err := dropLog(path); err != nil {
			return nil, err
		}
	}
	s.makeRoom()
	f := &File{store: s, path: path}
	f.hold(perFile)
	f.W = f.pool(1, "", append(pragmas, "journal_mode(WAL)"), o.OwnMerges)
	// mode=rw: a reader must not create the file again after it was deleted. The
	// last pragma makes SQLite open all its files now, where a failure for lack
	// of descriptors can be retried.
	f.R = f.pool(o.Readers, "mode=rw", append(slices.Clone(readerPragmas), "schema_version"), o.OwnMerges)
	if err := f.layOut(ctx, o.Schema); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return f, nil
}

// OpenReadOnly opens a file on a disk that cannot be written. SQLite cannot
// create the index of the log there, which connections share. So the file is
// opened by one connection alone, which keeps that index in memory; or, if the
// log is empty, as a file that nobody changes. The log stays when it is closed,
// though the disk may be written by then.
func (s *Store) OpenReadOnly(ctx context.Context, path string) (*File, error) {
	s.makeRoom()
	f := &File{store: s, path: path, ReadOnly: true}
	params, pragmas := "", []string{"locking_mode(EXCLUSIVE)", "query_only(1)", "cache_size(-4000)", "temp_store(MEMORY)"}
	if log, err := os.Stat(path + "-wal"); err != nil || log.Size() == 0 {
		params, pragmas = "mode=ro&immutable=1", pragmas[1:]
	}
	f.R = f.pool(1, params, pragmas, true)
	f.W = f.R
	if err := f.layOut(ctx, ""); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open %s to read: %w", path, err)
	}
	return f, nil
}

// OpenMemory opens a new file that is in memory only.
func (s *Store) OpenMemory(ctx context.Context, o FileOptions) (*File, error) {
	f := &File{store: s, path: "/" + RandomHex(8)}
	f.W = f.pool(1, "vfs=memdb", []string{"busy_timeout(10000)", "temp_store(MEMORY)", "journal_mode(MEMORY)"}, false)
	f.R = f.pool(o.Readers, "vfs=memdb", readerPragmas, false)
	if err := f.layOut(ctx, o.Schema); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open a file in memory: %w", err)
	}
	return f, nil
}

// Unwritable reports whether an error says that the disk cannot be written:
// that it is full, fails or may only be read.
func Unwritable(err error) bool {
	switch sqliteCode(err) {
	case readOnly, ioError, full, cantOpen:
		return true
	}
	for _, errno := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EDQUOT, syscall.EIO} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// layOut runs the schema in a file without tables: a new one, or one whose
// creation a crash cut short.
func (f *File) layOut(ctx context.Context, schema string) error {
	var tables int
	if err := f.W.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil || tables > 0 || schema == "" {
		return err
	}
	_, err := f.W.ExecContext(ctx, "BEGIN IMMEDIATE;"+schema+";COMMIT")
	return err
}

// readerPragmas make a connection that only reads.
var readerPragmas = []string{"busy_timeout(10000)", "query_only(1)", "cache_size(-1000)", "temp_store(MEMORY)"}

// pool is a pool of connections to the file, which are opened as they are
// needed and then kept. params are those of SQLite's URI. keepLog makes the
// connections leave the log when they are closed.
func (f *File) pool(conns int, params string, pragmas []string, keepLog bool) *sql.DB {
	pool := sql.OpenDB(&connector{
		driver: &sqlite.Driver{}, file: f, pragmas: pragmas, keepLog: keepLog,
		dsn: "file:" + (&url.URL{Path: f.path}).EscapedPath() + "?" + params,
	})
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool
}

// Close closes the connections, waiting for queries under way; the last one,
// that of W, writes the log back.
func (f *File) Close() error {
	err := errors.Join(f.R.Close(), f.W.Close())
	f.once.Do(func() { f.store.descriptors.Add(-f.held.Load()) })
	return err
}

// Size is the number of bytes on disk, log included.
func (f *File) Size() int64 {
	var n int64
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(f.path + suffix); err == nil {
			n += info.Size()
		}
	}
	return n
}

// dropLog removes the log that a crash may have left of a deleted file of this
// name.
func dropLog(path string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// RemoveFile deletes the file and its log. The file goes first: if a crash leaves
// the log, it is not taken for a database.
func RemoveFile(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return dropLog(path)
}

// syncDir makes created and removed files of dir durable.
func syncDir(dir string, durable bool) error {
	if !durable {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// Result codes of SQLite, without what it adds to them.
const (
	sqliteError  = 1
	readOnly     = 8
	ioError      = 10
	corrupt      = 11
	full         = 13
	cantOpen     = 14
	notADatabase = 26
)

// sqliteCode is the primary result code in an error, 0 when there is none.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xFF
	}
	return 0
}
