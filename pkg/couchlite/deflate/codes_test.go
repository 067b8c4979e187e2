package deflate

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"math/bits"
	"testing"
)

// TestCodes holds the codes of lengths and distances to RFC 1951, 3.2.5.
func TestCodes(t *testing.T) {
	lengths := []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	code := 0
	for length := minMatch; length <= maxMatch; length++ {
		if code+1 < len(lengths) && length == lengths[code+1] {
			code++
		}
		if got := lengthCode(length - minMatch); got != code {
			t.Errorf("length %d has code %d, want %d", length, got, code)
		}
		if length < maxMatch && length-minMatch-baseLength[code] >= 1<<extraLengthBits[code] || lengths[code] != baseLength[code]+minMatch {
			t.Errorf("length %d does not fit code %d", length, code)
		}
	}
	distances := []int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	code = 0
	for distance := 1; distance <= windowSize; distance++ {
		if code+1 < len(distances) && distance == distances[code+1] {
			code++
		}
		if got := distanceCode(distance - 1); got != code || baseDistance[code] != distances[code]-1 || distance-1-baseDistance[code] >= 1<<extraDistanceBits[code] {
			t.Errorf("distance %d has code %d, want %d", distance, got, code)
		}
	}
}

// TestFixedTrees holds the codes that need no description to RFC 1951, 3.2.6.
func TestFixedTrees(t *testing.T) {
	for _, tt := range []struct{ symbol, length, first int }{
		{0, 8, 0b00110000}, {143, 8, 0b10111111}, {144, 9, 0b110010000}, {255, 9, 0b111111111}, {256, 7, 0}, {279, 7, 0b0010111}, {280, 8, 0b11000000}, {285, 8, 0b11000101},
	} {
		if c := fixedLiterals[tt.symbol]; c.length != tt.length || reverse(c.bits, c.length) != tt.first {
			t.Errorf("symbol %d: %b of %d bits, want %b of %d", tt.symbol, reverse(c.bits, c.length), c.length, tt.first, tt.length)
		}
	}
	for n, c := range fixedDistances {
		if c.length != 5 || reverse(c.bits, 5) != n {
			t.Errorf("distance code %d: %b of %d bits", n, c.bits, c.length)
		}
	}
}

// frequencies are how often the symbols of an alphabet come, of many shapes.
func frequencies(symbols int) map[string][]int {
	shapes := map[string]func(n int) int{
		"none": func(int) int { return 0 }, "one": func(n int) int { return bit(n == 7) }, "the first two": func(n int) int { return bit(n < 2) }, "the last": func(n int) int { return bit(n == symbols-1) },
		"equal": func(int) int { return 3 }, "rising": func(n int) int { return n }, "every third": func(n int) int { return bit(n%3 == 0) * (n + 1) },
		"doubling": func(n int) int { return 1 << min(n, 40) }, // deeper than a code may be
		"mixed":    func(n int) int { return n * n * 7919 % 101 },
	}
	list := map[string][]int{}
	for name, shape := range shapes {
		for n := range symbols {
			list[name] = append(list[name], shape(n))
		}
	}
	return list
}

// built is a tree of an alphabet.
func built(b *blockWriter, symbols, longest int, freq []int) tree {
	tr := newTree(symbols, nil, make([]int, symbols), 0, longest)
	for n, f := range freq {
		tr.codes[n].freq = f
	}
	b.buildTree(&tr)
	return tr
}

