package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/api"
	"github.com/callflowd/callflowd/pkg/api/health"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/notice"
	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/phone"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/replication"
	"github.com/callflowd/callflowd/pkg/replication/sites"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/route"
	"github.com/callflowd/callflowd/pkg/schema"
	"github.com/callflowd/callflowd/pkg/ui"
	"github.com/callflowd/callflowd/pkg/uninstall"
)

// The waits between attempts to reach a CouchDB that is down at the start.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 15 * time.Second
)

// startPatience is how long the start waits for a CouchDB before lookups are
// answered from snapshots meanwhile.
const startPatience = time.Second

// tidyEvery is how often leftovers of crashes and expired documents are removed.
const tidyEvery = time.Hour

// settleEvery is how often interrupted batches are looked for.
const settleEvery = time.Minute

// app is the domain, wired, and the API on top of it.
type app struct {
	log      *zap.Logger
	dataDir  string
	accounts *account.Service

	callflows *callflow.Service

	auth      *auth.Service
	phones    *phone.Service
	routes    *route.Indexes
	schemas   *siteSchemas
	alone     bool              // no other process has these databases
	notices   *notice.Publisher // nil without --amqp-url
	client    *couch.Client
	copying   *replication.Scheduler // nil where CouchDB itself replicates
	sites     *sites.Service
	autoMerge bool
	snapshot  *authorityFile     // nil with embedded databases, which are never away
	process   *uninstall.Process // nil where nobody else sees the databases, or nothing is written
	away      sync.Once          // snapshots are in use, since the database is away at the start
	server    *api.Server
}

func newApp(opts *options, store *storage, log *zap.Logger) (*app, error) {
	embedded, err := schema.Embedded()
	if err != nil {
		return nil, err
	}
	embedded = embedded.WithURLs(schema.URLPolicy{Allow: opts.AllowInternalURL})
	schemas := schema.NewLive(embedded)
	a := &app{log: log, notices: store.notices, client: store.client, copying: store.replications, schemas: &siteSchemas{embedded, schemas, store.client.DB("system_schemas"), log.Named("schema")}}
	a.accounts = &account.Service{Couch: store.client, Log: log.Named("account"), Validate: schemas.Validate, RealmSuffix: opts.Console.RealmSuffix}
	a.auth = &auth.Service{
		Couch: store.client, Accounts: a.accounts, Log: log.Named("auth"),
		AcceptUnsignedIdentity: opts.AcceptUnsignedIdentity, AcceptOpaque: opts.AcceptOpaqueTokens,
	}
	indexes := route.Config{Couch: store.client, Prepare: a.accounts.Prepare, Emergency: opts.Emergency, Log: log.Named("route"), Patience: opts.Limits.LookupPatience}
	if store.lite == nil {
		indexes.Dir = filepath.Join(opts.DataDir, "routes")
		a.snapshot = &authorityFile{filepath.Join(opts.DataDir, "authority.json"), a.auth, a.accounts, log}
	}
	a.routes = route.NewIndexes(indexes)
	a.alone = store.lite != nil && opts.CouchDBListen == ""
	if !a.alone && !opts.Observe {
		a.process = &uninstall.Process{Couch: store.client, Name: processName(opts)}
	}
	a.callflows = &callflow.Service{
		Couch: store.client, Schemas: schemas, Accounts: a.accounts, Index: a.routes, Log: log.Named("callflow"),
		HistoryMonths: opts.HistoryMonths, Words: api.Words(), Kinds: mergedKinds(),
	}
	a.phones = &phone.Service{
		Couch: store.client, Accounts: a.accounts, Validate: schemas.Validate, Log: log.Named("phone"), AnyMayAdd: opts.Console.AllowNumberAdditions,
	}
	store.client.OnWrite(a.phones.Wrote)
	a.accounts.Deleting = a.phones.Free
	store.client.OnMissingView(func(db string) {
		if id, _, ok := couch.AccountOf(db); ok {
			a.accounts.Forget(id)
		}
	})
	a.autoMerge = opts.AutoMerge
	a.sites = sites.New(sites.Config{Couch: store.client, Local: opts.localEnd, Log: log.Named("sites")})
	a.dataDir = opts.DataDir
	a.server = api.New(api.Config{
		Spool:     opts.DataDir,
		Sites:     a.sites,
		Callflows: a.callflows,
		Accounts:  a.accounts, Auth: a.auth, Phones: a.phones, Routes: a.routes, Schemas: schemas, Couch: store.client,
		Resources: &resource.Service{Couch: store.client, Schemas: schemas, Words: api.Words(), Hash: auth.UserCredentials},
		Log:       log.Named("api"), Version: version(), Limits: opts.Limits.api(), Proxies: opts.Limits.proxies(),
		AdminElsewhere: opts.AdminListen != "", Collectors: a.metrics(store), Probes: a.probes(opts, store), Emergency: opts.Emergency,
		Apps: opts.Console.apps(), MediaFormats: opts.Console.MediaFormat, ReadOnly: opts.readOnly(), Phase: web.Starting, LogLookups: oneIn(opts.LogLookups), Pages: a.pages(opts),
		Tracer: opts.tracer,
	})
	return a, nil
}

