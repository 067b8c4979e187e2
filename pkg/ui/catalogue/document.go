package catalogue

import (
	"context"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/route/names"
)

// Document is what a list knows of a document that its callflows refer to.
type Document struct {
	Name    string // "" where it has none
	Missing bool   // there is no such document
	Deleted bool   // softly

	folded string // the name in lower case
}

// documentOf is what is kept of a document; nil is a missing one.
func documentOf(doc document.Doc) Document {
	if doc == nil {
		return Document{Missing: true}
	}
	described := names.Describe(doc)
	name, _ := described.Fields["name"].(string)
	return Document{Name: name, Deleted: described.Deleted, folded: strings.ToLower(name)}
}

// weight is about how many bytes a document takes.
func (d Document) weight(id string) int { return 150 + len(id) + len(d.Name) + len(d.folded) }

// batch is how many documents are in memory at once while they are read.
const batch = 500

// read reads documents that are referred to.
func read(ctx context.Context, db *couch.DB, ids []string) (map[string]Document, error) {
	out := make(map[string]Document, len(ids))
	for len(ids) > 0 {
		some := ids[:min(batch, len(ids))]
		docs, err := db.GetMany(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, id := range some {
			out[id] = documentOf(docs[id])
		}
		ids = ids[len(some):]
	}
	return out, nil
}
