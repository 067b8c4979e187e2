package account

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// ordered is the key of an account's document under which the order of
// members counts: the first rule of a dial plan that matches wins (contract
// 4.1). A decoded document has lost it, so it is kept beside it as a list of
// keys.
const ordered = "dial_plan"

// source reads a document's dial plan as it is written there.
func source(raw json.RawMessage) json.RawMessage {
	var doc map[string]json.RawMessage
	if json.Unmarshal(raw, &doc) != nil {
		return nil
	}
	return doc[ordered]
}

// members returns the keys of a JSON object in their order; none of anything
// else.
func members(raw json.RawMessage) []string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil
	}
	var keys []string
	for dec.More() {
		tok, err := dec.Token()
		key, isKey := tok.(string)
		var value json.RawMessage
		if err != nil || !isKey || dec.Decode(&value) != nil {
			return keys
		}
		keys = append(keys, key)
	}
	return keys
}

// arrange writes an object with its members in that order. Those that the
// order does not name come last, sorted.
func arrange(object map[string]any, order []string) (json.RawMessage, error) {
	rest := make([]string, 0, len(object))
	for key := range object {
		rest = append(rest, key)
	}
	slices.Sort(rest)
	out := []byte{'{'}
	done := map[string]bool{}
	for _, key := range slices.Concat(order, rest) {
		value, ok := object[key]
		if !ok || done[key] {
			continue
		}
		done[key] = true
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, name...), ':'), body...)
	}
	return append(out, '}'), nil
}

// takeOrder returns what a client sent with its dial plan decoded, and the
// plan's order if it came undecoded.
func takeOrder(data document.Doc) (document.Doc, []string) {
	raw, ok := data[ordered].(json.RawMessage)
	if !ok {
		return data, nil
	}
	var wrapped document.Doc
	if json.Unmarshal(slices.Concat([]byte(`{"plan":`), raw, []byte(`}`)), &wrapped) != nil {
		return data, nil
	}
	out := make(document.Doc, len(data))
	for key, value := range data {
		out[key] = value
	}
	out[ordered] = wrapped["plan"]
	return out, members(raw)
}

// read returns a document decoded and its dial plan as it is written.
func read(ctx context.Context, db *couch.DB, id string) (document.Doc, json.RawMessage, error) {
	raw, err := db.GetRaw(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	var doc document.Doc
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, nil, &problem.Error{Code: problem.DatastoreFault, Msg: "decode account " + id, Err: err}
	}
	return doc, source(raw), nil
}

// putOrdered saves doc with its dial plan in that order.
func putOrdered(ctx context.Context, db *couch.DB, doc document.Doc, order []string) error {
	plan := doc.Object(ordered)
	if len(plan) < 2 {
		return db.Put(ctx, doc)
	}
	raw, err := arrange(plan, order)
	if err != nil {
		return &problem.Error{Code: problem.Internal, Msg: "encode a dial plan", Err: err}
	}
	kept := make(document.Doc, len(doc))
	for key, value := range doc {
		kept[key] = value
	}
	kept[ordered] = raw
	err = db.Put(ctx, kept)
	if err == nil {
		doc.SetRev(kept.Rev())
	}
	return err
}
