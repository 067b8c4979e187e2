package callflow

import (
	"context"
	"maps"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Verdict is the pipeline's result for a callflow that is not saved.
type Verdict struct {
	Valid    bool
	Document document.Doc   // the public fields as they would be stored, with id if the request names one
	Problems map[string]any // in the shape of a 400's data; empty if Valid
	Warnings []problem.Warning
}

// Validate runs the pipeline without the save. Data's id names the callflow
// that is being edited, whose own numbers are then no conflict.
func (s *Service) Validate(ctx context.Context, w Write) (Verdict, error) {
	v := s.newEdit(w, actionUpdated, s.now())
	v.ID = ""
	named := v.chooseID()
	if named {
		if err := v.judgeID(ctx); err != nil {
			return Verdict{}, err
		}
	}
	if err := v.readPlan(ctx); err != nil {
		return Verdict{}, err
	}
	foreign, err := v.judge(ctx, publicOf(w.Data))
	if err != nil {
		return Verdict{}, err
	}
	if len(foreign) > 0 {
		v.Problems = append(v.Problems, forbiddenNumbers(foreign))
	}
	v.advise(ctx)
	if named {
		v.Doc["id"] = v.ID
	} else {
		forgetID(v.Warnings, v.ID)
	}
	return Verdict{
		Valid: len(v.Problems) == 0, Document: v.Doc, Problems: problem.Data(v.Problems), Warnings: v.Warnings,
	}, nil
}

// forgetID removes a generated id from warnings: the client does not know it.
func forgetID(warnings []problem.Warning, id string) {
	for i, w := range warnings {
		maps.DeleteFunc(w.Members, func(_ string, v any) bool { return v == id })
		warnings[i].Message = strings.ReplaceAll(w.Message, "callflow "+id, "this callflow")
	}
}

// judgeID reports an id that cannot be saved: it is not free for a new
// callflow, and no live callflow has it.
func (v *edit) judgeID(ctx context.Context) error {
	doc, err := v.DB.Get(ctx, v.ID)
	switch {
	case problem.Is(err, problem.BadIdentifier):
		return nil
	case err != nil:
		return err
	case !isCallflow(v.ID, doc) || !doc.Live():
		v.Problems = append(v.Problems, problem.Violation{
			Path: "id", Code: "error", Message: "the id is that of a deleted callflow or of a document of another type",
			Members: map[string]any{"value": v.ID},
		})
	default:
		v.Stored = doc
	}
	return nil
}
