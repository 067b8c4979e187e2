package couch

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// ownMark is a key of the design documents that callflowd wrote, which it keeps
// up to date. Kazoo's lack it and are left as they are: a change would have
// the cluster index every database again.
const ownMark = "callflowd"

// ownPrefix begins the names of the design documents that are callflowd's
// alone. What Kazoo's design document NAME lacks is in ownPrefix_NAME.
const ownPrefix = "callflowd"

// OwnDesign reports whether callflowd wrote a design document.
func OwnDesign(ddoc document.Doc) bool { return ddoc[ownMark] == true }

// companion is the design document that holds what Kazoo's lacks, "" if it is
// one of ours.
func companion(name string) string {
	if strings.HasPrefix(name, ownPrefix) {
		return ""
	}
	return ownPrefix + "_" + name
}

// syncTries bounds how often a design document is compared again because
// somebody else wrote it meanwhile.
const syncTries = 5

// SyncDesign puts a design document into the database. A document that
// callflowd wrote earlier is replaced if its content differs. One that somebody
// else wrote is left as it is; the views of ddoc that it lacks are put beside
// it, where [DB.View] finds them. If nothing differs, nothing is written and
// no index is rebuilt.
func (d *DB) SyncDesign(ctx context.Context, ddoc document.Doc) error {
	var err error
	for range syncTries {
		var stored document.Doc
		stored, err = d.Get(ctx, ddoc.ID())
		if err != nil && !problem.Is(err, problem.BadIdentifier) {
			return err
		}
		if foreign(stored) {
			withheld, err := d.Withheld(ctx)
			if err != nil {
				return err
			}
			return d.syncCompanion(ctx, lacking(stored, ddoc, withheld), ddoc)
		}
		next := nextDesign(stored, ddoc)
		if next == nil {
			return nil
		}
		if err = d.Put(ctx, next); !problem.Is(err, problem.Conflict) {
			return err
		}
	}
	return err
}

// Withheld lists the functions of the database's design documents that the
// server does not run because replication brought them, by the document's id:
// views/NAME, filters/NAME, validate_doc_update. CouchDB runs all.
func (d *DB) Withheld(ctx context.Context) (map[string][]string, error) {
	if d.client.withheld == nil {
		return nil, nil
	}
	all, err := d.client.withheld(ctx, d.name)
	if err != nil {
		return nil, &problem.Error{Code: problem.DatastoreFault, Msg: "list what is not run in " + d.name, Err: err}
	}
	return all, nil
}

// syncCompanion puts the views that somebody else's design document lacks
// beside it.
func (d *DB) syncCompanion(ctx context.Context, views map[string]any, ddoc document.Doc) error {
	name := companion(strings.TrimPrefix(ddoc.ID(), "_design/"))
	if len(views) == 0 || name == "" {
		return nil
	}
	beside := ddoc.Clone()
	beside["_id"], beside["views"] = "_design/"+name, views
	return d.SyncDesign(ctx, beside)
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
	var withheld map[string][]string
	if anyForeign(stored) {
		if withheld, err = d.Withheld(ctx); err != nil {
			return err
		}
	}
	var fresh, again []document.Doc
	for _, ddoc := range ddocs {
		switch was := stored[ddoc.ID()]; {
		case was == nil:
			fresh = append(fresh, nextDesign(nil, ddoc))
		case foreign(was) && len(lacking(was, ddoc, withheld)) > 0, !foreign(was) && nextDesign(was, ddoc) != nil:
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

// foreign reports whether somebody else wrote a design document.
func foreign(stored document.Doc) bool { return stored != nil && !OwnDesign(stored) }

func anyForeign(stored map[string]document.Doc) bool {
	for _, doc := range stored {
		if foreign(doc) {
			return true
		}
	}
	return false
}

// nextDesign returns the design document to write in place of one of ours, or
// of none; nil if it need not change.
func nextDesign(stored, ddoc document.Doc) document.Doc {
	next := ddoc.Clone()
	next[ownMark] = true
	delete(next, "_rev")
	switch {
	case stored == nil:
		return next
	case sameContent(stored, next):
		return nil
	}
	next.SetRev(stored.Rev())
	return next
}

// lacking returns the views of ddoc that a stored design document does not
// have, or that are withheld in it.
func lacking(stored, ddoc document.Doc, withheld map[string][]string) map[string]any {
	views := map[string]any{}
	has := stored.Object("views")
	for name, view := range ddoc.Object("views") {
		if !usable(has[name]) || slices.Contains(withheld[ddoc.ID()], "views/"+name) {
			views[name] = view
		}
	}
	return views
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
