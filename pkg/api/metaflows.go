package api

import (
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/schema"
)

// metaflowOwner reads and writes the document that holds the metaflows in a
// path: an account, a user, a device.
type metaflowOwner interface {
	read(*Server, *call) (document.Doc, error)
	write(*Server, *call, document.Doc) (document.Doc, error) // all public fields
}

// metaflows serves the metaflows of one owner (contract 7.4): the object at
// the document's key metaflows.
type metaflows struct{ owner metaflowOwner }

func (m metaflows) get(s *Server, c *call) (*answer, error) {
	doc, err := m.owner.read(s, c)
	if err != nil {
		return nil, err
	}
	return shownMetaflows(doc), nil
}

func shownMetaflows(doc document.Doc) *answer {
	a := &answer{revision: doc.Rev(), etag: doc.Rev()}
	if flows := doc.Object("metaflows"); flows != nil {
		a.data = flows
	}
	return a
}

func (m metaflows) replace(s *Server, c *call) (*answer, error) {
	data, err := c.object()
	if err != nil {
		return nil, err
	}
	return m.save(s, c, func(document.Doc) document.Doc { return data })
}

func (m metaflows) patch(s *Server, c *call) (*answer, error) {
	data, err := c.object()
	if err != nil {
		return nil, err
	}
	return m.save(s, c, func(before document.Doc) document.Doc { return document.Patch(before, data) })
}

func (m metaflows) remove(s *Server, c *call) (*answer, error) {
	a, err := m.save(s, c, func(document.Doc) document.Doc { return nil })
	if err != nil {
		return nil, err
	}
	return a, nil
}

// metaflowAttempts bounds how often a save begins again because the document
// that holds the metaflows changed meanwhile.
const metaflowAttempts = 8

// save replaces the metaflows by what from makes of them; nil removes them.
func (m metaflows) save(s *Server, c *call, from func(document.Doc) document.Doc) (*answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := m.saveOnce(s, c, from)
		if attempt == metaflowAttempts || !problem.Is(err, problem.PreconditionFailed) || c.conditional() {
			return a, err
		}
	}
}

// saveOnce writes over the very revision it read; the owner's precondition
// says so where another write came in between.
func (m metaflows) saveOnce(s *Server, c *call, from func(document.Doc) document.Doc) (*answer, error) {
	doc, err := m.owner.read(s, c)
	if err != nil {
		return nil, err
	}
	if err := conditionOf(c.r.Header).check(doc.Rev()); err != nil {
		return nil, err
	}
	flows := from(doc.Object("metaflows"))
	public := doc.Public()
	delete(public, "metaflows")
	var warnings []problem.Warning
	if flows != nil {
		valid, violations := s.cfg.Schemas.Validate("metaflows", flows)
		if err := problem.Validation(violations); err != nil {
			return nil, err
		}
		public["metaflows"] = map[string]any(valid)
		warnings = s.cfg.Schemas.Advise("metaflows", valid)
		warnings = append(warnings, s.cfg.Callflows.AdviseReferences(c.ctx(), c.account(), schema.WalkMetaflows("", valid))...)
	}
	c.expected = doc.Rev()
	saved, err := m.owner.write(s, c, public)
	if err != nil {
		return nil, err
	}
	return shownMetaflows(saved).warn(warnings), nil
}

// conditional reports whether the client gave a precondition of its own.
func (c *call) conditional() bool {
	cond := conditionOf(c.r.Header)
	return cond.match != nil || cond.noneMatch != nil
}

// unmoved is the precondition that a document is still at the revision that
// was read for this call.
func (c *call) unmoved(rev string) error {
	if rev != c.expected {
		return preconditionFailed("the revision that was read", rev)
	}
	return nil
}

// documentMetaflows are those of a document in a collection.
type documentMetaflows struct{ kind resource.Kind }

func (d documentMetaflows) read(s *Server, c *call) (document.Doc, error) {
	return s.cfg.Resources.Get(c.ctx(), d.kind, c.account(), c.vars["document_id"])
}

func (d documentMetaflows) write(s *Server, c *call, doc document.Doc) (document.Doc, error) {
	w, err := collection(d).write(c)
	if err != nil {
		return nil, err
	}
	w.Data, w.Check = doc, c.unmoved
	return s.cfg.Resources.Replace(c.ctx(), w)
}
