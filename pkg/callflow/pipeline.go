package callflow

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/phone"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/schema"
	"github.com/callflowd/callflowd/pkg/trace"
)

// prepare does everything but writing. Afterwards Doc is what would be stored,
// and Problems is what forbids it.
func (v *edit) prepare(ctx context.Context) error {
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
	if v.Stored == nil && v.Tombstone == nil {
		err = v.judgeNew(ctx, doc)
	} else {
		err = v.refuse(v.judge(ctx, doc))
	}
	if err != nil {
		return err
	}
	v.stamp()
	return nil
}

// judgeNew judges a new document. Storage is seldom asked about its keys, so a
// save would wait for the owners of its numbers alone. They are asked while the
// reservations are taken; if there are problems already, at once, since one
// answer has to tell all of them.
func (v *edit) judgeNew(ctx context.Context, doc document.Doc) error {
	v.validate(doc)
	if err := v.judgeUnique(ctx); err != nil {
		return err
	}
	ask := func(ctx context.Context) error {
		return v.refuse(phone.Foreign(ctx, v.s.Couch, v.AccountID, v.added()))
	}
	if len(v.Problems) > 0 {
		return ask(ctx)
	}
	v.Beside = ask
	return nil
}

// refuse makes problems of the numbers that belong to other accounts.
func (v *edit) refuse(foreign []string, err error) error {
	if err == nil {
		v.Problems, err = forbidden(foreign, v.Problems)
	}
	return err
}

// judge collects the problems of a document, and makes it what would be stored.
// It returns the numbers that belong to other accounts.
func (v *edit) judge(ctx context.Context, doc document.Doc) (foreign []string, err error) {
	v.validate(doc)
	return v.judgeHolders(ctx)
}

// judgeHolders collects the keys that are taken, and returns the numbers that
// belong to other accounts. The two are asked at once.
func (v *edit) judgeHolders(ctx context.Context) (foreign []string, err error) {
	added := v.added()
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return v.judgeUnique(ctx) })
	both.Go(func() (err error) {
		foreign, err = phone.Foreign(ctx, v.s.Couch, v.AccountID, added)
		return err
	})
	return foreign, both.Wait()
}

// added are the document's numbers that the stored one does not have.
func (v *edit) added() []string {
	return slices.DeleteFunc(v.Doc.Strings(numbersKey), func(n string) bool { return key{numbersKey, n}.HeldBy(v.Stored) })
}

// load reads the stored document and checks the precondition.
func (v *edit) load(ctx context.Context) error {
	if v.action == actionCreated {
		return v.loadNew(ctx)
	}
	doc, err := v.DB.Get(ctx, v.ID)
	if v.action == actionRestored && problem.Is(err, problem.BadIdentifier) {
		if err := v.Checked(""); err != nil {
			return err
		}
		return v.loadTombstone(ctx) // removed for good: it comes back as a new document
	}
	switch {
	case problem.Is(err, problem.BadIdentifier):
		return v.gone(ctx)
	case err != nil:
		return err
	case !isCallflow(v.ID, doc):
		return save.BadIdentifier(v.ID)
	case !doc.Live() && v.action != actionRestored && v.action != actionMerged:
		return v.gone(ctx)
	}
	v.Stored = doc
	return v.Checked(doc.Rev())
}

// loadNew chooses a new document's id and makes sure that it is free. An id in
// the data that is not allowed is a violation.
func (v *edit) loadNew(ctx context.Context) error {
	if err := v.Checked(""); err != nil {
		return err
	}
	chosen := v.ID == ""
	if chosen && !v.chooseID() {
		return nil
	}
	leaves, err := v.DB.Leaves(ctx, v.ID)
	switch {
	case problem.Is(err, problem.BadIdentifier):
		return nil
	case err != nil:
		return err
	case !isTombstone(leaves[0]):
		return taken(leaves[0])
	case isCallflow(v.ID, leaves[0]):
		v.Tombstone = leaves[0]
	}
	return nil
}

