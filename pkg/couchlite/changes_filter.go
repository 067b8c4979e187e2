package couchlite

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/mango"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
	"github.com/callflowd/callflowd/pkg/couchlite/view"
)

// filter decides which documents a feed shows. It may be nil: all.
type filter interface {
	match(store.ChangeRow) (bool, error)
	needsBody() bool
	// direct reports whether the filter names documents that CouchDB looks up,
	// instead of going through all changes.
	direct() bool
	close()
}

// changesFilter reads the filter from the query and the body.
func (q *request) changesFilter() (filter, error) {
	var body struct {
		DocIDs   json.RawMessage `json:"doc_ids"`
		Selector json.RawMessage `json:"selector"`
		Fields   []string        `json:"fields"`
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
			return nil, fault.BadRequest("Selector must be specified in POST payload")
		}
		return newSelectorFilter(body.Selector, body.Fields)
	default:
		if strings.HasPrefix(name, "_") && name != "_view" {
			return nil, fault.BadRequest("unknown builtin filter name")
		}
		return q.scriptFilter()
	}
}

// scriptFilter reads filter=ddoc/name, or filter=_view with view=ddoc/name.
func (q *request) scriptFilter() (filter, error) {
	if q.query.Get("filter") == "_view" {
		f, err := q.views().ViewFilter(q.Context(), q.query.Get("view"))
		return scriptFilter{f}, err
	}
	argument, err := json.Marshal(q.forFunction())
	if err != nil {
		return nil, err
	}
	f, err := q.views().FunctionFilter(q.Context(), q.query.Get("filter"), argument)
	return scriptFilter{f}, err
}

// scriptFilter shows the documents for which a function of a design document
// returns true.
type scriptFilter struct{ *view.Filter }

func (f scriptFilter) match(c store.ChangeRow) (bool, error) {
	return f.Test(c.Body(store.DocOptions{}), c.Rev.Deleted)
}
func (scriptFilter) needsBody() bool { return true }
func (scriptFilter) direct() bool    { return false }
func (f scriptFilter) close()        { f.GiveBack() }

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
		"info": map[string]any{"db_name": q.db.Name()}, "userCtx": map[string]any{"db": q.db.Name(), "name": nil, "roles": []string{"_admin"}},
	}
}

// maxDirectIDs is up to how many documents CouchDB looks up by their ids; with
// more it goes through all changes (changes_doc_ids_optimization_threshold).
const maxDirectIDs = 1000

// idFilter shows the documents with these ids.
type idFilter struct {
	ids map[string]bool
	few bool
}

func newIDFilter(raw json.RawMessage) (filter, error) {
	var ids []string
	if json.Unmarshal(raw, &ids) != nil || ids == nil {
		return nil, fault.BadRequest("`doc_ids` filter parameter is not a list of doc ids.")
	}
	if len(ids) > maxLookups {
		return nil, fault.TooLarge()
	}
	f := idFilter{ids: make(map[string]bool, len(ids)), few: len(ids) <= maxDirectIDs}
	for _, id := range ids {
		f.ids[id] = true
	}
	return f, nil
}

func (f idFilter) match(c store.ChangeRow) (bool, error) { return f.ids[c.Rev.ID], nil }

func (idFilter) needsBody() bool { return false }

func (f idFilter) direct() bool { return f.few }
func (idFilter) close()         {}

// designFilter shows design documents.
type designFilter struct{}

func (designFilter) match(c store.ChangeRow) (bool, error) {
	return strings.HasPrefix(c.Rev.ID, "_design/"), nil
}

func (designFilter) needsBody() bool { return false }

func (designFilter) direct() bool { return true }
func (designFilter) close()       {}

// selectorFilter shows the documents that match a selector.
type selectorFilter struct {
	*mango.Selector
	fields []string // of the documents shown; none: all
}

func newSelectorFilter(raw json.RawMessage, fields []string) (filter, error) {
	if len(fields) > mango.MaxFields {
		return nil, fault.TooLarge()
	}
	s, err := mango.New(raw)
	if err != nil {
		text := err.Error() // CouchDB's begins with a capital
		return nil, fault.BadRequest(strings.ToUpper(text[:1]) + text[1:])
	}
	return selectorFilter{s, fields}, nil
}

func (f selectorFilter) match(c store.ChangeRow) (bool, error) {
	return f.Match(c.Body(store.DocOptions{}))
}

func (selectorFilter) needsBody() bool { return true }

func (selectorFilter) direct() bool { return false }
func (selectorFilter) close()       {}
