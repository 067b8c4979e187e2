package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"
)

// Regular expressions with look-around or back-references backtrack without
// bound unless their engine has a time limit, which JavaScript cannot set. The
// variable is the engine's, and read whenever a pattern is compiled, so that it
// can only be written before anything runs.
//
// A match that runs out of time does not match, without an error. The limit is
// longer than a call's, so that the call has failed by then, and shorter than
// that and grace, so that its machine need not be thrown away.
var _ = func() bool { regexp2.DefaultMatchTimeout = defaultTime + grace/2; return true }()

const (
	setupTime = 5 * time.Second
	grace     = 2 * time.Second // for a builtin that runs when the time is up
)

// A Machine runs functions, one call at a time; it is not safe for concurrent
// use. It needs no closing.
type Machine struct {
	realms []*realm
	limits Limits
	stuck  bool
	clock  func() reading

	mu      sync.Mutex
	running *realm
	calls   int // entered so far: the number of the running one
}

// Config says what a machine runs.
type Config struct {
	Functions []*Function
	Modules   []byte // JSON, the tree of sources that require looks into; may be nil
	Limits    Limits
	Log       func(line string) // what functions log; may be nil
}

// NewMachine evaluates the functions. Its error is a *[CompileError] naming no
// view for one that is none, or that of a call.
func NewMachine(ctx context.Context, cfg Config) (*Machine, error) {
	m := &Machine{limits: cfg.Limits.withDefaults(), realms: make([]*realm, len(cfg.Functions)), clock: now}
	var modules *node
	if cfg.Modules != nil {
		var err error
		if modules, err = parse(cfg.Modules); err != nil {
			return nil, err
		}
	}
	// Setting up takes what it takes; only calls are limited more strictly.
	call := m.limits.Time
	m.limits.Time = max(call, setupTime)
	err := m.do(ctx, func() error {
		for i, f := range cfg.Functions {
			r, err := newRealm(m, f, modules, cfg.Log)
			if err != nil {
				return err
			}
			m.realms[i] = r
		}
		return nil
	})
	m.limits.Time = call
	return m, err
}

// Stuck says whether an earlier call still runs, which makes the machine useless.
func (m *Machine) Stuck() bool { return m.stuck }

// do runs job on a goroutine of its own and watches it until it ends. A job
// that cannot be stopped is left behind.
func (m *Machine) do(ctx context.Context, job func() error) error {
	if m.stuck {
		return ErrAbandoned
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("sandbox: %v", p)
			}
		}()
		done <- job()
	}()
	watch := time.NewTimer(watchPeriod)
	defer watch.Stop()
	w := watcher{machine: m, limits: m.limits}
	for {
		select {
		case err := <-done:
			return err
		case <-watch.C:
			if w.look(ctx.Err()) {
				m.stuck = true
				return ErrAbandoned
			}
			watch.Reset(watchPeriod)
		}
	}
}

// enter marks r as running, for the watcher.
func (m *Machine) enter(r *realm) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.begin()
	m.running, m.calls = r, m.calls+1
}

// leave ends what enter began: from here on nobody interrupts the realm.
func (m *Machine) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running.vm.ClearInterrupt()
	m.running = nil
}

// run calls f, which runs code of the realm, and classifies its error.
func (r *realm) run(f func()) error {
	r.machine.enter(r)
	defer r.machine.leave()
	return r.failure(r.try(f))
}

// try calls f and returns what it threw, also what no JavaScript can catch.
func (r *realm) try(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *goja.InterruptedError:
			err = p
		case *goja.StackOverflowError:
			err = p
		default:
			panic(p)
		}
	}()
	if exception := r.vm.Try(f); exception != nil {
		return exception
	}
	return nil
}

// failure classifies an error of a runtime. It may run toString of what was
// thrown, so it belongs inside the watched job.
func (r *realm) failure(err error) error {
	var overflow *goja.StackOverflowError
	var exception *goja.Exception
	switch limit := r.limit.Load(); {
	case err == nil:
		return nil
	case limit != nil:
		return limit
	case errors.As(err, &overflow):
		return &LimitError{Limit: "stack"}
	case errors.As(err, &exception):
		return r.exception(exception)
	}
	return err
}

// exception reads what was thrown.
func (r *realm) exception(e *goja.Exception) error {
	result := &ExceptionError{}
	if err := r.try(func() { r.describe(result, e.Value()) }); err != nil {
		result.Message = "an object that cannot be shown"
	}
	if limit := r.limit.Load(); limit != nil {
		return limit
	}
	return result
}

func (r *realm) describe(result *ExceptionError, thrown goja.Value) {
	o, ok := thrown.(*goja.Object)
	if !ok {
		result.Message = thrown.String()
		return
	}
	for name, reason := range map[string]**string{"forbidden": &result.Forbidden, "unauthorized": &result.Unauthorized} {
		if v := o.Get(name); v != nil && !goja.IsUndefined(v) {
			text := v.String()
			*reason = &text
			result.Message = name + ": " + text
		}
	}
	if result.Message != "" {
		return
	}
	if text, ok := r.json(o); ok && o.ClassName() != "Error" {
		result.Message = string(text)
	} else {
		result.Message = o.String()
	}
	result.Message = result.Message[:min(len(result.Message), maxLogLine)]
}
