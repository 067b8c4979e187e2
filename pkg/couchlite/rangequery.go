package couchlite

import (
	"encoding/json"
	"net/http"
)

// rangeQuery is what a listing of documents is asked for.
type rangeQuery struct {
	keys         []json.RawMessage // nil: a range
	start, end   json.RawMessage   // nil: open
	exclusiveEnd bool
	descending   bool
	includeDocs  bool
	updateSeq    bool
	limit, skip  int // limit -1: none
	docs         docOptions
	design       bool // only design documents
}

func parseError(reason string) *failure {
	return fail(http.StatusBadRequest, "query_parse_error", reason)
}

// bound is an end of a range of ids. A value that is no string sorts before
// every id, whatever it is: CouchDB compares them as Erlang does here, not as
// in a view.
type bound struct {
	id    string
	below bool // before every id
	given bool
}

func idBound(v json.RawMessage) bound {
	if v == nil {
		return bound{}
	}
	b := bound{given: true, below: v[0] != '"'}
	if !b.below {
		_ = json.Unmarshal(v, &b.id) // canonical JSON has no errors
	}
	return b
}
