// Package fault holds errors as CouchDB sends them to its clients: a status, a
// code and a reason. An error of another type is the server's own fault; the
// client gets a 500 without details.
package fault

import "errors"

// Error is an error as CouchDB sends it to a client:
// {"error": Code, "reason": Reason}.
type Error struct {
	Status int
	Code   string
	Reason string
}

// Error implements error.
func (f *Error) Error() string { return f.Code + ": " + f.Reason }

// New returns an error of that status, CouchDB's word for it, and the reason.
func New(status int, code, reason string) *Error { return &Error{status, code, reason} }

// BadRequest is CouchDB's general 400.
func BadRequest(reason string) *Error { return New(400, "bad_request", reason) }

// Parse is CouchDB's 400 for a query parameter.
func Parse(reason string) *Error {
	return New(400, "query_parse_error", reason)
}

// NoDatabase is the 404 of a database.
func NoDatabase() *Error {
	return New(404, "not_found", "Database does not exist.")
}

// Missing is the 404 of a document that never was, or of a revision.
func Missing() *Error { return New(404, "not_found", "missing") }

// Deleted is the 404 of a document that was deleted.
func Deleted() *Error { return New(404, "not_found", "deleted") }

// Conflict is the 409 of an edit of another revision than the current one.
func Conflict() *Error {
	return New(409, "conflict", "Document update conflict.")
}

// InvalidRev is the 400 of a revision that cannot be read.
func InvalidRev() *Error { return BadRequest("Invalid rev format") }

// TooLarge is the 413 of a request.
func TooLarge() *Error {
	return New(413, "too_large", "the request entity is too large")
}

// As returns err as it is sent to the client: a 500 without details unless it
// is an [Error].
func As(err error) *Error {
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return New(500, "internal_server_error", "The server failed; its log says why.")
}

// IsMissing reports whether err is a 404.
func IsMissing(err error) bool {
	return err != nil && As(err).Status == 404
}
