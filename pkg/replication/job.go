package replication

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

// The states of a job, CouchDB's words.
const (
	initializing = "initializing"
	pending      = "pending"
	running      = "running"
	crashing     = "crashing"
	completed    = "completed"
	failed       = "failed"
)

// The waits before a job that crashed begins again.
const (
	firstRestart = time.Second
	lastRestart  = time.Minute
)

// maxEvents bounds the history of a job, as CouchDB's default does.
const maxEvents = 20

// event is a line of a job's history.
type event struct {
	Timestamp string `json:"timestamp"`
	Type      string `json:"type"`
	Reason    string `json:"reason,omitempty"`
}

// job is one replication that the scheduler owns.
type job struct {
	doc    string // in _replicator; "" for one of _replicate
	rev    string // of the document
	spec   spec
	opts   replicator.Options
	added  time.Time
	cancel context.CancelFunc
	done   chan struct{} // closed when it will not run again

	mu      sync.Mutex
	repl    *replicator.Replication // the present run, or the last
	state   string
	err     error
	errors  int
	changed time.Time
	events  []event            // newest first
	rotate  context.CancelFunc // ends the present run, to go on later
	begun   time.Time          // the present run
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// enter notes what happened; an empty state stays.
func (j *job) enter(state, kind string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changed = time.Now()
	if state != "" {
		j.state = state
	}
	if kind == "" {
		return
	}
	e := event{Timestamp: stamp(j.changed), Type: kind}
	if j.err = err; err != nil {
		e.Reason = err.Error()
		j.errors++
	}
	j.events = append([]event{e}, j.events...)
	if len(j.events) > maxEvents {
		j.events = j.events[:maxEvents]
	}
}

// status is a job's state, with what its present run says of it.
type status struct {
	state   string
	err     error
	errors  int
	changed time.Time
	events  []event
	id      string
	source  string
	target  string
	stats   replicator.Stats
}

func (j *job) status() status {
	j.mu.Lock()
	defer j.mu.Unlock()
	st := status{state: j.state, err: j.err, errors: j.errors, changed: j.changed, events: append([]event(nil), j.events...)}
	if j.repl == nil {
		return st
	}
	st.id, st.source, st.target, st.stats = j.repl.ID(), j.repl.Source(), j.repl.Target(), j.repl.Stats()
	if j.spec.Continuous {
		st.id += "+continuous"
	}
	if j.spec.CreateTarget {
		st.id += "+create_target"
	}
	st.errors += st.stats.Failures
	if st.state == running && st.stats.Err != nil {
		st.state, st.err = crashing, st.stats.Err
	}
	return st
}

// run runs the job until it is done or ctx ends. A crash is waited for.
func (j *job) run(ctx context.Context, s *Scheduler) {
	defer close(j.done)
	wait := pause.Growing{First: firstRestart, Last: lastRestart}
	for ctx.Err() == nil {
		if !s.places.enter(ctx) {
			return
		}
		j.enter(running, "started", nil)
		err := j.once(ctx)
		s.places.leave()
		switch {
		case ctx.Err() != nil:
			j.enter("", "stopped", nil)
			return
		case err == nil:
			j.enter(completed, "stopped", nil)
			return
		case errors.Is(err, errRotated):
			j.enter(pending, "stopped", nil)
			continue
		}
		j.enter(crashing, "crashed", err)
		if j.doc == "" && !j.spec.Continuous {
			j.enter(failed, "", nil)
			return
		}
		if j.status().stats.DocsWritten > 0 {
			wait.Reset()
		}
		wait.Wait(ctx)
	}
}

// errRotated ends a run so that another job gets its place.
var errRotated = errors.New("another replication gets its turn")

// once makes one run.
func (j *job) once(ctx context.Context) error {
	repl, err := replicator.New(j.opts)
	if err != nil {
		return err
	}
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	j.mu.Lock()
	j.repl, j.begun, j.rotate = repl, time.Now(), func() { cancel(errRotated) }
	j.mu.Unlock()
	err = repl.Run(run)
	if run.Err() != nil {
		err = context.Cause(run)
	}
	return err
}

// stop ends the job and waits for it.
func (j *job) stop() {
	j.cancel()
	<-j.done
}
