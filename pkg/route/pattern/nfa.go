package pattern

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// nfa is the programs of all patterns of a set, one after the other. It is
// immutable.
type nfa struct {
	insts    []inst
	starts   []uint32 // by pattern
	floating []uint32 // starts of the patterns that may match anywhere
	fixed    []uint32 // starts of those that match at the subject's start only
	classes  *classes
	accepts  [][]bool // by set and class: whether the set holds the class
	size     int      // patterns
}

type inst struct {
	op    syntax.InstOp // InstRune for all that consume, InstNop for captures
	empty syntax.EmptyOp
	set   uint32 // InstRune: index into accepts
	out   uint32
	arg   uint32
	owner int32
}

// newNFA joins patterns. A start is floating unless its pattern is anchored.
func newNFA(joined []*Pattern) *nfa {
	n := &nfa{size: len(joined)}
	progs := make([]*syntax.Prog, len(joined))
	total := 0
	for i, p := range joined {
		progs[i] = p.program()
		total += len(progs[i].Inst)
	}
	n.insts = make([]inst, 0, total)
	var sets [][]rune
	index := map[string]uint32{}
	for owner, prog := range progs {
		base := uint32(len(n.insts))
		for i := range prog.Inst {
			in := inst{op: prog.Inst[i].Op, out: base + prog.Inst[i].Out, arg: base + prog.Inst[i].Arg, owner: int32(owner)}
			if set := runes(&prog.Inst[i]); set != nil {
				key := setKey(set)
				id, ok := index[key]
				if !ok {
					id = uint32(len(sets))
					index[key] = id
					sets = append(sets, set)
				}
				in.op, in.set = syntax.InstRune, id
			}
			if in.op == syntax.InstEmptyWidth {
				in.empty = syntax.EmptyOp(prog.Inst[i].Arg)
			}
			n.insts = append(n.insts, in)
		}
		start := base + uint32(prog.Start)
		n.starts = append(n.starts, start)
		if joined[owner].Anchored() {
			n.fixed = append(n.fixed, start)
		} else {
			n.floating = append(n.floating, start)
		}
	}
	n.classes, n.accepts = newClasses(sets)
	return n
}

func setKey(set []rune) string {
	var key []byte
	for _, r := range set {
		key = binary.AppendUvarint(key, uint64(r))
	}
	return string(key)
}

// edgeClass is the class of the end of the subject: the number after the last
// class.
func (n *nfa) edgeClass() int { return len(n.classes.kinds) }

// kindAt returns the kind of a class.
func (n *nfa) kindAt(class int) kind {
	if class == n.edgeClass() {
		return kindEdge
	}
	return n.classes.kinds[class]
}

// work is the memory one closure needs. It belongs to one goroutine.
type work struct {
	seen    []uint32 // by instruction: the round it was last seen in
	done    []uint32 // by pattern: the round it matched in
	round   uint32
	stack   []uint32
	reached []uint32 // consuming instructions reached in this round
	matches []int32
	next    []uint32
	left    Budget // counts the instructions down; below 0 it stops
}

func (n *nfa) newWork() *work {
	return &work{seen: make([]uint32, len(n.insts)), done: make([]uint32, n.size)}
}

// step follows the threads over one class, or the end of the subject: first the
// instructions that consume nothing, under the assertions that hold between
// before and the class, then the class itself. It puts the patterns that match
// before the class in w.matches, and the threads after it in w.next, both
// sorted. A pattern that has matched needs no more threads. If the budget does
// not suffice, it reports false, and the two lists are not to be used.
func (n *nfa) step(w *work, threads []uint32, before kind, class int) bool {
	w.round++
	w.reached, w.matches, w.next = w.reached[:0], w.matches[:0], w.next[:0]
	holds := between(before, n.kindAt(class))
	for _, pc := range threads {
		if w.left < 0 {
			return false
		}
		n.follow(w, pc, holds)
	}
	if class < n.edgeClass() {
		for _, pc := range w.reached {
			in := &n.insts[pc]
			if w.done[in.owner] != w.round && n.accepts[in.set][class] {
				w.next = append(w.next, in.out)
			}
		}
		slices.Sort(w.next)
		w.next = slices.Compact(w.next)
	}
	slices.Sort(w.matches)
	return true
}

// follow adds what can be reached from pc without consuming anything.
func (n *nfa) follow(w *work, pc uint32, holds syntax.EmptyOp) {
	w.stack = append(w.stack[:0], pc)
	for len(w.stack) > 0 && w.left >= 0 {
		pc := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if w.seen[pc] == w.round {
			continue
		}
		w.seen[pc] = w.round
		w.left--
		in := &n.insts[pc]
		switch in.op {
		case syntax.InstAlt, syntax.InstAltMatch:
			w.stack = append(w.stack, in.out, in.arg)
		case syntax.InstCapture, syntax.InstNop:
			w.stack = append(w.stack, in.out)
		case syntax.InstEmptyWidth:
			if in.empty&^holds == 0 {
				w.stack = append(w.stack, in.out)
			}
		case syntax.InstRune:
			w.reached = append(w.reached, pc)
		case syntax.InstMatch:
			if w.done[in.owner] != w.round {
				w.done[in.owner] = w.round
				w.matches = append(w.matches, in.owner)
			}
		}
	}
}
