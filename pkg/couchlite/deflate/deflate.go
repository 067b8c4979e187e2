// Package deflate compresses as zlib does at level 8, byte for byte. CouchDB
// compresses attachments of text that way, and the MD5 of what comes out is
// the attachment's digest and part of its document's revision: two sites agree
// on a revision only if they compress alike, which compress/gzip does not.
//
// The names and the order of the steps are zlib's (deflate_slow, longest_match
// and trees.c of version 1.2.11 to 1.3.1, whose output is the same).
package deflate

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// What level 8 means: deflate_slow with these bounds.
const (
	goodLength = 32
	maxLazy    = 128
	niceLength = 258
	maxChain   = 1024
)

const (
	windowSize   = 1 << 15
	windowMask   = windowSize - 1
	hashBits     = 15
	hashMask     = 1<<hashBits - 1
	hashShift    = 5
	minMatch     = 3
	maxMatch     = 258
	minLookahead = maxMatch + minMatch + 1
	maxDistance  = windowSize - minLookahead
	tooFar       = 4096
	symbols      = 1<<14 - 1 // in a block
)

// Gzip returns data as zlib's deflate writes it with a gzip header of level 8.
func Gzip(data []byte) []byte {
	var out bytes.Buffer
	_ = Pack(&out, bytes.NewReader(data)) // neither of them fails
	return out.Bytes()
}

// Pack is [Gzip] of what src gives, written to dst as it comes. The error is that
// of the one or the other.
func Pack(dst io.Writer, src io.Reader) error {
	c := &compressor{input: src, window: make([]byte, 2*windowSize)}
	c.dst = dst
	c.out = append(c.out, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3) // no name, no time, Unix
	c.initBlock()
	if c.run(); c.failed != nil {
		return c.failed
	}
	c.out = binary.LittleEndian.AppendUint32(c.out, c.crc)
	c.out = binary.LittleEndian.AppendUint32(c.out, c.length)
	c.flush()
	return c.failed
}

// compressor is the state of one stream.
type compressor struct {
	input  io.Reader // of what is not in the window yet
	ended  bool      // nothing is left there
	crc    uint32    // of what was read
	length uint32    // of it, as gzip counts: modulo 2^32

	window     []byte // two windows: matches are looked for in what lies behind
	head       [1 << hashBits]uint16
	prev       [windowSize]uint16 // of equal hash, by position; 0 ends the chain
	hash       int
	start      int // of the string to be compressed
	lookahead  int // valid bytes from start on
	blockStart int // may be negative: the window has left it

	matchStart     int
	matchLength    int
	prevLength     int
	matchAvailable bool

	blockWriter
}

func (c *compressor) run() {
	c.matchLength = minMatch - 1
	for {
		if c.lookahead < minLookahead {
			c.fill()
			if c.failed != nil {
				return
			}
			if c.lookahead == 0 {
				break
			}
		}
		c.step()
	}
	if c.matchAvailable {
		c.literal(c.window[c.start-1])
	}
	c.endBlock(true)
}

// step looks at one string: it writes the match before it, unless this one's is
// longer.
func (c *compressor) step() {
	found := 0
	if c.lookahead >= minMatch {
		found = c.insert(c.start)
	}
	prevMatch := c.matchStart
	c.prevLength, c.matchLength = c.matchLength, minMatch-1
	if found != 0 && c.prevLength < maxLazy && c.start-found <= maxDistance {
		c.matchLength = c.longest(found)
		if c.matchLength == minMatch && c.start-c.matchStart > tooFar {
			c.matchLength = minMatch - 1
		}
	}
	switch {
	case c.prevLength >= minMatch && c.matchLength <= c.prevLength:
		c.takeMatch(prevMatch)
	case c.matchAvailable:
		full := c.literal(c.window[c.start-1])
		if full {
			c.endBlock(false)
		}
		c.start++
		c.lookahead--
	default:
		c.matchAvailable = true
		c.start++
		c.lookahead--
	}
}

// takeMatch writes the match of the string before start.
func (c *compressor) takeMatch(at int) {
	last := c.start + c.lookahead - minMatch
	full := c.match(c.start-1-at, c.prevLength)
	c.lookahead -= c.prevLength - 1
	for n := c.prevLength - 2; n > 0; n-- {
		if c.start++; c.start <= last {
			c.insert(c.start)
		}
	}
	c.matchAvailable = false
	c.matchLength = minMatch - 1
	c.start++
	if full {
		c.endBlock(false)
	}
}

// insert remembers the string at a position and returns the last one with the
// same hash, 0 if there is none.
func (c *compressor) insert(at int) int {
	c.addHash(c.window[at+minMatch-1])
	found := c.head[c.hash]
	c.prev[at&windowMask] = found
	c.head[c.hash] = uint16(at)
	return int(found)
}

func (c *compressor) addHash(b byte) { c.hash = (c.hash<<hashShift ^ int(b)) & hashMask }

// fill reads input into the window, which slides when it is full.
func (c *compressor) fill() {
	for {
		room := len(c.window) - c.lookahead - c.start
		if c.start >= windowSize+maxDistance {
			copy(c.window, c.window[windowSize:2*windowSize-room])
			c.matchStart -= windowSize
			c.start -= windowSize
			c.blockStart -= windowSize
			slide(c.head[:])
			slide(c.prev[:])
			room += windowSize
		}
		if c.ended {
			return
		}
		n := c.read(c.window[c.start+c.lookahead : c.start+c.lookahead+room])
		c.lookahead += n
		if c.lookahead >= minMatch {
			c.hash = int(c.window[c.start])
			c.addHash(c.window[c.start+1])
		}
		if c.lookahead >= minLookahead {
			return
		}
	}
}

// read fills p, but for what the end leaves empty: what comes out must not depend
// on the portions in which the input comes.
func (c *compressor) read(p []byte) (n int) {
	for n < len(p) && !c.ended {
		k, err := c.input.Read(p[n:])
		n += k
		if c.ended = err != nil; c.ended && err != io.EOF {
			c.failed = err
		}
	}
	c.crc = crc32.Update(c.crc, crc32.IEEETable, p[:n])
	c.length += uint32(n)
	return n
}

func slide(positions []uint16) {
	for i, at := range positions {
		positions[i] = max(at, windowSize) - windowSize
	}
}

// longest returns the length of the longest match for the string at start, and
// leaves in matchStart where it is, if it is longer than the one before.
func (c *compressor) longest(at int) int {
	chain, best, nice := maxChain, c.prevLength, min(niceLength, c.lookahead)
	limit := max(c.start-maxDistance, 0)
	if c.prevLength >= goodLength {
		chain >>= 2
	}
	scan := c.window[c.start:]
	for {
		match := c.window[at:]
		if match[best] == scan[best] && match[best-1] == scan[best-1] && match[0] == scan[0] && match[1] == scan[1] {
			n := 2
			for n < maxMatch && n < len(scan) && match[n] == scan[n] {
				n++
			}
			if n > best {
				c.matchStart, best = at, n
				if n >= nice {
					break
				}
			}
		}
		at = int(c.prev[at&windowMask])
		if chain--; at <= limit || chain == 0 {
			break
		}
	}
	return min(best, c.lookahead)
}
