// Package couchlite is an embedded server that speaks CouchDB's HTTP
// protocol, as an [http.Handler], over one SQLite file per database. It is a
// whole store for one process and a peer for others: CouchDB and PouchDB
// replicate with it, and revisions are computed as CouchDB computes them, so
// that equal edits at two sites are one revision.
//
// A write is acknowledged when it is on disk. Concurrent writes to one
// database share a transaction, and so the wait for the disk. Databases are
// opened when they are asked for; beyond a number of open ones, those idle
// longest are closed. A database compacts itself, as _compact does, when it
// keeps a thousand superseded revisions and at least one for each document.
//
// Of design documents, the views, the filter functions and
// validate_doc_update are used. Replications (_replicate, _replicator,
// _scheduler) are run by a handler that the program brings along, see
// [Server.Replications]. Left out: shards and the cluster's configuration, show,
// list, update and rewrite functions, Mango queries (_find, _index, _explain
// answer 501; selectors filter _changes), partitioned databases, and
// database admins: those whom _security names may read and write documents, but
// no design documents.
package couchlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couchlite/backup"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
	"github.com/callflowd/callflowd/pkg/couchlite/view"
)

// Options configure a [Server]. The zero value is a server in memory on
// which everyone is admin.
type Options struct {
	// Dir holds the files. Empty means a temporary directory, which Close
	// removes; writes to it do not wait for the disk.
	Dir string
	Log *zap.Logger // nil: no log
	// Admin is the server's admin. Others are users by their documents in
	// _users, and reach the databases whose _security names them. Nil: no
	// authentication, everyone is admin.
	Admin *Credentials

	// Trust says which functions of design documents that replication brought
	// (new_edits=false) are run, by their source; nil: all of them.
	Trust func(source string) bool

	// Parent, if set, names the database whose _security a database takes over
	// when it is made, and whenever that one's changes; "" for none.
	Parent func(name string) string

	MaxBody     int64 // bytes of a request; 0: 64 MB
	MaxDocument int64 // bytes of a document without attachments; 0: 8 MB
	MaxOpen     int   // databases kept open while idle; 0: as many as file descriptors allow, at most 400
}

// Credentials are a name and a password.
type Credentials struct{ Name, Password string }

// Server is an embedded CouchDB. It is safe for concurrent use.
type Server struct {
	opts    Options
	log     *zap.Logger
	store   *store.Store
	views   *view.Engine
	cookies *cookieJar
	guesses guesses
	passed  passed

	replications http.Handler // nil: none
	securing     sync.Mutex   // held while _security goes from one database to others

	serverEndpoints map[string]endpoint
	endpoints       map[string]endpoint // below a database
}

// Open returns a server for o.Dir, which is created when it does not exist.
// It opens no database yet.
func Open(o Options) (*Server, error) {
	o.MaxBody = cmp.Or(o.MaxBody, 64<<20)
	o.MaxDocument = cmp.Or(o.MaxDocument, 8<<20)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	s := &Server{opts: o, log: o.Log, serverEndpoints: serverEndpoints(), endpoints: databaseEndpoints()}
	views := view.NewEngine(o.Log, o.Trust)
	s.views = views
	var err error
	s.store, err = store.Open(store.Options{
		Dir: o.Dir, Log: o.Log, MaxOpen: o.MaxOpen,
		Companion: func(db *store.Database) store.Companion { return views.Of(db) },
	})
	if err != nil {
		return nil, err
	}
	if s.cookies, err = newCookieJar(s.store.Dir(), o.Admin); err != nil {
		return nil, fmt.Errorf("couchlite: %w", errors.Join(err, s.store.Close()))
	}
	return s, nil
}

// Replications sets what serves _replicate, _scheduler and _active_tasks to admins, and does
// what documents of _replicator say. Call it before the server serves.
func (s *Server) Replications(h http.Handler) { s.replications = h }

// UUID is the identity of the databases in Dir, whatever process serves them.
func (s *Server) UUID() string { return s.cookies.uuid }

// Close ends every feed, waits for requests that hold a database, and closes
// the databases. Requests after it get 503.
func (s *Server) Close() error { return s.store.Close() }

// Damaged lists the databases that are there and cannot be used, each with the
// reason; requests for them get 500. Others work.
func (s *Server) Damaged() []error {
	damages := s.store.Damaged()
	list := make([]error, len(damages))
	for i, damage := range damages {
		list[i] = damage
	}
	return list
}

// Check looks at a whole database, and returns what damage is known of it then;
// nil if there is none.
func (s *Server) Check(ctx context.Context, name string) *store.DamageError {
	return s.store.Check(ctx, name)
}

// SetAside takes the torn file of a database away, before anybody uses it, so
// that it can be made anew. It returns where the file is kept, "" if it is lost.
func (s *Server) SetAside(ctx context.Context, name string) (kept string, err error) {
	return s.store.SetAside(ctx, name)
}

// Backup begins a backup of every database as it is now, which the caller
// closes. There is one at a time. version names the program in it.
func (s *Server) Backup(version string) (*backup.Backup, error) {
	return backup.Begin(s.store, version)
}

// Withheld lists the functions of a database's design documents that are not
// run ([Options].Trust), by the document's id: views/NAME, filters/NAME,
// validate_doc_update.
func (s *Server) Withheld(ctx context.Context, name string) (map[string][]string, error) {
	db, err := s.store.Acquire(ctx, name)
	if err != nil {
		return nil, err
	}
	defer s.store.Release(db)
	views, _ := db.Beside().(*view.Set)
	return views.Withheld(ctx)
}

// Stats counts databases and what they take.
func (s *Server) Stats() store.Stats { return s.store.Stats() }

// Bytes sums up the files of the databases whose names counts says yes to.
func (s *Server) Bytes(counts func(name string) bool) int64 { return s.store.Bytes(counts) }

// Building is how many view indexes are being built, and how many changes the
// one furthest behind has not seen.
func (s *Server) Building() (builds int, behind int64) { return s.views.Building() }

// Accept takes a database that is refused as a mixed, old or incomplete copy as
// it is, and returns how many documents are left.
func (s *Server) Accept(ctx context.Context, name string) (int64, error) {
	return s.store.Accept(ctx, name)
}

var _ http.Handler = (*Server)(nil)
