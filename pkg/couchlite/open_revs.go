package couchlite

import (
	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
)

// getOpenRevs serves GET ?open_revs=: the named revisions, or all leaves, as
// multipart/mixed or, to a client that does not take that, as a JSON array.
func (q *request) getOpenRevs(id, which string, o docOptions) error {
	var asked []revtree.Rev // nil: all
	if which != "all" {
		var err error
		if asked, err = parseRevs(which); err != nil {
			return err
		}
		if len(asked) == 0 {
			return q.getRevision(id, o)
		}
	}
	o = o.ofRevision()
	revs, err := q.db.openRevs(q.Context(), id, asked, q.flag("latest"))
	if err != nil {
		return err
	}
	if which == "all" && len(revs) == 0 {
		return errMissing()
	}
	if q.accepts("multipart/mixed") {
		return q.openRevsMixed(revs, o)
	}
	return q.openRevsJSON(revs, o)
}

func (q *request) openRevsJSON(revs []openRev, o docOptions) error {
	out := q.stream()
	out.text("[")
	for i, r := range revs {
		if i > 0 {
			out.text(",")
		}
		if r.missing {
			out.write(append(ejson.AppendString(append(out.buf, `{"missing":`...), r.Rev), '}'))
			continue
		}
		doc, err := q.db.render(q.Context(), r.revision, o)
		if err != nil {
			return err
		}
		out.write(append(append(append(out.buf, `{"ok":`...), doc...), '}'))
	}
	return out.finish("]\n")
}

func (q *request) openRevsMixed(revs []openRev, o docOptions) error {
	mixed := &multiparts{w: q.w, boundary: randomHex(16)}
	q.w.Header().Set("Content-Type", `multipart/mixed; boundary="`+mixed.boundary+`"`)
	for _, r := range revs {
		if err := q.mixedPart(mixed, r, o); err != nil {
			return err
		}
	}
	mixed.close()
	return nil
}

// mixedPart writes one revision: JSON, or with attachments a
// multipart/related of its own.
func (q *request) mixedPart(mixed *multiparts, r openRev, o docOptions) error {
	if r.missing {
		mixed.next(`Content-Type: application/json; error="true"`)
		mixed.write(append(ejson.AppendString([]byte(`{"missing":`), r.Rev), '}'))
		return nil
	}
	parts, err := q.documentParts(r.revision, o)
	if err != nil {
		return err
	}
	if len(parts.follow) == 0 {
		mixed.next("Content-Type: application/json")
		mixed.write(parts.doc)
		return nil
	}
	boundary := randomHex(16)
	mixed.next(`Content-Type: multipart/related; boundary="` + boundary + `"`)
	parts.write(q.w, boundary)
	return nil
}
