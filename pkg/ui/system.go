package ui

import (
	"strconv"
	"time"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/replication/sites"
	"github.com/callflowd/callflowd/pkg/route"
)

// part is a part of the program, and why it does not work.
type part struct{ Name, Reason string }

// systemView is the page of the program itself.
type systemView struct {
	Version, Storage string
	Parts            []part
	route.Totals
	Lag string

	Copying   bool     // the caller may see replications
	Copies    []copied // to and from other sites
	CopyFault string   // why they are not known
}

// system serves GET /ui/system.
func (p *pages) system(c *web.Call) (*web.Answer, error) {
	view := systemView{Version: p.Version, Storage: p.Storage, Totals: p.Routes.Totals()}
	view.Lag = span(view.Totals.Lag)
	for _, o := range p.API.Outcomes() {
		one := part{Name: o.Part}
		if o.Err != nil {
			one.Reason = web.Message(o.Err)
		}
		view.Parts = append(view.Parts, one)
	}
	p.addCopies(c, &view)
	return p.show(c, "system", page{Title: say("system.title"), Nav: "system", Data: view})
}

// copied is a replication in words.
type copied struct {
	sites.Status
	Badge           string // ok, info, warning or error
	Pending, Behind string
}

// badges are how good each state is.
var badges = map[string]string{sites.Running: "ok", sites.Completed: "ok", sites.Starting: "info", sites.Retrying: "warning", sites.Failed: "error"}

// addCopies lists the replications for those who may see them.
func (p *pages) addCopies(c *web.Call, view *systemView) {
	list, err := p.API.Replications(c)
	if problem.Is(err, problem.Forbidden) {
		return
	}
	view.Copying = true
	if err != nil {
		view.CopyFault = web.Message(err)
		return
	}
	for _, st := range list {
		one := copied{Status: st, Badge: badges[st.State], Pending: say("system.unknown"), Behind: say("system.unknown")}
		if st.Pending != nil {
			one.Pending = strconv.FormatInt(*st.Pending, 10)
		}
		if st.Lag != nil {
			one.Behind = span(time.Duration(*st.Lag * float64(time.Second)))
		}
		view.Copies = append(view.Copies, one)
	}
}

// span is a length of time as people say it: to the second, and short ones to
// the millisecond.
func span(d time.Duration) string {
	if d < time.Second {
		return d.Truncate(time.Millisecond).String()
	}
	return d.Truncate(time.Second).String()
}
