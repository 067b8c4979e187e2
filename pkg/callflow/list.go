package callflow

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"iter"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// Page sizes (contract section 3, design section 7).
const (
	DefaultPageSize = 50
	MaxPageSize     = 10_000
)

// filterChunk is how many documents a filtered page reads at a time.
const filterChunk = 500

// ListOptions choose part of an account's callflows. They are ordered by id,
// descending unless Ascending.
type ListOptions struct {
	StartKey  string // the first id, inclusive; "" for the beginning
	EndKey    string // the last id, inclusive; "" for the end
	PageSize  int    // 0 means DefaultPageSize; clamped to MaxPageSize
	Ascending bool
	Filter    document.Filter
}

// Page is one page of a listing.
type Page struct {
	Items        []json.RawMessage // the view's values (contract section 3), never nil
	NextStartKey string            // the id where the next page begins; "" on the last page
}

// List returns one page. With a filter it reads on until the page is full or
// nothing is left, and the next page begins at a callflow that passes.
func (s *Service) List(ctx context.Context, accountID string, o ListOptions) (Page, error) {
	size := min(o.PageSize, MaxPageSize)
	if size <= 0 {
		size = DefaultPageSize
	}
	if err := s.prepareViews(ctx, accountID); err != nil {
		return Page{}, err
	}
	page := Page{Items: []json.RawMessage{}}
	filtered, chunk := !o.Filter.Empty(), size+1
	if filtered {
		chunk = max(size+2, filterChunk)
	}
	for {
		rows, last := 0, ""
		for row, err := range s.listing(ctx, accountID, o, chunk) {
			if err != nil {
				return Page{}, err
			}
			if rows, last = rows+1, row.ID; filtered && rows == chunk {
				break // only the key to continue from
			}
			if !o.Filter.Match(row.Doc) {
				continue
			}
			if len(page.Items) == size {
				page.NextStartKey = row.ID
				return page, nil
			}
			page.Items = append(page.Items, row.Value)
		}
		if rows < chunk {
			return page, nil
		}
		o.StartKey = last
	}
}

// Stream yields every callflow of a listing as it comes from the database,
// without holding more than one; PageSize is ignored. An error is the
// last pair.
func (s *Service) Stream(ctx context.Context, accountID string, o ListOptions) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		if err := s.prepareViews(ctx, accountID); err != nil {
			yield(nil, err)
			return
		}
		for row, err := range s.listing(ctx, accountID, o, 0) {
			if err != nil {
				yield(nil, err)
				return
			}
			if o.Filter.Match(row.Doc) && !yield(row.Value, nil) {
				return
			}
		}
	}
}

// All reads every callflow of an account whole, in the order of their ids.
func (s *Service) All(ctx context.Context, accountID string) ([]document.Doc, error) {
	if err := s.prepareViews(ctx, accountID); err != nil {
		return nil, err
	}
	var out []document.Doc
	for row, err := range s.Couch.Account(accountID).View(ctx, "callflows", "crossbar_listing", couch.Query{IncludeDocs: true}) {
		if err != nil {
			return nil, err
		}
		if row.Doc == nil {
			continue // deleted since the view was read
		}
		doc, err := row.Document()
		if err != nil {
			return nil, err
		}
		out = append(out, doc)
	}
	return out, nil
}

func (s *Service) listing(ctx context.Context, accountID string, o ListOptions, limit int) iter.Seq2[couch.Row, error] {
	q := couch.Query{Descending: !o.Ascending, IncludeDocs: !o.Filter.Empty(), Limit: limit}
	if o.StartKey != "" {
		q.StartKey = o.StartKey
	}
	if o.EndKey != "" {
		q.EndKey = o.EndKey
	}
	return s.Couch.Account(accountID).View(ctx, "callflows", "crossbar_listing", q)
}

// Kazoo's start keys are Erlang's external form of a binary: a version byte,
// a tag, the length in four bytes, and the text (contract section 3).
const (
	termVersion = 131
	termBinary  = 109
	termHeader  = 6
)

// EncodeStartKey gives a start key the opaque form that clients pass back.
func EncodeStartKey(id string) string {
	term := make([]byte, termHeader, termHeader+len(id))
	term[0], term[1] = termVersion, termBinary
	binary.BigEndian.PutUint32(term[2:], uint32(len(id))) //nolint:gosec // ids are short
	return base64.RawURLEncoding.EncodeToString(append(term, id...))
}

// DecodeStartKey reads a start key in its opaque form, ours and Kazoo's
// alike; anything else is a raw id (contract 9.9).
func DecodeStartKey(key string) string {
	term, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || len(term) < termHeader || term[0] != termVersion || term[1] != termBinary {
		return key
	}
	text := term[termHeader:]
	if int64(binary.BigEndian.Uint32(term[2:])) != int64(len(text)) || !utf8.Valid(text) {
		return key
	}
	return string(text)
}
