package view

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// Filter is a filter of _changes written in JavaScript: a function of a
// design document's filters, or a view, which shows the documents that its map
// function emits rows for.
type Filter struct {
	ctx     context.Context
	engine  *Engine
	key     string
	machine *sandbox.Machine
	request []byte // the function's second argument; nil for a view
}

// FunctionFilter makes a filter of ddoc/name, a member of filters; argument
// is the function's second one.
func (s *Set) FunctionFilter(ctx context.Context, path string, argument []byte) (*Filter, error) {
	f, err := s.newFilter(ctx, path, "filters")
	if err == nil {
		f.request = argument
	}
	return f, err
}

// ViewFilter makes a filter of the view ddoc/name.
func (s *Set) ViewFilter(ctx context.Context, path string) (*Filter, error) {
	return s.newFilter(ctx, path, "views")
}

func (s *Set) newFilter(ctx context.Context, path, member string) (*Filter, error) {
	ddoc, name, ok := strings.Cut(path, "/")
	if !ok || ddoc == "" || name == "" {
		return nil, fault.BadRequest("`" + strings.TrimSuffix(member, "s") + "` must be of the form `designname/" + strings.TrimSuffix(member, "s") + "name`")
	}
	r, err := s.db.Winner(ctx, "_design/"+ddoc)
	switch {
	case err != nil:
		return nil, err
	case r.Deleted:
		return nil, fault.Deleted()
	}
	source, err := filterSource(r.Body, member, name)
	if err != nil {
		return nil, err
	}
	trust, err := s.trustIn(ctx, r.ID, r.Rev)
	if err != nil {
		return nil, err
	}
	if !trust.runs(source) {
		return nil, notRun(r.ID)
	}
	f := &Filter{ctx: ctx, engine: s.engine, key: "filter " + r.Rev + " " + s.db.Name() + " " + member + " " + path}
	f.machine, err = s.engine.machines.get(f.key, func() (*sandbox.Machine, error) {
		compiled, err := sandbox.Compile(name, source)
		if err != nil {
			return nil, fault.New(500, "compilation_error", err.Error())
		}
		return sandbox.NewMachine(ctx, sandbox.Config{Functions: []*sandbox.Function{compiled}, Modules: r.Body, Limits: s.engine.limits})
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
		return "", fault.New(404, "not_found", "missing json key: "+name)
	}
	source := members[name]
	if member == "views" {
		var v map[string]json.RawMessage
		_ = json.Unmarshal(source, &v)
		source = v["map"]
	}
	var text string
	if json.Unmarshal(source, &text) != nil {
		return "", fault.New(404, "not_found", "missing function "+name)
	}
	return text, nil
}

// Test runs the function on one document.
func (f *Filter) Test(body []byte, deleted bool) (bool, error) {
	if f.request == nil {
		if deleted {
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
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &exception):
		return fault.New(500, "TypeError", exception.Message)
	}
	return fault.New(500, "os_process_error", err.Error())
}

// GiveBack returns the machine to the pool.
func (f *Filter) GiveBack() { f.engine.machines.put(f.key, f.machine) }
