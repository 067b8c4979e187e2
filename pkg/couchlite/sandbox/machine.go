package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dop251/goja"
)

const (
	setupWork     = 50_000_000      // for making a runtime and evaluating its function
	grace         = 2 * time.Second // for a builtin that runs when the time is up
	compileFactor = 200             // bytes for each byte of a source that is compiled
	maxFunctions  = 128             // of a machine; each takes a runtime of half a megabyte
)

// A Machine runs functions, one call at a time; it is not safe for concurrent
// use. It needs no closing.
type Machine struct {
	realms    []*realm
	config    Config
	modules   *node
	limits    Limits
	allowance allowance
	held      int64 // bytes that the functions may have kept
	stuck     bool
	clock     func() reading

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

// NewMachine evaluates the functions. If a source is not a function, the error
// is a *[CompileError], which names no view; if evaluating fails, it is the
// error of a call.
func NewMachine(ctx context.Context, cfg Config) (*Machine, error) {
	if len(cfg.Functions) > maxFunctions {
		return nil, compileErrorf("more than %d functions", maxFunctions)
	}
	m := &Machine{config: cfg, limits: cfg.Limits.withDefaults(), realms: make([]*realm, len(cfg.Functions)), clock: now}
	if cfg.Modules != nil {
		var err error
		if m.modules, err = parse(cfg.Modules); err != nil {
			return nil, err
		}
	}
	limit := m.limits.Time
	m.limits.Time = max(limit, defaultTime)
	err := m.do(ctx, func() error {
		for i := range m.realms {
			if _, err := m.realm(i); err != nil {
				return err
			}
		}
		return nil
	})
	m.limits.Time = limit
	return m, err
}

// realm returns the runtime of a function, and makes it if there is none.
func (m *Machine) realm(i int) (*realm, error) {
	if m.realms[i] != nil {
		return m.realms[i], nil
	}
	// Making a runtime has limits of its own; those of the config are for calls.
	m.allowance.limits.Work, m.allowance.limits.Memory = setupWork, max(m.limits.Memory, setupMemory)
	r, err := newRealm(m, m.config.Functions[i], m.modules, m.config.Log)
	m.allowance.limits = m.limits
	if err == nil {
		m.realms[i] = r
	}
	return r, err
}

// settle drops the runtimes that may have kept the most memory, until all
// together may have kept no more than retained.
func (m *Machine) settle() {
	for m.held > retained {
		most := -1
		for i, r := range m.realms {
			if r != nil && (most < 0 || r.held > m.realms[most].held) {
				most = i
			}
		}
		if most < 0 {
			m.held = 0
			return
		}
		m.held -= m.realms[most].held
		m.realms[most] = nil
	}
}

// Functions returns how many functions the machine runs.
func (m *Machine) Functions() int { return len(m.realms) }

// Stuck reports whether an earlier call still runs: the machine cannot be used.
func (m *Machine) Stuck() bool { return m.stuck }

// do runs job on a goroutine of its own and watches it until it ends. A job
// that cannot be stopped is left behind.
func (m *Machine) do(ctx context.Context, job func() error) error {
	if m.stuck {
		return ErrAbandoned
	}
	if err := m.allowance.begin(ctx, m.limits); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- m.perform(job) }()
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

// perform runs job within the allowance, and ends the allowance after it.
func (m *Machine) perform(job func() error) (err error) {
	defer m.allowance.end()
	defer m.settle()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("sandbox: %v", p)
		}
	}()
	return job()
}

// enter marks r as running, for the watcher.
func (m *Machine) enter(r *realm) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.begin()
	m.allowance.reset()
	m.running, m.calls = r, m.calls+1
}

// leave ends what enter began: from here on nobody interrupts the realm.
func (m *Machine) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running.vm.ClearInterrupt()
	m.running.held += m.allowance.memory
	m.held += m.allowance.memory
	m.running = nil
}

// run calls f, which runs code of the realm, and classifies its error.
func (r *realm) run(f func()) error {
	r.machine.enter(r)
	defer r.machine.leave()
	return r.failure(r.try(f))
}

// try calls f and returns what it threw, including what JavaScript cannot catch.
func (r *realm) try(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *goja.InterruptedError:
			err = p
		case *goja.StackOverflowError:
			err = p
		default:
			err = &engineError{p}
		}
	}()
	if exception := r.vm.Try(f); exception != nil {
		return exception
	}
	return nil
}

// An engineError is a panic of the engine itself, or of the log.
type engineError struct{ cause any }

func (e *engineError) Error() string { return fmt.Sprintf("the engine failed: %v", e.cause) }

// drop throws a runtime away. Its function gets a new one for its next call.
func (m *Machine) drop(r *realm) {
	for i := range m.realms {
		if m.realms[i] == r {
			m.realms[i] = nil
		}
	}
}

// failure classifies an error of a runtime. It may run toString of what was
// thrown, so it belongs inside the watched job.
func (r *realm) failure(err error) error {
	var overflow *goja.StackOverflowError
	var exception *goja.Exception
	var engine *engineError
	switch limit := r.limit.Load(); {
	case limit != nil:
		return limit
	case err == nil:
		return nil
	case errors.As(err, &overflow):
		return &LimitError{Limit: "stack"}
	case errors.As(err, &exception):
		return r.exception(exception)
	case errors.As(err, &engine):
		r.machine.drop(r)
		return &ExceptionError{Message: clip(engine.Error())}
	}
	return err
}

// exception reads what was thrown.
func (r *realm) exception(e *goja.Exception) error {
	result := &ExceptionError{}
	if err := r.try(func() { r.describe(result, e.Value()) }); err != nil {
		result.Message = "an object that cannot be shown"
	}
	result.Message = clip(result.Message)
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
	result.Forbidden, result.Unauthorized = reason(o, "forbidden"), reason(o, "unauthorized")
	switch {
	case result.Forbidden != nil:
		result.Message = "forbidden: " + *result.Forbidden
		return
	case result.Unauthorized != nil:
		result.Message = "unauthorized: " + *result.Unauthorized
		return
	}
	if text, ok := r.json(o); ok && o.ClassName() != "Error" {
		result.Message = string(text)
	} else {
		result.Message = o.String()
	}
}

// reason reads a member of what was thrown; nil if there is none.
func reason(o *goja.Object, name string) *string {
	v := o.Get(name)
	if v == nil || goja.IsUndefined(v) {
		return nil
	}
	text := v.String()
	return &text
}

// clip cuts a text that is for a log, between two characters.
func clip(text string) string {
	if len(text) <= maxLogLine {
		return text
	}
	n := maxLogLine
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
