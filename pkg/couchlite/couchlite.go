// Package couchlite is an embedded server that speaks CouchDB's HTTP
// protocol, as an [http.Handler], over one SQLite file per database. It is a
// whole store for one process and a peer for others: CouchDB and PouchDB
// replicate with it, and revisions are computed as CouchDB computes them, so
// that equal edits at two sites are one revision.
//
// A write is acknowledged when it is on disk. Concurrent writes to one
// database share a transaction, and so the wait for the disk. Databases are
// opened when they are asked for; beyond a number of open ones, those idle
// longest are closed. A database that keeps a thousand superseded revisions
// and as many as it has documents compacts itself, as _compact does.
//
// Design documents work by their views, their filter functions and
// validate_doc_update. Left out: the replicator itself (_replicate,
// _replicator, _scheduler), shards and the cluster's configuration, show,
// list, update and rewrite functions, Mango queries (_find, _index, _explain
// answer 501; selectors filter _changes), partitioned databases, and users
// other than the one server admin; _security is kept but decides nothing.
package couchlite

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// Options configure a [Server]. The zero value is a server in memory on
// which everyone is admin.
type Options struct {
	// Dir holds the files. Empty means a temporary directory that goes away
	// with the server, where nothing waits for the disk.
	Dir string
	Log *zap.Logger // nil: no log
	// Admin is the one user; everyone else then gets 401. Nil: no
	// authentication, everyone is admin.
	Admin *Credentials

	MaxBody     int64 // bytes of a request; 0: 64 MB
	MaxDocument int64 // bytes of a document without attachments; 0: 8 MB
	MaxOpen     int   // databases kept open while idle; 0: 200
}

// Credentials are a name and a password.
type Credentials struct{ Name, Password string }

// Server is an embedded CouchDB. It is safe for concurrent use.
type Server struct {
	opts    Options
	log     *zap.Logger
	dir     string
	temp    bool // dir goes away with the server
	updates *updateLog
	cookies *cookieJar

	machines *machinePool   // that run the functions of design documents
	limits   sandbox.Limits // of one call of such a function

	serverEndpoints map[string]endpoint
	endpoints       map[string]endpoint    // below a database
	template        func() ([]byte, error) // an empty database's file

	mu     sync.Mutex        // guards what follows
	files  map[string]string // base of the file of every database, by name
	slots  map[string]*slot
	idle   []*slot // open databases nobody uses, longest idle first
	opened int     // slots with an open database
	closed bool
	stop   chan struct{} // closed by Close: feeds end

	topicsMu sync.Mutex
	topics   map[string]chan struct{} // closed on the next commit to a database
}

// Open returns a server for o.Dir, which is created when it does not exist.
// It opens no database yet.
func Open(o Options) (*Server, error) {
	o.MaxBody = cmp.Or(o.MaxBody, 64<<20)
	o.MaxDocument = cmp.Or(o.MaxDocument, 8<<20)
	o.MaxOpen = cmp.Or(o.MaxOpen, 200)
	s := &Server{
		opts: o, log: o.Log, dir: o.Dir, temp: o.Dir == "",
		serverEndpoints: serverEndpoints(), endpoints: databaseEndpoints(), files: map[string]string{}, slots: map[string]*slot{}, topics: map[string]chan struct{}{}, stop: make(chan struct{}), machines: newMachinePool(),
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
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
	s.template = sync.OnceValues(s.makeTemplate)
	if s.cookies, err = newCookieJar(s.dir, o.Admin); err != nil {
		return nil, fmt.Errorf("couchlite: %w", err)
	}
	if err := s.scan(); err != nil {
		return nil, fmt.Errorf("couchlite: %w", err)
	}
	s.updates = newUpdateLog(s.names())
	return s, nil
}

// Close ends every feed, waits for requests that hold a database, and closes
// the databases. Requests after it get 503.
func (s *Server) Close() error {
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
	if s.temp {
		if err := os.RemoveAll(s.dir); err != nil && first == nil {
			first = err
		}
	}
	return first
}

var _ http.Handler = (*Server)(nil)
