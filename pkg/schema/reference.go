package schema

import (
	"strconv"
	"strings"
)

// Reference is a mention of another document of the account.
type Reference struct {
	ID   string
	Type string // pvt_type of the document meant: "menu", "user", …

	Enters bool // the call goes on in that callflow by itself; another reference only names it

	at *place
}

// Path returns where the id stands. It is made anew by each call, as that of a
// [Node] is.
func (r Reference) Path() string { return r.at.path() }

// References lists the documents that an action mentions in its data. What is
// no id is left out: "", and media given by URL, path or prompt name.
func (n Node) References() []Reference {
	about := n.About()
	if about == nil {
		return nil
	}
	var out []Reference
	for _, f := range about.References {
		f.each(n, func(at *place, v any, kind string) {
			id, _ := v.(string)
			if id == "" || kind == "" || kind == "media" && !documentID(id) {
				return
			}
			out = append(out, Reference{ID: id, Type: kind, Enters: n.Module == "callflow" && !n.Metaflow, at: at})
		})
	}
	return out
}

// documentID tells whether s looks like an id made by Kazoo or CouchDB: 32
// hexadecimal digits.
func documentID(s string) bool {
	_, high := strconv.ParseUint(s[:min(len(s), 16)], 16, 64)
	return len(s) == 32 && high == nil && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// endpointKind reads the type of an endpoint or recipient from the object
// itself.
func endpointKind(m map[string]any) string {
	for _, key := range []string{"endpoint_type", "type"} {
		switch kind, _ := m[key].(string); kind {
		case "user", "device", "group":
			return kind
		}
	}
	return ""
}

// Field is a place in data where the id of another document may stand.
type Field struct {
	Path string `json:"field"` // "id", "welcome_prompt.media_id", "rules[]", "endpoints[].id"
	Type string `json:"type"`  // pvt_type of the document meant; "" where the item itself says it
}

// Values returns what stands at the field in a node's data, an id or
// anything else.
func (f Field) Values(n Node) []any {
	var out []any
	f.each(n, func(_ *place, v any, _ string) { out = append(out, v) })
	return out
}

// each calls add for what stands at the field in a node's data, an id or
// anything else.
func (f Field) each(n Node, add func(at *place, v any, kind string)) {
	path, member, list := strings.Cut(f.Path, "[]")
	at, v := n.at.child("data"), any(n.Data)
	for key := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		at, v = at.child(key), m[key]
	}
	if !list {
		add(at, v, f.Type)
		return
	}
	items, _ := v.([]any)
	for i, item := range items {
		itemAt, kind := at.child(i), f.Type
		if key, ok := strings.CutPrefix(member, "."); ok {
			m, _ := item.(map[string]any)
			if kind == "" {
				kind = endpointKind(m)
			}
			itemAt, item = itemAt.child(key), m[key]
		}
		ids, ok := item.([]any) // a recipient may have several
		if !ok {
			add(itemAt, item, kind)
		}
		for j, id := range ids {
			add(itemAt.child(j), id, kind)
		}
	}
}
