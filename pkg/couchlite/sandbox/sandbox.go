// Package sandbox runs the JavaScript of design documents: map, reduce, filter,
// update and validation functions, with the helpers CouchDB's query server
// gives them (emit, sum, isArray, toJSON, log, require).
//
// The code is not trusted. Every function lives in a runtime of its own, so
// that none can change what another one sees; documents are read-only; and a
// call is bounded in memory, work, stack and output.
//
// Memory and work are counted, not measured. Compile rewrites the source so that
// every function, every turn of a loop and everything that makes a string or an
// array longer counts first what it is about to allocate ([rewriter]). Builtins
// are wrapped to do the same (guardings), and regular expressions run on a
// matcher that counts its steps. The counts depend on the function and its
// arguments alone, so that a call that exceeds them always does.
//
// Time never changes a result; it can only end a call with an error. A [Machine]
// watches each call and interrupts one that computes far longer than its work
// should take. That error ([LimitError.Measured]) says nothing about the
// function. A call that cannot be interrupted is left running on its goroutine,
// and its machine returns [ErrAbandoned] from then on.
//
// Not available, as in couchjs or because nothing here can bound them: eval,
// the Function constructor, with, generators, async functions, Proxy, Reflect,
// BigInt, typed arrays, the set operations of Set.
package sandbox

import (
	"errors"
	"fmt"
	"time"
)

// Limits bound one call of one function. The zero value of a field stands for
// its default.
type Limits struct {
	Work   int64         // units of about 100 ns: turns of loops, calls, elements; default 10,000,000
	Time   time.Duration // of computing, far more than Work takes; default 1 minute
	Memory int64         // bytes allocated in all; default 256 MiB
	Rows   int           // emitted by one map call; default 100,000
	Output int           // bytes of JSON returned by one call; default 32 MiB
	Stack  int           // depth of JavaScript calls; default 2,000
}

const (
	defaultTime = time.Minute
	setupMemory = 64 << 20 // for making a runtime
)

func (l Limits) withDefaults() Limits {
	if l.Time == 0 {
		l.Time = defaultTime
	}
	if l.Work == 0 {
		l.Work = 10_000_000
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

// Error implements error.
func (e *LimitError) Error() string { return "function exceeded its limit of " + e.Limit }

// Measured reports whether the limit is one of time. The other limits do not
// depend on the machine: a call that exceeds one always does.
func (e *LimitError) Measured() bool { return e.Limit == "time" }

// An ExceptionError is what a function threw. Forbidden and Unauthorized hold
// the reasons of throw({forbidden: …}) and throw({unauthorized: …}).
type ExceptionError struct {
	Message      string
	Forbidden    *string
	Unauthorized *string
}

// Error implements error.
func (e *ExceptionError) Error() string { return "function raised exception: " + e.Message }

// A CompileError is the reason why a source is not a function.
type CompileError struct{ Reason string }

// Error implements error.
func (e *CompileError) Error() string { return e.Reason }

// ErrAbandoned is returned by a machine that still runs a call which could not
// be interrupted. Throw the machine away.
var ErrAbandoned = errors.New("sandbox: machine is stuck in an earlier call")

func compileErrorf(format string, args ...any) error {
	return &CompileError{Reason: fmt.Sprintf(format, args...)}
}
