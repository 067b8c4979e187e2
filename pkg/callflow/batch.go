package callflow

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/reserve"
	"github.com/callflowd/callflowd/pkg/save"
)

// MaxBatch is how many changes one batch may have. Those of more than maxAdvised
// are not analysed one by one.
const (
	MaxBatch   = 1_000
	maxAdvised = 20
)

// The changes that a batch may have.
const (
	OpCreate  = "create"
	OpReplace = "replace"
	OpPatch   = "patch"
	OpDelete  = "delete"
)

// Item is one change of a batch.
type Item struct {
	Op string
	Write
}

// Outcome is the result of an item: Err, or Saved.
type Outcome struct {
	ID string
	Saved
	Err error
}

// Batch makes changes one after the other, each on its own.
func (s *Service) Batch(ctx context.Context, items []Item) []Outcome {
	out := make([]Outcome, len(items))
	for i, item := range items {
		saved, err := s.change(ctx, item)
		id := item.ID
		if err == nil {
			id = saved.Doc.ID()
		}
		out[i] = Outcome{ID: id, Saved: saved, Err: err}
	}
	return out
}

func (s *Service) change(ctx context.Context, item Item) (Saved, error) {
	if err := ctx.Err(); err != nil {
		return Saved{}, &problem.Error{Code: problem.Unavailable, Msg: "batch", Err: err}
	}
	switch item.Op {
	case OpCreate:
		return s.Create(ctx, item.Write)
	case OpReplace:
		return s.Replace(ctx, item.Write)
	case OpPatch:
		return s.Patch(ctx, item.Write)
	case OpDelete:
		return s.Delete(ctx, item.Write, false)
	}
	return Saved{}, problem.Validation([]problem.Violation{unknownOp(item.Op)})
}

func unknownOp(op string) problem.Violation {
	return problem.Violation{
		Path: "op", Code: "enum", Message: "an item is to create, replace, patch or delete",
		Members: map[string]any{"target": []string{OpCreate, OpReplace, OpPatch, OpDelete}, "value": op},
	}
}

// BatchAtomic makes all changes or none. Everything is checked before the first
// write: the error is [problem.Invalid] with every problem of every item, whose
// path begins with the item's number. Numbers and patterns may move between the
// items. After a crash [Service.RecoverBatches] finishes or undoes the batch.
func (s *Service) BatchAtomic(ctx context.Context, accountID string, items []Item) ([]Outcome, error) {
	var ids []string
	for _, item := range items {
		if item.ID != "" {
			ids = append(ids, item.ID)
		}
	}
	month := s.now()
	saved, err := s.saves.RunGroup(ctx, accountID, ids, func(ctx context.Context) (*save.Group, error) {
		return s.prepareBatch(ctx, accountID, items, month)
	})
	if err != nil {
		return nil, err
	}
	out := make([]Outcome, len(saved))
	for i, one := range saved {
		if out[i] = (Outcome{ID: one.Doc.ID(), Saved: one}); items[i].Op == OpDelete {
			out[i].Doc = withDeleted(one.Doc)
		}
	}
	return out, nil
}

// CheckBatch finds what [Service.BatchAtomic] would, and writes nothing. The
// outcomes hold the documents as they would be stored.
func (s *Service) CheckBatch(ctx context.Context, accountID string, items []Item) ([]Outcome, error) {
	g, err := s.prepareBatch(ctx, accountID, items, s.now())
	if err != nil {
		return nil, err
	}
	out := make([]Outcome, len(g.Attempts))
	for i, a := range g.Attempts {
		out[i] = Outcome{ID: a.ID, Saved: Saved{Doc: a.Doc, Warnings: a.Warnings}}
	}
	return out, nil
}

// prepareBatch prepares every item up to the write, and collects the problems.
func (s *Service) prepareBatch(ctx context.Context, accountID string, items []Item, month time.Time) (*save.Group, error) {
	edits := make([]*edit, len(items))
	attempts := make([]*save.Attempt, len(items))
	var wrong []problem.Violation
	for i, item := range items {
		v, err := s.prepareItem(ctx, item, month)
		if found, failed := itemProblems(i, v, err); failed != nil {
			return nil, failed
		} else {
			wrong = append(wrong, found...)
		}
		edits[i], attempts[i] = v, v.Attempt
	}
	wrong = append(wrong, twice(edits)...)
	if err := problem.Validation(wrong); err != nil {
		return nil, err
	}
	g := save.NewGroup(attempts)
	for i, v := range edits {
		found, err := judgeItem(ctx, i, v)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, found...)
	}
	if err := problem.Validation(wrong); err != nil {
		return nil, err
	}
	for _, v := range edits {
		if v.action != actionDeleted {
			v.stamp()
			if len(edits) <= maxAdvised {
				v.advise(ctx)
			}
		}
	}
	s.noteBatch(g, accountID)
	return g, nil
}

