package route

import (
	"context"
	"iter"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// observed reports whether err is that the database lacks the view and that we
// may not add it.
func (l *live) observed(err error) bool {
	return isCode(err, problem.MissingView) && l.owner.cfg.Couch.Observes()
}

// withoutView yields the account's callflows from a database that lacks the
// view. It reads every document of the account.
func (l *live) withoutView(ctx context.Context) iter.Seq2[document.Doc, error] {
	return func(yield func(document.Doc, error) bool) {
		for row, err := range l.db.AllDocs(ctx, couch.Query{IncludeDocs: true}) {
			if err != nil {
				yield(nil, err)
				return
			}
			doc, err := row.Document()
			if err != nil {
				continue // no object, and so no callflow
			}
			if _, ok := index.EntryOf(doc); ok && !yield(doc, nil) {
				return
			}
		}
	}
}

// readDocuments is what readView finds, from the documents.
func (l *live) readDocuments(ctx context.Context) ([]index.Change, error) {
	var changes []index.Change
	for doc, err := range l.withoutView(ctx) {
		if err != nil {
			return nil, err
		}
		if e, ok := index.EntryOf(doc); ok {
			changes = append(changes, index.Change{ID: doc.ID(), Entry: &e})
		}
	}
	return changes, nil
}
