package sandbox

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"
)

// What a call allocates is counted before it is allocated, and never given
// back: the count depends on the function and its arguments alone. It is an
// upper bound of what the call can hold at any moment.
//
// A call may hold freeMemory beside up to smallCalls others. One that needs
// more waits until it is one of bigCalls. So all calls of the process together
// hold no more than smallCalls*freeMemory + bigCalls*Limits.Memory.
const (
	freeMemory = 4 << 20
	smallCalls = 64
	bigCalls   = 2
	// retained is what the calls of a machine may allocate in all before its
	// runtimes are made anew, which frees what functions kept in variables.
	retained = 16 << 20
	// longestWait ends a wait for memory that others hold.
	longestWait = time.Minute
)

// turns are the places for running calls, shared by the machines of the process.
var turns = struct{ small, big chan struct{} }{make(chan struct{}, smallCalls), make(chan struct{}, bigCalls)}

// An allowance counts what one call uses.
type allowance struct {
	memory, work int64 // used so far
	ceiling      int64 // of memory, before more has to be asked for
	limits       Limits
	ctx          context.Context
	big          bool        // holds a place in turns.big
	waiting      atomic.Bool // for one
}

// begin takes a place for a call. It waits no longer than ctx allows.
func (a *allowance) begin(ctx context.Context, limits Limits) error {
	select {
	case turns.small <- struct{}{}:
	default:
		select {
		case turns.small <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	a.ctx, a.limits, a.big = ctx, limits, false
	a.reset()
	return nil
}

// reset starts the count for the next function. A place once taken is kept.
func (a *allowance) reset() {
	a.memory, a.work, a.ceiling = 0, 0, min(freeMemory, a.limits.Memory)
	if a.big {
		a.ceiling = a.limits.Memory
	}
}

// end gives back the places of the call.
func (a *allowance) end() {
	if a.big {
		<-turns.big
	}
	<-turns.small
}

// grow raises the ceiling to the limit. If it cannot, it returns the name of the
// limit that was reached.
func (a *allowance) grow() string {
	if a.memory > a.limits.Memory {
		return "memory"
	}
	if a.big {
		return ""
	}
	select {
	case turns.big <- struct{}{}:
	default:
		if limit := a.wait(); limit != "" {
			return limit
		}
	}
	a.big, a.ceiling = true, a.limits.Memory
	return ""
}

// wait waits for a place in turns.big. If it gets none, it returns the name of
// the limit that was reached.
func (a *allowance) wait() string {
	a.waiting.Store(true)
	defer a.waiting.Store(false)
	timeout := time.NewTimer(longestWait)
	defer timeout.Stop()
	select {
	case turns.big <- struct{}{}:
		return ""
	case <-a.ctx.Done():
		return canceled(a.ctx.Err())
	case <-timeout.C:
		return "time"
	}
}

// take counts bytes that are about to be allocated. If a limit is reached, it
// returns the limit's name.
func (a *allowance) take(bytes int) (limit string) {
	if bytes < 0 {
		return "memory"
	}
	a.memory += int64(bytes)
	if a.memory <= a.ceiling {
		return ""
	}
	return a.grow()
}

// charge counts bytes that are about to be allocated. It does not return if
// that is too many.
func (r *realm) charge(bytes int) {
	if limit := r.machine.allowance.take(bytes); limit != "" {
		r.exceed(limit)
	}
}

// spend counts work: about one unit for each turn of a loop, each call of a
// function and every few elements or characters that a builtin walks.
func (r *realm) spend(work int) {
	a := &r.machine.allowance
	a.work += int64(work)
	if work < 0 || a.work > a.limits.Work {
		r.exceed("work")
	}
}

// stopped ends a native function of a call that ran into a limit before.
func (r *realm) stopped() {
	if r.limit.Load() != nil {
		panic(r.vm.NewTypeError("interrupted"))
	}
}

// tick is the call that [meterProgram] puts at the start of every function and
// of every turn of a loop. Its argument is what the code up to the next tick
// may allocate in bytes, apart from what the other calls count.
func (r *realm) tick(call goja.FunctionCall) goja.Value {
	r.stopped()
	cost := int(call.Arguments[0].ToInteger())
	r.spend(1 + cost>>10)
	r.charge(cost)
	return goja.Undefined()
}

// text counts the string that an addition or a template made. It is no longer
// than two strings that were counted before.
func (r *realm) text(call goja.FunctionCall) goja.Value {
	v := call.Arguments[0]
	if s, ok := v.(goja.String); ok {
		r.stopped()
		r.chargeString(s)
	}
	return v
}

// chargeString counts the characters of a string that was just made.
func (r *realm) chargeString(s goja.String) {
	n := s.Length()
	if n > maxString {
		panic(r.rangeError("Invalid string length"))
	}
	r.spend(n >> 8)
	r.charge(16 + width(s)*n)
}

// index returns a key that is about to be written to, and counts the room that
// an array makes for it: index(array, key).
func (r *realm) index(call goja.FunctionCall) goja.Value {
	key := call.Argument(1)
	o, ok := call.Argument(0).(*goja.Object)
	if !ok || o.ClassName() != "Array" {
		return r.otherIndex(key, false)
	}
	i := -1.0
	switch k := key.(type) {
	case *goja.Object, *goja.Symbol:
		i = spareLength
	case goja.String:
		if k.Length() == 0 || k.CharAt(0) < '0' || k.CharAt(0) > '9' {
			return r.otherIndex(k, true)
		}
		i = k.ToFloat()
	default:
		i = k.ToFloat()
	}
	if i <= maxSmallIndex {
		return key
	}
	if n := o.Get("length").ToFloat(); i >= n {
		r.charge(slotCost * int(min(i-n+1, spareLength+1)))
	}
	return key
}

// otherIndex returns a key that is no index. The name of a prototype must be
// written as such, so that [realm.prototype] sees the value.
func (r *realm) otherIndex(key goja.Value, array bool) goja.Value {
	if o, ok := key.(*goja.Object); ok {
		key = r.toString(o)
	}
	k, ok := key.(goja.String)
	switch {
	case !ok || k.Length() < len("length") || k.Length() > len("prototype"):
	case array && k.String() == "length":
		r.charge(sparseCost)
	case k.String() == "prototype":
		panic(r.vm.NewTypeError("prototype must be written as a name"))
	}
	return key
}

// prototype returns what is about to become a prototype. Looking for a member
// takes as long as the chain of prototypes, and stack.
func (r *realm) prototype(call goja.FunctionCall) goja.Value {
	v := call.Argument(0)
	r.chain(v)
	if o, ok := v.(*goja.Object); ok {
		if _, function := goja.AssertFunction(o); function {
			r.chain(o.Get("prototype"))
		}
	}
	return v
}

func (r *realm) chain(v goja.Value) {
	n := 0
	for o, _ := v.(*goja.Object); o != nil; o = o.Prototype() {
		if n++; n > maxChain {
			panic(r.rangeError("too long a chain of prototypes"))
		}
	}
}

// length returns what is about to become the length of something. An array that
// was made longer may make room for that many elements.
func (r *realm) length(call goja.FunctionCall) goja.Value {
	v := call.Argument(0)
	if _, ok := v.(*goja.Object); ok {
		r.charge(sparseCost)
	} else if n := v.ToFloat(); n > 0 {
		r.charge(slotCost * int(min(n, spareLength)))
	}
	return v
}

// copied returns an object whose members are about to be copied, or were.
func (r *realm) copied(call goja.FunctionCall) goja.Value {
	r.spread(call.Argument(0))
	return call.Argument(0)
}

// rest counts the objects that an assignment made: rest(value, object, …).
func (r *realm) rest(call goja.FunctionCall) goja.Value {
	for _, v := range call.Arguments[min(1, len(call.Arguments)):] {
		r.spread(v)
	}
	return call.Argument(0)
}

// caught counts an error that was caught: it holds the calls that led to it.
// Those above the catch counted more than that when they began.
func (r *realm) caught(goja.FunctionCall) goja.Value {
	r.stopped()
	r.charge(smallDefaults)
	r.chargeStack()
	return goja.Undefined()
}

// chargeStack counts a list of the calls under way, and its text.
func (r *realm) chargeStack() {
	r.stack = r.vm.CaptureCallStack(0, r.stack[:0])
	cost := 512
	for _, frame := range r.stack {
		cost += frameCost + 2*len(frame.FuncName())
	}
	r.spend(len(r.stack) / 8)
	r.charge(cost)
}
