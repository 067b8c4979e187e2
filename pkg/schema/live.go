package schema

import (
	"sync/atomic"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Live is a [Registry] that can be replaced while it is in use, as when a
// site's own schemas change. It is safe for concurrent use.
type Live struct{ current atomic.Pointer[Registry] }

// NewLive returns a Live that begins with r.
func NewLive(r *Registry) *Live {
	l := &Live{}
	l.Replace(r)
	return l
}

// Replace makes r the current registry. A validation that is running goes on
// with the one it began with.
func (l *Live) Replace(r *Registry) { l.current.Store(r) }

// Current returns the registry that the next validation uses.
func (l *Live) Current() *Registry { return l.current.Load() }

// Names is [Registry.Names].
func (l *Live) Names() []string { return l.Current().Names() }

// Schema is [Registry.Schema].
func (l *Live) Schema(name string) (document.Doc, bool) { return l.Current().Schema(name) }

// Validate is [Registry.Validate].
func (l *Live) Validate(name string, doc document.Doc) (document.Doc, []problem.Violation) {
	return l.Current().Validate(name, doc)
}

// Advise is [Registry.Advise].
func (l *Live) Advise(name string, doc document.Doc) []problem.Warning {
	return l.Current().Advise(name, doc)
}
