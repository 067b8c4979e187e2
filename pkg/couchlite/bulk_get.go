package couchlite

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/rows"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

// lookup is one item of _bulk_get: a revision of a document, or all its
// leaves.
type lookup struct {
	id     json.RawMessage // as the client sent it
	name   string
	asked  []revtree.Rev // nil: all leaves
	show   store.DocOptions
	failed *lookupError // what is wrong with the item itself
}

// lookupError stands in for a revision in the answer.
type lookupError struct {
	Rev    json.RawMessage `json:"rev"`
	Reason string          `json:"reason"`
	ID     json.RawMessage `json:"id"`
	Code   string          `json:"error"`
}

// bulkGet serves _bulk_get: many documents by id and revision.
func (q *request) bulkGet() error {
	var in struct{ Docs json.RawMessage }
	if err := q.decode(&in); err != nil {
		return err
	}
	if in.Docs == nil {
		return fault.BadRequest("Missing JSON list of 'docs'.")
	}
	var items []json.RawMessage
	if json.Unmarshal(in.Docs, &items) != nil {
		return fault.BadRequest("`docs` parameter must be an array.")
	}
	if len(items) > maxLookups {
		return fault.TooLarge()
	}
	for _, name := range []string{"open_revs", "new_edits", "w", "rev", "atts_since"} {
		if q.query.Has(name) {
			return fault.BadRequest(`"` + name + `" query parameter is not acceptable`)
		}
	}
	show, err := q.docOptions()
	if err != nil {
		return err
	}
	lookups := make([]lookup, len(items))
	for i, item := range items {
		lookups[i] = parseLookup(item, show.OfRevision())
	}
	if !q.accepts("application/json") && (q.accepts("multipart/mixed") || q.accepts("multipart/related")) {
		return q.bulkGetMultipart(lookups)
	}
	return q.bulkGetJSON(lookups)
}

// parseLookup reads one item; what is wrong with it is part of the answer.
func parseLookup(item []byte, show store.DocOptions) lookup {
	var given struct {
		ID        json.RawMessage
		Rev       json.RawMessage
		AttsSince json.RawMessage `json:"atts_since"`
	}
	null := json.RawMessage("null")
	if json.Unmarshal(item, &given) != nil || item[0] != '{' || string(item) == "{}" {
		return lookup{id: null, failed: &lookupError{null, "document must be a JSON object", null, "bad_request"}}
	}
	if given.ID == nil {
		return lookup{id: null, failed: &lookupError{null, "document id missed", null, "bad_request"}}
	}
	l := lookup{id: given.ID, show: show}
	wrong := func(rev json.RawMessage, f *fault.Error) lookup {
		l.failed = &lookupError{rev, f.Reason, given.ID, f.Code}
		return l
	}
	if json.Unmarshal(given.ID, &l.name) != nil || given.ID[0] != '"' {
		return wrong(null, store.ErrIDType())
	}
	var f *fault.Error
	if errors.As(store.CheckID(l.name), &f) {
		return wrong(null, f)
	}
	if given.Rev != nil {
		rev, err := quotedRev(given.Rev)
		if err != nil {
			return wrong(given.Rev, fault.InvalidRev())
		}
		l.asked = []revtree.Rev{rev}
	}
	var since []json.RawMessage
	if given.AttsSince != nil && (json.Unmarshal(given.AttsSince, &since) != nil || since == nil) {
		return wrong(given.AttsSince, fault.BadRequest("att_since value must be array of revs."))
	}
	for _, raw := range since {
		rev, err := quotedRev(raw)
		if err != nil {
			return wrong(raw, fault.InvalidRev())
		}
		l.show.AttsSince = append(l.show.AttsSince, rev)
	}
	return l
}

// quotedRev reads a revision in JSON.
func quotedRev(raw json.RawMessage) (revtree.Rev, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return revtree.Rev{}, err
	}
	return revtree.ParseRev(text)
}

// find returns the revisions that the item asks for, or what failed.
func (l *lookup) find(q *request) ([]store.OpenRev, *lookupError, error) {
	if l.failed != nil {
		return nil, l.failed, nil
	}
	revs, err := q.db.OpenRevs(q.Context(), l.name, l.asked, q.flag("latest"))
	if err == nil && len(revs) == 0 {
		return nil, &lookupError{json.RawMessage(`"undefined"`), "missing", l.id, "not_found"}, nil
	}
	return revs, nil, err
}

// missing is the error of one revision that is not here.
func (l *lookup) missing(r store.OpenRev) *lookupError {
	return &lookupError{ejson.AppendString(nil, r.Rev), "missing", l.id, "not_found"}
}

