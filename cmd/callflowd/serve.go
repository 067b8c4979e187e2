package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/callflowd/callflowd/pkg/api/web"
)

// serve opens the listeners, then the storage, and then makes sure of the master
// account. The API already listens and answers 503 until that is done; while
// CouchDB is down, lookups are answered from snapshots.
func serve(ctx context.Context, opts *options, log *zap.Logger, stdout io.Writer) (err error) {
	listeners, err := opts.openListeners(ctx)
	if err != nil {
		return err
	}
	defer listeners.close()
	store, err := openStorage(opts, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	if store.lite != nil {
		if listeners["control"], err = listenControl(ctx, opts.DataDir); err != nil {
			delete(listeners, "control")
			log.Warn("'callflowd backup' cannot reach this program; GET /backup on --admin-listen can", zap.Error(err))
		}
	}
	app, err := newApp(opts, store, log)
	if err != nil {
		return err
	}
	defer app.close()
	log.Info("listening", zap.Any("listening", listeners.addresses()), zap.String("version", version()))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return serveAll(ctx, log, opts.ShutdownTimeout, listeners.endpoints(ctx, opts, app, store))
	})
	group.Go(func() error {
		master, err := app.prepare(ctx, opts.MasterAPIKey)
		if ctx.Err() != nil {
			return nil // stopped before it was up
		}
		if err != nil {
			return opts.blame(err)
		}
		app.server.Enter(web.Serving)
		if err := greet(stdout, listeners["api"].Addr(), master, opts.MasterAPIKey != ""); err != nil {
			return err
		}
		log.Info("started", zap.Any("listening", listeners.addresses()), zap.String("master", master.ID))
		app.follow(ctx)
		return nil
	})
	return group.Wait()
}

// listeners are the open listeners by name: api, and if asked for admin and
// couchdb.
type listeners map[string]net.Listener

func (o *options) openListeners(ctx context.Context) (listeners, error) {
	open := listeners{}
	for _, wanted := range []struct {
		name, flag string
		addr       address
	}{
		{"api", "listen", o.Listen},
		{"admin", "admin-listen", o.AdminListen},
		{"couchdb", "couchdb-listen", o.CouchDBListen},
	} {
		if wanted.addr == "" {
			continue
		}
		l, err := listen(ctx, wanted.flag, wanted.addr)
		if err != nil {
			open.close()
			return nil, err
		}
		open[wanted.name] = l
	}
	return open, nil
}

func (l listeners) close() {
	for _, one := range l {
		_ = one.Close() // the server that took it over has closed it already
	}
}

func (l listeners) addresses() map[string]string {
	addrs := map[string]string{}
	for name, one := range l {
		addrs[name] = reachable(one.Addr())
	}
	return addrs
}

// endpoints pairs the listeners with their handlers, until ctx ends.
func (l listeners) endpoints(ctx context.Context, opts *options, app *app, store *storage) []endpoint {
	backup := backupHandler(store.lite, app.log)
	handlers := map[string]http.Handler{"api": app.server.Handler(), "admin": adminHandler(opts.level, backup, app.server.Admin()), "control": backup}
	if store.lite != nil {
		handlers["couchdb"] = store.lite.Until(ctx.Done())
	}
	var all []endpoint
	for name, listener := range l {
		if name == "api" {
			listener = app.server.Listener(listener)
		}
		all = append(all, endpoint{name, listener, handlers[name]})
	}
	return all
}
