// Package replication runs replications on embedded databases, as CouchDB does
// it on its own: a [Scheduler] owns those that documents of the database
// _replicator describe and those that POST _replicate asks for, and tells of
// them at _scheduler/jobs and _scheduler/docs in CouchDB's form.
//
// A bounded number of replications runs at a time; if there are more they take
// turns. One that fails begins again after a pause that grows. All end with
// the scheduler.
package replication

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"sort"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

// Config says what a [Scheduler] works on.
type Config struct {
	// Couch is a client of the server whose replications these are.
	Couch *couch.Client
	// LocalURL and Local reach that server's databases, which are named
	// without a scheme.
	LocalURL string
	Local    http.RoundTripper
	UUID     string        // distinguishes this server's checkpoints
	MaxJobs  int           // that run at a time; 0: 500
	Attempts int           // of one run, before it counts as crashed; 0: 10
	Rotate   time.Duration // how long a job runs at least while others wait; 0: 1 minute
	Log      *zap.Logger
}

// maxPassing bounds the replications that were asked for at _replicate and are
// remembered.
const maxPassing = 10_000

// Scheduler owns replications. [Scheduler.Run] must run for any to happen.
type Scheduler struct {
	cfg    Config
	places places

	mu      sync.Mutex
	ctx     context.Context       // of Run
	jobs    map[string]*job       // by document id, or "/" and replication id
	settled map[string]settledDoc // by document id
	group   sync.WaitGroup
	stopped bool
}

// settledDoc is what a document says of a replication that is over, or that
// it does not describe.
type settledDoc struct {
	ID     string          `json:"_replication_id"`
	State  string          `json:"_replication_state"`
	Reason string          `json:"_replication_state_reason"`
	At     string          `json:"_replication_state_time"`
	Stats  json.RawMessage `json:"_replication_stats"`
}

// New prepares a scheduler.
func New(cfg Config) *Scheduler {
	cfg.MaxJobs = cmp.Or(cfg.MaxJobs, 500)
	cfg.Rotate = cmp.Or(cfg.Rotate, time.Minute)
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	return &Scheduler{
		cfg: cfg, places: make(places, cfg.MaxJobs), jobs: map[string]*job{}, settled: map[string]settledDoc{},
	}
}

// replicatorDB is the database whose documents are replications.
const replicatorDB = "_replicator"

// Run runs replications until ctx ends, and returns when all have ended.
func (s *Scheduler) Run(ctx context.Context) {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	follower := &couch.Follower{
		DB: s.cfg.Couch.DB(replicatorDB), IncludeDocs: true, Begin: s.begin,
		Take: func(ctx context.Context, page couch.ChangesPage) error {
			for _, change := range page.Changes {
				s.consider(ctx, change.ID, change.Doc)
			}
			return nil
		},
	}
	var group sync.WaitGroup
	group.Go(func() { follower.Run(ctx) })
	group.Go(func() { s.rotate(ctx) })
	group.Wait()
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.group.Wait()
}

// begin reads the documents that there are; jobs whose documents are gone end.
func (s *Scheduler) begin(ctx context.Context) error {
	seen := map[string]bool{}
	for row, err := range s.cfg.Couch.DB(replicatorDB).AllDocs(ctx, couch.Query{IncludeDocs: true}) {
		if problem.Is(err, problem.MissingDatabase) {
			break
		}
		if err != nil {
			return err
		}
		seen[row.ID] = true
		s.consider(ctx, row.ID, row.Doc)
	}
	for id := range s.documents() {
		if !seen[id] {
			s.remove(id)
		}
	}
	return nil
}

// documents are the ids of the documents that are known.
func (s *Scheduler) documents() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := map[string]bool{}
	for id, j := range s.jobs {
		if j.doc != "" {
			ids[id] = true
		}
	}
	for id := range s.settled {
		ids[id] = true
	}
	return ids
}

// consider begins, changes or ends what a document describes.
func (s *Scheduler) consider(ctx context.Context, id string, raw json.RawMessage) {
	if len(id) > 0 && id[0] == '_' {
		return // a design document
	}
	var doc struct {
		Rev     string `json:"_rev"`
		Deleted bool   `json:"_deleted"`
		settledDoc
	}
	if json.Unmarshal(raw, &doc) != nil || doc.Deleted || len(raw) == 0 {
		s.remove(id)
		return
	}
	if known := s.job(id); known != nil && known.rev == doc.Rev {
		return
	}
	s.remove(id)
	if doc.State == completed || doc.State == failed {
		s.settle(id, doc.settledDoc)
		return
	}
	description, err := parse(raw)
	var opts replicator.Options
	if err == nil {
		opts, err = s.options(description)
	}
	if err == nil {
		_, err = replicator.New(opts)
	}
	if err != nil {
		s.refuse(ctx, id, doc.Rev, err)
		return
	}
	s.start(&job{doc: id, rev: doc.Rev, spec: description, opts: opts}, id)
}

