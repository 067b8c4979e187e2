package deflate

import (
	"encoding/binary"
	"io"
	"math/bits"
)

// The three forms of a block.
const (
	storedBlock  = 0
	staticTrees  = 1
	dynamicTrees = 2
)

const (
	literals    = 256
	endOfBlock  = 256
	lengthCodes = 29
	lCodes      = literals + 1 + lengthCodes
	dCodes      = 30
	blCodes     = 19
	maxBits     = 15
)

var (
	extraLengthBits   = [lengthCodes]int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	extraDistanceBits = [dCodes]int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	extraBlBits       = [blCodes]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7}
	blOrder           = [blCodes]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
)

// symbol is a literal, or with a distance a match.
type symbol struct {
	distance int
	value    int // the byte, or the length less minMatch
}

// blockWriter gathers the symbols of a block and writes it in the form that is
// shortest.
type blockWriter struct {
	dst     io.Writer
	failed  error  // of dst, or of what is read
	out     []byte // not in dst yet
	bits    uint64 // not written yet
	bitsLen int

	symbols                    []symbol
	literalTree, distanceTree  tree
	codeLengthTree             tree
	optimalLength, fixedLength int // of the block, in bits
}

func (b *blockWriter) initBlock() {
	b.literalTree = newTree(lCodes, fixedLiterals, extraLengthBits[:], literals+1, maxBits)
	b.distanceTree = newTree(dCodes, fixedDistances, extraDistanceBits[:], 0, maxBits)
	b.codeLengthTree = newTree(blCodes, nil, extraBlBits[:], 0, 7)
	b.literalTree.codes[endOfBlock].freq = 1
	b.symbols = b.symbols[:0]
	b.optimalLength, b.fixedLength = 0, 0
}

// literal adds a byte and reports whether the block is full.
func (b *blockWriter) literal(c byte) bool {
	b.symbols = append(b.symbols, symbol{0, int(c)})
	b.literalTree.codes[c].freq++
	return len(b.symbols) == symbols
}

// match adds a match and reports whether the block is full.
func (b *blockWriter) match(distance, length int) bool {
	b.symbols = append(b.symbols, symbol{distance, length - minMatch})
	b.literalTree.codes[lengthCode(length-minMatch)+literals+1].freq++
	b.distanceTree.codes[distanceCode(distance-1)].freq++
	return len(b.symbols) == symbols
}

// endBlock writes the block up to start.
func (c *compressor) endBlock(last bool) {
	size := c.start - c.blockStart
	c.buildTree(&c.literalTree)
	c.buildTree(&c.distanceTree)
	codeLengths := c.buildCodeLengths()
	optimal, fixed := (c.optimalLength+3+7)>>3, (c.fixedLength+3+7)>>3
	optimal = min(optimal, fixed)
	switch {
	case size+4 <= optimal && c.blockStart >= 0:
		c.store(c.window[c.blockStart:c.start], last)
	case fixed == optimal:
		c.send(staticTrees<<1+bit(last), 3)
		c.compress(fixedLiterals, fixedDistances)
	default:
		c.send(dynamicTrees<<1+bit(last), 3)
		c.sendTrees(codeLengths)
		c.compress(c.literalTree.codes, c.distanceTree.codes)
	}
	c.initBlock()
	if last {
		c.windUp()
	}
	c.blockStart = c.start
	c.flush()
}

// flush hands on what is written so far.
func (b *blockWriter) flush() {
	if b.failed == nil {
		_, b.failed = b.dst.Write(b.out)
	}
	b.out = b.out[:0]
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// send writes the low n bits of v.
func (b *blockWriter) send(v, n int) {
	b.bits |= uint64(v) << b.bitsLen
	for b.bitsLen += n; b.bitsLen >= 8; b.bitsLen -= 8 {
		b.out = append(b.out, byte(b.bits))
		b.bits >>= 8
	}
}

// windUp writes the bits that are left, as whole bytes.
func (b *blockWriter) windUp() {
	if b.bitsLen > 0 {
		b.out = append(b.out, byte(b.bits))
	}
	b.bits, b.bitsLen = 0, 0
}

// store writes a block as it is.
func (b *blockWriter) store(block []byte, last bool) {
	b.send(storedBlock<<1+bit(last), 3)
	b.windUp()
	b.out = binary.LittleEndian.AppendUint16(b.out, uint16(len(block)))
	b.out = binary.LittleEndian.AppendUint16(b.out, ^uint16(len(block)))
	b.out = append(b.out, block...)
}

// compress writes the symbols with two codes.
func (b *blockWriter) compress(lit, dist []code) {
	for _, s := range b.symbols {
		if s.distance == 0 {
			b.sendCode(lit[s.value])
			continue
		}
		n := lengthCode(s.value)
		b.sendCode(lit[n+literals+1])
		if extra := extraLengthBits[n]; extra > 0 {
			b.send(s.value-baseLength[n], extra)
		}
		d := distanceCode(s.distance - 1)
		b.sendCode(dist[d])
		if extra := extraDistanceBits[d]; extra > 0 {
			b.send(s.distance-1-baseDistance[d], extra)
		}
	}
	b.sendCode(lit[endOfBlock])
}

func (b *blockWriter) sendCode(c code) { b.send(c.bits, c.length) }

// The first length, less minMatch, and the first distance, less one, of each
// code.
var baseLength, baseDistance = func() (lengths [lengthCodes]int, distances [dCodes]int) {
	at := 0
	for i := range lengthCodes - 1 {
		lengths[i] = at
		at += 1 << extraLengthBits[i]
	}
	lengths[lengthCodes-1] = maxMatch - minMatch
	at = 0
	for i := range dCodes {
		distances[i] = at
		at += 1 << extraDistanceBits[i]
	}
	return lengths, distances
}()

// lengthCode returns the code of a length less minMatch.
func lengthCode(n int) int {
	switch {
	case n == maxMatch-minMatch:
		return lengthCodes - 1
	case n < 8:
		return n
	}
	extra := bits.Len(uint(n)) - 3
	return extra<<2 + n>>extra
}

// distanceCode returns the code of a distance less one.
func distanceCode(d int) int {
	if d < 4 {
		return d
	}
	extra := bits.Len(uint(d)) - 2
	return extra<<1 + d>>extra
}
