package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// FileOptions says how an SQLite file is opened.
type FileOptions struct {
	durable bool   // a commit returns when it is on disk; else it may be lost in a crash, never half
	Readers int    // most read connections
	Schema  string // statements that make the tables of a new file
}

// File is one SQLite file in WAL mode: readers never wait for the
// writer, nor it for them.
type File struct {
	path string
	W    *sql.DB // one connection; begin transactions with BEGIN IMMEDIATE
	R    *sql.DB
}

// OpenFile opens path, creating it when it does not exist.
func OpenFile(ctx context.Context, path string, o FileOptions) (*File, error) {
	if _, err := os.Stat(path); os.IsNotExist(err) {
		if err := dropLog(path); err != nil {
			return nil, err
		}
	}
	sync := "OFF"
	if o.durable {
		sync = "FULL"
	}
	f := &File{path: path}
	// The driver applies _pragma after _auto_vacuum and before _journal_mode,
	// whose switch to WAL then waits for the disk or not, as it should. Temporary
	// tables stay in memory: a container need not have a /tmp.
	settings := url.Values{
		"_auto_vacuum": {"INCREMENTAL"}, "_journal_mode": {"WAL"},
		"_pragma": {"busy_timeout(10000)", "synchronous(" + sync + ")", "cache_size(-1000)", "temp_store(MEMORY)", "journal_size_limit(4194304)"},
	}
	var err error
	if f.W, err = openPool(path, 1, settings); err != nil {
		return nil, err
	}
	if err := f.layOut(ctx, o.Schema); err != nil {
		_ = f.W.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// A reader that comes after the file was deleted must not make it again.
	settings = url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(10000)", "query_only(1)", "cache_size(-1000)", "temp_store(MEMORY)"}}
	if f.R, err = openPool(path, o.Readers, settings); err != nil {
		_ = f.W.Close()
		return nil, err
	}
	return f, nil
}

// layOut runs the schema in a file without tables: a new one, or one whose
// creation a crash cut short.
func (f *File) layOut(ctx context.Context, schema string) error {
	var tables int
	if err := f.W.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil || tables > 0 {
		return err
	}
	_, err := f.W.ExecContext(ctx, "BEGIN IMMEDIATE;"+schema+";COMMIT")
	return err
}

func openPool(path string, conns int, settings url.Values) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool, nil
}

// Close writes the log back and closes the connections, waiting for queries
// under way.
func (f *File) Close() error {
	err := f.R.Close()
	if werr := f.W.Close(); werr != nil {
		return werr
	}
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

// dropLog removes what a crash may have left of a deleted file of this name.
func dropLog(path string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// RemoveFile deletes the file, the main part first: what a crash leaves then
// is no database.
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
