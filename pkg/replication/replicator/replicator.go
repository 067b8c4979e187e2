// Package replicator copies the documents of one database to another over
// CouchDB's replication protocol: with their revision trees, conflicts,
// tombstones and attachments. Either end is CouchDB, pouchdb-server or
// couchlite, over the network or in this process.
//
// A [Replication] may be broken off at any moment. It goes on where both ends
// say that it was: each keeps a checkpoint in a _local document, whose form
// and comparison are CouchDB's. What a target refuses (403, 413) is counted
// and left out; it never holds up the rest.
//
// Memory is bounded: by a page of changes, by a batch of documents in bytes,
// and by one document. Attachments that are not small stream from one end to
// the other.
package replicator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/pause"
)

// Options say what is copied where. Zero values are defaults.
type Options struct {
	Source, Target Peer
	// Owner distinguishes the checkpoints of several replicators; CouchDB uses
	// its server's uuid.
	Owner        string
	Continuous   bool
	CreateTarget bool

	Filter
	Since          string // where to begin when there is no checkpoint
	NoCheckpoints  bool
	Checkpoint     time.Duration // at most that long between checkpoints; 0: [DefaultCheckpoint]
	PageChanges    int           // changes read at a time; 0: 500
	BatchDocs      int           // documents written at a time; 0: 500
	BatchBytes     int           // bytes of them; 0: 2 MB
	InlineBytes    int64         // attachments up to that size go along in batches; 0: 64 KB
	Attempts       int           // without progress, before a replication once gives up; 0: 10
	LongestBackoff time.Duration // 0: 30 s

	Log *zap.Logger // nil: no log
}

// DefaultCheckpoint is [Options].Checkpoint where that is 0.
const DefaultCheckpoint = 5 * time.Second

// The wait before the first repetition.
const firstBackoff = 200 * time.Millisecond

// isolateAfter is how often the target may fail before the document at fault is
// looked for.
const isolateAfter = 3

func (o *Options) setDefaults() {
	o.Checkpoint = cmp.Or(o.Checkpoint, DefaultCheckpoint)
	o.PageChanges = cmp.Or(o.PageChanges, 500)
	o.BatchDocs = cmp.Or(o.BatchDocs, 500)
	o.BatchBytes = cmp.Or(o.BatchBytes, 2<<20)
	o.InlineBytes = cmp.Or(o.InlineBytes, 64<<10)
	o.Attempts = cmp.Or(o.Attempts, 10)
	o.LongestBackoff = cmp.Or(o.LongestBackoff, 30*time.Second)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
}

// Replication is one replication, to be run once.
type Replication struct {
	opts           Options
	source, target *peer
	id             string

	bulkGet bool // the source has _bulk_get
	inline  bool // the target takes attachments only inside the document
	isolate bool // the target failed several times at the same place: find the document
	logs    checkpoints
	session Session // this run, as the checkpoints tell of it

	mu    sync.Mutex
	stats Stats // guarded by mu
}

// New prepares a replication. It asks no server anything.
func New(o Options) (*Replication, error) {
	o.setDefaults()
	source, err := newPeer(o.Source)
	if err != nil {
		return nil, errors.Join(errors.New("source"), err)
	}
	target, err := newPeer(o.Target)
	if err != nil {
		return nil, errors.Join(errors.New("target"), err)
	}
	r := &Replication{opts: o, source: source, target: target, bulkGet: true}
	r.id = r.identify("")
	r.stats = Stats{Pending: -1, Started: time.Now()}
	return r, nil
}

// ID names the replication, and its checkpoints. A replication with a filter
// function has another one once that was read.
func (r *Replication) ID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.id
}

// Source and Target are the addresses of both ends, without credentials.
func (r *Replication) Source() string { return r.source.String() }

// Target is the address of the target, without credentials.
func (r *Replication) Target() string { return r.target.String() }

