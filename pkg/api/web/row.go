package web

import (
	"slices"
	"strings"
)

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
	Bare                      // health and metrics: outside /v2, no body, no token
	Reads                     // let through where nothing may be changed: it reads, or ends the caller's token
	Uploads                   // takes a file instead of JSON, see [Call.Upload]
	Ranged                    // answers with a file, or the parts of it that Range asks for
	Streams                   // the handler reads the body itself, see [Call.Body]
	Beside                    // a page beside the API: outside /v2, token in a cookie, not in the OpenAPI document
)

func (t Trait) has(one Trait) bool { return t&one != 0 }

// Handler does the work of one route.
type Handler func(*Call) (*Answer, error)

// Row is one line of the table, and all that is said of an operation: a
// method of a path, what answers it, who may ask, what the stages before the
// handler must know, and how the OpenAPI document describes it. Parameters and
// schemas are named as in pkg/api/openapi/components.json.
type Row struct {
	Method string
	Path   string // below the version, in mux's syntax
	Handle Handler
	Access Access
	Traits Trait

	Summary string
	Query   []string // parameters of the query
	Own     []string // those that are our own: other rows refuse them
	Flags   []string // our own that are boolean, see [Call.Flag]
	Body    string   // schema of the request's data; "" = none
	Data    string   // schema of the answer's data; "" = outside the envelope
	Media   []string // media types the answer also comes in, see [Call.Wants]
	Created bool     // answers 201
	Partly  bool     // answers 207 where only some of it could be done

	// Fail makes a page of an error; nil puts it into the envelope.
	Fail func(*Call, Failure) *Answer

	count *routeMetrics // set when the table is mounted
}

// Words lists the words of paths that stand where another path has the id of
// a document. A document with such an id could not be reached.
func Words(table []Row) []string {
	ids := map[string]bool{} // what stands before an id
	for _, r := range table {
		if under, last := cutLast(r.Path); strings.HasSuffix(last, "_id}") {
			ids[under] = true
		}
	}
	var words []string
	for _, r := range table {
		for path := r.Path; path != ""; {
			var last string
			if path, last = cutLast(path); ids[path] && !strings.HasPrefix(last, "{") && !slices.Contains(words, last) {
				words = append(words, last)
			}
		}
	}
	slices.Sort(words)
	return words
}

// cutLast takes the last segment off a path.
func cutLast(path string) (under, last string) {
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return "", path
	}
	return path[:at], path[at+1:]
}
