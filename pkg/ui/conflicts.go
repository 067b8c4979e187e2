package ui

import (
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
)

// conflictList is the page of what replication left undecided.
type conflictList struct {
	callflow.Conflicts
	Names map[string]string
}

// conflicts serves GET /ui/accounts/{A}/conflicts.
func (p *pages) conflicts(c *web.Call) (*web.Answer, error) {
	found, err := p.Callflows.Conflicts(c.Context(), c.Account())
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, d := range found.Documents {
		ids = append(ids, d.ID)
	}
	for _, n := range found.Numbers {
		ids = append(ids, n.CallflowIDs...)
	}
	for _, n := range found.Patterns {
		ids = append(ids, n.CallflowIDs...)
	}
	view := conflictList{found, p.callflowNames(c, ids)}
	return p.show(c, "conflicts", page{Title: say("conflicts.title"), Nav: "conflicts", Said: c.Query.Get("done"), Data: view})
}

// conflictView is the page of one document with conflicting revisions.
type conflictView struct {
	ID, Name, Type string
	Versions       []side
	Winner         string
	Merge          *side // what a merge would give; nil where edits overlap
	Clashes        []clash
}

// side is one revision, and how it differs from the winning one.
type side struct {
	Revision string
	Deleted  bool
	At       string
	Changes  []change
	More     int
	Picture  *picture
}

// clash is a place that both sides changed.
type clash struct{ Path, Base, Yours, Stored string }

// conflict serves GET /ui/accounts/{A}/conflicts/{DOC}.
func (p *pages) conflict(c *web.Call) (*web.Answer, error) {
	found, err := p.Callflows.Unsettled(c.Context(), c.Account(), c.Var("document_id"))
	if err != nil {
		return nil, err
	}
	winner := found.Leaves[0]
	view := conflictView{ID: winner.ID(), Name: nameOfDoc(winner), Type: winner.Type(), Winner: winner.Rev()}
	for _, leaf := range found.Leaves {
		view.Versions = append(view.Versions, p.sideOf(c, winner, leaf, leaf.Rev()))
	}
	if found.Merged != nil {
		merged := p.sideOf(c, winner, found.Merged, "")
		view.Merge = &merged
	}
	for _, one := range found.Clashes {
		path, _ := one["path"].(string)
		view.Clashes = append(view.Clashes, clash{path, valueText(one["base"]), valueText(one["yours"]), valueText(one["stored"])})
	}
	return p.show(c, "conflict", page{Title: say("conflict.title", view.Name), Nav: "conflicts", Data: view})
}

// sideOf says how a version differs from the winner. The winner itself is
// drawn as it is, the others with their changes.
func (p *pages) sideOf(c *web.Call, winner, leaf document.Doc, rev string) side {
	s := side{Revision: rev, Deleted: !leaf.Live()}
	if at, ok := leaf.Seconds("pvt_modified"); ok {
		s.At = readable(document.FromGregorian(at))
	}
	s.Changes, s.More = changesOf(winner, leaf)
	if leaf.Type() != callflow.Type {
		return s
	}
	var drawn picture
	if rev == winner.Rev() {
		drawn = p.drawn(c, say("conflict.winner", shorten(rev)), leaf, "")
	} else {
		drawn = p.compared(c, say("conflict.against", shorten(rev)), winner, leaf)
	}
	s.Picture = &drawn
	return s
}

// settle serves the POST of the buttons of a conflict. The winning revision
// must still be the one that was shown.
func (p *pages) settle(c *web.Call) (*web.Answer, error) {
	seen := c.Form().Get("winner")
	wanted := callflow.Resolution{Keep: c.Form().Get("keep"), Merge: c.Form().Get("merge") == "true"}
	if (wanted.Keep == "") != wanted.Merge {
		return nil, web.Required("keep")
	}
	_, err := p.API.Settle(c, wanted, func(stored string) error {
		if seen != "" && stored != seen {
			return web.PreconditionFailed("winner", stored)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return seeOther(here(c, "/conflicts", "done", "settled")), nil
}
