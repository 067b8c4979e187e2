package doctor

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/analysis"
)

// unknownProperty is the kind of package schema's advice about a member that no
// schema knows.
const unknownProperty = "unknown_property"

// mendPage is how many callflows are read at a time to mend them.
const mendPage = 100

// mend hands out callflows without those faults that an edit of the callflow
// takes away, and marks these. first is the first finding of the account.
func (p *patient) mend(ctx context.Context, first int) error {
	byID := map[string][]*Finding{}
	for i := first; i < len(p.report.Findings); i++ {
		if f := &p.report.Findings[i]; f.Account == p.id && mendable(f) {
			byID[f.CallflowID] = append(byID[f.CallflowID], f)
		}
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(byID)), mendPage) {
		docs, err := p.db.GetMany(ctx, some)
		if err != nil {
			return err
		}
		for _, id := range some {
			if err := p.mendOne(id, docs[id], byID[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

// mendOne mends one callflow.
func (p *patient) mendOne(id string, stored document.Doc, found []*Finding) error {
	if stored == nil {
		return nil
	}
	doc := stored.Content().Clone()
	faults := p.faults(doc)
	slices.SortStableFunc(found, func(a, b *Finding) int { return deepestFirst(a.Path, b.Path) })
	var mended []*Finding
	for _, f := range found {
		next := doc.Clone()
		if !treat(next, f) || !dialled(next) {
			continue
		}
		if left := p.faults(next); left <= faults {
			doc, faults, mended = next, left, append(mended, f)
		}
	}
	if len(mended) == 0 {
		return nil
	}
	if err := p.cfg.Mended(p.id, id, doc); err != nil {
		return err
	}
	for _, f := range mended {
		f.Mended = true
	}
	p.report.Mended++
	return nil
}

// faults counts what schemas find wrong with a callflow.
func (p *patient) faults(doc document.Doc) int {
	_, wrong := p.cfg.Schemas.Validate("callflows", doc.Clone())
	return len(wrong)
}

// dialled reports whether a callflow has a number or a pattern.
func dialled(doc document.Doc) bool {
	return len(doc.Strings("numbers"))+len(doc.Strings("patterns")) > 0
}

// deepestFirst orders paths so that what is inside something comes before it, and
// later items of a list before earlier ones: a mended fault then moves nothing
// that the next path names.
func deepestFirst(a, b string) int {
	one, other := problem.Parts(b), problem.Parts(a)
	return cmp.Or(cmp.Compare(len(one), len(other)), slices.CompareFunc(one, other, func(x, y string) int {
		m, e1 := strconv.Atoi(x)
		n, e2 := strconv.Atoi(y)
		if e1 == nil && e2 == nil {
			return cmp.Compare(m, n)
		}
		return strings.Compare(x, y)
	}))
}

// mendable reports whether a fault may be one that an edit takes away without a
// choice that only people can make.
func mendable(f *Finding) bool {
	switch f.Kind {
	case analysis.ExtendedSyntax, unknownProperty:
		return f.Suggestion != ""
	case analysis.DoubleBooked, analysis.Shadowed, analysis.Unreachable, Dangling:
		return f.CallflowID != ""
	}
	return false
}

// treat takes a fault away; false where it cannot.
func treat(doc document.Doc, f *Finding) bool {
	switch f.Kind {
	case analysis.ExtendedSyntax:
		return exchange(doc, "patterns", f.Subject, f.Suggestion)
	case unknownProperty:
		return renameAt(doc, problem.Parts(f.Path), f.Suggestion)
	case Dangling:
		return cut(doc, problem.Parts(f.Path))
	}
	if f.Path != "" {
		return removeAt(doc, problem.Parts(f.Path)) // a branch that is never taken
	}
	// What another callflow has too, and takes, or what takes no number at all.
	return exchange(doc, "numbers", f.Subject, "") || exchange(doc, "patterns", f.Subject, "")
}

// exchange puts one text of a list in the place of another; "" removes it. A text
// that the list has already is not put there twice.
func exchange(doc document.Doc, key, old, text string) bool {
	list, _ := doc[key].([]any)
	at := slices.Index(list, any(old))
	if at < 0 {
		return false
	}
	if text == "" || slices.Contains(list, any(text)) {
		doc[key] = slices.Delete(list, at, at+1)
		return true
	}
	list[at] = text
	return true
}

// at finds what stands at a path; nil where nothing does.
func at(v any, path []string) any {
	for _, part := range path {
		switch here := v.(type) {
		case map[string]any:
			key, ok := problem.MemberOf(here, part)
			if !ok {
				return nil
			}
			v = here[key]
		case []any:
			n, ok := problem.ItemOf(here, part)
			if !ok {
				return nil
			}
			v = here[n]
		default:
			return nil
		}
	}
	return v
}

// put puts a value at a path that is there.
func put(doc document.Doc, path []string, v any) bool {
	last := len(path) - 1
	switch here := at(map[string]any(doc), path[:last]).(type) {
	case map[string]any:
		key, ok := problem.MemberOf(here, path[last])
		if ok {
			here[key] = v
		}
		return ok
	case []any:
		if n, ok := problem.ItemOf(here, path[last]); ok {
			here[n] = v
			return true
		}
	}
	return false
}

// removeAt removes a member of an object or an item of a list.
func removeAt(doc document.Doc, path []string) bool {
	if len(path) == 0 {
		return false
	}
	under, last := path[:len(path)-1], path[len(path)-1]
	switch here := at(map[string]any(doc), under).(type) {
	case map[string]any:
		key, ok := problem.MemberOf(here, last)
		if ok {
			delete(here, key)
		}
		return ok
	case []any:
		if n, ok := problem.ItemOf(here, last); ok {
			return put(doc, under, slices.Delete(here, n, n+1))
		}
	}
	return false
}

// renameAt gives a member another name, unless something has that already.
func renameAt(doc document.Doc, path []string, name string) bool {
	if len(path) == 0 {
		return false
	}
	here, _ := at(map[string]any(doc), path[:len(path)-1]).(map[string]any)
	old, there := problem.MemberOf(here, path[len(path)-1])
	if _, taken := here[name]; taken || !there {
		return false
	}
	here[name] = here[old]
	delete(here, old)
	return true
}

// cut removes a reference to what is not there. Where an action is about nothing
// else, it goes: the branch that follows it takes its place, or its own branch
// ends. An item of a list goes alone, with the branch that is named after it.
func cut(doc document.Doc, path []string) bool {
	data := len(path) - 1
	for data > 0 && path[data] != "data" { // of the innermost action
		data--
	}
	if data < 1 {
		return false
	}
	action, inside := path[:data], path[data+1:]
	if len(inside) == 1 && inside[0] == "id" {
		return bypass(doc, action)
	}
	for i, key := range inside {
		if _, err := strconv.Atoi(key); err != nil {
			continue
		}
		item := slices.Concat(path[:data+1], inside[:i+1])
		id, isText := at(map[string]any(doc), item).(string)
		if children, ok := at(map[string]any(doc), append(slices.Clone(action), "children")).(map[string]any); ok && isText {
			delete(children, id)
		}
		return removeAt(doc, item)
	}
	return removeAt(doc, path)
}

// bypass puts the branch that follows an action in the action's place.
func bypass(doc document.Doc, action []string) bool {
	node, _ := at(map[string]any(doc), action).(map[string]any)
	children, _ := node["children"].(map[string]any)
	next, follows := children["_"].(map[string]any)
	switch {
	case node == nil:
		return false
	case follows && len(children) == 1:
		return put(doc, action, next)
	case len(children) > 0 || len(action) == 1:
		return false // which branch is meant is not for us to say, nor what the call is to come to
	}
	return removeAt(doc, action)
}
