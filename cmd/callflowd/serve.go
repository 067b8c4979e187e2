package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/callflowd/callflowd/cmd/callflowd/host"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/trace/otlp"
)

// serve opens the listeners, then the storage, and then makes sure of the master
// account. The API already listens and answers 503 until that is done; while
// CouchDB is down, lookups are answered from snapshots.
func serve(ctx context.Context, opts *options, log *zap.Logger, stdout io.Writer) (err error) {
	stopTracing, err := opts.openTracer(ctx, log)
	if err != nil {
		return err
	}
	defer stopTracing()
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
	manager := host.NewManager(os.Getenv)
	cert, err := host.OpenCertificate(opts.TLS.TLSCert, opts.TLS.TLSKey, log.Named("tls"))
	if err != nil {
		return err
	}
	log.Info("listening", zap.Any("listening", listeners.addresses()), zap.String("version", version()))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return serveAll(ctx, log, opts.ShutdownTimeout, listeners.endpoints(ctx, opts, app, store, cert))
	})
	if cert != nil || manager.Known() { // otherwise SIGHUP ends the program, as a closed terminal should
		group.Go(func() error {
			cert.ReloadOnHangUp(ctx, log)
			return nil
		})
	}
	group.Go(func() error {
		app.report(ctx, manager)
		return nil
	})
	group.Go(func() error { return app.begin(ctx, opts, listeners, stdout) })
	return group.Wait()
}

// begin prepares the databases, lets requests in, greets, and follows what
// changes until the program stops.
func (a *app) begin(ctx context.Context, opts *options, open listeners, stdout io.Writer) error {
	master, err := a.prepare(ctx, opts.MasterAPIKey)
	if ctx.Err() != nil {
		return nil // stopped before it was up
	}
	if err != nil {
		return opts.blame(err)
	}
	a.server.Enter(web.Serving)
	if err := greet(stdout, opts.base(open["api"].Addr()), master, opts.MasterAPIKey != ""); err != nil {
		return err
	}
	for _, told := range opts.openSecrets() {
		a.log.Warn("a secret is not kept", zap.String("file", told))
	}
	a.log.Info("started", zap.Any("listening", open.addresses()), zap.String("master", master.ID))
	a.follow(ctx)
	return nil
}

// openTracer makes the tracer that the environment asks for. What it returns
// sends the last traces.
func (o *options) openTracer(ctx context.Context, log *zap.Logger) (stop func(), err error) {
	tracer, shutdown, err := otlp.Start(ctx, os.Getenv, version(), func(err error) { log.Warn("traces cannot be sent", zap.Error(err)) })
	if err != nil {
		return nil, err
	}
	o.tracer = tracer
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.ShutdownTimeout)
		defer cancel()
		if err := shutdown(ctx); err != nil {
			log.Warn("the last traces cannot be sent", zap.Error(err))
		}
	}, nil
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
func (l listeners) endpoints(ctx context.Context, opts *options, app *app, store *storage, cert *host.Certificate) []endpoint {
	backup := backupHandler(store.lite, app.log)
	handlers := map[string]http.Handler{"api": app.server.Handler(), "admin": adminHandler(opts.level, backup, app.server.Admin()), "control": backup}
	if store.lite != nil {
		handlers["couchdb"] = store.lite.Until(ctx.Done())
	}
	var all []endpoint
	for name, listener := range l {
		handler := handlers[name]
		if name == "api" || name == "couchdb" {
			listener, handler = cert.Over(listener), cert.Secured(handler)
		}
		if name == "api" {
			listener = app.server.Listener(listener)
		}
		all = append(all, endpoint{name, listener, handler})
	}
	return all
}

// report tells the service manager how the program is: it is ready as soon as
// it listens, since it answers 503 or from snapshots while CouchDB is away.
func (a *app) report(ctx context.Context, manager host.Manager) {
	if err := manager.Tell("READY=1\nSTATUS=listening"); err != nil {
		a.log.Warn("the service manager cannot be told", zap.Error(err))
		return
	}
	manager.Live(ctx, a.lives)
	<-ctx.Done()
	_ = manager.Tell("STOPPING=1") // it sees the end anyway
}

// lives reports whether the API still answers.
func (a *app) lives() bool {
	r, err := http.NewRequest(http.MethodGet, "/healthz", nil)
	if err != nil {
		return false
	}
	answer := statusOnly{http.Header{}, new(http.StatusOK)}
	a.server.Admin().ServeHTTP(answer, r)
	return *answer.status == http.StatusOK
}

// statusOnly is an answer of which only the status is kept.
type statusOnly struct {
	header http.Header
	status *int
}

func (a statusOnly) Header() http.Header         { return a.header }
func (a statusOnly) Write(p []byte) (int, error) { return len(p), nil }
func (a statusOnly) WriteHeader(status int)      { *a.status = status }
