package couch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-kivik/kivik/v4"
	"github.com/go-kivik/kivik/v4/couchdb/chttp"

	"github.com/callflowd/callflowd/pkg/couch/turns"
	"github.com/callflowd/callflowd/pkg/problem"
)

// ErrNoUpdates is in the tree of [Client.DBUpdates]' error when the server
// has no feed of database updates, or not for this user.
var ErrNoUpdates = errors.New("the server has no feed of database updates for us")

var (
	errTimeLimit = errors.New("no answer within the time limit")
	errSilent    = errors.New("the feed fell silent")
)

// wrap says what we were doing and classifies err. An answer of CouchDB is
// classified by its status; every other error, such as a refused connection or a
// cut answer, means that the datastore is unreachable.
func wrap(err error, what string) error {
	var known *problem.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if refused := readOnly(err, what); refused != nil {
		return refused
	}
	e := &problem.Error{Code: problem.Unavailable, Msg: what, Err: scrub(err), Data: explain(err)}
	var answer *chttp.HTTPError
	if errors.As(err, &answer) {
		e.Code, e.Data = codeOf(answer)
	} else if kivik.HTTPStatus(err) == http.StatusConflict { // from _bulk_docs
		e.Code = problem.Conflict
	}
	return e
}

// explain is what the client may hear of why the datastore cannot be reached,
// beyond that.
func explain(err error) map[string]any {
	switch {
	case errors.Is(err, errFewNodes):
		return map[string]any{"message": "too few nodes of the database have confirmed the write: it may be there, and it may be lost; look before you repeat it"}
	case errors.Is(err, turns.ErrCrowded):
		return map[string]any{"message": "too many requests wait for the datastore already"}
	}
	return nil
}

// codeOf maps an answer of CouchDB's to our vocabulary.
func codeOf(answer *chttp.HTTPError) (problem.Code, map[string]any) {
	switch answer.HTTPStatus() {
	case http.StatusNotFound:
		return problem.BadIdentifier, nil
	case http.StatusConflict:
		return problem.Conflict, nil
	case http.StatusBadRequest:
		return problem.Invalid, problem.Data([]problem.Violation{{
			Path: "json", Code: "invalid", Message: "the database refuses the document: " + answer.Reason,
		}})
	case http.StatusRequestEntityTooLarge:
		return problem.TooLarge, nil
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return problem.Unavailable, nil
	}
	return problem.DatastoreFault, nil
}

// noDatabase reports whether err is the answer to a request in a database
// that is not there. The texts are CouchDB's and express-pouchdb's.
func noDatabase(err error) bool {
	var answer *chttp.HTTPError
	if !errors.As(err, &answer) || answer.HTTPStatus() != http.StatusNotFound {
		return false
	}
	return answer.Reason == "Database does not exist." || answer.Reason == "no_db_file"
}

// damaged reports whether err is the answer of embedded databases to a request in
// one whose file is damaged or lost. Its reason names files, which only the log
// may tell.
func damaged(err error) bool {
	var answer *chttp.HTTPError
	return errors.As(err, &answer) && answer.HTTPStatus() == http.StatusInternalServerError && strings.HasPrefix(answer.Reason, "The file of the database ")
}

// scrub removes the URL, whose query may hold an API key or a password hash.
func scrub(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// cause replaces the bare "context canceled" of a call we ended ourselves.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// wrap classifies an error of a request in the database; op and id say what the
// request was.
func (d *DB) wrap(err error, op, id string) error {
	if noDatabase(err) {
		return &problem.Error{
			Code: problem.MissingDatabase,
			Data: map[string]any{"message": "the database is missing", "cause": d.name},
			Msg:  op + " " + d.at(id), Err: scrub(err),
		}
	}
	if damaged(err) {
		return &problem.Error{
			Code: problem.DatastoreFault,
			Data: map[string]any{"message": "the database is damaged; the server's log says how", "cause": d.name},
			Msg:  op + " " + d.at(id), Err: scrub(err),
		}
	}
	err = wrap(err, op+" "+d.at(id))
	var e *problem.Error
	if errors.As(err, &e) && e.Code == problem.BadIdentifier && e.Data == nil {
		e.Data = badIdentifier(id)
	}
	return err
}

func badIdentifier(id string) map[string]any {
	return map[string]any{"message": "bad identifier", "cause": id}
}

// at names a document for the log. The ids in token_auth are tokens, which no
// log may hold.
func (d *DB) at(id string) string {
	switch {
	case id == "":
		return d.name
	case d.name == "token_auth" && id[0] != '_':
		return d.name + "/…"
	}
	return d.name + "/" + id
}
