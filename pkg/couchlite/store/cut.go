package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// Cut is every database as it was at one moment: what was acknowledged before
// [Store.Cut] was called is in it, and nothing that was begun after it
// returned.
//
// No transaction runs at that moment. After it, the first write to a database
// opens a snapshot of the database before it begins, so that writes go on while
// the databases are copied one after the other. A database that is deleted
// meanwhile is copied before its file is removed.
type Cut struct {
	s       *Store
	dir     string // of the copies
	members map[string]*cutMember
	order   []*cutMember

	mu   sync.Mutex
	kept []*cutMember // that hold a snapshot, first come first
}

// Copied is one database of a cut.
type Copied struct {
	Name string
	File string // name of the copy
	Path string // where it is, until the next one is asked for
	Why  string // it could not be copied, since it is damaged

	Incarnation        string
	Seq, Docs, Deleted int64
}

// cutMember is a database of a cut.
type cutMember struct {
	name, base string
	handed     bool // [Cut.Each] is through with it

	copying sync.Mutex // held while it is copied

	mu   sync.Mutex // guards what follows
	snap *snapshot
	done bool
	copy Copied
	err  error
}

// ErrCutting says that a cut is under way already.
var ErrCutting = errors.New("a backup is under way already")

// mostKept bounds the snapshots held at once, for their descriptors; a writer
// beyond that waits until its database is copied.
const mostKept = 64

// Cut begins a cut, which the caller closes. There is one at a time.
func (s *Store) Cut() (*Cut, error) {
	c := &Cut{s: s, dir: filepath.Join(s.dir, "backup"), members: map[string]*cutMember{}}
	s.dropping.Lock()
	defer s.dropping.Unlock()
	if s.cut.Load() != nil {
		return nil, ErrCutting
	}
	if err := errors.Join(os.RemoveAll(c.dir), os.Mkdir(c.dir, 0o700)); err != nil {
		return nil, err
	}
	s.gate.Lock()
	defer s.gate.Unlock()
	for _, name := range s.Names() {
		m := &cutMember{name: name, base: s.file(name)}
		c.members[m.base] = m
		c.order = append(c.order, m)
	}
	s.cut.Store(c)
	return c, nil
}

// Len is the number of databases.
func (c *Cut) Len() int { return len(c.order) }