// refuse notes that a document describes no replication, also in it.
func (s *Scheduler) refuse(ctx context.Context, id, rev string, err error) {
	s.settle(id, settledDoc{State: failed, Reason: err.Error(), At: stamp(time.Now())})
	s.writeBack(ctx, id, rev, map[string]any{"_replication_state": failed, "_replication_state_reason": err.Error()})
}

func (s *Scheduler) settle(id string, d settledDoc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled[id] = d
}

func (s *Scheduler) job(key string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs[key]
}

// remove ends the job of that key, if there is one.
func (s *Scheduler) remove(key string) *job {
	s.mu.Lock()
	j := s.jobs[key]
	delete(s.jobs, key)
	delete(s.settled, key)
	s.mu.Unlock()
	if j != nil {
		j.stop()
	}
	return j
}

// start runs a job. It returns the one that ran already, if one of that key
// did; nil while the scheduler does not run.
func (s *Scheduler) start(j *job, key string) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.ctx == nil {
		return nil
	}
	if ran := s.jobs[key]; ran != nil && ran.alive() {
		return ran
	}
	ctx, cancel := context.WithCancel(s.ctx)
	j.added, j.cancel, j.done = time.Now(), cancel, make(chan struct{})
	j.enter(pending, "added", nil)
	s.jobs[key] = j
	s.group.Go(func() {
		defer cancel()
		j.run(ctx, s)
		if j.doc != "" && ctx.Err() == nil {
			s.finish(ctx, j)
		}
	})
	return j
}

func (j *job) alive() bool {
	select {
	case <-j.done:
		return false
	default:
		return true
	}
}

// finish writes into the document that its replication is completed.
func (s *Scheduler) finish(ctx context.Context, j *job) {
	st := j.status()
	s.writeBack(ctx, j.doc, j.rev, map[string]any{
		"_replication_id": st.id, "_replication_state": completed, "_replication_stats": infoOf(st),
	})
}

// writeBack adds to a document, unless somebody has changed it meanwhile: then
// it is considered again.
func (s *Scheduler) writeBack(ctx context.Context, id, rev string, members map[string]any) {
	db := s.cfg.Couch.DB(replicatorDB)
	wait := pause.Growing{First: 100 * time.Millisecond, Last: 5 * time.Second}
	for {
		doc, err := db.Get(ctx, id)
		if err == nil {
			if doc.Rev() != rev {
				return
			}
			for name, value := range members {
				doc[name] = value
			}
			doc["_replication_state_time"] = stamp(time.Now())
			err = s.put(ctx, doc, id)
		}
		if err == nil || !problem.Is(err, problem.Unavailable) || !wait.Wait(ctx) {
			return
		}
	}
}

// put writes a document and remembers its revision, so that the change is not
// taken for somebody else's.
func (s *Scheduler) put(ctx context.Context, doc document.Doc, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.cfg.Couch.DB(replicatorDB).Put(ctx, doc)
	if j := s.jobs[id]; err == nil && j != nil {
		j.rev = doc.Rev()
	}
	return err
}

// rotate gives jobs that wait a turn, when as many run as may.
func (s *Scheduler) rotate(ctx context.Context) {
	for pause.For(ctx, s.cfg.Rotate) {
		if !s.places.full() {
			continue
		}
		s.mu.Lock()
		var long []*job
		waiting := 0
		for _, j := range s.jobs {
			j.mu.Lock()
			switch {
			case j.state == pending:
				waiting++
			case j.state == running && j.spec.Continuous && time.Since(j.begun) >= s.cfg.Rotate:
				long = append(long, j)
			}
			j.mu.Unlock()
		}
		s.mu.Unlock()
		sort.Slice(long, func(a, b int) bool { return long[a].begun.Before(long[b].begun) })
		for _, j := range long[:min(waiting, len(long))] {
			j.mu.Lock()
			j.rotate()
			j.mu.Unlock()
		}
	}
}
