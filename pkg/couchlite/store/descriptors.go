package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"syscall"

	"modernc.org/sqlite"
)

// fewDescriptors is assumed as the limit of open files where it is not known.
const fewDescriptors = 1024

// Descriptors that one connection holds, for the database and its log, and
// that all connections to a file share, for the index of the log.
const perConnection, perFile = 2, 1

// descriptorBudget is how many descriptors databases and indexes may hold:
// half of what the process may have, the rest is for its sockets.
func descriptorBudget() int64 {
	const most = 4096
	return int64(max(min(descriptorLimit()/2, most), 4*(perFile+2*perConnection)))
}

// makeRoom closes idle databases until the next file can be opened within the
// budget, or no idle one is left.
func (s *Store) makeRoom() {
	for s.descriptors.Load()+perFile+2*perConnection > s.budget && s.evict() {
		continue
	}
}

// evict closes the database that is idle longest; false when there is none.
func (s *Store) evict() bool {
	s.mu.Lock()
	if s.closed || len(s.idle) == 0 {
		s.mu.Unlock()
		return false
	}
	victim := s.idle[0]
	s.idle = s.idle[1:]
	victim.closing = make(chan struct{})
	victim.users.Add(1)
	s.mu.Unlock()
	defer victim.users.Done()
	s.closeDatabase(victim)
	s.vacate(victim)
	return true
}

// tooManyFiles reports whether opening path failed because the process has no
// descriptor left. SQLite's error does not tell, so it opens the path once more.
func tooManyFiles(path string, err error) bool {
	if err == nil {
		return false
	}
	if sqliteCode(err) == cantOpen {
		f, again := os.Open(path)
		if again == nil {
			_ = f.Close()
		}
		err = again
	}
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// errManyFiles says that the process has no descriptor left and no idle database
// to close.
var errManyFiles = errors.New("too many open files")

// retry calls fn. While fn fails for lack of descriptors, it closes an idle
// database and calls fn again.
func (s *Store) retry(path string, fn func() error) error {
	for {
		err := fn()
		if !tooManyFiles(path, err) {
			return err
		}
		if !s.evict() {
			return fmt.Errorf("%w: %w", errManyFiles, err)
		}
	}
}

// connector opens connections to a file. It closes idle databases if the process
// has no descriptor left.
type connector struct {
	driver  driver.Driver
	dsn     string
	file    *File
	pragmas []string
	keepLog bool
}

// Connect implements [driver.Connector].
func (c *connector) Connect(ctx context.Context) (conn driver.Conn, err error) {
	err = c.file.store.retry(c.file.path, func() error {
		conn, err = c.open(ctx)
		return err
	})
	if err == nil {
		c.file.hold(perConnection)
	}
	return conn, err
}

// open makes a connection keep the log before a pragma can fail: closing it
// after that would remove the log.
func (c *connector) open(ctx context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	if c.keepLog {
		err = persistLog(conn, true)
	}
	for _, pragma := range c.pragmas {
		if err == nil {
			_, err = conn.(driver.ExecerContext).ExecContext(ctx, "PRAGMA "+pragma, nil)
		}
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// persistLog says whether SQLite leaves the log's file when conn is the last
// connection that is closed.
func persistLog(conn any, persist bool) error {
	control, ok := conn.(sqlite.FileControl)
	if !ok {
		return errors.ErrUnsupported
	}
	mode := 0
	if persist {
		mode = 1
	}
	_, err := control.FileControlPersistWAL("main", mode)
	return err
}

// Driver implements [driver.Connector].
func (c *connector) Driver() driver.Driver { return c.driver }

// hold counts descriptors that the file holds until it is closed: SQLite
// keeps those of a closed connection while another one has locks.
func (f *File) hold(n int64) {
	f.held.Add(n)
	f.store.descriptors.Add(n)
}
