// Package api serves callflowd's HTTP interface: Kazoo's Crossbar API as its
// clients know it (contract sections 1 to 3, 7, 9 and 10), and what design
// section 5 adds to it.
//
// A request passes the stages of [Server.stages] in the order that clients
// rely on: body, path, method, account id, rate, token, authority, formats,
// and only then its handler. A handler gets a call and returns an answer or an
// error; [Server.respond] and [Server.fail] are the only places that write.
// Which code is answered with which status is one table, shapeOf; which paths
// exist, who may use them and what serves them is one table, routes.
package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/document"
)

// Limits bound what a client may ask for (design section 7). Zero stands for
// the default.
type Limits struct {
	Body        int64 // bytes of a request body; 8,000,000
	JSON        document.Limits
	PageSize    int           // items of a page that asks for no size; 50
	MaxPageSize int           // 10,000; more is clamped
	Deadline    time.Duration // of a request that does not stream; 30 s
	Rate        Rate          // per client and account; 100 at once, 10 a second
	Lookups     Rate          // of routes/{NUMBER}, which has its own buckets; off
	Routes      int           // numbers of one POST …/routes; 10,000
}

func (l Limits) orDefaults() Limits {
	l.Body = positive(l.Body, 8_000_000)
	l.PageSize = positive(l.PageSize, 50)
	l.MaxPageSize = positive(l.MaxPageSize, 10_000)
	l.Deadline = positive(l.Deadline, 30*time.Second)
	l.Routes = positive(l.Routes, 10_000)
	if l.Rate == (Rate{}) {
		l.Rate = Rate{Burst: 100, PerSecond: 10}
	}
	return l
}

func positive[T int | int64 | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// fixedHeaders are values of headers that many answers have. They are shared
// between responses and never changed.
type fixedHeaders struct {
	expires []string // of every GET
	nosniff []string
	json    []string // the Content-Type of envelopes
}

// Server answers HTTP requests. Make one with [New].
type Server struct {
	cfg       Config
	router    *mux.Router
	endpoints map[string]*endpoint // by mux template
	lookup    *endpoint            // of lookupPath
	bare      map[string]*endpoint // by path
	fixed     fixedHeaders
	cors      corsHeaders   // of a path outside the table
	limiter   *auth.Limiter // nil = no limit
	lookups   *auth.Limiter // nil = no limit
	metrics   *metrics
	zippers   sync.Pool // of *gzip.Writer
	buffers   sync.Pool // of *buffer
	openAPI   func() ([]byte, error)
}

// New makes a Server of its parts.
func New(cfg Config) *Server {
	cfg = cfg.orDefaults()
	s := &Server{
		cfg:     cfg,
		limiter: cfg.Limits.Rate.limiter(cfg.Now),
		lookups: cfg.Limits.Lookups.limiter(cfg.Now),
		metrics: newMetrics(cfg.Collectors),
		fixed: fixedHeaders{
			expires: []string{"Fri, 01 Jan 1999 00:00:00 GMT"}, nosniff: []string{"nosniff"}, json: []string{"application/json"},
		},
		zippers: sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }},
		buffers: sync.Pool{New: func() any { return &buffer{make([]byte, 0, bufferSize)} }},
	}
	s.openAPI = sync.OnceValues(func() ([]byte, error) { return openAPIDocument(cfg.Version) })
	s.mount(routes())
	return s
}

// Handler serves the API.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, !s.cfg.AdminElsewhere) })
}

// Admin serves health and metrics alone, for a listener of their own.
func (s *Server) Admin() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.bare[r.URL.Path]; !ok {
			http.NotFound(w, r)
			return
		}
		s.serve(w, r, true)
	})
}

// trusted reports whether a peer's X-Forwarded-For is believed.
func (s *Server) trusted(addr netip.Addr) bool {
	for _, p := range s.cfg.Proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
