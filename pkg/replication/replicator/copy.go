package replicator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// wanted are the revisions of a document that the target lacks.
type wanted struct {
	id        string
	revs      []string
	ancestors []string // of them, as far as the target has any
}

// copyPage copies what the target lacks of a page of changes.
func (r *Replication) copyPage(ctx context.Context, page changesPage) error {
	if len(page.Results) == 0 {
		return nil
	}
	missing, err := r.missing(ctx, page)
	if err != nil {
		return err
	}
	b := &batch{r: r}
	large, err := r.copyDocuments(ctx, missing, b)
	if err = errors.Join(err, b.flush(ctx)); err != nil { // what was read before it failed is a step ahead
		return err
	}
	ancestors := map[string][]string{}
	for _, w := range missing {
		ancestors[w.id] = w.ancestors
	}
	for _, doc := range large {
		if err := r.relay(ctx, doc, ancestors[doc.id]); err != nil {
			return err
		}
	}
	return nil
}

// copyDocuments copies the documents whose attachments are small, if they have
// any, and returns the others.
func (r *Replication) copyDocuments(ctx context.Context, missing []wanted, b *batch) (large []attached, err error) {
	later, err := r.fetch(ctx, missing, false, b)
	if err != nil {
		return nil, err
	}
	var small []wanted
	for _, doc := range later {
		if doc.size <= r.opts.InlineBytes {
			small = append(small, wanted{doc.id, []string{doc.rev}, nil})
		} else {
			large = append(large, doc)
		}
	}
	_, err = r.fetch(ctx, small, true, b)
	return large, err
}

// missing asks the target which of the changes it lacks, in their order.
func (r *Replication) missing(ctx context.Context, page changesPage) ([]wanted, error) {
	asked := map[string][]string{}
	checked := 0
	var order []string
	for _, c := range page.Results {
		if _, twice := asked[c.ID]; !twice {
			order = append(order, c.ID)
		}
		for _, leaf := range c.Changes {
			asked[c.ID] = append(asked[c.ID], leaf.Rev)
			checked++
		}
	}
	var diff map[string]struct {
		Missing   []string `json:"missing"`
		Ancestors []string `json:"possible_ancestors"`
	}
	if err := r.target.json(ctx, call{method: http.MethodPost, path: "_revs_diff"}, asked, &diff); err != nil {
		return nil, err
	}
	var list []wanted
	found := 0
	for _, id := range order {
		if d := diff[id]; len(d.Missing) > 0 {
			found += len(d.Missing)
			list = append(list, wanted{id, d.Missing, d.Ancestors})
		}
	}
	r.note(func(s *Stats) {
		s.MissingChecked += int64(checked)
		s.MissingFound += int64(found)
	})
	return list, nil
}

// attached is a revision with attachments that was not read yet.
type attached struct {
	id, rev string
	size    int64 // of the attachments
}

// header is what the copy needs to know of a document.
type header struct {
	ID          string                     `json:"_id"`
	Rev         string                     `json:"_rev"`
	Attachments map[string]json.RawMessage `json:"_attachments"`
}

// sizeOf adds up a document's attachments.
func (h header) sizeOf() (n int64) {
	for raw := range maps.Values(h.Attachments) {
		var a struct{ Length int64 }
		_ = json.Unmarshal(raw, &a)
		n += a.Length
	}
	return n
}

// take puts a document into the batch, or returns that it has attachments to
// be read still.
func (b *batch) take(ctx context.Context, doc json.RawMessage, whole bool) (*attached, error) {
	var h header
	if err := json.Unmarshal(doc, &h); err != nil || h.ID == "" || h.Rev == "" {
		return nil, fmt.Errorf("%w: a document without _id or _rev", errMalformed)
	}
	if len(h.Attachments) > 0 && !whole {
		return &attached{h.ID, h.Rev, h.sizeOf()}, nil
	}
	b.r.note(func(s *Stats) { s.DocsRead++ })
	return nil, b.add(ctx, doc, h)
}

