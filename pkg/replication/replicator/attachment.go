package replicator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
)

// maxDocument bounds a document that comes before its attachments.
const maxDocument = 64 << 20

// relay copies a revision with its attachments, which stream from one end to
// the other. Those that came with an ancestor are not sent again.
func (r *Replication) relay(ctx context.Context, doc attached, ancestors []string) error {
	err := r.relayFrom(ctx, doc, ancestors)
	if code := status(err); code == http.StatusPreconditionFailed && len(ancestors) > 0 {
		err = r.relayFrom(ctx, doc, nil) // the target lacks the ancestor's attachments
	}
	var broken *sourceError
	switch code := status(err); {
	case err == nil, errors.As(err, &broken):
		return err
	case faultOfDocument(code), code == http.StatusForbidden, code == http.StatusUnauthorized, code == http.StatusInternalServerError && r.isolate:
		return r.giveUp(ctx, doc.id, doc.rev, err)
	}
	return err
}

// sourceError is an error of the source while the target waits for the rest.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

func fromSource(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &sourceError{err}
}

func (r *Replication) relayFrom(ctx context.Context, doc attached, ancestors []string) error {
	revs, err := json.Marshal([]string{doc.rev})
	if err != nil {
		return err
	}
	query := url.Values{"open_revs": {string(revs)}, "revs": {"true"}, "latest": {"true"}}
	if len(ancestors) > 0 {
		since, err := json.Marshal(ancestors)
		if err != nil {
			return err
		}
		query.Set("atts_since", string(since))
	}
	res, err := r.source.do(ctx, call{
		method: http.MethodGet, path: docPath(doc.id), query: query, accept: "multipart/mixed, application/json;q=0.5",
	})
	if status(err) == http.StatusNotFound {
		return nil // a later change tells of what took its place
	}
	if err != nil {
		return fromSource(err)
	}
	defer drained(res.Body)
	kind, params, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if kind != "multipart/mixed" {
		return r.relayStubs(ctx, res.Body)
	}
	return r.relayMixed(ctx, multipart.NewReader(res.Body, params["boundary"]))
}

// relayMixed relays the parts of an answer, each a revision.
func (r *Replication) relayMixed(ctx context.Context, mixed *multipart.Reader) error {
	for {
		part, err := mixed.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fromSource(err)
		}
		kind, params, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if params["error"] == "true" {
			continue
		}
		src := &parts{doc: nil}
		if kind == "multipart/related" {
			related := multipart.NewReader(part, params["boundary"])
			first, err := related.NextRawPart()
			if err != nil {
				return fromSource(err)
			}
			if src.doc, err = io.ReadAll(io.LimitReader(first, maxDocument)); err != nil {
				return fromSource(err)
			}
			src.next = func() (*attachment, error) { return nextRelated(related) }
		} else if src.doc, err = io.ReadAll(io.LimitReader(part, maxDocument)); err != nil {
			return fromSource(err)
		}
		if err := r.send(ctx, src); err != nil {
			return err
		}
	}
}

func nextRelated(related *multipart.Reader) (*attachment, error) {
	part, err := related.NextRawPart()
	if err != nil {
		return nil, err
	}
	_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	return &attachment{params["filename"], part}, nil
}

// attachment is one attachment on its way.
type attachment struct {
	name string // "" if the source does not say: then the next in the document
	body io.Reader
}

// parts are a document and, one after the other, the attachments that follow
// it.
type parts struct {
	doc  []byte
	next func() (*attachment, error) // io.EOF after the last one; nil: none
}

// relayStubs relays from a server that answers with JSON: the attachments are
// asked for one by one.
func (r *Replication) relayStubs(ctx context.Context, body io.Reader) error {
	var docs []found
	if err := json.NewDecoder(body).Decode(&docs); err != nil {
		return fromSource(err)
	}
	for _, doc := range docs {
		if doc.OK == nil {
			continue
		}
		one := &single{r: r, ctx: ctx}
		if err := one.prepare(doc.OK); err != nil {
			return err
		}
		err := r.send(ctx, &parts{doc: one.doc, next: one.next})
		one.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// single reads a document's attachments one by one.
type single struct {
	r    *Replication
	ctx  context.Context
	doc  []byte // says that they follow
	head header
	rest []string // the names of those to come
	open io.ReadCloser
}

func (s *single) prepare(doc json.RawMessage) error {
	members, names, err := membersOf(doc)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(doc, &s.head); err != nil {
		return err
	}
	var atts map[string]json.RawMessage
	if atts, s.rest, err = membersOf(members["_attachments"]); err != nil {
		return err
	}
	for name, raw := range atts {
		if atts[name], err = following(raw); err != nil {
			return err
		}
	}
	members["_attachments"] = join(atts, s.rest)
	s.doc = join(members, names)
	return nil
}

func (s *single) next() (*attachment, error) {
	s.close()
	if len(s.rest) == 0 {
		return nil, io.EOF
	}
	name := s.rest[0]
	s.rest = s.rest[1:]
	res, err := s.r.source.do(s.ctx, call{
		method: http.MethodGet, path: docPath(s.head.ID) + "/" + escape(name), query: url.Values{"rev": {s.head.Rev}}, accept: "*/*",
	})
	if err != nil {
		return nil, err
	}
	s.open = res.Body
	return &attachment{name, res.Body}, nil
}

func (s *single) close() {
	if s.open != nil {
		drained(s.open)
		s.open = nil
	}
}

// following makes a stub say that its bytes follow, plain.
func following(stub []byte) ([]byte, error) {
	members, names, err := membersOf(stub)
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		if name == "stub" {
			names[i], members["follows"] = "follows", json.RawMessage("true")
		}
	}
	return join(members, names), nil
}

// membersOf are the members of an object and their order.
func membersOf(object []byte) (map[string]json.RawMessage, []string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	_, _ = dec.Token() // it was read above
	var names []string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		text, _ := name.(string)
		names = append(names, text)
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return nil, nil, err
		}
	}
	return members, names, nil
}

// join writes an object with its members in order.
func join(members map[string]json.RawMessage, names []string) []byte {
	out := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		key, _ := json.Marshal(name)
		out = append(append(append(out, key...), ':'), members[name]...)
	}
	return append(out, '}')
}
