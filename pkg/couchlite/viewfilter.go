package couchlite

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

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

// newScriptFilter reads filter=ddoc/name, or filter=_view with view=ddoc/name.
func (q *request) scriptFilter() (filter, error) {
	path, member := q.query.Get("filter"), "filters"
	if path == "_view" {
		path, member = q.query.Get("view"), "views"
	}
	ddoc, name, ok := strings.Cut(path, "/")
	if !ok || ddoc == "" || name == "" {
		return nil, badRequest("`" + strings.TrimSuffix(member, "s") + "` must be of the form `designname/" + strings.TrimSuffix(member, "s") + "name`")
	}
	r, err := q.db.winner(q.Context(), "_design/"+ddoc)
	switch {
	case err != nil:
		return nil, err
	case r.Deleted:
		return nil, errDeleted()
	}
	source, err := filterSource(r.Body, member, name)
	if err != nil {
		return nil, err
	}
	f := &scriptFilter{ctx: q.Context(), server: q.s, key: "filter " + r.Rev + " " + q.db.name + " " + path}
	if member == "filters" {
		if f.request, err = json.Marshal(q.forFunction()); err != nil {
			return nil, err
		}
	}
	f.machine, err = q.s.machines.get(f.key, func() (*sandbox.Machine, error) {
		compiled, err := sandbox.Compile(name, source)
		if err != nil {
			return nil, fail(http.StatusInternalServerError, "compilation_error", err.Error())
		}
		return sandbox.NewMachine(q.Context(), sandbox.Config{Functions: []*sandbox.Function{compiled}, Modules: r.Body, Limits: q.s.limits})
	})
	if err != nil {
		return nil, filterFailure(err)
	}
	return f, nil
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

// forFunction is the request as a filter function sees it.
func (q *request) forFunction() map[string]any {
	query, headers := map[string]string{}, map[string]string{}
	for name := range q.query {
		query[name] = q.query.Get(name)
	}
	for name := range q.Header {
		if name != "Authorization" && name != "Cookie" {
			headers[name] = q.Header.Get(name)
		}
	}
	return map[string]any{
		"method": q.Method, "path": strings.Split(strings.Trim(q.URL.Path, "/"), "/"), "query": query, "headers": headers,
		"info": map[string]any{"db_name": q.db.name}, "userCtx": map[string]any{"db": q.db.name, "name": nil, "roles": []string{"_admin"}},
	}
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
