// Package web is the HTTP side of the API: it serves a table of rows in
// Kazoo's envelope (contract section 1).
//
// A request passes the stages of [Server.stages] in the order that clients
// rely on: body, path, method, account id, rate, token, authority, formats,
// and only then its handler. A handler gets a [Call] and returns an [Answer]
// or an error; [Server.respond] and [Server.fail] are the only places that
// write. shapeOf is the one table from problem codes to HTTP statuses.
package web

import (
	"cmp"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/trace"
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
	Upload      int64         // bytes of a file; 8,000,000
	Import      int64         // bytes of a body that is imported; 1,000,000,000
	Routes      int           // numbers of one POST …/routes; 10,000
}

// OrDefaults fills in what is zero.
func (l Limits) OrDefaults() Limits {
	l.Body = positive(l.Body, 8_000_000)
	l.Upload = positive(l.Upload, 8_000_000)
	l.Import = positive(l.Import, 1_000_000_000)
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

// Config is what a [Server] is made of. Auth and Prepare must be set; the rest
// has usable zero values.
type Config struct {
	Auth    *auth.Service
	Prepare func(ctx context.Context, accountID string) error // gives an account the views it lacks

	Log *zap.Logger
	// LogLookups of N logs one in N lookups that went well and fast; 0 logs
	// each, -1 none.
	LogLookups int
	// Tracer makes a span for each request; nil makes none.
	Tracer  *trace.Tracer
	Node    string           // the envelope's node: an opaque name of this process
	Version string           // the envelope's version
	Now     func() time.Time // the clock of timestamps and rate limits
	Limits  Limits
	Proxies []netip.Prefix // peers whose X-Forwarded-For is believed

	// ReadOnly is why requests that change something are refused, as a sentence
	// for the client; "" lets them through.
	ReadOnly string

	AdminElsewhere bool // health and metrics are served by [Server.Admin] alone
	Collectors     []prometheus.Collector

	Phase Phase // the first one; zero is Serving
}

func (c Config) orDefaults() Config {
	c.Limits = c.Limits.OrDefaults()
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Node == "" {
		c.Node = "callflowd"
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	return c
}

// Server answers HTTP requests. Make one with [New].
type Server struct {
	cfg       Config
	router    *mux.Router
	endpoints map[string]*endpoint // by mux template
	lookup    *endpoint            // of LookupPath
	bare      map[string]*endpoint // by path
	pages     *mux.Router          // of rows that are pages
	fixed     fixedHeaders
	own       map[string]bool // parameters that are ours, of any row
	cors      corsHeaders     // of a path outside the table

	crossOrigin *http.CrossOriginProtection // of forms

	limiter  *auth.Limiter // nil = no limit
	lookups  *auth.Limiter // nil = no limit
	metrics  *metrics
	zippers  sync.Pool // of *gzip.Writer
	buffers  sync.Pool // of *buffer
	phase    atomic.Int32
	unlogged atomic.Int64 // lookups since the last one logged
}

// newZipper compresses fast rather than well: a list is to arrive sooner.
func newZipper() any {
	zw, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is a valid one
	return zw
}

// New makes a Server that serves a table.
func New(cfg Config, table []Row) *Server {
	cfg = cfg.orDefaults()
	s := &Server{
		cfg:     cfg,
		limiter: cfg.Limits.Rate.limiter(cfg.Now),
		lookups: cfg.Limits.Lookups.limiter(cfg.Now),
		metrics: newMetrics(cfg.Collectors),
		fixed: fixedHeaders{
			expires: []string{"Fri, 01 Jan 1999 00:00:00 GMT"}, nosniff: []string{"nosniff"}, json: []string{"application/json"},
		},
		zippers: sync.Pool{New: newZipper},
		buffers: sync.Pool{New: func() any { return &buffer{make([]byte, 0, bufferSize)} }},

		crossOrigin: http.NewCrossOriginProtection(),
	}
	s.Enter(cmp.Or(cfg.Phase, Serving))
	s.mount(table)
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

// Phase says how far the program has started, and so what is answered. Health
// and metrics always are.
type Phase int32

// The phases.
const (
	Starting    Phase = iota + 1 // nothing is answered yet
	LookupsOnly                  // lookups are, from snapshots: the database is away
	Serving                      // everything is
)

// Enter says that the program has come to a phase.
func (s *Server) Enter(p Phase) { s.phase.Store(int32(p)) }

// Serving reports whether everything is answered.
func (s *Server) Serving() bool { return s.in(Serving) }

// Starting reports whether nothing is answered yet.
func (s *Server) Starting() bool { return s.in(Starting) }

func (s *Server) in(p Phase) bool { return Phase(s.phase.Load()) == p }

// admit refuses, while the program starts, what it cannot answer yet. A path
// that is in no table has no row.
func (s *Server) admit(w http.ResponseWriter, c *Call, r *Row) error {
	if s.in(Serving) || s.in(LookupsOnly) && r != nil && r.Traits.has(Lookups) {
		return nil
	}
	s.drain(w, c)
	return &problem.Error{
		Code: problem.Unavailable, Msg: "starting", Data: map[string]any{"message": "callflowd is starting: try again"},
	}
}
