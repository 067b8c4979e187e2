package sandbox

import "time"

const (
	watchPeriod = 10 * time.Millisecond
	// Each look counts at most longestGap, however long ago the last one was. It
	// counts at least one idleShare-th of the time since then: else a call that
	// waits for something would never be stopped.
	longestGap = 2 * watchPeriod
	idleShare  = 20
)

// A reading is what the clocks say.
type reading struct {
	wall time.Time
	cpu  time.Duration // that the process has used
}

func now() reading { return reading{wall: time.Now(), cpu: processTime()} }

// A meter adds up how long something may have computed, from readings taken
// about every watchPeriod: the time between them, but no more than the process
// had of the processors.
type meter struct {
	seen  time.Duration
	spare time.Duration // processor time not counted yet; its clock may lag
	last  reading
}

func (m *meter) add(r reading) {
	gap := min(max(r.wall.Sub(m.last.wall), 0), longestGap)
	m.spare += max(r.cpu-m.last.cpu, 0)
	counted := min(gap, m.spare)
	m.spare = min(m.spare-counted, longestGap)
	m.seen += max(counted, gap/idleShare)
	m.last = r
}

// A watcher looks at the running call from outside.
type watcher struct {
	machine *Machine
	limits  Limits
	meter   meter
	call    int // that was running at the last look
}

// look interrupts a call that exceeded a limit or whose context is done. It
// returns true if the call still runs long after that.
func (w *watcher) look(done error) (stuck bool) {
	m := w.machine
	m.mu.Lock()
	r, call := m.running, m.calls
	m.mu.Unlock()
	if r == nil {
		return false
	}
	switch {
	case call != w.call:
		w.call, w.meter = call, meter{last: m.clock()}
	case m.allowance.waiting.Load():
		w.meter.last = m.clock() // waiting does not count as computing
	}
	limit := w.exceeded(done)
	m.mu.Lock()
	defer m.mu.Unlock()
	if limit == "" || m.running == nil || m.calls != call {
		return false
	}
	r.stop(limit) // at every look: goja forgets the interrupt when it returns to Go code
	return w.meter.seen > w.limits.Time+grace
}

// canceled is the limit of a call whose client has left.
func canceled(err error) string { return "time: " + err.Error() }

func (w *watcher) exceeded(done error) string {
	w.meter.add(w.machine.clock())
	switch {
	case w.meter.seen > w.limits.Time:
		return "time"
	case done != nil:
		return canceled(done)
	}
	return ""
}
