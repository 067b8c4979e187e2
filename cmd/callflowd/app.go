package main

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/api"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/schema"
)

// The waits between attempts to reach a CouchDB that is down at the start.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 15 * time.Second
)

// recoverEvery is how often accounts that another process left half made are
// looked for.
const recoverEvery = time.Hour

// app is the domain, wired, and the API on top of it.
type app struct {
	log      *zap.Logger
	accounts *account.Service
	auth     *auth.Service
	server   *api.Server
}

func newApp(opts *options, store *storage, log *zap.Logger) (*app, error) {
	schemas, err := schema.Embedded()
	if err != nil {
		return nil, err
	}
	accounts := &account.Service{Couch: store.client, Log: log.Named("account"), Validate: schemas.Validate}
	tokens := &auth.Service{Couch: store.client, Accounts: accounts, Log: log.Named("auth")}
	callflows := &callflow.Service{Couch: store.client, Schemas: schemas, Log: log.Named("callflow")}
	resources := &resource.Service{Couch: store.client, Schemas: schemas, Hash: auth.UserCredentials}
	server := api.New(api.Config{
		Callflows: callflows, Accounts: accounts, Auth: tokens, Resources: resources, Schemas: schemas, Couch: store.client,
		Log: log.Named("api"), Version: version(), Limits: opts.Limits.api(), Proxies: opts.Limits.TrustedProxy,
		AdminElsewhere: opts.AdminListen != "",
	})
	return &app{log, accounts, tokens, server}, nil
}

// prepare makes sure that the databases and the master account are there, and
// waits as long as it takes for a CouchDB that cannot be reached.
func (a *app) prepare(ctx context.Context, key apiKey) (account.Master, error) {
	var master account.Master
	err := a.untilReachable(ctx, func() (err error) {
		master, err = a.accounts.EnsureMaster(ctx, string(key))
		return err
	})
	if err == nil {
		err = a.untilReachable(ctx, func() error { return a.auth.Start(ctx) })
	}
	return master, err
}

// untilReachable repeats do while the database cannot be reached.
func (a *app) untilReachable(ctx context.Context, do func() error) error {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := do()
		if !problem.Is(err, problem.Unavailable) {
			return err
		}
		a.log.Warn("the database cannot be reached; trying again", zap.Duration("in", wait), zap.Error(err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// follow keeps what this process knows up to date until ctx ends.
func (a *app) follow(ctx context.Context) {
	var group errgroup.Group
	group.Go(func() error { a.accounts.Follow(ctx); return nil })
	group.Go(func() error { a.auth.Follow(ctx); return nil })
	group.Go(func() error { a.recover(ctx); return nil })
	_ = group.Wait() // none of them fails
}

// recover finishes, now and then, what a crash of some process left half done.
func (a *app) recover(ctx context.Context) {
	for ctx.Err() == nil {
		if err := a.accounts.Recover(ctx); err != nil && !errors.Is(err, context.Canceled) {
			a.log.Warn("half-made accounts could not be finished", zap.Error(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(recoverEvery):
		}
	}
}
