package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/cmd/callflowd/host"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couchlite"
	"github.com/callflowd/callflowd/pkg/replication/replicator"
	"github.com/callflowd/callflowd/pkg/replication/sites"
)

// replicateOptions are the settings of replicate.
type replicateOptions struct {
	Source     string `arg:"" help:"Where from: a CouchDB or a callflowd's --couchdb-listen, https://user:password@host:6984, or the data directory of a callflowd that does not run."`
	Target     string `arg:"" help:"Where to, in the same form. A data directory is made if it is absent."`
	Accounts   string `default:"all" help:"all, subtree:ID, or ids of accounts with commas between them."`
	Continuous bool   `help:"Go on until the program is stopped."`
	Tokens     bool   `help:"Copy revoked and opaque tokens too."`
	SigningKey bool   `name:"signing-keys" help:"Copy the keys that sign tokens too: either site then takes the other's tokens."`
}

// server is one end of replicate.
type server struct {
	name   string // tells its checkpoints from those of another with the same address
	client *couch.Client
	peer   func(db string) replicator.Peer
	close  func() error
}

// replicateAtOnce bounds the databases that are copied at a time.
const replicateAtOnce = 4

// replicate copies the databases of accounts from one server to another.
func replicate(ctx context.Context, opts *replicateOptions, log *zap.Logger, stdout io.Writer) (err error) {
	selection, err := sites.ParseSelection(opts.Accounts)
	if err != nil {
		return fmt.Errorf("--accounts: %w", err)
	}
	source, err := openServer(opts.Source, log)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	defer func() { err = errors.Join(err, source.close()) }()
	target, err := openServer(opts.Target, log)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	defer func() { err = errors.Join(err, target.close()) }()
	list, err := sites.Databases(ctx, source.client, sites.Definition{Accounts: selection, Tokens: opts.Tokens, SigningKeys: opts.SigningKey})
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	p := newCopyProgress(stdout, len(list))
	var runs []*replicator.Replication
	for _, db := range list {
		run, err := replicator.New(replicator.Options{
			Source: source.peer(db.Name), Target: target.peer(db.Name), Owner: "callflowd replicate " + source.name + " " + target.name, CreateTarget: true,
			Continuous: opts.Continuous, Filter: db.Filter(), Log: log,
		})
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	return p.watch(runs, func() error { return runAll(ctx, list, runs, opts.Continuous) })
}

// runAll runs replications, some at a time unless they are continuous, and
// joins their errors.
func runAll(ctx context.Context, list []sites.Database, runs []*replicator.Replication, continuous bool) error {
	places := make(chan struct{}, replicateAtOnce)
	failed := make([]error, len(runs))
	var group sync.WaitGroup
	for i, run := range runs {
		if !continuous {
			places <- struct{}{}
		}
		group.Go(func() {
			if err := run.Run(ctx); err != nil && !(continuous && ctx.Err() != nil) {
				failed[i] = fmt.Errorf("%s: %w", list[i].Name, err)
			}
			if !continuous {
				<-places
			}
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

// openServer opens a server at an address, or embedded databases in a data
// directory.
func openServer(where string, log *zap.Logger) (server, error) {
	if strings.Contains(where, "://") {
		client, err := couch.Open(couch.Config{URL: where})
		base := strings.TrimSuffix(where, "/")
		peer := func(db string) replicator.Peer { return replicator.Peer{URL: base + "/" + couch.EncodedDB(db)} }
		return server{"", client, peer, func() error { return nil }}, err
	}
	if err := os.MkdirAll(where, 0o700); err != nil {
		return server{}, err
	}
	lock, err := host.LockDir(where)
	if err != nil {
		return server{}, err
	}
	lite, err := couchlite.Open(couchlite.Options{Dir: databasesDir(where), Log: log})
	if err != nil {
		return server{}, errors.Join(err, lock.Close())
	}
	client, err := couch.Open(couch.Config{Transport: lite.Transport()})
	peer := func(db string) replicator.Peer {
		return replicator.Peer{URL: "http://couchlite/" + couch.EncodedDB(db), Transport: lite.Transport()}
	}
	return server{lite.UUID(), client, peer, func() error { return errors.Join(lite.Close(), lock.Close()) }}, err
}

// copyProgress tells how far the copies are.
type copyProgress struct {
	out      io.Writer
	terminal bool
	of       int
	begun    time.Time
}

func newCopyProgress(out io.Writer, of int) *copyProgress {
	return &copyProgress{out, isTerminal(out), of, time.Now()}
}

// How often progress is told.
const (
	onTerminal = 200 * time.Millisecond
	onLines    = 5 * time.Second
)

// watch tells of progress while do runs, and at its end of the result.
func (p *copyProgress) watch(runs []*replicator.Replication, do func() error) error {
	every := onLines
	if p.terminal {
		every = onTerminal
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	done := make(chan error, 1)
	go func() { done <- do() }()
	for {
		select {
		case <-ticker.C:
			p.tell(runs)
		case err := <-done:
			if p.terminal {
				fmt.Fprint(p.out, "\r\x1b[K")
			}
			p.sum(runs)
			return err
		}
	}
}

// totals are the sums over all replications.
type totals struct {
	written, refused, bytes, pending int64
	finished                         int
}

func totalsOf(runs []*replicator.Replication) (t totals) {
	for _, run := range runs {
		s := run.Stats()
		t.written += s.DocsWritten
		t.refused += s.DocWriteFailures
		t.bytes += s.Bytes
		t.pending += max(s.Pending, 0)
		if s.Current {
			t.finished++
		}
	}
	return t
}

// barWidth is how many characters the bar has.
const barWidth = 20

func (p *copyProgress) tell(runs []*replicator.Replication) {
	t, took := totalsOf(runs), time.Since(p.begun).Seconds()
	rate := float64(t.written) / max(took, 0.001)
	left := "?"
	if rate > 0 {
		left = time.Duration(float64(t.pending) / rate * float64(time.Second)).Round(time.Second).String()
	}
	line := fmt.Sprintf("%d of %d databases, %d documents, %s, %.0f/s, %d pending, %s left",
		t.finished, p.of, t.written, megabytes(t.bytes), rate, t.pending, left)
	if !p.terminal {
		fmt.Fprintln(p.out, line)
		return
	}
	full := 0
	if all := t.written + t.pending; all > 0 {
		full = int(barWidth * t.written / all)
	}
	fmt.Fprintf(p.out, "\r[%s%s] %s\x1b[K", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), line)
}

// sum tells what was copied, and which documents were not.
func (p *copyProgress) sum(runs []*replicator.Replication) {
	t := totalsOf(runs)
	fmt.Fprintf(p.out, "%d databases, %d documents with %s copied in %s\n", p.of, t.written, megabytes(t.bytes), time.Since(p.begun).Round(100*time.Millisecond))
	for _, run := range runs {
		for _, r := range run.Stats().Refused {
			fmt.Fprintf(p.out, "not taken by %s: %s %s: %s\n", run.Target(), r.ID, r.Rev, r.Reason)
		}
	}
}
