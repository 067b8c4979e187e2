package save

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

// Reference is a place in a document of the account that mentions another.
type Reference struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Name string `json:"name,omitempty"`
	Path string `json:"path"` // dotted, as in validation errors
}

// References lists where live documents of an account's database mention an
// id, ordered by document and path. Any string at a key named like an id
// counts, and any branch of a flow named like the id.
func References(ctx context.Context, db *couch.DB, id string) ([]Reference, error) {
	found := []Reference{}
	for row, err := range db.View(ctx, "callflowd_references", "by_target", couch.Query{Key: id}) {
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

// Referenced warns of documents that refer to one that is to be deleted, or
// refuses if the request asks for that. find is usually [References]. If the
// view cannot be read, the warnings are left out.
func (a *Attempt) Referenced(ctx context.Context, find func(context.Context) ([]Reference, error)) error {
	wait, cancel := context.WithTimeout(ctx, referencesWait)
	defer cancel()
	if a.RefuseIfReferenced {
		wait = ctx
	}
	references, err := find(wait)
	if err != nil && a.RefuseIfReferenced {
		return err
	}
	if err != nil {
		a.log().Warn("warnings about references are left out", zap.String("document", a.ID), zap.Error(err))
	}
	noun := a.Stored.Type()
	if len(references) > 0 && a.RefuseIfReferenced {
		return &problem.Error{
			Code: problem.Conflict, Msg: "still referenced: " + a.ID,
			Data: map[string]any{"message": "other documents refer to this " + noun, "references": references, "revision": a.Stored.Rev()},
		}
	}
	for _, r := range references {
		a.Warnings = append(a.Warnings, problem.Warning{
			Path: "id", Code: "referenced", Message: r.Type + " " + r.ID + " still refers to this " + noun + " at " + r.Path,
			Members: map[string]any{"id": r.ID, "type": r.Type, "path": r.Path, "name": r.Name},
		})
	}
	return nil
}
