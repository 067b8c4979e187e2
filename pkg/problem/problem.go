// Package problem is the one error vocabulary of callflowd. An [Error] joins
// what the client may hear (a [Code] and Data, in Crossbar's words) with what
// only the log may know (Msg and the cause Err). A [Violation] is one broken
// rule at one place of a document; [Invalid] errors are made of them by
// [Validation].
//
// An error is classified once, where its meaning is known. Above that it is
// returned as it is, and pkg/api logs it once, when it becomes a response.
package problem

import "errors"

// Code classifies an error for the client. Its text is Crossbar's name for
// the error and so part of the API: add codes, never rename them (contract
// section 1.9).
type Code string

// The codes, with the HTTP status that pkg/api answers them with.
const (
	Invalid             Code = "validation error"          // 400
	ParseError          Code = "parse_error"               // 400
	BadRequest          Code = "bad_request"               // 400: no HTTP
	EmptyTree           Code = "empty_tree_accounts_exist" // 400
	HasDescendants      Code = "account_has_descendants"   // 400: an account that others are below
	NoChangeRequired    Code = "no_change_required"        // 400: a number is as it is to be
	InvalidTransition   Code = "invalid_state_transition"  // 400: of a number
	ClientError         Code = "client error"              // 400: of numbers, each with its own reason
	InvalidCredentials  Code = "invalid_credentials"       // 401: no token, or credentials that do not fit
	TokenRejected       Code = "invalid credentials"       // 401: a token that is unknown, expired or forged
	Forbidden           Code = "forbidden"                 // 403
	BadIdentifier       Code = "bad_identifier"            // 404: no such document
	MalformedIdentifier Code = "bad identifier"            // 404: an account id or key that cannot be one
	NotFound            Code = "not_found"                 // 404: no such path, or nothing matches
	FaultyRequest       Code = "faulty_request"            // 404: paging parameters
	NotReconcilable     Code = "not_reconcilable"          // 404: a number that cannot be one
	MethodNotAllowed    Code = "invalid_method"            // 405
	NotAcceptable       Code = "not_acceptable"            // 406
	Conflict            Code = "datastore_conflict"        // 409
	NumberExists        Code = "number_exists"             // 409
	PreconditionFailed  Code = "precondition_failed"       // 412
	TooLarge            Code = "request_entity_too_large"  // 413
	UnsupportedMedia    Code = "unsupported_media_type"    // 415
	RangeNotSatisfiable Code = "range not satisfiable"     // 416: none of the ranges is in the file
	ExpectationFailed   Code = "expectation_failed"        // 417
	Locked              Code = "locked"                    // 423
	TooManyRequests     Code = "too_many_requests"         // 429
	HeadersTooLarge     Code = "headers_too_large"         // 431
	Internal            Code = "unspecified_fault"         // 500: any error that is not an *Error
	NotSupported        Code = "not_supported"             // 501: a transfer coding, or what needs a carrier
	VersionNotSupported Code = "version_not_supported"     // 505: of HTTP
	MissingDatabase     Code = "datastore_missing"         // 503
	MissingView         Code = "datastore_missing_view"    // 503
	Unavailable         Code = "datastore_unreachable"     // 503
	DatastoreFault      Code = "datastore_fault"           // 503
	ReadOnly            Code = "datastore_read_only"       // 503: only writes are refused
)

// Error is a failure the client may hear about. Code and Data are sent to the
// client; Msg and Err say what we were doing and why it failed, to the log
// only.
type Error struct {
	Code Code
	Data map[string]any // what is wrong, as the client sees it; nil means the code's own text
	Msg  string
	Err  error // the cause; may be nil
}

// Error says what we were doing and why it failed. It is for the log.
func (e *Error) Error() string {
	msg := e.Msg
	if msg == "" {
		msg = string(e.Code)
	}
	if e.Err == nil {
		return msg
	}
	return msg + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns the outermost *Error in err's tree. Any other error becomes
// an [Internal] one, which tells the client nothing.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Msg: "unclassified", Err: err}
}

// Is reports whether err's tree holds an *Error with that code as its
// outermost classification.
func Is(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
