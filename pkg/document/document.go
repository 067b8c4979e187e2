// Package document holds Kazoo's conventions for documents in CouchDB: which
// keys are public and which private (contract 2.4), soft deletion, Gregorian
// time, PATCH merging, list filters and differences. It knows nothing of
// callflows and never reaches storage.
//
// Documents are untrusted: they may come from Kazoo or another site, so every
// accessor tolerates missing keys and wrong types. Numbers are json.Number,
// which keeps their exact text.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// Doc is a JSON object as it is stored, unknown keys included.
type Doc map[string]any

// UnmarshalJSON decodes one JSON object and keeps numbers exact.
func (d *Doc) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	*d = m
	return nil
}

// ID returns _id, or "" if there is none.
func (d Doc) ID() string { return d.String("_id") }

// Rev returns _rev, or "" if there is none.
func (d Doc) Rev() string { return d.String("_rev") }

// SetRev records the revision the document was saved as.
func (d Doc) SetRev(rev string) { d["_rev"] = rev }

// Type returns pvt_type, or "" if there is none.
func (d Doc) Type() string { return d.String("pvt_type") }

// String returns the string at a top-level key, or "" if it is none.
func (d Doc) String(key string) string {
	s, _ := d[key].(string)
	return s
}

// Object returns the object at a top-level key, or nil if it is none.
func (d Doc) Object(key string) map[string]any {
	m, _ := d[key].(map[string]any)
	return m
}

// Strings returns the string members of the array at a top-level key, in
// order; other members are passed over.
func (d Doc) Strings(key string) []string {
	list, _ := d[key].([]any)
	out := make([]string, 0, len(list))
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Live reports whether the document is neither deleted nor soft-deleted.
// Kazoo's views test pvt_deleted by JavaScript's truthiness, and so do we.
func (d Doc) Live() bool { return !Truthy(d["_deleted"]) && !Truthy(d["pvt_deleted"]) }

// Truthy is JavaScript's truth of a decoded JSON value: everything but false,
// null (or absent), "", 0 and -0.
func Truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case json.Number:
		f, err := v.Float64()
		return err != nil || f != 0
	}
	return true
}

// Private reports whether a top-level key is Kazoo's or CouchDB's own: it
// starts with "_" or "pvt_". Nested keys are never private.
func Private(key string) bool {
	return strings.HasPrefix(key, "_") || strings.HasPrefix(key, "pvt_")
}

// Public returns a copy of the document as a client sees it: without private
// keys, with id, and with _read_only if the document holds it. The values are
// shared with d.
func (d Doc) Public() Doc {
	out := make(Doc, len(d)+1)
	for k, v := range d {
		if !Private(k) || k == "_read_only" {
			out[k] = v
		}
	}
	if id := d.ID(); id != "" {
		out["id"] = id
	}
	return out
}

// Content returns a copy of what a client may write of the document: its public
// fields without id, and without metadata and _read_only, which the server adds.
// The values are shared with d.
func (d Doc) Content() Doc {
	out := d.Public()
	for _, key := range []string{"id", "metadata", "_read_only"} {
		delete(out, key)
	}
	return out
}

// Clone returns a deep copy.
func (d Doc) Clone() Doc {
	c, _ := clone(map[string]any(d)).(map[string]any)
	return c
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v == nil {
			return v
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = clone(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = clone(e)
		}
		return out
	}
	return v
}
