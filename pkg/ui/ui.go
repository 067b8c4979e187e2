// Package ui is the page: what people look at in a browser, at /ui/. The
// server makes every page whole; the one script makes them livelier and is
// needed for nothing but live changes.
//
// Its rows stand in the table of pkg/api beside the API's own, so that web
// takes the same tokens, limits and authority for both. A handler here calls
// the functions that the API's handlers call, and makes a page of what they
// give; where an API handler decides something itself, it is one of [API].
//
// What a browser shows of a document is untrusted text: html/template escapes
// it, and pictures come from pkg/draw, which escapes it too.
package ui

import (
	"context"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/api/health"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/replication/sites"
	"github.com/callflowd/callflowd/pkg/route"
	"github.com/callflowd/callflowd/pkg/route/analysis"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/ui/catalogue"
)

// API is what the pages have in common with the API's handlers.
type API interface {
	// Analyse says what is wrong with an account's numbers and patterns.
	Analyse(ctx context.Context, accountID string) (analysis.Report, error)
	// Settle resolves the conflict of the document in the path.
	Settle(c *web.Call, wanted callflow.Resolution, check func(rev string) error) (save.Saved, error)
	// StreamChanges sends changes as they come, each as shown makes it.
	StreamChanges(c *web.Call, o callflow.ChangesOptions, shown func(callflow.Change) any) (*web.Answer, error)
	// Replications are the copies to and from other sites, for those who may
	// see them; the error of others is [problem.Forbidden].
	Replications(c *web.Call) ([]sites.Status, error)
	// Outcomes says of each part of the program whether it works.
	Outcomes() []health.Outcome
	// TimeOf reads the parameter at.
	TimeOf(c *web.Call) (at time.Time, given bool, err error)
}

// Config is what the pages are made of. All of it must be set, but for the
// last two.
type Config struct {
	API       API
	Callflows *callflow.Service
	Accounts  *account.Service
	Auth      *auth.Service
	Routes    *route.Indexes
	Version   string
	Storage   string // where documents are, in words

	Now      func() time.Time // nil is the clock
	Patience time.Duration    // how long a page waits for a list that is being read; 0 is 40 ms
}

// pages are the handlers.
type pages struct {
	Config
	catalogue *catalogue.Catalogue
	findings  *findings
	maps      *lru.Map[string, mapKept] // by account
}

// Rows are the rows of all pages.
func Rows(cfg Config) []web.Row {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Patience == 0 {
		cfg.Patience = 40 * time.Millisecond
	}
	p := &pages{
		Config: cfg, catalogue: catalogue.New(cfg.Callflows), findings: newFindings(cfg.API.Analyse), maps: newMaps(),
	}
	rows := append(p.outerRows(), p.accountRows()...)
	for i := range rows {
		rows[i].Traits |= web.Beside
		rows[i].Fail = p.fail
		if r := rows[i]; r.Method == get && r.Access != web.Anyone && r.Traits&web.Endless == 0 {
			rows[i].Handle = p.renewing(r.Handle)
		}
	}
	return rows
}

const (
	get  = "GET"
	post = "POST"
)

// acct is where the pages of an account are, and oneCallflow where those of
// a callflow are.
const (
	acct        = "/ui/accounts/{account_id}"
	oneCallflow = acct + "/callflows/{callflow_id}"
)

// outerRows are the pages outside any account. The last takes every address
// that nothing else takes.
func (p *pages) outerRows() []web.Row {
	return []web.Row{
		{Method: get, Path: "/", Handle: p.root},
		{Method: get, Path: "/ui", Handle: p.root},
		{Method: get, Path: "/favicon.ico", Handle: p.favicon},
		{Method: get, Path: "/ui/", Handle: p.home, Access: web.SignedIn},
		{Method: get, Path: "/ui/sign-in", Handle: p.askSignIn},
		{Method: post, Path: "/ui/sign-in", Handle: p.signIn, Traits: web.Login},
		{Method: post, Path: "/ui/sign-out", Handle: p.signOut, Access: web.SignedIn, Traits: web.Reads},
		{Method: get, Path: "/ui/static/{file}", Handle: p.static},
		{Method: get, Path: "/ui/system", Handle: p.system, Access: web.SignedIn},
	}
}

// accountRows are the pages of an account.
func (p *pages) accountRows() []web.Row {
	rows := []web.Row{
		{Method: get, Path: acct, Handle: p.home},
		{Method: get, Path: acct + "/accounts", Handle: p.accounts},
		{Method: get, Path: acct + "/test", Handle: p.test},
		{Method: get, Path: acct + "/callflows", Handle: p.callflows},
		{Method: get, Path: oneCallflow, Handle: p.callflow},
		{Method: get, Path: oneCallflow + "/compare", Handle: p.compare},
		{Method: get, Path: oneCallflow + "/restore", Handle: p.askRestore},
		{Method: post, Path: oneCallflow + "/restore", Handle: p.restore},
		{Method: get, Path: oneCallflow + "/versions/{revision}", Handle: p.version},
		{Method: get, Path: acct + "/map", Handle: p.accountMap},
		{Method: get, Path: acct + "/analysis", Handle: p.analysis},
		{Method: get, Path: acct + "/beside", Handle: p.beside},
		{Method: get, Path: acct + "/conflicts", Handle: p.conflicts},
		{Method: get, Path: acct + "/conflicts/{document_id}", Handle: p.conflict},
		{Method: post, Path: acct + "/conflicts/{document_id}", Handle: p.settle},
		{Method: get, Path: acct + "/deleted", Handle: p.deleted},
		{Method: get, Path: acct + "/changes", Handle: p.changes},
		{Method: get, Path: acct + "/changes/stream", Handle: p.stream, Traits: web.Endless},
	}
	for i := range rows {
		rows[i].Access = web.OfAccount
	}
	return append(rows, web.Row{Method: get, Path: "/ui/{rest:.*}", Handle: p.nowhere})
}
