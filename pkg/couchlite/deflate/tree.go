package deflate

import "math/bits"

// code is one symbol of a tree.
type code struct {
	freq   int
	bits   int
	length int
	dad    int
}

// tree is a Huffman tree over the symbols of one alphabet.
type tree struct {
	codes   []code // symbols, and behind them inner nodes
	fixed   []code // the tree that needs no description; nil: none
	extra   []int
	base    int // first symbol that has extra bits
	symbols int
	longest int // of a code
	max     int // highest symbol with a code
}

func newTree(symbols int, fixed []code, extra []int, base, longest int) tree {
	return tree{codes: make([]code, 2*symbols+1), fixed: fixed, extra: extra, base: base, symbols: symbols, longest: longest}
}

// The trees that need no description.
var fixedLiterals, fixedDistances = func() (lit, dist []code) {
	lit, dist = make([]code, lCodes+2), make([]code, dCodes)
	var counts [maxBits + 1]int
	for n := range lit {
		switch {
		case n <= 143:
			lit[n].length = 8
		case n <= 255:
			lit[n].length = 9
		case n <= 279:
			lit[n].length = 7
		default:
			lit[n].length = 8
		}
		counts[lit[n].length]++
	}
	generate(lit, lCodes+1, counts)
	for n := range dist {
		dist[n] = code{length: 5, bits: reverse(n, 5)}
	}
	return lit, dist
}()

func reverse(v, n int) int { return int(bits.Reverse16(uint16(v)) >> (16 - n)) }

// generate gives codes their bits, from their lengths.
func generate(codes []code, last int, counts [maxBits + 1]int) {
	var next [maxBits + 1]int
	at := 0
	for n := 1; n <= maxBits; n++ {
		at = (at + counts[n-1]) << 1
		next[n] = at
	}
	for n := 0; n <= last; n++ {
		if length := codes[n].length; length > 0 {
			codes[n].bits = reverse(next[length], length)
			next[length]++
		}
	}
}

// heap orders nodes by frequency, and by depth where that is equal. Its first
// place is not used.
type heap struct {
	nodes []int
	size  int // nodes in the heap; those sorted out grow from the end
	sort  int
	depth []int
	codes []code
}

func (h *heap) less(n, m int) bool {
	return h.codes[n].freq < h.codes[m].freq || h.codes[n].freq == h.codes[m].freq && h.depth[n] <= h.depth[m]
}

// down restores the order below place k.
func (h *heap) down(k int) {
	v := h.nodes[k]
	for j := k << 1; j <= h.size; j <<= 1 {
		if j < h.size && h.less(h.nodes[j+1], h.nodes[j]) {
			j++
		}
		if h.less(v, h.nodes[j]) {
			break
		}
		h.nodes[k] = h.nodes[j]
		k = j
	}
	h.nodes[k] = v
}

// buildTree gives the symbols of a tree their codes and adds what the block
// takes with them to its lengths.
func (b *blockWriter) buildTree(t *tree) {
	h := &heap{nodes: make([]int, 2*t.symbols+2), sort: 2*t.symbols + 1, depth: make([]int, 2*t.symbols+1), codes: t.codes}
	t.max = -1
	for n := range t.symbols {
		if t.codes[n].freq != 0 {
			h.size++
			h.nodes[h.size] = n
			t.max = n
		} else {
			t.codes[n].length = 0
		}
	}
	for h.size < 2 { // a tree needs two codes
		node := 0
		if t.max < 2 {
			t.max++
			node = t.max
		}
		h.size++
		h.nodes[h.size] = node
		t.codes[node].freq = 1
		b.optimalLength--
		if t.fixed != nil {
			b.fixedLength -= t.fixed[node].length
		}
	}
	for n := h.size / 2; n >= 1; n-- {
		h.down(n)
	}
	for node := t.symbols; ; node++ {
		n := h.nodes[1]
		h.nodes[1] = h.nodes[h.size]
		h.size--
		h.down(1)
		m := h.nodes[1]
		h.sort--
		h.nodes[h.sort] = n
		h.sort--
		h.nodes[h.sort] = m
		t.codes[node].freq = t.codes[n].freq + t.codes[m].freq
		h.depth[node] = max(h.depth[n], h.depth[m]) + 1
		t.codes[n].dad, t.codes[m].dad = node, node
		h.nodes[1] = node
		h.down(1)
		if h.size < 2 {
			break
		}
	}
	h.sort--
	h.nodes[h.sort] = h.nodes[1]
	generate(t.codes, t.max, b.lengths(t, h))
}