// TestTrees builds codes of many shapes: each is complete, none is longer than
// allowed, no code begins another one, symbols that come have one, a more
// frequent symbol has no longer one, and the length is counted right.
func TestTrees(t *testing.T) {
	for _, alphabet := range []struct{ symbols, longest int }{{lCodes, maxBits}, {dCodes, maxBits}, {blCodes, 7}} {
		for name, freq := range frequencies(alphabet.symbols) {
			b := &blockWriter{}
			tr := built(b, alphabet.symbols, alphabet.longest, freq)
			space, length, codes := 0, 0, map[string]int{}
			for n, c := range tr.codes[:alphabet.symbols] {
				if (c.length > 0) != (freq[n] > 0) && freq[n] > 0 || c.length > alphabet.longest || n > tr.max && c.length > 0 {
					t.Errorf("%s of %d: symbol %d has %d bits", name, alphabet.symbols, n, c.length)
				}
				if c.length == 0 {
					continue
				}
				space += 1 << (maxBits - c.length)
				length += freq[n] * c.length
				codes[fmt.Sprintf("%0*b", c.length, reverse(c.bits, c.length))] = n
				for m, d := range tr.codes[:alphabet.symbols] {
					if freq[n] > freq[m] && d.length > 0 && c.length > d.length {
						t.Errorf("%s of %d: symbol %d comes more often than %d and has the longer code", name, alphabet.symbols, n, m)
					}
				}
			}
			if space != 1<<maxBits {
				t.Errorf("%s of %d: the codes are not complete: %x", name, alphabet.symbols, space)
			}
			for code := range codes {
				for k := range len(code) {
					if _, begun := codes[code[:k]]; begun {
						t.Errorf("%s of %d: %s begins with another code", name, alphabet.symbols, code)
					}
				}
			}
			if few := name == "none" || name == "one" || name == "the last"; b.optimalLength != length && !few { // to which others are added
				t.Errorf("%s of %d: %d bits are counted, %d are needed", name, alphabet.symbols, b.optimalLength, length)
			}
		}
	}
}

