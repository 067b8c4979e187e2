package couchlite

import (
	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
	"github.com/callflowd/callflowd/pkg/couchlite/fault"
	"github.com/callflowd/callflowd/pkg/couchlite/revtree"
	"github.com/callflowd/callflowd/pkg/couchlite/store"
)

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
