package callflow

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Reference is a place in a document of the account that mentions a callflow.
type Reference struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
	Path string `json:"path"` // dotted, as in validation errors
}

// References lists where live documents of the account mention an id, ordered
// by document and path. Any string at a key named like an id counts, and any
// branch of a flow named like the id.
func (s *Service) References(ctx context.Context, accountID, id string) ([]Reference, error) {
	if err := s.prepareViews(ctx, accountID); err != nil {
		return nil, err
	}
	found := []Reference{}
	for row, err := range s.Couch.Account(accountID).View(ctx, "callflowd_references", "by_target", couch.Query{Key: id}) {
		if err != nil {
			return nil, err
		}
		r := Reference{ID: row.ID}
		var value struct{ Path, Type, Name any }
		if json.Unmarshal(row.Value, &value) == nil {
			r.Path, _ = value.Path.(string)
			r.Type, _ = value.Type.(string)
			r.Name, _ = value.Name.(string)
		}
		found = append(found, r)
	}
	slices.SortFunc(found, func(a, b Reference) int {
		return strings.Compare(a.ID+"\x00"+a.Path, b.ID+"\x00"+b.Path)
	})
	return found, nil
}

// referencesWait bounds how long a deletion waits for its warnings: the view
// may have to be built first.
const referencesWait = 5 * time.Second

// referenced warns of what still points at a callflow that is to be deleted,
// or refuses if the request asks for that. Trouble with the view costs no
// more than the warnings.
func (v *edit) referenced(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, referencesWait)
	defer cancel()
	if v.RefuseIfReferenced {
		wait = ctx
	}
	references, err := v.s.References(wait, v.AccountID, v.ID)
	if err != nil && v.RefuseIfReferenced {
		return err
	}
	if err != nil {
		v.s.log().Warn("warnings about references are left out", zap.String("callflow", v.ID), zap.Error(err))
	}
	if len(references) > 0 && v.RefuseIfReferenced {
		return &problem.Error{
			Code: problem.Conflict, Msg: "still referenced: " + v.ID,
			Data: map[string]any{"message": "other documents refer to this callflow", "references": references, "revision": v.Stored.Rev()},
		}
	}
	for _, r := range references {
		v.Warnings = append(v.Warnings, problem.Warning{
			Path: "id", Code: "referenced", Message: r.Type + " " + r.ID + " still refers to this callflow at " + r.Path,
			Members: map[string]any{"id": r.ID, "type": r.Type, "path": r.Path, "name": r.Name},
		})
	}
	return nil
}
