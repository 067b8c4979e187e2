package view

import (
	"sync"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// Bounds of what is kept for the next build or query. A function takes half a
// megabyte, and the functions of a machine may keep 16 MB of what they made.
const (
	maxIdleMachines  = 32
	maxIdleFunctions = 256
)

// machinePool keeps idle machines by the digest of what they run, so that
// databases with the same design documents share them.
type machinePool struct {
	mu   sync.Mutex
	idle map[string][]*sandbox.Machine
	n    int // of the machines
	size int // of their functions
}

func newMachinePool() *machinePool { return &machinePool{idle: map[string][]*sandbox.Machine{}} }

// get returns an idle machine, or makes one.
func (p *machinePool) get(key string, make func() (*sandbox.Machine, error)) (*sandbox.Machine, error) {
	p.mu.Lock()
	if list := p.idle[key]; len(list) > 0 {
		m := list[len(list)-1]
		p.idle[key] = list[:len(list)-1]
		p.n--
		p.size -= m.Functions()
		p.mu.Unlock()
		return m, nil
	}
	p.mu.Unlock()
	return make()
}

// put gives a machine back; one that is stuck is thrown away.
func (p *machinePool) put(key string, m *sandbox.Machine) {
	if m.Stuck() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n >= maxIdleMachines || p.size+m.Functions() > maxIdleFunctions {
		clear(p.idle)
		p.n, p.size = 0, 0
	}
	p.idle[key] = append(p.idle[key], m)
	p.n++
	p.size += m.Functions()
}
