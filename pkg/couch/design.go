package couch

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// ownMark is a key of the design documents that callflowd wrote, which it keeps
// up to date. Kazoo's lack it and are left alone.
const ownMark = "callflowd"

// syncTries bounds how often a design document is compared again because
// somebody else wrote it meanwhile.
const syncTries = 5

// SyncDesign puts a design document into the database. A document that
// callflowd wrote earlier is replaced if its content differs. One that somebody
// else wrote keeps what it has and gains the views of ddoc that it lacks. If
// nothing differs, nothing is written and no index is rebuilt.
func (d *DB) SyncDesign(ctx context.Context, ddoc document.Doc) error {
	var err error
	for range syncTries {
		var stored document.Doc
		stored, err = d.Get(ctx, ddoc.ID())
		if err != nil && !problem.Is(err, problem.BadIdentifier) {
			return err
		}
		next := mergeDesign(stored, ddoc)
		if next == nil {
			return nil
		}
		if err = d.Put(ctx, next); !problem.Is(err, problem.Conflict) {
			return err
		}
	}
	return err
}

// SyncDesigns does what [DB.SyncDesign] does for several design documents,
// and asks only once when nothing differs.
func (d *DB) SyncDesigns(ctx context.Context, ddocs []document.Doc) error {
	ids := make([]string, len(ddocs))
	for i, ddoc := range ddocs {
		ids[i] = ddoc.ID()
	}
	stored, err := d.GetMany(ctx, ids)
	if err != nil {
		return err
	}
	var fresh, again []document.Doc
	for _, ddoc := range ddocs {
		switch next := mergeDesign(stored[ddoc.ID()], ddoc); {
		case next == nil:
		case stored[ddoc.ID()] == nil:
			fresh = append(fresh, next)
		default:
			again = append(again, ddoc)
		}
	}
	results, err := d.Bulk(ctx, fresh)
	if err != nil {
		return err
	}
	for i, result := range results {
		if result.Err != nil { // somebody else wrote it first, or it is refused
			again = append(again, fresh[i])
		}
	}
	for _, ddoc := range again {
		if err := d.SyncDesign(ctx, ddoc); err != nil {
			return err
		}
	}
	return nil
}

// mergeDesign returns the design document to write; nil if the stored one need
// not change.
func mergeDesign(stored, ddoc document.Doc) document.Doc {
	next := ddoc.Clone()
	next[ownMark] = true
	delete(next, "_rev")
	if stored == nil {
		return next
	}
	if stored[ownMark] == true {
		if sameContent(stored, next) {
			return nil
		}
		next.SetRev(stored.Rev())
		return next
	}
	views := map[string]any{}
	maps.Copy(views, stored.Object("views"))
	changed := false
	for name, view := range ddoc.Object("views") {
		if !usable(views[name]) {
			views[name] = view
			changed = true
		}
	}
	if !changed {
		return nil
	}
	repaired := stored.Clone()
	repaired["views"] = views
	if repaired.String("language") == "" {
		repaired["language"] = "javascript"
	}
	return repaired
}

// usable reports whether a view of a foreign design document has a map
// function at all.
func usable(view any) bool {
	m, _ := view.(map[string]any)
	text, _ := m["map"].(string)
	return text != ""
}

// sameContent compares two design documents apart from their revision. Numbers
// may have been decoded differently, so they are compared as JSON.
func sameContent(a, b document.Doc) bool {
	return reflect.DeepEqual(content(a), content(b))
}

func content(doc document.Doc) any {
	copied := doc.Clone()
	delete(copied, "_rev")
	text, err := json.Marshal(copied)
	if err != nil {
		return nil
	}
	return string(text)
}