// prepareItem loads and composes what one item would store. What is wrong with
// it is in the edit, or in an error that concerns this item alone.
func (s *Service) prepareItem(ctx context.Context, item Item, month time.Time) (*edit, error) {
	actions := map[string]action{OpCreate: actionCreated, OpReplace: actionUpdated, OpPatch: actionPatched, OpDelete: actionDeleted}
	do, known := actions[item.Op]
	v := s.newEdit(item.Write, do, month)
	v.Doc = document.Doc{}
	if !known {
		v.Problems = append(v.Problems, unknownOp(item.Op))
		return v, nil
	}
	if err := v.load(ctx); err != nil {
		return v, err
	}
	if do == actionDeleted {
		return v, v.composeDeletion(ctx)
	}
	if err := v.readPlan(ctx); err != nil {
		return v, err
	}
	doc, err := v.compose(ctx)
	if err != nil {
		return v, err
	}
	v.validate(doc)
	v.Doc["_id"], v.Doc["pvt_type"] = v.ID, Type // what holds keys is a callflow
	return v, nil
}

// composeDeletion makes the document what deleting it leaves.
func (v *edit) composeDeletion(ctx context.Context) error {
	if err := v.undisputed(ctx); err != nil {
		return err
	}
	find := func(ctx context.Context) ([]save.Reference, error) { return v.s.references(ctx, v.AccountID, v.ID) }
	if err := v.Referenced(ctx, find); err != nil {
		return err
	}
	v.Doc = v.Stored.Clone()
	v.Doc["pvt_deleted"] = true
	v.s.sign(v.Doc, v.Write, actionDeleted, v.Stored)
	return nil
}

// judgeItem finds who else has the keys of an item, and to whom its numbers
// belong.
func judgeItem(ctx context.Context, i int, v *edit) ([]problem.Violation, error) {
	if v.action == actionDeleted {
		return nil, nil
	}
	foreign, err := v.judgeHolders(ctx)
	if err != nil {
		return nil, err
	}
	if len(foreign) > 0 {
		v.Problems = append(v.Problems, forbiddenNumbers(foreign))
	}
	return placed(i, v.Problems), nil
}

// placed puts the place of an item before the paths of its problems.
func placed(i int, list []problem.Violation) []problem.Violation {
	out := make([]problem.Violation, len(list))
	for k, p := range list {
		out[k] = p
		if out[k].Path = strconv.Itoa(i); p.Path != "" {
			out[k].Path += "." + p.Path
		}
	}
	return out
}

// itemProblems are an item's problems, those that its error tells of too. An
// error that does not concern the item alone is failed.
func itemProblems(i int, v *edit, err error) (found []problem.Violation, failed error) {
	found = placed(i, v.Problems)
	if err == nil {
		return found, nil
	}
	e, ok := errors.AsType[*problem.Error](err)
	if !ok {
		return nil, err
	}
	switch e.Code {
	case problem.Conflict, problem.BadIdentifier, problem.PreconditionFailed, problem.Forbidden, problem.Invalid:
	default:
		return nil, err
	}
	message, _ := e.Data["message"].(string)
	return append(found, problem.Violation{
		Path: strconv.Itoa(i), Code: string(e.Code), Message: cmp.Or(message, string(e.Code)),
		Members: map[string]any{"value": v.ID, "details": e.Data},
	}), nil
}

// twice finds ids and keys that two items of a batch want.
func twice(edits []*edit) []problem.Violation {
	var out []problem.Violation
	ids, holders := map[string]int{}, map[reserve.Key]int{}
	for i, v := range edits {
		if first, known := ids[v.ID]; known {
			out = append(out, problem.Violation{
				Path: problem.Join(strconv.Itoa(i), "id"), Code: "unique", Message: "item " + strconv.Itoa(first) + " is about the same callflow",
				Members: map[string]any{"value": v.ID},
			})
		}
		ids[v.ID] = i
		for _, k := range keysOf(v.Doc) {
			first, known := holders[k]
			if known && first != i {
				out = append(out, problem.Violation{
					Path: problem.Join(strconv.Itoa(i), k.Kind()), Code: "unique",
					Message: k.Text() + " is wanted by item " + strconv.Itoa(first) + " too", Members: map[string]any{"cause": k.Text()},
				})
			}
			holders[k] = i
		}
	}
	return out
}
