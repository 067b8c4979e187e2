package resource

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// Position is a row's place in a listing: its key and, among equal keys, its
// document.
type Position struct {
	Key json.RawMessage
	ID  string
}

// ListOptions choose rows of a listing.
type ListOptions struct {
	Start, End *Position // inclusive; nil = the view's ends
	PageSize   int
	Ascending  bool // Kazoo's default is descending
	Filter     document.Filter
	Keep       func(couch.Row) bool // leaves rows out; nil keeps all
}

// Page is one page of a listing.
type Page struct {
	Items []json.RawMessage // the view's values
	Next  *Position         // nil on the last page
}

// View names a listing view, of an account's database if DB is empty.
type View struct{ DB, Design, Name string }

// Listing is the view that lists a kind.
func (k Kind) Listing() View { return View{Design: k.Design, Name: "crossbar_listing"} }

// List returns one page of a view's values: with filters it reads on until
// the page is full.
func (s *Service) List(ctx context.Context, accountID string, view View, o ListOptions) (Page, error) {
	page := Page{Items: []json.RawMessage{}}
	query := o.query()
	if o.Filter.Empty() && o.Keep == nil {
		query.Limit = o.PageSize + 1
	}
	for row, err := range s.rows(ctx, accountID, view, query, o) {
		if err != nil {
			return Page{}, err
		}
		if len(page.Items) == o.PageSize {
			page.Next = &Position{Key: row.Key, ID: row.ID}
			break
		}
		page.Items = append(page.Items, row.Value)
	}
	return page, nil
}

// Stream gives all values of a listing, one at a time.
func (s *Service) Stream(ctx context.Context, accountID string, view View, o ListOptions) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for row, err := range s.rows(ctx, accountID, view, o.query(), o) {
			if !yield(row.Value, err) || err != nil {
				return
			}
		}
	}
}

// rows gives the rows of a view that the options choose. Where rows are left
// out, so are those of a document that emitted one key twice.
func (s *Service) rows(ctx context.Context, accountID string, view View, q couch.Query, o ListOptions) iter.Seq2[couch.Row, error] {
	q.IncludeDocs = !o.Filter.Empty()
	db := s.Couch.Account(accountID)
	if view.DB != "" {
		db = s.Couch.DB(view.DB)
	}
	return func(yield func(couch.Row, error) bool) {
		var last couch.Row
		for row, err := range db.View(ctx, view.Design, view.Name, q) {
			if err == nil && q.IncludeDocs && (len(row.Doc) == 0 || bytes.Equal(row.Doc, []byte("null")) || !o.Filter.Match(row.Doc)) {
				continue
			}
			if err == nil && o.Keep != nil && (row.ID == last.ID && bytes.Equal(row.Key, last.Key) || !o.Keep(row)) {
				continue
			}
			if last = row; !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (o ListOptions) query() couch.Query {
	q := couch.Query{Descending: !o.Ascending}
	if o.Start != nil {
		q.StartKey, q.StartDocID = o.Start.Key, o.Start.ID
	}
	if o.End != nil {
		q.EndKey, q.EndDocID = o.End.Key, o.End.ID
	}
	return q
}
