package web

// Access says who may use a route.
type Access int

// Who may use a route.
const (
	Anyone    Access = iota // no token needed
	SignedIn                // any valid token
	OfAccount               // who may touch the account in the path: itself, its ancestors, the master
)

// Trait is a bit of what sets a route apart.
type Trait int

// The traits.
const (
	Login   Trait = 1 << iota // guesses a credential: costs 35 tokens
	Secret                    // the path holds a credential: the log has the template only
	Lookups                   // its own rate limit
	Endless                   // streams or waits: no deadline
	Events                    // also served as server-sent events
	Bare                      // outside the envelope and outside /v2: no body, no token
)

func (t Trait) has(one Trait) bool { return t&one != 0 }

// Handler does the work of one route.
type Handler func(*Call) (*Answer, error)

// Row is one line of the table: a method of a path, what answers it, who may
// ask, and what else the stages before the handler must know.
type Row struct {
	Method string
	Path   string // below the version, in mux's syntax
	Handle Handler
	Access Access
	Traits Trait
	count  *routeMetrics // set when the table is mounted
}
