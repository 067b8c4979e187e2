package replicator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
)

// pieces reads slices one after the other, without joining them.
type pieces struct{ rest [][]byte }

func (p *pieces) Read(to []byte) (n int, err error) {
	for len(p.rest) > 0 && n < len(to) {
		k := copy(to[n:], p.rest[0])
		n += k
		if p.rest[0] = p.rest[0][k:]; len(p.rest[0]) == 0 {
			p.rest = p.rest[1:]
		}
	}
	if n == 0 && len(to) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// fetch reads revisions from the source and puts them into the batch, which is
// written as it fills. Those with attachments it returns instead, unless
// whole asks for the attachments inside the documents.
func (r *Replication) fetch(ctx context.Context, list []wanted, whole bool, b *batch) ([]attached, error) {
	var later []attached
	for chunk := range slices.Chunk(list, r.fetchChunk(whole)) {
		more, err := r.fetchChunkOf(ctx, chunk, whole, b)
		if err != nil {
			return nil, err
		}
		later = append(later, more...)
	}
	return later, nil
}

// fetchChunk is how many documents are asked for in one request.
func (r *Replication) fetchChunk(whole bool) int {
	if whole {
		return max(1, r.opts.BatchDocs/10)
	}
	return r.opts.BatchDocs
}

func (r *Replication) fetchChunkOf(ctx context.Context, list []wanted, whole bool, b *batch) ([]attached, error) {
	if r.bulkGet {
		res, err := r.askBulk(ctx, list, whole)
		switch status(err) {
		case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusBadRequest:
			r.bulkGet = false // a server without _bulk_get
		case 0:
			if err != nil {
				return nil, err
			}
			return r.readBulk(ctx, res.Body, whole, b)
		default:
			return nil, err
		}
	}
	var later []attached
	for _, w := range list {
		more, err := r.fetchOpenRevs(ctx, w, whole, b)
		if err != nil {
			return nil, err
		}
		later = append(later, more...)
	}
	return later, nil
}

// found is one revision in an answer of _bulk_get or open_revs.
type found struct {
	OK json.RawMessage `json:"ok"`
}

// askBulk asks for many revisions at once.
func (r *Replication) askBulk(ctx context.Context, list []wanted, whole bool) (*http.Response, error) {
	type item struct {
		ID  string `json:"id"`
		Rev string `json:"rev"`
	}
	var ask struct {
		Docs []item `json:"docs"`
	}
	for _, w := range list {
		for _, rev := range w.revs {
			ask.Docs = append(ask.Docs, item{w.id, rev})
		}
	}
	text, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	r.note(func(s *Stats) { s.BulkGetAttempts++ })
	return r.source.do(ctx, call{
		method: http.MethodPost, path: "_bulk_get", query: revisionQuery(whole), body: bytes.NewReader(text), length: int64(len(text)),
	})
}

// readBulk reads the answer, a document at a time.
func (r *Replication) readBulk(ctx context.Context, body io.ReadCloser, whole bool, b *batch) (later []attached, err error) {
	defer drained(body)
	err = eachResult(json.NewDecoder(body), func(docs []found) error {
		for _, doc := range docs {
			if doc.OK == nil {
				continue // gone meanwhile; a later change tells of what took its place
			}
			r.note(func(s *Stats) { s.BulkGetDocs++ })
			one, err := b.take(ctx, doc.OK, whole)
			if err != nil {
				return err
			}
			if one != nil {
				later = append(later, *one)
			}
		}
		return nil
	})
	return later, err
}

// revisionQuery asks for revisions with their ancestry, or for what has taken
// their place.
func revisionQuery(whole bool) url.Values {
	query := url.Values{"revs": {"true"}, "latest": {"true"}}
	if whole {
		query.Set("attachments", "true")
	}
	return query
}

// eachResult reads {"results": [{"docs": […]}, …]} one result at a time.
func eachResult(dec *json.Decoder, take func([]found) error) error {
	for {
		token, err := dec.Token()
		if err != nil {
			return fmt.Errorf("read _bulk_get: %w", err)
		}
		if token == "results" {
			break
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("read _bulk_get: %w", err)
	}
	for dec.More() {
		var result struct {
			Docs []found `json:"docs"`
		}
		if err := dec.Decode(&result); err != nil {
			return fmt.Errorf("read _bulk_get: %w", err)
		}
		if err := take(result.Docs); err != nil {
			return err
		}
	}
	for range 2 { // ]}
		if _, err := dec.Token(); err != nil {
			return fmt.Errorf("read _bulk_get: %w", err)
		}
	}
	return nil
}

// fetchOpenRevs reads the revisions of one document.
func (r *Replication) fetchOpenRevs(ctx context.Context, w wanted, whole bool, b *batch) (later []attached, err error) {
	query := revisionQuery(whole)
	revs, err := json.Marshal(w.revs)
	if err != nil {
		return nil, err
	}
	query.Set("open_revs", string(revs))
	var docs []found
	err = r.source.json(ctx, call{method: http.MethodGet, path: docPath(w.id), query: query}, nil, &docs)
	if status(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		if doc.OK == nil {
			continue
		}
		one, err := b.take(ctx, doc.OK, whole)
		if err != nil {
			return nil, err
		}
		if one != nil {
			later = append(later, *one)
		}
	}
	return later, nil
}
