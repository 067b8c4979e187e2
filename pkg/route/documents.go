package route

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
)

// viewPatience is how long the first row of the view is waited for. A view
// that has just been added to a large database takes minutes to build.
const viewPatience = 3 * time.Second

var errBuilding = errors.New("the view is being built")

// read reads what all live callflows contribute: from the view, or from the
// documents while the database does not have the view or builds it. The answer
// is the same. A view that is missing is added in the background.
func (l *live) read(ctx context.Context) ([]index.Change, error) {
	entries, err := l.readViewSoon(ctx)
	switch {
	case isCode(err, problem.MissingView):
		l.addView()
	case !errors.Is(err, errBuilding):
		return entries, err
	}
	return l.readDocuments(ctx)
}

// readViewSoon reads the view; the error is errBuilding if it keeps silent.
func (l *live) readViewSoon(ctx context.Context) ([]index.Change, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(l.owner.cfg.viewPatience, func() { cancel(errBuilding) })
	defer timer.Stop()
	entries, err := l.readView(ctx, func() { timer.Stop() })
	if err != nil && errors.Is(context.Cause(ctx), errBuilding) {
		return nil, errBuilding
	}
	return entries, err
}

// addView puts the view into the database and has it built.
func (l *live) addView() {
	if l.owner.cfg.Prepare == nil || l.owner.cfg.Couch.Observes() {
		return
	}
	l.owner.spawn(func(context.Context) {
		err := l.owner.cfg.Prepare(l.ctx, l.id)
		if err == nil {
			for _, err = range l.db.View(l.ctx, "callflowd", "routes", couch.Query{Limit: 1}) {
				break
			}
		}
		if err != nil && l.ctx.Err() == nil {
			l.warn("the view of routes cannot be added", err)
		}
	})
}

// withoutView yields the account's callflows without the view. It reads every
// document of the account.
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