// batch collects documents to be written together.
type batch struct {
	r     *Replication
	docs  []json.RawMessage
	heads []header
	bytes int
}

func (b *batch) add(ctx context.Context, doc json.RawMessage, h header) error {
	h.Attachments = nil
	b.docs, b.heads, b.bytes = append(b.docs, doc), append(b.heads, h), b.bytes+len(doc)
	if len(b.docs) < b.r.opts.BatchDocs && b.bytes < b.r.opts.BatchBytes {
		return nil
	}
	return b.flush(ctx)
}

// flush writes what was collected.
func (b *batch) flush(ctx context.Context) error {
	err := b.write(ctx, b.docs, b.heads)
	clear(b.docs)
	b.docs, b.heads, b.bytes = b.docs[:0], b.heads[:0], 0
	return err
}

// write writes documents; where the target refuses them together, it writes
// them in halves, down to the one that is at fault.
func (b *batch) write(ctx context.Context, docs []json.RawMessage, heads []header) error {
	if len(docs) == 0 {
		return nil
	}
	failed, err := b.r.bulkDocs(ctx, docs)
	switch code := status(err); {
	case err == nil:
		b.count(docs, heads, failed)
		return nil
	case !faultOfDocument(code) && !(code == http.StatusInternalServerError && b.r.isolate):
		return err
	case len(docs) == 1:
		return b.r.giveUp(ctx, heads[0].ID, heads[0].Rev, err)
	}
	half := len(docs) / 2
	if err := b.write(ctx, docs[:half], heads[:half]); err != nil {
		return err
	}
	return b.write(ctx, docs[half:], heads[half:])
}

// giveUp leaves a document out that the target refused with err, if the target
// is well otherwise.
func (r *Replication) giveUp(ctx context.Context, id, rev string, err error) error {
	if status(err) == http.StatusInternalServerError {
		if sick := r.target.json(ctx, call{method: http.MethodGet}, nil, nil); sick != nil {
			return sick
		}
	}
	r.refused(Refusal{id, rev, err.Error()})
	return nil
}

// faultOfDocument reports whether a status tells of what was sent, rather
// than of who sent it, or of the server.
func faultOfDocument(code int) bool {
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusPreconditionFailed, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusExpectationFailed:
		return true
	}
	return false
}

// count notes what became of documents.
func (b *batch) count(docs []json.RawMessage, heads []header, failed []bulkFailure) {
	refused := map[string]bool{}
	for _, f := range failed {
		at := slices.IndexFunc(heads, func(h header) bool { return h.ID == f.ID && (f.Rev == "" || h.Rev == f.Rev) })
		if at < 0 {
			continue
		}
		refused[heads[at].ID+"\x00"+heads[at].Rev] = true
		b.r.refused(Refusal{f.ID, heads[at].Rev, f.Error + ": " + f.Reason})
	}
	b.r.note(func(s *Stats) {
		for i, h := range heads {
			if !refused[h.ID+"\x00"+h.Rev] {
				s.DocsWritten++
				s.Bytes += int64(len(docs[i]))
			}
		}
		s.Err = nil
	})
}

// bulkFailure is a line of the answer to _bulk_docs.
type bulkFailure struct{ ID, Rev, Error, Reason string }

// bulkDocs writes revisions as they are.
func (r *Replication) bulkDocs(ctx context.Context, docs []json.RawMessage) ([]bulkFailure, error) {
	parts := make([][]byte, 0, 2*len(docs)+1)
	lead := []byte(`{"new_edits":false,"docs":[`)
	for _, doc := range docs {
		parts = append(parts, lead, doc)
		lead = []byte(",\n")
	}
	parts = append(parts, []byte("]}"))
	c := call{method: http.MethodPost, path: "_bulk_docs", length: 0}
	for _, part := range parts {
		c.length += int64(len(part))
	}
	c.body = &pieces{parts}
	var answer []bulkFailure
	if err := r.target.json(ctx, c, nil, &answer); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(answer, func(f bulkFailure) bool { return f.Error == "" }), nil
}
