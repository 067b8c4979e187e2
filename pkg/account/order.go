package account

import (
	"context"
	"encoding/json"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// ordered is the key of an account's document under which the order of
// members counts: the first rule of a dial plan that matches wins (contract
// 4.1). A decoded document has lost it.
const ordered = "dial_plan"

// source reads a document's dial plan as it is written there.
func source(raw json.RawMessage) json.RawMessage {
	var doc map[string]json.RawMessage
	if json.Unmarshal(raw, &doc) != nil {
		return nil
	}
	return doc[ordered]
}

// read returns a document decoded and the source of its dial plan.
func read(ctx context.Context, db *couch.DB, id string) (document.Doc, json.RawMessage, error) {
	raw, err := db.GetRaw(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	var doc document.Doc
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, nil, err
	}
	return doc, source(raw), nil
}

// putOrdered saves doc with its dial plan in the order of plan, if it is the
// same but for the order.
func putOrdered(ctx context.Context, db *couch.DB, doc document.Doc, plan json.RawMessage) error {
	var wrapped document.Doc
	same := len(plan) > 0 && json.Unmarshal([]byte(`{"`+ordered+`":`+string(plan)+`}`), &wrapped) == nil &&
		document.Equal(wrapped[ordered], doc[ordered])
	if !same {
		return db.Put(ctx, doc)
	}
	kept := make(document.Doc, len(doc))
	for key, value := range doc {
		kept[key] = value
	}
	kept[ordered] = plan
	err := db.Put(ctx, kept)
	if err == nil {
		doc.SetRev(kept.Rev())
	}
	return err
}
