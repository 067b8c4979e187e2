package web

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// shape is how a code is sent: the HTTP status, the envelope's message, and
// data.message if data has none (contract 1.9).
type shape struct {
	status  int
	message string
	text    string // "" = data stays as it is
}

// shapeOf is the one table from problems to responses, [storageShape] included.
func shapeOf(code problem.Code) shape {
	switch code {
	case problem.Invalid:
		return shape{http.StatusBadRequest, "validation error", ""}
	case problem.ParseError:
		return shape{http.StatusBadRequest, "parse_error", "parse error"}
	case problem.BadRequest:
		return shape{http.StatusBadRequest, "bad_request", "the request is not HTTP"}
	case problem.EmptyTree:
		return shape{http.StatusBadRequest, "empty_tree_accounts_exist", "there are accounts, but the tree is empty"}
	case problem.HasDescendants:
		return shape{http.StatusBadRequest, "account_has_descendants", "there are accounts below this one"}
	case problem.InvalidCredentials:
		return shape{http.StatusUnauthorized, "invalid_credentials", "invalid credentials"}
	case problem.TokenRejected:
		return shape{http.StatusUnauthorized, "invalid credentials", ""}
	case problem.Forbidden:
		return shape{http.StatusForbidden, "forbidden", "forbidden"}
	case problem.BadIdentifier:
		return shape{http.StatusNotFound, "bad_identifier", "bad identifier"}
	case problem.MalformedIdentifier:
		return shape{http.StatusNotFound, "bad identifier", "bad identifier"}
	case problem.NotFound:
		return shape{http.StatusNotFound, "not_found", "not found"}
	case problem.FaultyRequest:
		return shape{http.StatusNotFound, "faulty_request", "faulty request"}
	case problem.MethodNotAllowed:
		return shape{http.StatusMethodNotAllowed, "invalid_method", "method not allowed"}
	case problem.NotAcceptable:
		return shape{http.StatusNotAcceptable, "not_acceptable", "this resource is served as application/json"}
	case problem.Conflict:
		return shape{http.StatusConflict, "datastore_conflict", "conflicting documents"}
	case problem.PreconditionFailed:
		return shape{http.StatusPreconditionFailed, "precondition_failed", "the stored revision does not meet the condition"}
	case problem.TooLarge:
		return shape{http.StatusRequestEntityTooLarge, "request_entity_too_large", "the request body is too large"}
	case problem.UnsupportedMedia:
		return shape{http.StatusUnsupportedMediaType, "unsupported_media_type", "send application/json"}
	case problem.RangeNotSatisfiable:
		return shape{http.StatusRequestedRangeNotSatisfiable, "range not satisfiable", "the file has none of these ranges"}
	case problem.ExpectationFailed:
		return shape{http.StatusExpectationFailed, "expectation_failed", "the only expectation met is 100-continue"}
	case problem.Locked:
		return shape{http.StatusLocked, "locked", ""}
	case problem.TooManyRequests:
		return shape{http.StatusTooManyRequests, "too_many_requests", "too many requests"}
	case problem.HeadersTooLarge:
		return shape{http.StatusRequestHeaderFieldsTooLarge, "headers_too_large", "the request's headers are too large"}
	case problem.NotSupported:
		return shape{http.StatusNotImplemented, "not_supported", "this transfer coding is not supported"}
	case problem.VersionNotSupported:
		return shape{http.StatusHTTPVersionNotSupported, "version_not_supported", "this version of HTTP is not supported"}
	}
	return storageShape(code)
}

// storageShape is the part of the table about storage, and about every other fault
// of the server.
func storageShape(code problem.Code) shape {
	switch code {
	case problem.MissingDatabase:
		return shape{http.StatusServiceUnavailable, "datastore_missing", "a database is missing"}
	case problem.MissingView:
		return shape{http.StatusServiceUnavailable, "datastore_missing_view", "a view is missing"}
	case problem.Unavailable:
		return shape{http.StatusServiceUnavailable, "datastore_unreachable", "the datastore cannot be reached"}
	case problem.DatastoreFault:
		return shape{http.StatusServiceUnavailable, "datastore_fault", "the datastore failed"}
	case problem.ReadOnly:
		return shape{http.StatusServiceUnavailable, "datastore_read_only", "nothing can be changed at present"}
	}
	return shapeOfNumber(code)
}