// processName tells processes on one CouchDB apart, and operators where they
// run.
func processName(opts *options) string {
	host, _ := os.Hostname()
	dir, err := filepath.Abs(opts.DataDir)
	if err != nil {
		dir = opts.DataDir
	}
	return fmt.Sprintf("%s, --listen %s, --data-dir %s", host, opts.Listen, dir)
}

// mergedKinds are the collections whose conflicts are merged as callflows' are.
func mergedKinds() map[string]callflow.Kind {
	kinds := map[string]callflow.Kind{}
	for _, k := range resource.Kinds() {
		kinds[k.Type] = callflow.Kind{Schema: k.Design, Keys: k.Keys, Holders: k.Holders, Taken: k.Taken}
	}
	return kinds
}

// pages makes the pages for browsers; nil where they are switched off.
func (a *app) pages(opts *options) func(*api.Server) []web.Row {
	if !opts.UI {
		return nil
	}
	storage := "embedded databases"
	if len(opts.CouchDBURL) > 0 {
		storage = "a CouchDB server"
	}
	return func(s *api.Server) []web.Row {
		return ui.Rows(ui.Config{
			API: s, Callflows: a.callflows, Accounts: a.accounts, Auth: a.auth, Routes: a.routes, Version: version(), Storage: storage,
		})
	}
}

// readOnly is what a client hears who wants to change something, "" where that
// is allowed.
func (o *options) readOnly() string {
	switch {
	case o.Observe:
		return "callflowd only observes this database (--observe): nothing can be changed here"
	case o.ReadOnly:
		return "callflowd runs read-only (--read-only): nothing can be changed here"
	}
	return ""
}

