package couchlite

import (
	"errors"
)

// failure is an error as CouchDB tells it to a client:
// {"error": Code, "reason": Reason}.
type failure struct {
	Status int
	Code   string
	Reason string
}

func (f *failure) Error() string { return f.Code + ": " + f.Reason }

func fail(status int, code, reason string) *failure { return &failure{status, code, reason} }

// badRequest is CouchDB's general 400.
func badRequest(reason string) *failure { return fail(400, "bad_request", reason) }

func parseError(reason string) *failure {
	return fail(400, "query_parse_error", reason)
}

func errNoDatabase() *failure {
	return fail(404, "not_found", "Database does not exist.")
}

func errMissing() *failure { return fail(404, "not_found", "missing") }

func errDeleted() *failure { return fail(404, "not_found", "deleted") }

func errConflict() *failure {
	return fail(409, "conflict", "Document update conflict.")
}

func errRev() *failure { return badRequest("Invalid rev format") }

func errTooLarge() *failure {
	return fail(413, "too_large", "the request entity is too large")
}

// asFailure returns what the client hears of err; an unexpected error is told
// no more than that.
func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return fail(500, "internal_server_error", "The server could not do it; its log says more.")
}

func isMissing(err error) bool {
	return err != nil && asFailure(err).Status == 404
}
