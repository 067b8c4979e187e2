// Package store keeps databases of documents as CouchDB does: revision trees,
// change sequences, attachments and local documents, in one SQLite file per
// database.
//
// A write is acknowledged when it is on disk. Concurrent writes to one database
// share a transaction, and so the wait for the disk. Errors that concern the
// client are of type *[fault.Error]; any other is the server's own.
package store

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/journal"
)

// Options configure a [Store].
type Options struct {
	// Dir holds the files. Empty means a temporary directory, which Close
	// removes; writes to it do not wait for the disk.
	Dir     string
	Log     *zap.Logger
	MaxOpen int // databases kept open while idle; 0: as many as descriptors allow, and no more than 400
	// Companion makes what is kept beside an open database. Nil: nothing.
	Companion func(*Database) Companion
}

// Companion is what is kept beside an open database, its view indexes: closed
// before the database, and dropped with it.
type Companion interface {
	Close()
	Drop() error
}

// Store is a directory of databases. It is safe for concurrent use.
type Store struct {
	opts    Options
	log     *zap.Logger
	dir     string
	temp    bool // dir is removed by Close
	updates *UpdateLog
	journal *journal.Journal

	mergeAfter int

	dropping sync.RWMutex // read-locked while a database is deleted
	gate     sync.RWMutex // read-locked by transactions; a cut locks it
	cut      atomic.Pointer[Cut]
	checks   sync.WaitGroup // of copies, in the background
	template template       // an empty database's file

	mu      sync.Mutex              // guards what follows
	files   map[string]string       // base of the file of every database, by name
	damages map[string]*DamageError // of files, by database
	slots   map[string]*slot
	idle    []*slot // open databases nobody uses, longest idle first
	opened  int     // slots with an open database
	closed  bool
	stop    chan struct{} // closed by Close

	budget      int64        // of descriptors
	descriptors atomic.Int64 // held by open files, about

	topicsMu sync.Mutex
	topics   map[string]chan struct{} // closed on the next commit to a database
}

// maxOpen bounds the databases kept open while idle, for their memory.
const maxOpen = 400

// Open returns the store in o.Dir, which is created when it does not
// exist. It opens no database yet.
func Open(o Options) (*Store, error) {
	s := &Store{
		opts: o, log: o.Log, dir: o.Dir, temp: o.Dir == "", mergeAfter: mergeAfter,
		files: map[string]string{}, damages: map[string]*DamageError{}, slots: map[string]*slot{}, topics: map[string]chan struct{}{}, stop: make(chan struct{}), budget: descriptorBudget(),
	}
	s.opts.MaxOpen = cmp.Or(s.opts.MaxOpen, maxOpen)
	var err error
	if s.temp {
		if s.dir, err = os.MkdirTemp("", "couchlite-"); err != nil {
			return nil, fmt.Errorf("couchlite: %w", err)
		}
	}
	for _, sub := range []string{"databases", "views"} {
		if err := os.MkdirAll(filepath.Join(s.dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("couchlite: %w", err)
		}
	}
	if s.journal, err = journal.Open(s.journalPath(), !s.temp); err != nil {
		return nil, fmt.Errorf("couchlite: %w", err)
	}
	s.discard("backup")
	s.discard("spool")
	if err := s.scan(); err != nil {
		return nil, fmt.Errorf("couchlite: %w", err)
	}
	s.checkCopies()
	s.updates = newUpdateLog(s.Names())
	return s, nil
}

// Dir is the directory that holds the files.
func (s *Store) Dir() string { return s.dir }

// Stopped is closed when the store closes.
func (s *Store) Stopped() <-chan struct{} { return s.stop }

// Updates is the log of created, updated and deleted databases.
func (s *Store) Updates() *UpdateLog { return s.updates }

// Close waits until nobody holds a database, and closes the databases. Later
// calls get 503.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.stop)
	slots := make([]*slot, 0, len(s.slots))
	for _, sl := range s.slots {
		slots = append(slots, sl)
	}
	s.mu.Unlock()
	s.checks.Wait()
	var first error
	for _, sl := range slots {
		<-sl.ready
		sl.users.Wait()
		if sl.db != nil {
			if err := sl.db.close(); err != nil && first == nil {
				first = err
			}
		}
	}
	if err := s.journal.Close(); err != nil && first == nil {
		first = err
	}
	if s.temp {
		if err := os.RemoveAll(s.dir); err != nil && first == nil {
			first = err
		}
	}
	return first
}
