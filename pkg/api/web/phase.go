package web

import (
	"net/http"

	"github.com/callflowd/callflowd/pkg/problem"
)

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
