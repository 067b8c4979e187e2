package couchlite

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// scriptFilter is a filter of _changes written in JavaScript: a function of a
// design document's filters, or a view, whose map function lets through what it
// emits rows for.
type scriptFilter struct {
	ctx     context.Context
	server  *Server
	key     string
	machine *sandbox.Machine
	request []byte // the function's second argument; nil for a view
}

// filterSource finds the source of a filter or map function.
func filterSource(body []byte, member, name string) (string, error) {
	var doc map[string]json.RawMessage
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &doc) != nil || json.Unmarshal(doc[member], &members) != nil || members[name] == nil {
		return "", fail(http.StatusNotFound, "not_found", "missing json key: "+name)
	}
	source := members[name]
	if member == "views" {
		var v map[string]json.RawMessage
		_ = json.Unmarshal(source, &v)
		source = v["map"]
	}
	var text string
	if json.Unmarshal(source, &text) != nil {
		return "", fail(http.StatusNotFound, "not_found", "missing function "+name)
	}
	return text, nil
}

// match runs the function on one document.
func (f *scriptFilter) match(c changeRow) (bool, error) {
	body := c.body(docOptions{})
	if f.request == nil {
		if c.rev.Deleted {
			return false, nil
		}
		results, err := f.machine.Map(f.ctx, body, nil)
		if err == nil {
			err = results[0].Err
		}
		if err != nil {
			return false, filterFailure(err)
		}
		return len(results[0].Rows) > 0, nil
	}
	ok, err := f.machine.Test(f.ctx, 0, body, f.request)
	if err != nil {
		return false, filterFailure(err)
	}
	return ok, nil
}

// filterFailure is what CouchDB answers when a filter function fails.
func filterFailure(err error) error {
	var exception *sandbox.ExceptionError
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &exception):
		return fail(http.StatusInternalServerError, "TypeError", exception.Message)
	}
	return fail(http.StatusInternalServerError, "os_process_error", err.Error())
}

func (*scriptFilter) needsBody() bool { return true }

func (f *scriptFilter) close() { f.server.machines.put(f.key, f.machine) }
