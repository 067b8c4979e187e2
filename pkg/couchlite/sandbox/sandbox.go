// Package sandbox runs the JavaScript of design documents: map, reduce, filter,
// update and validation functions, with the helpers CouchDB's query server
// gives them (emit, sum, isArray, toJSON, log, require).
//
// The code is not trusted. Every function lives in a runtime of its own, so
// that none can change what another one sees; documents are read-only; and a
// call is bounded in time, memory, stack and output. A [Machine] watches each
// call from outside and interrupts it. What cannot be interrupted, a builtin
// that works on megabytes, is refused beforehand or, as the last resort, left
// behind on its goroutine: such a machine answers [ErrAbandoned] from then on.
//
// Time is what a call may have computed, not what the clock on the wall says:
// a machine that was paused, or too busy to run the call, blames nobody. Memory
// can only be measured of the process as a whole, so that a call may be blamed
// for what others did. Who cannot afford that repeats a call that ran into one
// of these two limits ([LimitError.Measured]) before believing it.
//
// Not available, as in couchjs or because nothing here can bound them: eval,
// the Function constructor, Proxy, Reflect, BigInt, typed arrays.
package sandbox

import (
	"errors"
	"fmt"
	"time"
)

// Limits bound one call of one function. The zero value of a field stands for
// its default.
type Limits struct {
	Time   time.Duration // of computing; default 2 s
	Memory int64         // growth of the process's live heap in bytes; default 256 MiB
	Rows   int           // emitted by one map call; default 100,000
	Output int           // bytes of JSON returned by one call; default 32 MiB
	Stack  int           // depth of JavaScript calls; default 2,000
}

const defaultTime = 2 * time.Second

func (l Limits) withDefaults() Limits {
	if l.Time == 0 {
		l.Time = defaultTime
	}
	if l.Memory == 0 {
		l.Memory = 256 << 20
	}
	if l.Rows == 0 {
		l.Rows = 100_000
	}
	if l.Output == 0 {
		l.Output = 32 << 20
	}
	if l.Stack == 0 {
		l.Stack = 2000
	}
	return l
}

// A LimitError says which bound a call ran into.
type LimitError struct{ Limit string }

func (e *LimitError) Error() string { return "function exceeded its limit of " + e.Limit }

// Measured says whether the bound was measured from outside, time or memory. A
// call that exceeds any other one always does so.
func (e *LimitError) Measured() bool { return e.Limit == "time" || e.Limit == "memory" }

// An ExceptionError is what a function threw. Forbidden and Unauthorized hold
// the reasons of throw({forbidden: …}) and throw({unauthorized: …}).
type ExceptionError struct {
	Message      string
	Forbidden    *string
	Unauthorized *string
}

func (e *ExceptionError) Error() string { return "function raised exception: " + e.Message }

// A CompileError is the reason why a source is not a function.
type CompileError struct{ Reason string }

func (e *CompileError) Error() string { return e.Reason }

// ErrAbandoned is returned by a machine that still runs a call which could not
// be interrupted. Throw the machine away.
var ErrAbandoned = errors.New("sandbox: machine is stuck in an earlier call")

func compileErrorf(format string, args ...any) error {
	return &CompileError{Reason: fmt.Sprintf(format, args...)}
}
