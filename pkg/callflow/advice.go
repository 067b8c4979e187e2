package callflow

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Bounds on what is read to warn of cycles.
const (
	maxCycleDocs   = 200
	maxCycleLength = 50 // what a switch follows before it gives up (contract 5.3)
)

// Bounds on the warnings about references to missing or wrong documents.
const (
	maxDangling      = 100
	maxDanglingPaths = 1 << 20 // bytes; long keys add up
)

// advise adds warnings that need storage: references to missing documents and
// cycles of callflows. If storage fails, the warnings are left out; the save goes
// on.
func (v *edit) advise(ctx context.Context) {
	v.adviseRoutes(ctx)
	references := referencesOf(v.Doc)
	if len(references) == 0 {
		return
	}
	targets, err := v.DB.GetMany(ctx, idsOf(references))
	if err == nil {
		v.Warnings = append(v.Warnings, dangling(references, targets, v.ID)...)
		err = v.adviseCycle(ctx, references, targets)
	}
	if err != nil {
		v.s.log().Warn("warnings about references are left out", zap.String("callflow", v.ID), zap.Error(err))
	}
}

// adviseRoutes adds the findings about the callflow's numbers and patterns and
// those of other callflows.
func (v *edit) adviseRoutes(ctx context.Context) {
	if v.s.Index == nil || len(withinLimits(v.Doc)) > 0 {
		return
	}
	warnings, err := v.s.Index.Advise(ctx, v.AccountID, v.ID, v.Doc)
	if err != nil {
		v.s.log().Warn("warnings about routes are left out", zap.String("callflow", v.ID), zap.Error(err))
	}
	v.Warnings = append(v.Warnings, warnings...)
}

// AdviseReferences warns of references to missing or wrong documents. It is for
// actions outside a callflow: an account's metaflows.
func (s *Service) AdviseReferences(ctx context.Context, accountID string, actions iter.Seq[schema.Node]) []problem.Warning {
	references := mentionedBy(actions)
	if len(references) == 0 {
		return nil
	}
	targets, err := s.Couch.Account(accountID).GetMany(ctx, idsOf(references))
	if err != nil {
		s.log().Warn("warnings about references are left out", zap.String("account", accountID), zap.Error(err))
		return nil
	}
	return dangling(references, targets, "")
}

func referencesOf(doc document.Doc) []schema.Reference { return mentionedBy(schema.Walk(doc)) }

func mentionedBy(actions iter.Seq[schema.Node]) []schema.Reference {
	var out []schema.Reference
	for n := range actions {
		out = append(out, n.References()...)
	}
	return out
}

func idsOf(references []schema.Reference) []string {
	ids := map[string]bool{}
	for _, r := range references {
		ids[r.ID] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// dangling warns of references to documents that are missing or of another type.
func dangling(references []schema.Reference, targets map[string]document.Doc, self string) []problem.Warning {
	var out []problem.Warning
	size := 0
	for _, r := range references {
		if len(out) == maxDangling || size > maxDanglingPaths {
			break
		}
		if r.ID == self && r.Type == Type {
			continue
		}
		if w, ok := judgeReference(r, targets[r.ID]); ok {
			size += len(w.Path)
			out = append(out, w)
		}
	}
	return out
}

// judgeReference warns of a reference to target, nil for none.
func judgeReference(r schema.Reference, target document.Doc) (problem.Warning, bool) {
	kind := target.String("pvt_type")
	w := problem.Warning{Code: "dangling_reference", Members: map[string]any{"value": r.ID, "type": r.Type, "deleted": target != nil}}
	switch {
	case target == nil:
		w.Message = "there is no " + r.Type + " " + r.ID
	case !target.Live():
		w.Message = "the " + r.Type + " " + r.ID + " is deleted"
	case kind != "" && kind != r.Type:
		w = problem.Warning{
			Code: "wrong_reference", Message: r.ID + " is of type " + kind + "; a " + r.Type + " is expected here",
			Members: map[string]any{"value": r.ID, "type": r.Type, "actual": kind},
		}
	default:
		return w, false
	}
	w.Path = r.Path()
	return w, true
}

// adviseCycle looks for a cycle from the callflow through others back to itself,
// breadth first, so that it finds the shortest.
func (v *edit) adviseCycle(ctx context.Context, references []schema.Reference, targets map[string]document.Doc) error {
	search := cycleSearch{db: v.DB, self: v.ID, from: map[string]string{}, docs: targets}
	level := search.follow(v.ID, references)
	for range maxCycleLength {
		if search.closed != "" {
			v.Warnings = append(v.Warnings, search.warning(references))
			return nil
		}
		next, err := search.expand(ctx, level)
		if err != nil || len(next) == 0 && search.closed == "" {
			return err
		}
		level = next
	}
	return nil
}

// cycleSearch is a search through callflows that call callflows.
type cycleSearch struct {
	db     *couch.DB
	self   string
	from   map[string]string // the callflow from which each was reached first
	docs   map[string]document.Doc
	closed string // the callflow that leads back to self
}

// follow records which callflows one calls, and returns the new ones.
func (c *cycleSearch) follow(id string, references []schema.Reference) []string {
	var fresh []string
	for _, r := range references {
		if !r.Enters {
			continue
		}
		if r.ID == c.self && c.closed == "" {
			c.closed = id
		}
		if _, known := c.from[r.ID]; !known && r.ID != c.self && len(c.from) < maxCycleDocs {
			c.from[r.ID] = id
			fresh = append(fresh, r.ID)
		}
	}
	return fresh
}

func (c *cycleSearch) expand(ctx context.Context, level []string) ([]string, error) {
	missing := slices.DeleteFunc(slices.Clone(level), func(id string) bool { return c.docs[id] != nil })
	docs, err := c.db.GetMany(ctx, missing)
	if err != nil {
		return nil, err
	}
	maps.Copy(c.docs, docs)
	var next []string
	for _, id := range level {
		if doc := c.docs[id]; doc != nil && doc.Live() {
			next = append(next, c.follow(id, referencesOf(doc))...)
		}
	}
	return next, nil
}

// warning describes the cycle, at the reference it begins with.
func (c *cycleSearch) warning(references []schema.Reference) problem.Warning {
	cycle := []string{c.self}
	for id := c.closed; id != c.self; id = c.from[id] {
		cycle = append(cycle, id)
	}
	cycle = append(cycle, c.self)
	slices.Reverse(cycle)
	path := ""
	for _, r := range references {
		if r.ID == cycle[1] && r.Enters {
			path = r.Path()
			break
		}
	}
	return problem.Warning{
		Path: path, Code: "cycle", Message: "this flow leads back to itself: " + strings.Join(cycle, " → "),
		Members: map[string]any{"cycle": cycle},
	}
}
