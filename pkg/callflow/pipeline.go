package callflow

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"regexp"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
)

// save is one attempt to bring a request through the pipeline.
type save struct {
	s      *Service
	db     *couch.DB
	w      Write
	action action

	stored   document.Doc // as loaded; nil on create
	buried   document.Doc // the tombstone that a new document will replace; mostly nil
	plan     number.DialPlan
	doc      document.Doc // what will be stored: public fields first, then private ones
	problems []problem.Violation
	warnings []problem.Warning
	claims   []*reserve.Claim
}

// clientID is what an id chosen by a client looks like (contract 9.18).
var clientID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// prepare does everything but writing: afterwards doc is what would be
// stored, and problems is what forbids it.
func (v *save) prepare(ctx context.Context) error {
	if err := v.load(ctx); err != nil {
		return err
	}
	if err := v.readPlan(ctx); err != nil {
		return err
	}
	doc, err := v.compose(ctx)
	if err != nil {
		return err
	}
	foreign, err := v.judge(ctx, doc)
	if err != nil {
		return err
	}
	if v.problems, err = forbidden(foreign, v.problems); err != nil {
		return err
	}
	v.stamp()
	return nil
}

// judge collects what is wrong with a document, and makes it what would be
// stored. It returns the numbers that belong to other accounts.
func (v *save) judge(ctx context.Context, doc document.Doc) (foreign []string, err error) {
	v.validate(doc)
	if err := v.judgeUnique(ctx); err != nil {
		return nil, err
	}
	return v.s.foreign(ctx, v.w.AccountID, v.doc)
}

// load reads the stored document, and asks the precondition.
func (v *save) load(ctx context.Context) error {
	if v.action == actionCreated {
		return v.loadNew(ctx)
	}
	doc, err := v.db.Get(ctx, v.w.ID)
	if v.action == actionRestored && problem.Is(err, problem.BadIdentifier) {
		if err := v.check(""); err != nil {
			return err
		}
		return v.unearth(ctx) // removed for good: it comes back as a new document
	}
	switch {
	case problem.Is(err, problem.BadIdentifier):
		return v.gone(ctx)
	case err != nil:
		return err
	case !isCallflow(v.w.ID, doc):
		return badIdentifier(v.w.ID)
	case !doc.Live() && v.action != actionRestored && v.action != actionMerged:
		return v.gone(ctx)
	}
	v.stored = doc
	return v.check(doc.Rev())
}

func (v *save) check(rev string) error {
	if v.w.Check == nil {
		return nil
	}
	return v.w.Check(rev)
}

// loadNew settles a new document's id and makes sure that nothing has it. A
// data id that cannot be one is a violation.
func (v *save) loadNew(ctx context.Context) error {
	if err := v.check(""); err != nil {
		return err
	}
	chosen := v.w.ID == ""
	if chosen && !v.chooseID() {
		return nil
	}
	_, err := v.db.Get(ctx, v.w.ID)
	switch {
	case problem.Is(err, problem.BadIdentifier):
		return v.unearth(ctx)
	case err != nil:
		return err
	}
	return &problem.Error{Code: problem.Conflict, Msg: "the id is taken: " + v.w.ID}
}

// unearth finds the tombstone that the new document will replace: it alone
// says who removed the callflow before, and history has to keep it.
func (v *save) unearth(ctx context.Context) error {
	doc, err := v.s.current(ctx, v.w.AccountID, v.w.ID)
	if isTombstone(doc) {
		v.buried = doc
	}
	if problem.Is(err, problem.BadIdentifier) { // of a document of another type
		return nil
	}
	return err
}

// chooseID takes the data's id, or makes one. It reports whether the id was
// the client's and may be one.
func (v *save) chooseID() bool {
	var id any
	for _, key := range []string{"_id", "id"} {
		if given := v.w.Data[key]; given != nil && given != "" {
			id = given
		}
	}
	if id == nil {
		v.w.ID = newID()
		return false
	}
	text, ok := id.(string)
	if !ok || !clientID.MatchString(text) || text == "validate" {
		v.problems = append(v.problems, problem.Violation{
			Path: "id", Code: "error", Message: "an id has 1 to 128 letters, digits, dots, dashes and underscores, and begins with a letter or digit",
			Members: map[string]any{"value": id},
		})
		v.w.ID = newID()
		return false
	}
	v.w.ID = text
	return true
}

// newID makes an id as Kazoo does: 32 lower-case hexadecimal characters.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails, as documented
	return hex.EncodeToString(b[:])
}

func (v *save) readPlan(ctx context.Context) error {
	plan, warnings, err := v.s.dialPlan(ctx, v.w.AccountID)
	v.plan = plan
	v.warnings = append(v.warnings, warnings...)
	return err
}

// compose makes the public document that the request asks for.
func (v *save) compose(ctx context.Context) (document.Doc, error) {
	if v.action == actionCreated || v.action == actionRestored || v.action == actionMerged {
		return publicOf(v.w.Data), nil
	}
	base, err := v.base(ctx)
	if err != nil {
		return nil, err
	}
	yours := v.asked(base)
	if base.Rev() == v.stored.Rev() {
		return yours, nil
	}
	v.action = actionMerged
	return mergeOnto(v.s.cleaned(base, v.plan), v.s.cleaned(yours, v.plan), v.s.cleaned(v.stored, v.plan))
}

// cleaned is a version as a save would store it. All sides of a merge are,
// or a default that one of them lacks would pass for an edit.
func (s *Service) cleaned(doc document.Doc, plan number.DialPlan) document.Doc {
	out, _ := s.clean(publicOf(doc), plan)
	if rev := doc.Rev(); rev != "" {
		out.SetRev(rev)
	}
	return out
}

// validate makes doc what would be stored, with defaults and casts, and
// collects what the document alone shows to be wrong.
func (v *save) validate(doc document.Doc) {
	out, problems := v.s.clean(doc, v.plan)
	v.doc = out
	v.problems = append(v.problems, problems...)
	v.warnings = append(v.warnings, v.s.Schemas.Advise(schemaName, out)...)
}

// schemaName is the schema of a callflow.
const schemaName = "callflows"

// clean is the part of the pipeline that needs no storage: presence,
// normalisation, schema, patterns, limits. It leaves doc as it is.
func (s *Service) clean(doc document.Doc, plan number.DialPlan) (document.Doc, []problem.Violation) {
	absent := presence(doc)
	doc = doc.Clone()
	problems := normalize(doc, plan)
	out, violations := s.Schemas.Validate(schemaName, doc)
	problems = append(problems, violations...)
	problems = append(problems, absent...) // of a wrong type the schema says more
	problems = append(problems, compiles(out)...)
	return out, append(problems, withinLimits(out)...)
}

// judgeUnique prepares the claims and reports the keys that are taken, unless
// so much is wrong already that the keys mean nothing.
func (v *save) judgeUnique(ctx context.Context) error {
	if len(withinLimits(v.doc)) > 0 {
		return nil
	}
	claims, err := v.s.claimsOf(ctx, v.w.AccountID, v.w.ID, keysOf(v.doc))
	if err != nil {
		return err
	}
	v.claims = claims
	violations, err := taken(ctx, v.db, claims)
	v.problems = append(v.problems, violations...)
	return err
}
