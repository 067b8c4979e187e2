package bench

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/bench/load"
	"github.com/callflowd/callflowd/pkg/couch"
)

// server is a server of documents that both callflowd and clients ask
// directly, over the network.
type server struct {
	name     string // as in the rows
	url      string // with credentials
	base     string // host:port
	auth     string // the Authorization header
	pid      int    // 0 on another machine
	proxy    *Proxy // nil for none
	embedded *program
}

const noCouchDB = "COUCHDB_URL names no server"

// lite starts couchlite over HTTP, behind a proxy.
func (b *bench) lite(ctx context.Context, delay time.Duration) (*server, error) {
	dir, err := b.place("couchlite")
	if err != nil {
		return nil, err
	}
	p, err := b.startEmbedded(ctx, "couchlite", dir)
	if err != nil {
		return nil, err
	}
	proxy, err := NewProxy(ctx, p.couchdb, delay)
	if err != nil {
		p.kill()
		return nil, err
	}
	s := &server{name: "couchlite", base: proxy.Address(), proxy: proxy, embedded: p, pid: p.pid()}
	if delay > 0 {
		s.name = "couchlite + " + delay.String()
	}
	s.url = couchURL(s.base)
	s.auth = basic(couchUser, couchPass)
	return s, nil
}

// realCouchDB is the server that was named, or nil.
func (b *bench) realCouchDB() (*server, error) {
	if b.CouchDB == "" {
		return nil, nil
	}
	u, err := url.Parse(b.CouchDB)
	if err != nil || u.Scheme != "http" || u.Port() == "" {
		return nil, errors.New("--couchdb: must have the form http://user:password@host:5984")
	}
	password, _ := u.User.Password()
	return &server{name: "CouchDB", url: b.CouchDB, base: u.Host, auth: basic(u.User.Username(), password)}, nil
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// side asks the server directly.
func (s *server) side(name string, r load.Request) side {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("Authorization", s.auth)
	if r.Body != "" {
		r.Header.Set("Content-Type", jsonType)
	}
	return side{name: name, base: s.base, request: r, pid: s.pid}
}

// close ends what the bench has started.
func (s *server) close() error {
	if s.proxy != nil {
		s.proxy.Close()
	}
	if s.embedded != nil {
		return s.embedded.stop()
	}
	return nil
}

// reserveCouchDB makes sure that the CouchDB that was named holds nothing of
// callflowd's, and returns what removes the databases that the bench will
// have made.
func (c *Common) reserveCouchDB(ctx context.Context) (func() error, error) {
	if c.CouchDB == "" {
		return func() error { return nil }, nil
	}
	client, err := storage(c.CouchDB)
	if err != nil {
		return nil, fmt.Errorf("--couchdb: %w", err)
	}
	names, err := client.AllDBs(ctx)
	if err != nil {
		return nil, fmt.Errorf("--couchdb: %w", err)
	}
	if at := slices.IndexFunc(names, isCallflowds); at >= 0 {
		return nil, fmt.Errorf("--couchdb: the server holds the database %s already; the bench needs one without accounts", names[at])
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Minute)
		defer cancel()
		return dropOwn(ctx, client)
	}, nil
}

// isCallflowds reports whether a database is one that callflowd or the bench
// makes.
func isCallflowds(name string) bool {
	own := []string{"accounts", "system_schemas", "system_config", "system_auth", "token_auth", directDB}
	return strings.HasPrefix(name, "account/") || slices.Contains(own, name)
}

func dropOwn(ctx context.Context, client *couch.Client) error {
	names, err := client.AllDBs(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if isCallflowds(name) {
			err = errors.Join(err, client.DropDB(ctx, name))
		}
	}
	return err
}
