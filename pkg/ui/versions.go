package ui

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/impact"
	"github.com/callflowd/callflowd/pkg/save"
)

// change is a difference of two documents, in words.
type change struct{ Path, Op, From, To string }

// mostChanges and mostValue bound what a page shows of a difference.
const (
	mostChanges = 200
	mostValue   = 300
)

// changesOf lists what differs, and how much more there is.
func changesOf(from, to document.Doc) (list []change, more int) {
	all := document.Diff(from.Public(), to.Public())
	shown, more := firstOf(all, mostChanges)
	for _, d := range shown {
		one := change{Path: d.Path, Op: say("op." + d.Op)}
		if d.Op != "add" {
			one.From = valueText(d.From)
		}
		if d.Op != "remove" {
			one.To = valueText(d.To)
		}
		list = append(list, one)
	}
	return list, more
}

// valueText is a value of a document on one line.
func valueText(v any) string {
	text, err := web.Encode(v)
	if err != nil {
		return ""
	}
	if len(text) <= mostValue {
		return string(text)
	}
	return validPrefix(string(text), mostValue) + " …"
}

// validPrefix cuts a text between characters.
func validPrefix(text string, most int) string {
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// comparison is the page of two versions.
type comparison struct {
	ID, Name string
	From, To string
	Picture  picture
	Changes  []change
	More     int
	History  []moment
}

// compare serves GET /ui/accounts/{A}/callflows/{C}/compare?from=REV&to=REV,
// by default of the stored version and the one before it.
func (p *pages) compare(c *web.Call) (*web.Answer, error) {
	id := c.Var("callflow_id")
	history, err := p.history(c, id)
	if err != nil {
		return nil, err
	}
	from, to := c.Query.Get("from"), c.Query.Get("to")
	if to == "" {
		to = history[0].Revision
	}
	if from == "" {
		at := slices.IndexFunc(history, func(m moment) bool { return m.Revision == to })
		from = history[min(at+1, len(history)-1)].Revision
	}
	before, err := p.Callflows.Version(c.Context(), c.Account(), id, from)
	if err != nil {
		return nil, err
	}
	after, err := p.Callflows.Version(c.Context(), c.Account(), id, to)
	if err != nil {
		return nil, err
	}
	view := comparison{ID: id, Name: nameOfDoc(after), From: from, To: to, History: history}
	view.Picture = p.compared(c, say("compare.picture", shorten(from), shorten(to)), before, after)
	view.Changes, view.More = changesOf(before, after)
	return p.show(c, "compare", page{Title: say("compare.title", view.Name), Nav: "callflows", Data: view})
}

// restoreView asks whether a version is to be the stored one again.
type restoreView struct {
	ID, Name string
	Revision string // the one wanted
	Stored   string // the one that is replaced; "" where the callflow is deleted
	Changes  []change
	More     int
	Moves    []move
	Hidden   int // moves that are not shown
	Problems []problemLine

	Undecided []impact.Undecided
}

// move is some numbers that go elsewhere afterwards, all from one callflow to
// another.
type move struct {
	Numbers       []string
	More          int
	Patterns      []impact.Region
	Before, After ref
}

// askRestore serves GET /ui/accounts/{A}/callflows/{C}/restore?revision=REV.
func (p *pages) askRestore(c *web.Call) (*web.Answer, error) {
	return p.previewRestore(c, c.Query.Get("revision"), http.StatusOK, nil)
}

// restore serves the POST of that form. The stored revision must still be the
// one that the preview was made for.
func (p *pages) restore(c *web.Call) (*web.Answer, error) {
	id, rev, seen := c.Var("callflow_id"), c.Form().Get("revision"), c.Form().Get("stored")
	w := save.Write{AccountID: c.Account(), ID: id, Actor: c.Actor(), Check: func(stored string) error {
		if seen != "" && stored != seen {
			return web.PreconditionFailed("stored", stored)
		}
		return nil
	}}
	if rev == "" {
		return nil, web.Required("revision")
	}
	_, err := p.Callflows.Restore(c.Context(), w, rev)
	if problem.Is(err, problem.Invalid) {
		return p.previewRestore(c, rev, http.StatusBadRequest, problemLines(problem.AsError(err)))
	}
	if err != nil {
		return nil, err
	}
	return seeOther(here(c, callflowPath(id), "done", "restored")), nil
}

func (p *pages) previewRestore(c *web.Call, rev string, status int, problems []problemLine) (*web.Answer, error) {
	id := c.Var("callflow_id")
	wanted, err := p.Callflows.Version(c.Context(), c.Account(), id, rev)
	if err != nil {
		return nil, err
	}
	stored, err := p.Callflows.Get(c.Context(), c.Account(), id)
	if err != nil && !problem.Is(err, problem.BadIdentifier) {
		return nil, err
	}
	view := restoreView{ID: id, Name: nameOfDoc(wanted), Revision: rev, Stored: stored.Rev(), Problems: problems}
	if stored != nil {
		view.Changes, view.More = changesOf(stored, wanted)
	}
	if err := p.addMoves(c, &view, wanted); err != nil {
		return nil, err
	}
	out := page{Title: say("restore.title", view.Name), Nav: "callflows", Data: view}
	p.around(c, &out)
	return render("restore", status, out)
}

// The bounds of a preview: moves, and numbers of each.
const (
	mostMoves       = 100
	mostMoveNumbers = 20
)

// addMoves finds every number that goes elsewhere if a version is restored.
func (p *pages) addMoves(c *web.Call, view *restoreView, wanted document.Doc) error {
	report, err := p.Routes.Impact(c.Context(), c.Account(), []document.Doc{withID(wanted)})
	if err != nil {
		return err
	}
	changes, hidden := firstOf(report.Changes, mostMoves)
	view.Hidden = hidden
	view.Undecided, _ = firstOf(report.Undecided, mostMoves)
	var ids []string
	for _, change := range changes {
		ids = append(ids, idOf(change.From), idOf(change.To))
	}
	names := p.callflowNames(c, ids)
	names[wanted.ID()] = nameOfDoc(wanted)
	for _, change := range changes {
		m := move{Before: ref{ID: idOf(change.From)}, After: ref{ID: idOf(change.To)}, Patterns: change.Patterns}
		m.Before.Name, m.After.Name = names[m.Before.ID], names[m.After.ID]
		m.Numbers, m.More = firstOf(change.Numbers, mostMoveNumbers)
		m.More = max(m.More, change.Count-len(m.Numbers))
		view.Moves = append(view.Moves, m)
	}
	return nil
}

// idOf is the id that a report gives; "" for none.
func idOf(id *string) string {
	if id == nil {
		return ""
	}
	return *id
}

// callflowNames are what callflows are called, by id; their ids where that is
// not known.
func (p *pages) callflowNames(c *web.Call, ids []string) map[string]string {
	ids = slices.DeleteFunc(unique(ids), func(id string) bool { return id == "" })
	described, _ := p.Callflows.Names(c.Context(), c.Account(), ids)
	out := map[string]string{}
	for _, id := range ids {
		fields, _ := described[id].(map[string]any)
		if out[id], _ = fields["name"].(string); strings.TrimSpace(out[id]) == "" {
			out[id] = shorten(id)
		}
	}
	return out
}

// unique returns the texts, each once, sorted.
func unique(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
