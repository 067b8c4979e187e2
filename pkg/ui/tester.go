package ui

import (
	"net/http"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/pattern"
)

// trial is what the tester found out about a number.
type trial struct {
	Asked      bool
	Number, At string // as asked
	Wrong      string // with the number or the time

	Normalized string
	Found      bool
	Winner     ref
	Match      index.Match
	Kind       string // of the match, in words
	Steps      []number.Step
	Candidates []index.Candidate
	Skipped    []pattern.Skipped
	Incomplete bool
	Uncertain  []string
	AsOf       string
	Picture    picture
	History    []moment // of the winner
	Link       string   // to send to somebody else
	LinkNow    string   // likewise, as of this moment
	Times      []named  // to ask the same of
}

// named is a time with its name.
type named struct{ Name, At string }

// mostHistory is how many versions of the winner the tester lists.
const mostHistory = 12

// test serves GET /ui/accounts/{A}/test?number=…&at=…
func (p *pages) test(c *web.Call) (*web.Answer, error) {
	view := trial{Number: strings.TrimSpace(c.Query.Get("number")), At: strings.TrimSpace(c.Query.Get("at"))}
	status := http.StatusOK
	if view.Number != "" {
		view.Asked = true
		if err := p.try(c, &view); err != nil {
			lines := problemLines(problem.AsError(err))
			if len(lines) == 0 {
				return nil, err
			}
			view.Wrong, status = lines[0].Message, http.StatusBadRequest
		}
	}
	out := page{Title: say("tester.title"), Nav: "test", Number: view.Number, At: view.At, Data: view}
	p.around(c, &out)
	return render("test", status, out)
}

// try asks where the number goes, now or at a time.
func (p *pages) try(c *web.Call, view *trial) error {
	if err := problem.Validation(number.Check("number", view.Number)); err != nil {
		return err
	}
	if view.At == "" {
		c.Query.Del("at")
	}
	at, given, err := p.API.TimeOf(c)
	if err != nil {
		return err
	}
	if !given {
		return p.tryNow(c, view)
	}
	found, uncertain, err := p.Callflows.LookupAt(c.Context(), c.Account(), view.Number, at)
	if err != nil {
		return err
	}
	view.Normalized, view.AsOf, view.Uncertain = found.Normalized, readable(at), uncertain
	return p.explain(c, view, found.Explanation, found.Callflow)
}

func (p *pages) tryNow(c *web.Call, view *trial) error {
	found, err := p.Routes.Lookup(c.Context(), c.Account(), view.Number, route.Options{Explain: true})
	if err != nil {
		return err
	}
	view.Normalized, view.AsOf = found.Normalized, readable(found.AsOf)
	explanation := index.Explanation{Result: found.Result}
	if found.Explanation != nil {
		explanation = *found.Explanation
	}
	var doc document.Doc
	if found.Callflow != nil {
		doc = found.Callflow.Doc
	}
	return p.explain(c, view, explanation, doc)
}

// explain fills in how the answer came about, and the way of the call.
func (p *pages) explain(c *web.Call, view *trial, e index.Explanation, doc document.Doc) error {
	view.Found, view.Match, view.Incomplete = e.Found, e.Match, e.Incomplete
	for _, step := range e.Steps {
		step.Result = renamed(step.Result, func(id string) string {
			if doc == nil || id != doc.ID() {
				return ""
			}
			return nameOfDoc(doc)
		})
		view.Steps = append(view.Steps, step)
	}
	view.Candidates, view.Skipped = e.Candidates, e.Skipped
	view.Times = p.times(view.At)
	base := c.Request.Host
	scheme := map[bool]string{true: "https://", false: "http://"}[c.Encrypted]
	view.Link = scheme + base + here(c, "/test", "number", view.Number, "at", view.At)
	view.LinkNow = scheme + base + here(c, "/test", "number", view.Number, "at", p.Now().UTC().Format(time.RFC3339))
	if !e.Found {
		return nil
	}
	view.Kind = say("match." + e.Match.Kind)
	view.Winner = ref{e.Match.CallflowID, shorten(e.Match.CallflowID)}
	if doc == nil {
		return nil
	}
	view.Winner.Name = nameOfDoc(doc)
	view.Picture = p.drawn(c, say("tester.picture", view.Winner.Name, view.Number), doc, e.Match.Key)
	history, err := p.history(c, view.Winner.ID)
	if err != nil && !problem.Is(err, problem.BadIdentifier) {
		return err
	}
	view.History, _ = firstOf(history, mostHistory)
	return nil
}

// times are some that people ask of.
func (p *pages) times(at string) []named {
	now := p.Now().UTC().Truncate(time.Minute)
	noon := time.Date(now.Year(), now.Month(), now.Day()-1, 12, 0, 0, 0, time.UTC)
	out := []named{
		{say("times.hour"), formTime(now.Add(-time.Hour))},
		{say("times.yesterday"), formTime(noon)},
		{say("times.week"), formTime(now.AddDate(0, 0, -7))},
	}
	if at != "" {
		out = append([]named{{say("times.now"), ""}}, out...)
	}
	return out
}

// formValue is a time of the query as the form has it; "" for one that the
// form cannot show.
func formValue(at string) string {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, at); err == nil {
			return t.UTC().Format("2006-01-02T15:04:05")
		}
	}
	return ""
}

// formTime is a time as the form has it.
func formTime(at time.Time) string { return at.Format("2006-01-02T15:04") }
