package callflow

import (
	"context"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// mergedAsSets are the arrays whose order means nothing (contract 9.21).
var mergedAsSets = []string{numbersKey, patternsKey, "flags"}

// base returns the document the request was made for: the stored one, or the
// revision it names, from storage or from history. If that revision is not to
// be had the save is refused; the last writer never wins unseen.
func (v *save) base(ctx context.Context) (document.Doc, error) {
	rev, err := v.w.baseRevision()
	if err != nil {
		return nil, err
	}
	if rev == "" || rev == v.stored.Rev() {
		return v.stored, nil
	}
	doc, err := v.s.version(ctx, v.w.AccountID, v.w.ID, rev, v.stored)
	if problem.Is(err, problem.BadIdentifier) {
		return nil, &problem.Error{
			Code: problem.Conflict, Msg: "the base revision is gone: " + rev,
			Data: map[string]any{"message": "conflicting documents", "base": "unavailable", "revision": v.stored.Rev()},
		}
	}
	return doc, err
}

// baseRevision is the revision that a write names as its base; "" if it names
// none. A _rev that is no text is refused: to pass over it would let the last
// writer win although the client asked otherwise.
func (w Write) baseRevision() (string, error) {
	if w.Base != "" {
		return w.Base, nil
	}
	given := w.Data["_rev"]
	rev, isText := given.(string)
	if given != nil && !isText {
		return "", problem.Validation([]problem.Violation{{
			Path: "_rev", Code: "type", Message: "a revision is a string", Members: map[string]any{"target": "string", "value": given},
		}})
	}
	return rev, nil
}

// mergeOnto merges two descendants of base, public fields only. Edits of the
// same place are a [problem.Conflict] that lists them.
func mergeOnto(base, yours, stored document.Doc) (document.Doc, error) {
	merged, clashes := document.Merge(publicOf(base), yours, publicOf(stored), mergedAsSets...)
	if len(clashes) == 0 {
		return merged, nil
	}
	conflicts := make([]any, len(clashes))
	for i, c := range clashes {
		c.Members["path"] = c.Path
		conflicts[i] = c.Members
	}
	return nil, &problem.Error{
		Code: problem.Conflict, Msg: "edits overlap at " + clashes[0].Path,
		Data: map[string]any{"message": "conflicting documents", "conflicts": conflicts, "revision": stored.Rev()},
	}
}
