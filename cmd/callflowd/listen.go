package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// Limits on a connection. There is no limit on a whole response, since a
// change feed lasts; instead no single write may stall.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	idleTimeout       = 2 * time.Minute
	writeStall        = 30 * time.Second
	maxHeaderBytes    = 64 << 10
)

// endpoint is a listener and what answers on it.
type endpoint struct {
	name     string // as in the log: api, couchdb, admin
	listener net.Listener
	handler  http.Handler
}

// listen opens addr for the named flag.
func listen(ctx context.Context, flag string, addr address) (net.Listener, error) {
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", string(addr))
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return stallGuard{l}, nil
}

// serveAll answers on every endpoint until ctx ends or one of them fails. It
// then takes no more requests, gives those in flight the grace period, cancels
// the rest, and returns when all have ended.
func serveAll(ctx context.Context, log *zap.Logger, grace time.Duration, endpoints []endpoint) error {
	requests, cancelRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelRequests()
	group, ctx := errgroup.WithContext(ctx)
	for _, e := range endpoints {
		srv := &http.Server{
			Handler:           e.handler,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			BaseContext:       func(net.Listener) context.Context { return requests },
			ErrorLog:          zap.NewStdLog(log.Named(e.name)),
		}
		group.Go(func() error {
			if err := srv.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", e.name, err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer cancel()
			if err := srv.Shutdown(wait); err != nil {
				log.Warn("cutting requests that outlast the shutdown timeout", zap.String("endpoint", e.name))
				cancelRequests()
				return srv.Close()
			}
			return nil
		})
	}
	return group.Wait()
}

// stallGuard makes connections whose writes must make progress.
type stallGuard struct{ net.Listener }

func (l stallGuard) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return stallGuardConn{conn}, nil
}

type stallGuardConn struct{ net.Conn }

// CloseWrite lets net/http end its side before the client has ended its own.
func (c stallGuardConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c stallGuardConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeStall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// adminHandler serves what only --admin-listen has: the log's level, which GET
// reads and PUT {"level":"debug"} changes, Go's profiles, a backup, and in other
// respects rest. None of it asks for a token, and a profile shows what is in
// memory.
func adminHandler(level zap.AtomicLevel, backup, rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/backup", backup)
	mux.Handle("/log/level", jsonFromCurl(level))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", notHere) // it may hold secrets
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/", rest)
	return mux
}

// maxLevelBody bounds the request that changes the log's level.
const maxLevelBody = 1 << 10

// jsonFromCurl has a JSON object read as that, although curl -d calls it a
// form.
func jsonFromCurl(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLevelBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
			r.Header.Set("Content-Type", "application/json")
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func notHere(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