// shapeOfNumber is the part of the table that phone numbers need.
func shapeOfNumber(code problem.Code) shape {
	switch code {
	case problem.NoChangeRequired, problem.InvalidTransition, problem.ClientError:
		return shape{http.StatusBadRequest, string(code), ""}
	case problem.NumberExists:
		return shape{http.StatusConflict, string(code), "the number exists already"}
	case problem.NotReconcilable:
		return shape{http.StatusNotFound, string(code), "the number cannot be one"}
	}
	return shape{http.StatusInternalServerError, "unspecified_fault", "something went wrong; the log has it under request_id"}
}

// statusGone is what the log says of a client that left before its answer.
const statusGone = 499

// classify finds what to tell the client. If the deadline ran out, storage did
// not answer in time, whatever error the layers between made of it.
func classify(err error) *problem.Error {
	e := problem.AsError(err)
	if e.Code == problem.Internal && errors.Is(err, context.DeadlineExceeded) {
		return &problem.Error{Code: problem.Unavailable, Msg: "deadline", Err: err}
	}
	return e
}

// Message is what a client may hear of an error, in words.
func Message(err error) string {
	e := classify(err)
	message, _ := errorData(e, shapeOf(e.Code))["message"].(string)
	return cmp.Or(message, shapeOf(e.Code).message)
}

// Told is what a client may hear of an error, as a part of an answer about
// several things: the HTTP status and the data.
func Told(err error) (status int, data map[string]any) {
	e := classify(err)
	s := shapeOf(e.Code)
	return s.status, errorData(e, s)
}

// errorData is the data of an error envelope: always an object.
func errorData(e *problem.Error, s shape) map[string]any {
	data := maps.Clone(e.Data)
	if data == nil || e.Code == problem.Internal {
		data = map[string]any{}
	}
	if _, ok := data["message"]; !ok && s.text != "" {
		data["message"] = s.text
	}
	if e.Code == problem.Invalid {
		for path, codes := range data {
			data[path] = withoutLargeValues(codes)
		}
	}
	return data
}

// largestEcho is how many bytes of what a client sent one problem repeats: a
// body of megabytes is not to come back once for each rule that it breaks.
const largestEcho = 4096

// withoutLargeValues leaves out the values that are too large to repeat, of
// the problems at one path, and says so.
func withoutLargeValues(codes any) any {
	list, ok := codes.(map[string]any)
	if !ok {
		return codes
	}
	out := maps.Clone(list)
	for code, body := range list {
		members, ok := body.(map[string]any)
		if !ok || sizeUpTo(largestEcho, members["value"]) <= largestEcho {
			continue
		}
		members = maps.Clone(members)
		delete(members, "value")
		members["value_omitted"] = "longer than 4096 bytes"
		out[code] = members
	}
	return out
}

// sizeUpTo is about the length of a value as JSON; beyond most it counts no
// further.
func sizeUpTo(most int, v any) int {
	size := 8 // a number, a name, brackets
	switch v := v.(type) {
	case string:
		size += len(v)
	case []any:
		for i := 0; i < len(v) && size <= most; i++ {
			size += sizeUpTo(most-size, v[i])
		}
	case map[string]any:
		for key, member := range v {
			if size += len(key) + sizeUpTo(most-size, member); size > most {
				break
			}
		}
	case document.Doc:
		size = sizeUpTo(most, map[string]any(v))
	}
	return size
}

// dataType is the 400 of a data member that is of the wrong type (contract
// 1.6).
func dataType(value any, target string) error {
	return problem.Validation([]problem.Violation{{
		Path: "data", Code: "type",
		Message: "data is not of the type " + target,
		Members: map[string]any{"target": target, "value": value},
	}})
}

// Required is the 400 of request values that are missing.
func Required(names ...string) error {
	list := make([]problem.Violation, len(names))
	for i, name := range names {
		list[i] = problem.Violation{Path: name, Code: "required", Message: "Field is required but missing"}
	}
	return problem.Validation(list)
}