// Run copies until everything is copied or, if continuous, until ctx ends. An
// error that may pass is waited for. If ctx ends, that is the error.
func (r *Replication) Run(ctx context.Context) error {
	wait := pause.Growing{First: firstBackoff, Last: r.opts.LongestBackoff}
	for failed := 0; ; {
		before := r.Stats()
		err := r.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || !Passes(err) {
			r.note(func(s *Stats) { s.Err = err })
			return err
		}
		if now := r.Stats(); now.DocsWritten > before.DocsWritten || now.Through != before.Through {
			failed = 0
			wait.Reset()
		}
		failed++
		r.isolate = failed >= isolateAfter
		if failed >= r.opts.Attempts && !r.opts.Continuous {
			return err
		}
		r.note(func(s *Stats) { s.Err, s.Current, s.Failures = err, false, s.Failures+1 })
		r.opts.Log.Debug("a replication was interrupted", zap.String("source", r.Source()), zap.String("target", r.Target()), zap.Error(err))
		if !wait.Wait(ctx) {
			return ctx.Err()
		}
	}
}

// Passes reports whether an error may be gone on the next attempt: the
// connection broke, or the server is not able just now.
func Passes(err error) bool {
	switch code := status(err); {
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusConflict, code >= 500:
		return true
	case code != 0:
		return false
	}
	return !errors.Is(err, errMalformed)
}

// errMalformed is an answer that is not of the protocol.
var errMalformed = errors.New("the answer is not CouchDB's")

// run is one attempt: from the last checkpoint on.
func (r *Replication) run(ctx context.Context) error {
	since, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	defer r.leave(ctx)
	for wait := false; ; {
		page, err := r.page(ctx, since, wait)
		if err != nil {
			return err
		}
		r.note(func(s *Stats) { s.Pending = page.Pending + int64(len(page.Results)) })
		if err := r.copyPage(ctx, page); err != nil {
			return err
		}
		since = page.LastSeq
		whole := len(page.Results) < r.opts.PageChanges
		r.through(since, page.Pending, whole)
		if whole && !r.opts.Continuous {
			return r.checkpoint(ctx)
		}
		if r.checkpointDue(wait && len(page.Results) == 0) {
			if err := r.checkpoint(ctx); err != nil {
				return err
			}
		}
		wait = whole
	}
}

// prepare meets both ends and finds where to begin.
func (r *Replication) prepare(ctx context.Context) (since json.RawMessage, err error) {
	if err := r.source.json(ctx, call{method: http.MethodGet}, nil, nil); err != nil {
		return nil, err
	}
	err = r.target.json(ctx, call{method: http.MethodGet}, nil, nil)
	if status(err) == http.StatusNotFound && r.opts.CreateTarget {
		err = r.createTarget(ctx)
	}
	if err != nil {
		return nil, err
	}
	if r.inline, err = r.target.isPouch(ctx); err != nil {
		return nil, err
	}
	if err := r.readFilter(ctx); err != nil {
		return nil, err
	}
	return r.begin(ctx)
}

func (r *Replication) createTarget(ctx context.Context) error {
	err := r.target.json(ctx, call{method: http.MethodPut}, nil, nil)
	if status(err) == http.StatusPreconditionFailed {
		return nil // somebody else did
	}
	return err
}

// isPouch reports whether the server is pouchdb-server, which knows no
// multipart.
func (p *peer) isPouch(ctx context.Context) (bool, error) {
	var banner map[string]any
	err := p.json(ctx, call{method: http.MethodGet, path: "/"}, nil, &banner)
	if code := status(err); code >= 400 && code < 500 {
		return false, nil // a proxy that shows the database alone
	}
	return banner["express-pouchdb"] != nil, err
}

// leave records how far the copy came, though the run is being ended.
func (r *Replication) leave(ctx context.Context) {
	if ctx.Err() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = r.checkpoint(ctx) // the next run checks again what came since the last one
}

// drained closes a body that was read, so that its connection serves again.
func drained(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4096)
	_ = body.Close()
}