// lengths gives the symbols the lengths of their codes, none above the tree's
// longest, and returns how many there are of each.
func (b *blockWriter) lengths(t *tree, h *heap) (counts [maxBits + 1]int) {
	overflow := 0
	t.codes[h.nodes[h.sort]].length = 0 // the root
	end := 2*t.symbols + 1
	at := h.sort + 1
	for ; at < end; at++ {
		n := h.nodes[at]
		length := t.codes[t.codes[n].dad].length + 1
		if length > t.longest {
			length = t.longest
			overflow++
		}
		t.codes[n].length = length
		if n > t.max || n >= t.symbols {
			continue // no symbol
		}
		counts[length]++
		extra := 0
		if n >= t.base {
			extra = t.extra[n-t.base]
		}
		b.optimalLength += t.codes[n].freq * (length + extra)
		if t.fixed != nil {
			b.fixedLength += t.codes[n].freq * (t.fixed[n].length + extra)
		}
	}
	if overflow > 0 {
		b.shorten(t, h, overflow, &counts)
	}
	return counts
}

// shorten finds codes for the symbols that were too deep.
func (b *blockWriter) shorten(t *tree, h *heap, overflow int, counts *[maxBits + 1]int) {
	for ; overflow > 0; overflow -= 2 {
		length := t.longest - 1
		for counts[length] == 0 {
			length--
		}
		counts[length]--
		counts[length+1] += 2
		counts[t.longest]--
	}
	at := 2*t.symbols + 1
	for length := t.longest; length != 0; length-- {
		for n := counts[length]; n != 0; {
			at--
			m := h.nodes[at]
			if m > t.max {
				continue
			}
			if t.codes[m].length != length {
				b.optimalLength += (length - t.codes[m].length) * t.codes[m].freq
				t.codes[m].length = length
			}
			n--
		}
	}
}

// run is a code length, and in the codes above 15 how often one is repeated.
type run struct{ code, extra, bits int }

// runs describes the lengths of a tree's codes.
func runs(t *tree) (list []run) {
	previous, next, count := -1, t.codes[0].length, 0
	most, least := limits(next, -1)
	for n := 0; n <= t.max; n++ {
		current := next
		next = -1
		if n < t.max {
			next = t.codes[n+1].length
		}
		if count++; count < most && current == next {
			continue
		}
		switch {
		case count < least:
			for range count {
				list = append(list, run{code: current})
			}
		case current != 0:
			if current != previous {
				list = append(list, run{code: current})
				count--
			}
			list = append(list, run{16, count - 3, 2})
		case count <= 10:
			list = append(list, run{17, count - 3, 3})
		default:
			list = append(list, run{18, count - 11, 7})
		}
		count, previous = 0, current
		most, least = limits(next, current)
	}
	return list
}

// limits returns how often a run may repeat the next length, and the least
// number of repeats that is written as a run.
func limits(next, current int) (most, least int) {
	switch next {
	case 0:
		return 138, 3
	case current:
		return 6, 3
	}
	return 7, 4
}

// buildCodeLengths builds the tree of the runs that describe both trees, and
// returns them.
func (b *blockWriter) buildCodeLengths() []run {
	list := append(runs(&b.literalTree), runs(&b.distanceTree)...)
	for _, r := range list {
		b.codeLengthTree.codes[r.code].freq++
	}
	b.buildTree(&b.codeLengthTree)
	b.optimalLength += 3*(b.highestRun()+1) + 5 + 5 + 4
	return list
}

// highestRun is the last code of a run, in their order, that has a length.
func (b *blockWriter) highestRun() int {
	n := blCodes - 1
	for n >= 3 && b.codeLengthTree.codes[blOrder[n]].length == 0 {
		n--
	}
	return n
}

// sendTrees writes the trees of a block.
func (b *blockWriter) sendTrees(list []run) {
	last := b.highestRun()
	b.send(b.literalTree.max+1-257, 5)
	b.send(b.distanceTree.max+1-1, 5)
	b.send(last+1-4, 4)
	for n := 0; n <= last; n++ {
		b.send(b.codeLengthTree.codes[blOrder[n]].length, 3)
	}
	for _, r := range list {
		b.sendCode(b.codeLengthTree.codes[r.code])
		if r.bits > 0 {
			b.send(r.extra, r.bits)
		}
	}
}
