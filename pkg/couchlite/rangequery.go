package couchlite

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
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

// parseRangeQuery reads query parameters and, over them, the members of a
// POST body. Both are JSON, so they are read alike.
func parseRangeQuery(values url.Values, body map[string]json.RawMessage) (rangeQuery, error) {
	q := rangeQuery{limit: -1}
	for name, v := range values {
		if err := q.set(name, json.RawMessage(v[0])); err != nil {
			return q, err
		}
	}
	for name, v := range body {
		if name == "keys" && v[0] != '[' {
			return q, badRequest("`keys` body member must be an array.")
		}
		if err := q.set(name, v); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (q *rangeQuery) set(name string, v json.RawMessage) (err error) {
	switch name {
	case "key":
		if q.start, err = jsonParam(v); err == nil {
			q.end = q.start
		}
	case "keys":
		if v, err = jsonParam(v); err == nil && json.Unmarshal(v, &q.keys) != nil {
			return badRequest("`keys` parameter must be an array.")
		}
		if err == nil && q.keys == nil {
			q.keys = []json.RawMessage{}
		}
	case "startkey", "start_key":
		q.start, err = jsonParam(v)
	case "endkey", "end_key":
		q.end, err = jsonParam(v)
	case "inclusive_end":
		q.exclusiveEnd, err = boolParam(v)
		q.exclusiveEnd = !q.exclusiveEnd
	case "descending":
		q.descending, err = boolParam(v)
	case "include_docs":
		q.includeDocs, err = boolParam(v)
	case "conflicts":
		q.docs.Conflicts, err = boolParam(v)
	case "attachments":
		q.docs.Attachments, err = boolParam(v)
	case "update_seq":
		q.updateSeq, err = boolParam(v)
	case "limit":
		q.limit, err = intParam(v)
	case "skip":
		q.skip, err = intParam(v)
	}
	return err
}

func jsonParam(v json.RawMessage) (json.RawMessage, error) {
	canonical, err := ejson.Canonical(v)
	if err != nil {
		return nil, badRequest("invalid UTF-8 JSON")
	}
	return canonical, nil
}

func parseError(reason string) *failure {
	return fail(http.StatusBadRequest, "query_parse_error", reason)
}

func boolParam(v json.RawMessage) (bool, error) {
	switch string(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, parseError("Invalid boolean parameter: " + strconv.Quote(string(v)))
}

func intParam(v json.RawMessage) (int, error) {
	n, err := strconv.Atoi(string(v))
	if err != nil || n < 0 {
		return 0, parseError("Invalid value for integer: " + strconv.Quote(string(v)))
	}
	return n, nil
}

// bound is an end of a range of ids. Values that are no strings sort before
// or after every id.
type bound struct {
	id    string
	side  int // -1: before every id, 1: after, 0: at id
	given bool
}

func idBound(v json.RawMessage) bound {
	if v == nil {
		return bound{}
	}
	b := bound{given: true}
	switch v = bytes.TrimSpace(v); v[0] {
	case '"':
		_ = json.Unmarshal(v, &b.id)
	case '[', '{':
		b.side = 1
	default:
		b.side = -1
	}
	return b
}