func (q *request) bulkGetJSON(lookups []lookup) error {
	out := q.stream()
	out.Text(`{"results":[`)
	for i := range lookups {
		revs, failed, err := lookups[i].find(q)
		if err != nil {
			return err
		}
		if i > 0 {
			out.Text(",")
		}
		out.Text(`{"id":` + string(lookups[i].id) + `,"docs":[`)
		if failed != nil {
			if err := out.Member("error", failed); err != nil {
				return err
			}
		}
		for k, r := range revs {
			if k > 0 {
				out.Text(",")
			}
			if err := q.bulkGetRevision(&lookups[i], r, out); err != nil {
				return err
			}
		}
		out.Text("]}")
		if err := out.Flushed(); err != nil {
			return nil // the client left
		}
	}
	return out.Finish("]}\n")
}

func (q *request) bulkGetRevision(l *lookup, r store.OpenRev, out *rows.Writer) error {
	if r.Missing {
		return out.Member("error", l.missing(r))
	}
	doc, err := q.db.Render(q.Context(), r.Revision, l.show)
	if err != nil {
		return err
	}
	out.Put(append(append(append(out.Buf, `{"ok":`...), doc...), '}'))
	return nil
}

// bulkGetMultipart answers with a part per revision; one that has
// attachments is a multipart/related of its own.
func (q *request) bulkGetMultipart(lookups []lookup) error {
	mixed := &multiparts{w: q.w, boundary: store.RandomHex(16)}
	kind := "multipart/related"
	if q.accepts("multipart/mixed") {
		kind = "multipart/mixed"
	}
	q.w.Header().Set("Content-Type", kind+`; boundary="`+mixed.boundary+`"`)
	for i := range lookups {
		l := &lookups[i]
		revs, failed, err := l.find(q)
		if err != nil {
			return err
		}
		if failed != nil {
			if err := mixed.failure(failed); err != nil {
				return err
			}
		}
		for _, r := range revs {
			if err := q.bulkGetPart(mixed, l, r); err != nil {
				return err
			}
		}
	}
	if len(lookups) > 0 {
		mixed.close()
	}
	return nil
}

func (q *request) bulkGetPart(mixed *multiparts, l *lookup, r store.OpenRev) error {
	if r.Missing {
		return mixed.failure(l.missing(r))
	}
	return q.writePart(mixed, r.Revision, l.show, "X-Doc-ID: "+headerText(l.name), "X-Rev-ID: "+r.Rev)
}

// failure writes a part that says what is missing.
func (m *multiparts) failure(e *lookupError) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	m.next(`Content-Type: application/json; error="true"`)
	m.write(text)
	return nil
}

// headerText leaves out what would end a header line.
func headerText(s string) string {
	return string(slices.DeleteFunc([]byte(s), func(c byte) bool { return c == '\r' || c == '\n' }))
}

// getOpenRevs serves GET ?open_revs=: the named revisions, or all leaves, as
// multipart/mixed or, to a client that does not take that, as a JSON array.
func (q *request) getOpenRevs(id, which string, o store.DocOptions) error {
	var asked []revtree.Rev // nil: all
	if which != "all" {
		var err error
		if asked, err = store.ParseRevs(which); err != nil {
			return err
		}
		if len(asked) == 0 {
			return q.getRevision(id, o)
		}
	}
	o = o.OfRevision()
	revs, err := q.db.OpenRevs(q.Context(), id, asked, q.flag("latest"))
	if err != nil {
		return err
	}
	if which == "all" && len(revs) == 0 {
		return fault.Missing()
	}
	if q.accepts("multipart/mixed") {
		return q.openRevsMixed(revs, o)
	}
	return q.openRevsJSON(revs, o)
}

func (q *request) openRevsJSON(revs []store.OpenRev, o store.DocOptions) error {
	out := q.stream()
	out.Text("[")
	for i, r := range revs {
		if i > 0 {
			out.Text(",")
		}
		if r.Missing {
			out.Put(append(ejson.AppendString(append(out.Buf, `{"missing":`...), r.Rev), '}'))
			continue
		}
		doc, err := q.db.Render(q.Context(), r.Revision, o)
		if err != nil {
			return err
		}
		out.Put(append(append(append(out.Buf, `{"ok":`...), doc...), '}'))
	}
	return out.Finish("]\n")
}

func (q *request) openRevsMixed(revs []store.OpenRev, o store.DocOptions) error {
	mixed := &multiparts{w: q.w, boundary: store.RandomHex(16)}
	q.w.Header().Set("Content-Type", `multipart/mixed; boundary="`+mixed.boundary+`"`)
	for _, r := range revs {
		if err := q.mixedPart(mixed, r, o); err != nil {
			return err
		}
	}
	mixed.close()
	return nil
}

// mixedPart writes one revision, or that it is missing.
func (q *request) mixedPart(mixed *multiparts, r store.OpenRev, o store.DocOptions) error {
	if r.Missing {
		mixed.next(`Content-Type: application/json; error="true"`)
		mixed.write(append(ejson.AppendString([]byte(`{"missing":`), r.Rev), '}'))
		return nil
	}
	return q.writePart(mixed, r.Revision, o)
}
