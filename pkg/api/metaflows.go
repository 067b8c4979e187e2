package api

import (
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/schema"
)

// metaflowOwner reads and writes the document that holds the metaflows in a
// path: an account, a user, a device.
type metaflowOwner interface {
	read(c *web.Call) (document.Doc, error)
	write(c *web.Call, public document.Doc, read string) (document.Doc, error) // over the revision that was read
}

// metaflows serves the metaflows of one owner (contract 7.4): the object at
// the document's key metaflows.
type metaflows struct {
	s     *Server
	owner metaflowOwner
}

func (m metaflows) get(c *web.Call) (*web.Answer, error) {
	doc, err := m.owner.read(c)
	if err != nil {
		return nil, err
	}
	return shownMetaflows(doc), nil
}

func shownMetaflows(doc document.Doc) *web.Answer {
	a := &web.Answer{Revision: doc.Rev(), ETag: doc.Rev()}
	if flows := doc.Object("metaflows"); flows != nil {
		a.Data = flows
	}
	return a
}

func (m metaflows) replace(c *web.Call) (*web.Answer, error) {
	data, err := c.Object()
	if err != nil {
		return nil, err
	}
	return m.save(c, func(document.Doc) document.Doc { return data })
}

func (m metaflows) patch(c *web.Call) (*web.Answer, error) {
	data, err := c.Object()
	if err != nil {
		return nil, err
	}
	return m.save(c, func(before document.Doc) document.Doc { return document.Patch(before, data) })
}

func (m metaflows) remove(c *web.Call) (*web.Answer, error) {
	a, err := m.save(c, func(document.Doc) document.Doc { return nil })
	if err != nil {
		return nil, err
	}
	return a, nil
}

// metaflowAttempts bounds how often a save begins again because the document
// that holds the metaflows changed meanwhile.
const metaflowAttempts = 8

// save replaces the metaflows with what from returns; nil removes them.
func (m metaflows) save(c *web.Call, from func(document.Doc) document.Doc) (*web.Answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := m.saveOnce(c, from)
		if attempt == metaflowAttempts || !problem.Is(err, problem.PreconditionFailed) || c.Conditional() {
			return a, err
		}
	}
}

// saveOnce replaces exactly the revision that it read. If another write came
// between, it fails with [problem.PreconditionFailed].
func (m metaflows) saveOnce(c *web.Call, from func(document.Doc) document.Doc) (*web.Answer, error) {
	doc, err := m.owner.read(c)
	if err != nil {
		return nil, err
	}
	if err := c.Check(doc.Rev()); err != nil {
		return nil, err
	}
	flows := from(doc.Object("metaflows"))
	public := doc.Public()
	delete(public, "metaflows")
	var warnings []problem.Warning
	if flows != nil {
		valid, violations := m.s.cfg.Schemas.Validate("metaflows", flows)
		if err := problem.Validation(violations); err != nil {
			return nil, err
		}
		public["metaflows"] = map[string]any(valid)
		warnings = m.s.cfg.Schemas.Advise("metaflows", valid)
		warnings = append(warnings, m.s.cfg.Callflows.AdviseReferences(c.Context(), c.Account(), schema.WalkMetaflows("", valid))...)
	}
	saved, err := m.owner.write(c, public, doc.Rev())
	if err != nil {
		return nil, err
	}
	return shownMetaflows(saved).Warn(warnings), nil
}

// unmoved is the precondition that a document is still at the revision that
// was read.
func unmoved(read string) func(string) error {
	return func(rev string) error {
		if rev != read {
			return web.PreconditionFailed("the revision that was read", rev)
		}
		return nil
	}
}

// documentMetaflows are those of a document in a collection.
type documentMetaflows collection

func (d documentMetaflows) read(c *web.Call) (document.Doc, error) {
	return d.s.cfg.Resources.Get(c.Context(), d.kind, c.Account(), c.Var("document_id"))
}

func (d documentMetaflows) write(c *web.Call, doc document.Doc, read string) (document.Doc, error) {
	w, err := collection(d).write(c)
	if err != nil {
		return nil, err
	}
	w.Data, w.Check = doc, unmoved(read)
	saved, err := d.s.cfg.Resources.Replace(c.Context(), w)
	return saved.Doc, err
}
