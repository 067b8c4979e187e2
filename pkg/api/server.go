// Package api serves callflowd's HTTP interface: Kazoo's Crossbar API as its
// clients know it (contract sections 1 to 3, 7, 9 and 10), and what design
// section 5 adds to it.
//
// Which paths exist, who may use them and what serves them is one table,
// [Server.routes]. [web.Server] brings a request through its stages to a
// handler here, and makes a response of what the handler returns.
package api

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/api/health"
	"github.com/callflowd/callflowd/pkg/api/openapi"
	"github.com/callflowd/callflowd/pkg/api/web"
)

// Server answers HTTP requests. Make one with [New].
type Server struct {
	cfg     Config
	web     *web.Server
	health  *health.Monitor
	openAPI func() ([]byte, error)
	pages   []web.Row

	tokenLife time.Duration // of a login, as the console is told
}

// New makes a Server of its parts.
func New(cfg Config) *Server {
	cfg.Limits = cfg.Limits.OrDefaults()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{cfg: cfg}
	if cfg.Auth != nil {
		s.tokenLife = cfg.Auth.TokenLife
	}
	s.health = s.monitor()
	if cfg.Pages != nil {
		s.pages = cfg.Pages(s)
	}
	s.openAPI = sync.OnceValues(func() ([]byte, error) { return openapi.Document(cfg.Version, s.routes()) })
	s.web = web.New(web.Config{
		Auth: cfg.Auth, Prepare: cfg.Accounts.Prepare, Log: cfg.Log, Node: cfg.Node, Version: cfg.Version, Now: cfg.Now,
		Limits: cfg.Limits, Proxies: cfg.Proxies, AdminElsewhere: cfg.AdminElsewhere, ReadOnly: cfg.ReadOnly, Collectors: cfg.Collectors, Phase: cfg.Phase,
		LogLookups: cfg.LogLookups, Tracer: cfg.Tracer,
	}, s.routes())
	return s
}

// Enter tells the server how far the program has started.
func (s *Server) Enter(p web.Phase) { s.web.Enter(p) }

// Handler serves the API.
func (s *Server) Handler() http.Handler { return s.web.Handler() }

// Admin serves health and metrics alone, for a listener of their own.
func (s *Server) Admin() http.Handler { return s.web.Admin() }

// Listener puts the refusals that net/http sends by itself into the envelope.
func (s *Server) Listener(l net.Listener) net.Listener { return s.web.Listener(l) }
