package route

import (
	"context"
	"slices"
	"strconv"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Changed is one number's route before and after a draft.
type Changed struct {
	Number     string
	Normalized string
	Before     Result
	After      Result // with drafts only
	Changed    bool
}

// Many looks many numbers up, in order. Drafts are callflows that are not
// saved: one with an id replaces or adds that callflow, one with _deleted true
// takes it away. Drafts' numbers are normalised as a save would, by the plan or,
// if that is empty, by the account's own.
func (s *Indexes) Many(ctx context.Context, accountID string, numbers []string, drafts []document.Doc, plan number.DialPlan) ([]Changed, error) {
	l, err := s.account(ctx, accountID)
	if err != nil {
		return nil, err
	}
	if plan.Empty() {
		plan = l.plan.Load().DialPlan
	}
	var draft *draft
	if len(drafts) > 0 {
		draft = newDraft(l.index, drafts, plan)
	}
	out := make([]Changed, 0, len(numbers))
	for _, n := range numbers {
		if err := ctx.Err(); err != nil {
			return nil, &problem.Error{Code: problem.Unavailable, Msg: "look many numbers up", Err: err}
		}
		c := Changed{Number: n, Normalized: number.Normalize(n, plan)}
		c.Before = l.index.Lookup(n, c.Normalized)
		if draft != nil {
			c.After = draft.lookup(n, c.Normalized)
			c.Changed = c.Before.Match.CallflowID != c.After.Match.CallflowID
		}
		out = append(out, c)
	}
	return out, nil
}

// draft is an index with some callflows replaced.
type draft struct {
	base     *Index
	replaced map[string]bool
	numbers  map[string][]string // of the drafts: callflow ids, lowest first
	patterns *patterns
}

func newDraft(x *Index, drafts []document.Doc, plan number.DialPlan) *draft {
	x.writing.Lock() // the sorter and the compiled patterns belong to the writer
	defer x.writing.Unlock()
	d := &draft{base: x, replaced: map[string]bool{}, numbers: map[string][]string{}}
	now := x.patterns.Load()
	var gone, added []*row
	for i, doc := range drafts {
		e := draftEntry(i, doc, plan)
		if d.replaced[e.CallflowID] {
			continue // the first draft of a callflow counts
		}
		d.replaced[e.CallflowID] = true
		gone = append(gone, now.of(e.CallflowID)...)
		for _, n := range unique(e.Numbers) {
			d.numbers[n] = append(d.numbers[n], e.CallflowID)
			slices.Sort(d.numbers[n])
		}
		added = append(added, x.rows(&e)...)
		x.release(e.Patterns)
	}
	d.patterns = now.with(gone, added, x.cache)
	return d
}

// draftEntry is what a draft would contribute. Without an id it gets a name
// that no callflow has.
func draftEntry(i int, doc document.Doc, plan number.DialPlan) Entry {
	copied := document.Doc{"pvt_type": "callflow", "_id": doc.String("id")}
	for _, key := range []string{"name", "numbers", "patterns", "_deleted"} {
		copied[key] = doc[key]
	}
	if copied.ID() == "" {
		copied["_id"] = "draft:" + strconv.Itoa(i)
	}
	e, ok := EntryOf(copied)
	if !ok {
		return Entry{CallflowID: copied.ID()}
	}
	for i, n := range e.Numbers {
		e.Numbers[i] = number.Normalize(n, plan)
	}
	return e
}

// holder returns the callflow that takes the very number.
func (d *draft) holder(n string) string {
	best := ""
	for _, id := range append(d.base.Holders(n), d.numbers[n]...) {
		fresh := slices.Contains(d.numbers[n], id)
		if (fresh || !d.replaced[id]) && (best == "" || id < best) {
			best = id
		}
	}
	return best
}

func (d *draft) lookup(dialled, normalized string) Result {
	return lookup(dialled, normalized, d.holder, d.patterns)
}