// TestRuns writes the lengths of codes in short and reads them again.
func TestRuns(t *testing.T) {
	long := make([]int, 0, 286)
	for _, part := range [][2]int{{0, 2}, {5, 1}, {0, 3}, {5, 3}, {5, 1}, {0, 10}, {7, 7}, {0, 11}, {8, 3}, {0, 138}, {9, 4}, {3, 6}, {0, 60}, {1, 1}} {
		for range part[1] {
			long = append(long, part[0])
		}
	}
	tests := [][]int{{1, 1}, {0, 1}, {4, 4, 4, 4}, {4, 4, 4, 4, 4, 4, 4, 4}, {0, 0, 0, 2}, long}
	for _, lengths := range tests {
		tr := newTree(len(lengths), nil, nil, 0, maxBits)
		tr.max = len(lengths) - 1
		for n, length := range lengths {
			tr.codes[n].length = length
		}
		var got []int
		for _, r := range runs(&tr) {
			value, times := r.code, 1
			switch r.code {
			case 16:
				value, times = got[len(got)-1], r.extra+3
			case 17:
				value, times = 0, r.extra+3
			case 18:
				value, times = 0, r.extra+11
			}
			if r.code >= 16 && (r.extra < 0 || r.extra >= 1<<r.bits || r.bits != map[int]int{16: 2, 17: 3, 18: 7}[r.code]) {
				t.Errorf("%v: run %+v", lengths, r)
			}
			for range times {
				got = append(got, value)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(lengths) {
			t.Errorf("%v became %v", lengths, got)
		}
	}
}

// TestBits writes numbers of so many bits, the low ones first.
func TestBits(t *testing.T) {
	b := &blockWriter{}
	b.send(0b1, 1)
	b.send(0b10, 2)
	b.send(0b111111111111, 12)
	b.send(0, 1)
	b.send(0b101, 3)
	b.windUp()
	b.windUp()
	if want := []byte{0b11111101, 0b01111111, 0b101}; !bytes.Equal(b.out, want) {
		t.Errorf("%08b, want %08b", b.out, want)
	}
}

// edges are inputs at the edges of what the compressor does: of its window, of a
// block, of matches that are too far or long enough to stop looking.
func edges() map[string][]byte {
	word := func(n, seed int) []byte {
		out := make([]byte, n)
		for i := range out {
			seed = seed*1103515245 + 12345
			out[i] = byte(seed >> 16)
		}
		return out
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	list := map[string][]byte{
		"as many literals as a block has":  word(symbols, 3),
		"one more":                         word(symbols+1, 3),
		"stored":                           word(70_000, 5),
		"three bytes too far":              join([]byte("xyz"), word(tooFar, 7), []byte("xyz"), word(50, 8)),
		"three bytes just near enough":     join([]byte("xyz"), word(tooFar-3, 7), []byte("xyz"), word(50, 8)),
		"four bytes far":                   join([]byte("wxyz"), word(20_000, 7), []byte("wxyz"), word(50, 8)),
		"the farthest match":               join(word(300, 9), bytes.Repeat([]byte{0}, maxDistance-300), word(300, 9), word(9, 1)),
		"a match beyond":                   join(word(300, 9), bytes.Repeat([]byte{0}, maxDistance-299), word(300, 9), word(9, 1)),
		"longest matches":                  join(word(258, 4), word(258, 4), word(259, 4), word(600, 4)),
		"a better match follows":           bytes.Repeat([]byte("abcdeabcdXbcdeYabcdefabcdeXbcdeYab"), 90),
		"lazy no more":                     join(word(128, 6), []byte("?"), word(128, 6), word(129, 6), []byte("!"), word(140, 6)),
		"more of a kind than is looked at": join(bytes.Repeat([]byte("abcX"), 1200), bytes.Repeat([]byte("abcY"), 1200), word(9, 2)),
		"windows of one byte":              bytes.Repeat([]byte{7}, 3*windowSize+5),
		"all lengths":                      nil,
		"fixed trees":                      []byte("abcabcabc hello"),
		"doubling frequencies":             nil,
	}
	for n := 3; n <= 258; n++ {
		list["all lengths"] = append(append(list["all lengths"], byte(n), byte(n>>1)), word(258, 11)[:n]...)
	}
	for i, n := range word(60_000, 12) { // each byte half as often as the one before
		list["doubling frequencies"] = append(list["doubling frequencies"], byte(bits.TrailingZeros16(uint16(n)|uint16(i&0x1f)<<8|1<<15))*29)
	}
	return list
}

// edgeSums are the MD5 of what zlib 1.2.13 makes of [edges].
func edgeSums() map[string]string {
	return map[string]string{
		"a better match follows":           "2fa913ceccbfceaf86b5abae040f9e97",
		"a match beyond":                   "390d1a319e5c05391f030cf317e8379b",
		"all lengths":                      "3e38abc9f166002ce79dc47fc99a64f9",
		"as many literals as a block has":  "ef2e665cb608966db558da31c3f8c0bf",
		"doubling frequencies":             "0e77e6b2daafd4261db51d9fcd8f92cb",
		"fixed trees":                      "52f82ecf527217ffe043a95c32c87d2a",
		"four bytes far":                   "53694528780565e876e112ee88c2cb15",
		"lazy no more":                     "053988e82219fc2b0288988e0ed52b54",
		"longest matches":                  "df6efe1af8f84136a2c4a80b6534edd9",
		"more of a kind than is looked at": "9dd6b25742646da49c837ef82f1467f4",
		"one more":                         "4e92f29899bee3793eef5f580bd6bae5",
		"stored":                           "24f13a7fa3751c0ab9401057bbac8d5e",
		"the farthest match":               "d201a6dd1ebc59ba6358a961da3d60f7",
		"three bytes just near enough":     "5cfc31b800f3de3f821774a1772543c6",
		"three bytes too far":              "c73cac03f8c5cea7baa651e7662f19ae",
		"windows of one byte":              "12236b0ba8b8ddcb32e2901e96a4f1de",
	}
}

// TestEdges compresses inputs at the edges as zlib does, and so that they come
// back.
func TestEdges(t *testing.T) {
	sums := edgeSums()
	for name, in := range edges() {
		out := Gzip(in)
		if sum := md5.Sum(out); hex.EncodeToString(sum[:]) != sums[name] {
			t.Errorf("%s: %d bytes with MD5 %x, want %s", name, len(out), sum, sums[name])
		}
		z, err := gzip.NewReader(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := io.ReadAll(z); err != nil || !bytes.Equal(back, in) {
			t.Errorf("%s: %d bytes come back as %d: %v", name, len(in), len(back), err)
		}
	}
}
