package auth

import (
	"context"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// search finds the documents that a login is about.
type search struct {
	db     *couch.DB
	design string
	view   string
	key    string
	most   int
	fits   func(document.Doc) bool // the view's condition, for when it cannot be read
}

// find queries the view. If that cannot be read, because the disk is full or its
// design document could not be written, it reads every document: slower, but an
// administrator can log in and make room.
func (s *Service) find(ctx context.Context, q search) ([]document.Doc, error) {
	rows := q.db.View(ctx, q.design, q.view, couch.Query{Key: q.key, IncludeDocs: true, Limit: q.most})
	docs, err := q.collect(rows, func(document.Doc) bool { return true })
	if !problem.Is(err, problem.DatastoreFault) && !problem.Is(err, problem.MissingView) {
		return docs, err
	}
	s.Log.Warn("a login reads all documents, for a view cannot be read", zap.String("view", q.design+"/"+q.view), zap.Error(err))
	return q.collect(q.db.AllDocs(ctx, couch.Query{IncludeDocs: true}), q.fits)
}

func (q search) collect(rows func(func(couch.Row, error) bool), fits func(document.Doc) bool) ([]document.Doc, error) {
	var docs []document.Doc
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		doc, err := row.Document()
		if err != nil || !doc.Live() || !fits(doc) {
			continue
		}
		if docs = append(docs, doc); len(docs) == q.most {
			break
		}
	}
	return docs, nil
}
