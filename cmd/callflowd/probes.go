package main

import (
	"context"
	"fmt"

	"github.com/callflowd/callflowd/cmd/callflowd/host"
	"github.com/callflowd/callflowd/pkg/api/health"
	"github.com/callflowd/callflowd/pkg/problem"
)

// leastFree is how much room the data directory needs: with less, a write
// ahead log or a snapshot may soon fail to grow.
const leastFree = 64 << 20

// probes are the health probes of the disk and of the files of embedded
// databases.
func (o *options) probes(store *storage) []health.Probe {
	all := []health.Probe{{Part: "disk", Ask: func(context.Context) error { return roomIn(host.FreeBytes(o.DataDir)) }}}
	if store.lite != nil {
		all = append(all, health.Probe{Part: "databases", Ask: func(context.Context) error { return undamaged(store.lite.Damaged()) }})
	}
	return all
}

// roomIn is an error if too little is free, as far as that is known.
func roomIn(free uint64, known bool) error {
	if !known || free >= leastFree {
		return nil
	}
	return notWorking(fmt.Sprintf("the data directory has %d MB left and needs %d", free>>20, leastFree>>20))
}

// undamaged is an error if databases are damaged. It does not name them, since
// their names hold account ids.
func undamaged(damages []error) error {
	if len(damages) == 0 {
		return nil
	}
	return notWorking(fmt.Sprintf("%d of the embedded databases are damaged and not used; the log names them", len(damages)))
}

func notWorking(message string) error {
	return &problem.Error{Code: problem.DatastoreFault, Msg: message, Data: map[string]any{"message": message}}
}
