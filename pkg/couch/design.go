package couch

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// ownMark is the key that tells a design document of ours, which we keep up
// to date, from one that Kazoo wrote, which we leave alone.
const ownMark = "callflowd"

// syncTries bounds how often a design document is compared again because
// somebody else wrote it meanwhile.
const syncTries = 5

// SyncDesign brings a design document into the database. One written here
// earlier is rewritten when its content differs. One that somebody else put
// there is left alone if it has all the views of ddoc, and otherwise keeps
// what it has and gains the missing ones. Nothing is written, and no index
// built anew, when nothing differs.
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
		if result.Err != nil { // somebody else was faster, or it is refused
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

// mergeDesign returns the design document to write, or nil if the stored one
// will do.
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

// sameContent compares two design documents but for their revision. Numbers
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
