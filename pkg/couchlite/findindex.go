package couchlite

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
)

// indexDef is one index as _index lists it.
type indexDef struct {
	DDoc *string         `json:"ddoc"`
	Name string          `json:"name"`
	Type string          `json:"type"`
	Def  json.RawMessage `json:"def"`
}

// indexList is what _index answers.
type indexList struct {
	Total   int        `json:"total_rows"`
	Indexes []indexDef `json:"indexes"`
}

// allDocsIndex is the index that is always there.
func allDocsIndex() indexDef {
	return indexDef{Name: "_all_docs", Type: "special", Def: json.RawMessage(`{"fields":[{"_id":"asc"}]}`)}
}

// index serves _index: indexes are kept as the design documents in which
// CouchDB keeps them, so that replicating them loses nothing.
func (q *request) index() error {
	if q.Method != http.MethodPost {
		indexes, err := q.db.indexes(q)
		if err != nil {
			return err
		}
		return writeJSON(q.w, http.StatusOK, indexList{len(indexes), indexes})
	}
	var in struct {
		Index      json.RawMessage
		DDoc, Name string
		Type       string
	}
	if err := q.decode(&in); err != nil {
		return err
	}
	fields, err := indexFields(in.Index)
	if err != nil || in.Type != "" && in.Type != "json" {
		return fail(http.StatusBadRequest, "invalid_index", "Only JSON indexes over a list of fields are supported.")
	}
	sum := sha256.Sum256(fields)
	id := hex.EncodeToString(sum[:20])
	if in.Name == "" {
		in.Name = id
	}
	if in.DDoc == "" {
		in.DDoc = id
	}
	in.DDoc = strings.TrimPrefix(in.DDoc, "_design/")
	result, err := q.saveIndex(in.DDoc, in.Name, fields, in.Index)
	if err != nil {
		return err
	}
	return writeJSON(q.w, http.StatusOK, map[string]string{"result": result, "id": "_design/" + in.DDoc, "name": in.Name})
}

// indexFields returns {"a":"asc", …} for the fields of an index.
func indexFields(raw json.RawMessage) ([]byte, error) {
	var def struct{ Fields []json.RawMessage }
	if err := json.Unmarshal(raw, &def); err != nil {
		return nil, err
	}
	if len(def.Fields) == 0 {
		return nil, badRequest("no fields")
	}
	out := []byte{'{'}
	for i, field := range def.Fields {
		name, direction := "", "asc"
		var object map[string]string
		if json.Unmarshal(field, &name) != nil {
			if err := json.Unmarshal(field, &object); err != nil || len(object) != 1 {
				return nil, badRequest("a field is a name or {name: direction}")
			}
			for name, direction = range object {
				continue
			}
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(ejson.AppendString(out, name), ':')
		out = ejson.AppendString(out, direction)
	}
	return append(out, '}'), nil
}

// saveIndex adds the index to its design document.
func (q *request) saveIndex(ddoc, name string, fields []byte, def json.RawMessage) (string, error) {
	id := "_design/" + ddoc
	doc := struct {
		Rev      string                     `json:"_rev,omitempty"`
		Language string                     `json:"language"`
		Views    map[string]json.RawMessage `json:"views"`
	}{Language: "query", Views: map[string]json.RawMessage{}}
	if raw, deleted, err := q.db.docBody(q.Context(), id, "", docOptions{}); err == nil && !deleted {
		if json.Unmarshal(raw, &doc) != nil || doc.Language != "query" {
			return "", fail(http.StatusBadRequest, "invalid_ddoc", "The design document is none of indexes.")
		}
	} else if err != nil && !isMissing(err) {
		return "", err
	}
	if _, ok := doc.Views[name]; ok {
		return "exists", nil
	}
	view, err := json.Marshal(map[string]any{
		"map":     map[string]any{"fields": json.RawMessage(fields), "partial_filter_selector": map[string]any{}},
		"reduce":  "_count",
		"options": map[string]any{"def": def},
	})
	if err != nil {
		return "", err
	}
	doc.Views[name] = view
	raw, err := json.Marshal(doc)
	if err != nil {
		return "", err
	}
	e, err := parseDocument(raw, q.s.opts.MaxDocument)
	if err != nil {
		return "", err
	}
	e.id = id
	return "created", q.db.save(q.Context(), e)
}

// indexes lists what _index has made.
func (db *database) indexes(q *request) ([]indexDef, error) {
	list := []indexDef{allDocsIndex()}
	ids := idRange{where: "d.deleted = 0 AND d.id > '_design/' AND d.id < '_design0'"}
	rows, err := db.docRows(q.Context(), ids, rangeQuery{includeDocs: true}, maxInfos, 0)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		var doc struct {
			Language string
			Views    map[string]struct {
				Map struct{ Fields json.RawMessage }
			}
		}
		if json.Unmarshal(r.Body, &doc) != nil || doc.Language != "query" {
			continue
		}
		for name, view := range doc.Views {
			var fields []json.RawMessage
			_, names, err := ejson.Members(view.Map.Fields)
			for _, field := range names {
				fields = append(fields, append(ejson.AppendString([]byte{'{'}, field), `:"asc"}`...))
			}
			def, merr := json.Marshal(map[string]any{"fields": fields})
			if err != nil || merr != nil {
				continue
			}
			id := r.ID
			list = append(list, indexDef{DDoc: &id, Name: name, Type: "json", Def: def})
		}
	}
	return list, nil
}

// explain serves _explain: always the one plan there is.
func (q *request) explain() error {
	f, err := q.findQuery()
	if err != nil {
		return err
	}
	fields := any("all_fields")
	if len(f.Fields) > 0 {
		fields = f.Fields
	}
	return writeJSON(q.w, http.StatusOK, map[string]any{
		"dbname": q.db.name, "index": allDocsIndex(), "partitioned": false, "selector": f.Selector, "opts": map[string]any{},
		"limit": *f.Limit, "skip": f.Skip, "fields": fields, "mrargs": map[string]any{}, "covering": false,
		"index_candidates": []any{}, "selector_hints": []any{},
	})
}
