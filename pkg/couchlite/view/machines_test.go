package view

import (
	"fmt"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/sandbox"
)

// TestIdleMachinesAreFew gives back more machines, and larger ones, than are
// kept.
func TestIdleMachinesAreFew(t *testing.T) {
	f, err := sandbox.Compile("f", "function(doc) {}")
	if err != nil {
		t.Fatal(err)
	}
	for _, functions := range []int{1, 50} {
		p := newMachinePool()
		for i := range 2 * maxIdleMachines {
			m, err := sandbox.NewMachine(t.Context(), sandbox.Config{Functions: make([]*sandbox.Function, 0, functions)})
			if err == nil && i%8 == 0 {
				list := make([]*sandbox.Function, functions)
				for j := range list {
					list[j] = f
				}
				m, err = sandbox.NewMachine(t.Context(), sandbox.Config{Functions: list})
			}
			if err != nil {
				t.Fatal(err)
			}
			p.put(fmt.Sprint(i), m)
			machines, size := 0, 0
			for _, list := range p.idle {
				machines += len(list)
				for _, m := range list {
					size += m.Functions()
				}
			}
			if machines > maxIdleMachines || size > maxIdleFunctions || machines != p.n || size != p.size {
				t.Fatalf("%d machines with %d functions, counted %d and %d", machines, size, p.n, p.size)
			}
		}
	}
}
