package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
)

// Placeholders tells a person what paths and bodies may hold.
const Placeholders = `{{seq}} counts requests from 0, {{seq:N}} from N; {{rand:A-B}} is a random number from A to B, with A's leading zeros; {{hex:N}} are N random hexadecimal digits; {{line}} is a random line of the list.`

// template is text with gaps.
type template []part

// part is literal text, or what fills a gap.
type part struct {
	text string
	gap  gap // nil for literal text
}

// gap appends what fills it in the n-th request.
type gap func(buf []byte, n uint64, r *random) []byte

// random is a source of its own for each connection.
type random struct{ *rand.PCG }

func newRandom() random { return random{rand.NewPCG(rand.Uint64(), rand.Uint64())} }

// below returns a number from 0 to n-1; that some come up more often by a
// factor of n/2⁶⁴ does not matter here.
func (r *random) below(n uint64) uint64 { return r.Uint64() % n }

// sequence numbers requests.
type sequence struct{ n atomic.Uint64 }

func (s *sequence) next() uint64 { return s.n.Add(1) - 1 }

func (t template) append(buf []byte, n uint64, r *random) []byte {
	for i := range t {
		if t[i].gap == nil {
			buf = append(buf, t[i].text...)
			continue
		}
		buf = t[i].gap(buf, n, r)
	}
	return buf
}

// parseTemplate splits text at its placeholders. "{{" cannot begin anything
// in JSON, so that bodies need no escape.
func parseTemplate(text string, lines []string) (template, error) {
	var t template
	for text != "" {
		literal, rest, found := strings.Cut(text, "{{")
		if literal != "" {
			t = append(t, part{text: literal})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return nil, fmt.Errorf("the placeholder {{%.20s is not closed", rest)
		}
		filler, err := parseGap(name, lines)
		if err != nil {
			return nil, fmt.Errorf("placeholder {{%s}}: %w", name, err)
		}
		t = append(t, part{gap: filler})
		text = after
	}
	return t, nil
}

func parseGap(text string, lines []string) (gap, error) {
	name, argument, _ := strings.Cut(text, ":")
	switch name {
	case "seq":
		return sequenceGap(argument)
	case "rand":
		return randomGap(argument)
	case "hex":
		return hexGap(argument)
	case "line":
		return lineGap(lines)
	}
	return nil, errors.New("is none of seq, rand, hex, line")
}

func sequenceGap(argument string) (gap, error) {
	var first uint64
	if argument != "" {
		var err error
		if first, err = strconv.ParseUint(argument, 10, 63); err != nil {
			return nil, errors.New("seq:N needs a number")
		}
	}
	return func(buf []byte, n uint64, _ *random) []byte { return strconv.AppendUint(buf, first+n, 10) }, nil
}

func randomGap(argument string) (gap, error) {
	from, to, _ := strings.Cut(argument, "-")
	low, err := strconv.ParseUint(from, 10, 63)
	high, err2 := strconv.ParseUint(to, 10, 63)
	if err != nil || err2 != nil || high < low {
		return nil, errors.New("rand:A-B needs two numbers, A not above B")
	}
	width := len(from)
	return func(buf []byte, _ uint64, r *random) []byte {
		at := len(buf)
		buf = strconv.AppendUint(buf, low+r.below(high-low+1), 10)
		for len(buf)-at < width {
			buf = append(buf, 0)
			copy(buf[at+1:], buf[at:])
			buf[at] = '0'
		}
		return buf
	}, nil
}

func hexGap(argument string) (gap, error) {
	digits, err := strconv.Atoi(argument)
	if err != nil || digits < 1 || digits > 1024 {
		return nil, errors.New("hex:N needs a number from 1 to 1024")
	}
	return func(buf []byte, _ uint64, r *random) []byte {
		for range digits {
			buf = append(buf, "0123456789abcdef"[r.Uint64()>>60])
		}
		return buf
	}, nil
}

func lineGap(lines []string) (gap, error) {
	if len(lines) == 0 {
		return nil, errors.New("there is no list of lines")
	}
	return func(buf []byte, _ uint64, r *random) []byte {
		return append(buf, lines[r.below(uint64(len(lines)))]...)
	}, nil
}
