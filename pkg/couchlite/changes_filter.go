package couchlite

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/mango"
	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// filter decides which documents a feed shows. It may be nil: all.
type filter interface {
	match(changeRow) (bool, error)
	needsBody() bool
	close()
}

// changesFilter reads the filter from the query and the body.
func (q *request) changesFilter() (filter, error) {
	var body struct {
		DocIDs   json.RawMessage `json:"doc_ids"`
		Selector json.RawMessage `json:"selector"`
	}
	if q.Method == http.MethodPost {
		if err := q.decode(&body); err != nil {
			return nil, err
		}
	}
	switch name := q.query.Get("filter"); name {
	case "":
		return nil, nil
	case "_doc_ids":
		if body.DocIDs == nil {
			body.DocIDs = json.RawMessage(q.query.Get("doc_ids"))
		}
		return newIDFilter(body.DocIDs)
	case "_design":
		return designFilter{}, nil
	case "_selector":
		if body.Selector == nil {
			return nil, badRequest("Selector must be specified in POST payload")
		}
		return newSelectorFilter(body.Selector)
	default:
		if strings.HasPrefix(name, "_") && name != "_view" {
			return nil, badRequest("unknown builtin filter name")
		}
		return q.scriptFilter()
	}
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

// idFilter lets named documents through.
type idFilter map[string]bool

func newIDFilter(raw json.RawMessage) (filter, error) {
	var ids []string
	if json.Unmarshal(raw, &ids) != nil || ids == nil {
		return nil, badRequest("`doc_ids` filter parameter is not a list of doc ids.")
	}
	f := idFilter{}
	for _, id := range ids {
		f[id] = true
	}
	return f, nil
}

func (f idFilter) match(c changeRow) (bool, error) { return f[c.rev.ID], nil }

func (idFilter) needsBody() bool { return false }

func (idFilter) close() {}

// designFilter lets design documents through.
type designFilter struct{}

func (designFilter) match(c changeRow) (bool, error) {
	return strings.HasPrefix(c.rev.ID, "_design/"), nil
}

func (designFilter) needsBody() bool { return false }

func (designFilter) close() {}

// selectorFilter lets documents through that a selector means.
type selectorFilter struct{ *mango.Selector }

func newSelectorFilter(raw json.RawMessage) (filter, error) {
	s, err := mango.New(raw)
	if err != nil {
		text := err.Error() // CouchDB's begins with a capital
		return nil, badRequest(strings.ToUpper(text[:1]) + text[1:])
	}
	return selectorFilter{s}, nil
}

func (f selectorFilter) match(c changeRow) (bool, error) { return f.Match(c.body(docOptions{})) }

func (selectorFilter) needsBody() bool { return true }

func (selectorFilter) close() {}