// oneIn translates a flag, whose 0 means none, for the API, where that is -1.
func oneIn(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// metrics are the collectors of the program, besides those of requests.
func (a *app) metrics(store *storage) []prometheus.Collector {
	all := append(indexMetrics(a.routes), buildInfo(), newCopyMetrics(a.sites), store.metrics.seconds, store.metrics.errors)
	all = append(all, newReadyParts(a), diskFree(a.dataDir))
	if store.lite != nil {
		all = append(all, embeddedMetrics(store.lite)...)
	} else {
		all = append(all, newNodeStates(store.client))
	}
	if a.notices != nil {
		all = append(all, noticeMetrics(a.notices)...)
	}
	if a.snapshot != nil {
		all = append(all, authorityAge(a.snapshot))
	}
	return all
}

// probes are the health probes of the parts around the API.
func (a *app) probes(opts *options, store *storage) []health.Probe {
	all := opts.probes(store)
	if a.notices != nil {
		all = append(all, health.Probe{Part: "notices", Ask: a.noticesWork})
	}
	return all
}

// close ends the background work.
func (a *app) close() { a.routes.Close() }

// prepare makes sure that the databases and the master account exist. It waits as
// long as a CouchDB cannot be reached; meanwhile requests are answered from
// snapshots where possible.
func (a *app) prepare(ctx context.Context, key apiKey) (account.Master, error) {
	defer a.lookupsMeanwhile(startPatience)()
	var master account.Master
	err := a.untilReachable(ctx, func() (err error) {
		if err := a.accounts.Couch.Identify(ctx); err != nil {
			return err
		}
		master, err = a.accounts.EnsureMaster(ctx, string(key))
		return err
	})
	if err == nil {
		err = a.untilReachable(ctx, func() error { return a.callflows.RecoverBatches(ctx, a.alone) })
	}
	if err == nil {
		err = a.untilReachable(ctx, func() error { return a.auth.Start(ctx) })
	}
	return master, err
}

// lookupsOnly answers lookups from snapshots, until the database is there.
func (a *app) lookupsOnly() {
	if a.snapshot == nil {
		return
	}
	a.away.Do(func() {
		a.snapshot.restore()
		a.server.Enter(web.LookupsOnly)
	})
}

// lookupsMeanwhile begins to answer lookups from snapshots, if there are any,
// unless it is stopped within patience: a database that hangs is only told from
// a slow one after seconds. When stop returns it has begun, or never will.
func (a *app) lookupsMeanwhile(patience time.Duration) (stop func()) {
	if a.snapshot == nil {
		return func() {}
	}
	begun := make(chan struct{})
	timer := time.AfterFunc(patience, func() {
		defer close(begun)
		if _, taken := a.snapshot.age(); taken {
			a.lookupsOnly()
		}
	})
	return func() {
		if !timer.Stop() {
			<-begun
		}
	}
}

// untilReachable repeats do while the database cannot be reached.
func (a *app) untilReachable(ctx context.Context, do func() error) error {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := do()
		if !problem.Is(err, problem.Unavailable) {
			return err
		}
		a.lookupsOnly()
		a.log.Warn("the database cannot be reached; trying again", zap.Duration("in", wait), zap.Error(err))
		if !pause.For(ctx, wait) {
			return ctx.Err()
		}
	}
}

// follow keeps what this process knows up to date until ctx ends.
func (a *app) follow(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { a.accounts.Follow(ctx) })
	group.Go(func() { a.auth.Follow(ctx) })
	group.Go(func() { a.schemas.follow(ctx) })
	group.Go(func() { a.phones.Run(ctx) })
	if !a.client.Observes() {
		group.Go(func() { a.tidy(ctx) })
		group.Go(func() { a.settle(ctx) })
		group.Go(func() { a.sites.Run(ctx) })
		if a.autoMerge {
			group.Go(func() { a.callflows.FollowConflicts(ctx) })
		}
	}
	if a.notices != nil {
		a.notices.Listen(a.routes.Look)
		group.Go(func() { a.notices.Run(ctx, a.client) })
	}
	if a.copying != nil {
		group.Go(func() { a.copying.Run(ctx) })
	}
	if a.snapshot != nil {
		group.Go(func() { a.snapshot.keep(ctx) })
	}
	if a.process != nil {
		group.Go(func() { a.process.Run(ctx) })
	}
	group.Wait()
}

// settle finishes batches of callflows that a crash of some process interrupted.
func (a *app) settle(ctx context.Context) {
	for pause.For(ctx, settleEvery) {
		if err := a.callflows.RecoverBatches(ctx, false); err != nil && ctx.Err() == nil {
			a.log.Warn("settling interrupted batches has to wait", zap.Error(err))
		}
	}
}

// tidy finishes, now and then, work that a process left unfinished when it
// crashed, and removes revocations of tokens that have expired.
func (a *app) tidy(ctx context.Context) {
	for ctx.Err() == nil {
		if err := errors.Join(a.accounts.Recover(ctx), a.auth.Purge(ctx), a.phones.Repair(ctx, "")); err != nil && ctx.Err() == nil {
			a.log.Warn("tidying up failed; trying again later", zap.Error(err))
		}
		pause.For(ctx, tidyEvery)
	}
}