// taken is the error for an id that a document has. For a deleted callflow it
// says how to restore it.
func taken(by document.Doc) error {
	id := by.ID()
	refusal := &problem.Error{Code: problem.Conflict, Msg: "the id is taken: " + id}
	if isCallflow(id, by) && !by.Live() {
		refusal.Data = map[string]any{
			"message": "the callflow " + id + " is deleted and keeps its id; POST to …/callflows/" + id + "/restore brings it back",
			"cause":   id, "deleted": true, "revision": by.Rev(),
		}
	}
	return refusal
}

// loadTombstone reads the tombstone that the new document will replace. Only the
// tombstone says who removed the callflow before, so history has to keep it.
func (v *edit) loadTombstone(ctx context.Context) error {
	doc, err := v.s.current(ctx, v.AccountID, v.ID)
	if isTombstone(doc) {
		v.Tombstone = doc
	}
	if problem.Is(err, problem.BadIdentifier) { // of a document of another type
		return nil
	}
	return err
}

// chooseID takes the data's id, or makes one. It reports whether the id was
// the client's and may be one.
func (v *edit) chooseID() bool {
	id, problems := save.ChosenID(v.Data, v.s.Words)
	v.Problems = append(v.Problems, problems...)
	if v.ID = id; id == "" {
		v.ID = save.NewID()
	}
	return id != ""
}

func (v *edit) readPlan(ctx context.Context) error {
	plan, warnings, err := v.s.dialPlan(ctx, v.AccountID)
	v.plan = plan
	v.Warnings = append(v.Warnings, warnings...)
	return err
}

// compose makes the public document that the request asks for.
func (v *edit) compose(ctx context.Context) (document.Doc, error) {
	switch v.action {
	case actionRestored:
		v.before = append(v.before, v.Data) // it was stored before as it is
		return publicOf(v.Data), nil
	case actionCreated, actionMerged:
		return publicOf(v.Data), nil
	}
	base, err := v.base(ctx)
	if err != nil {
		return nil, err
	}
	yours := v.asked(base)
	if base.Rev() == v.Stored.Rev() {
		return yours, nil
	}
	v.action = actionMerged
	v.before = append(v.before, base)
	merged, err := mergeOnto(v.s.cleaned(base, v.plan), v.s.cleaned(yours, v.plan), v.s.cleaned(v.Stored, v.plan))
	if err != nil {
		trace.Note(ctx, trace.MergeClashed)
	} else {
		trace.Note(ctx, trace.Merged)
	}
	return merged, err
}

// cleaned is a version as a save would store it. All sides of a merge are
// cleaned: else a default that one of them lacks would count as an edit.
func (s *Service) cleaned(doc document.Doc, plan number.DialPlan) document.Doc {
	out, _ := s.clean(publicOf(doc), plan)
	if rev := doc.Rev(); rev != "" {
		out.SetRev(rev)
	}
	return out
}

// validate makes doc what would be stored, with defaults and casts, and
// collects what the document alone shows to be wrong. A violation that
// the stored document has already is a warning (contract 9.28).
func (v *edit) validate(doc document.Doc) {
	plan := v.plan
	if v.action == actionRestored {
		plan = number.DialPlan{} // its numbers went through a plan when they were saved
	}
	out, problems := v.s.clean(doc, plan)
	v.Doc = out
	for _, before := range slices.Concat(v.before, []document.Doc{v.Stored}) {
		if len(problems) == 0 {
			break
		}
		if before != nil {
			judged, stood := v.s.clean(publicOf(before), plan)
			var kept []problem.Warning
			problems, kept = schema.Brought(judged, out, stood, problems)
			v.Warnings = append(v.Warnings, kept...)
		}
	}
	v.Problems = append(v.Problems, problems...)
	v.Warnings = append(v.Warnings, v.s.Schemas.Advise(schemaName, out)...)
	v.Warnings = append(v.Warnings, undialable(out, v.plan)...)
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
	problems = append(problems, absent...) // for a wrong type the schema says more
	problems = append(problems, compiles(out)...)
	return out, append(problems, withinLimits(out)...)
}

// judgeUnique reports the keys that are taken. It is skipped if the document has
// problems that make its keys unreliable.
func (v *edit) judgeUnique(ctx context.Context) error {
	if len(withinLimits(v.Doc)) > 0 {
		return nil
	}
	return v.JudgeKeys(ctx)
}