// Each copies the databases one after the other and calls fn with each, those
// that are being written to first. An error of fn ends it.
func (c *Cut) Each(ctx context.Context, fn func(Copied) error) error {
	for next := 0; next < len(c.order); {
		m := c.urgent()
		if m == nil {
			m = c.order[next]
			next++
		}
		if m.handed {
			continue
		}
		m.handed = true
		if err := c.copy(ctx, m); err != nil {
			return fmt.Errorf("copy %s: %w", m.name, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := fn(m.copy)
		if m.copy.Path != "" {
			err = errors.Join(err, os.Remove(m.copy.Path))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// urgent takes a member that holds a snapshot, nil when none does.
func (c *Cut) urgent() *cutMember {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) == 0 {
		return nil
	}
	m := c.kept[0]
	c.kept = c.kept[1:]
	return m
}

// Close ends the cut and removes the copies.
func (c *Cut) Close() error {
	c.s.cut.Store(nil)
	for _, m := range c.order {
		m.copying.Lock()
		m.finish(func() {})
		m.copying.Unlock()
	}
	return os.RemoveAll(c.dir)
}

// beforeWrite keeps a snapshot of the database for a cut under way. An error
// fails the cut and not the write.
func (c *Cut) beforeWrite(db *Database) {
	m := c.members[db.base]
	if m == nil {
		return // made after the cut
	}
	snap := m.keep(db)
	if snap == nil {
		return
	}
	c.mu.Lock()
	wait := snap.holds && len(c.kept) < mostKept
	if wait {
		c.kept = append(c.kept, m)
	}
	c.mu.Unlock()
	if !wait {
		_ = c.copy(context.Background(), m) // it keeps the error
	}
}

// beforeDrop copies a database that is to be deleted.
func (c *Cut) beforeDrop(ctx context.Context, db *Database) {
	if m := c.members[db.base]; m != nil {
		_ = c.copy(ctx, m) // it keeps the error
	}
}

// keep opens a snapshot and returns it; nil if there is one already, or the
// copy is made. The caller keeps the database from being closed.
func (m *cutMember) keep(db *Database) *snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done || m.snap != nil || m.err != nil {
		return nil
	}
	m.snap, m.err = db.snapshot(context.Background())
	return m.snap
}

// finish marks the member as done and gives up its snapshot.
func (m *cutMember) finish(set func()) {
	m.mu.Lock()
	snap := m.snap
	m.snap, m.done = nil, true
	set()
	m.mu.Unlock()
	if snap != nil {
		snap.close()
	}
}

// copy copies a database, unless that was done.
func (c *Cut) copy(ctx context.Context, m *cutMember) error {
	m.copying.Lock()
	defer m.copying.Unlock()
	if m.finished() {
		return m.err
	}
	copied, err := c.copyNow(ctx, m)
	m.finish(func() { m.copy, m.err = copied, err })
	return err
}

func (m *cutMember) finished() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done || m.err != nil
}

func (c *Cut) copyNow(ctx context.Context, m *cutMember) (Copied, error) {
	copied := Copied{Name: m.name, File: m.base + FileSuffix}
	m.mu.Lock()
	snap := m.snap
	m.mu.Unlock()
	if snap == nil {
		db, err := c.s.Acquire(ctx, m.name)
		if f := fault.As(err); err != nil && f.Code == damagedCode {
			copied.Why = f.Reason
			return copied, nil
		}
		if err != nil {
			return copied, err
		}
		defer c.s.Release(db)
		m.keep(db)
		m.mu.Lock()
		snap, err = m.snap, m.err
		m.mu.Unlock()
		if err != nil || snap == nil {
			return copied, errors.Join(err, ctx.Err())
		}
	}
	st := snap.state
	copied.Incarnation, copied.Seq, copied.Docs, copied.Deleted = st.Incarnation, st.Seq, st.Docs, st.Deleted
	copied.Path = filepath.Join(c.dir, copied.File)
	return copied, snap.copyTo(ctx, copied.Path)
}

// snapshot is a database at one moment, held open by a connection of its own.
type snapshot struct {
	db    *Database
	pool  *sql.DB // nil where the connection is one of the file's
	holds bool    // the database stays open; otherwise it is being closed
	conn  *sql.Conn
	state State
}

// snapshot returns the database as it is now. The caller, who holds the
// database, closes it; until then the database stays open.
func (db *Database) snapshot(ctx context.Context) (*snapshot, error) {
	snap := &snapshot{db: db}
	pool := db.file.R
	if !db.file.ReadOnly {
		snap.pool = db.file.pool(1, "mode=rw", readerPragmas, true)
		pool = snap.pool
	}
	db.store.mu.Lock()
	if snap.holds = db.slot.closing == nil; snap.holds {
		db.store.hold(db.slot)
	}
	db.store.mu.Unlock()
	var err error
	if snap.conn, err = pool.Conn(ctx); err != nil {
		snap.close()
		return nil, err
	}
	if _, err = snap.conn.ExecContext(ctx, `BEGIN`); err == nil {
		st := &snap.state
		err = snap.conn.QueryRowContext(ctx, `SELECT incarnation, seq, docs, deleted FROM state`).Scan(&st.Incarnation, &st.Seq, &st.Docs, &st.Deleted)
	}
	if err != nil {
		snap.close()
		return nil, err
	}
	return snap, nil
}

func (s *snapshot) close() {
	if s.conn != nil {
		_, _ = s.conn.ExecContext(context.Background(), `ROLLBACK`) // it has only read
		_ = s.conn.Close()
	}
	if s.pool != nil {
		_ = s.pool.Close()
	}
	if s.holds {
		go s.db.store.leave(s.db.slot) // which may close the database, and so wait for its writer
	}
}

// copyPages is how many pages are copied between two looks at the context.
const copyPages = 500

// copyTo writes the snapshot to a new file, without a log, and makes it
// durable.
func (s *snapshot) copyTo(ctx context.Context, path string) error {
	err := s.conn.Raw(func(conn any) error {
		source, ok := conn.(interface {
			NewBackup(uri string) (*sqlite.Backup, error)
		})
		if !ok {
			return errors.ErrUnsupported
		}
		copying, err := source.NewBackup("file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)")
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			if more, err = copying.Step(copyPages); err == nil {
				err = ctx.Err()
			}
		}
		return errors.Join(err, copying.Finish())
	})
	if err != nil {
		return err
	}
	return s.db.store.syncFile(path)
}

// syncFile makes a written file durable.
func (s *Store) syncFile(path string) error {
	if s.temp {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Renew gives a copied file of a database a new incarnation. Those who follow
// the changes of the database then begin anew, as they must: sequences that
// they have seen will be given to other changes.
func Renew(ctx context.Context, path string) error {
	pool, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=rw&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, `UPDATE state SET incarnation = ?`, RandomHex(len(blankIncarnation)/2))
	return errors.Join(err, pool.Close())
}
