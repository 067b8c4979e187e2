package view

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"strconv"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

// stats is the result of _stats.
type stats struct {
	sum, count, low, high, squares erlNumber
}

// statsReducer also takes arrays of numbers, position by position, and
// statistics made before.
func statsReducer() *reducer {
	var all []stats
	array := false
	return &reducer{
		add: func(_ context.Context, r viewRow) error {
			list, isArray, ok := parseStats(r.value)
			if !ok || all != nil && (isArray != array || len(list) != len(all)) {
				return fault.New(500, "invalid_value", "non-numeric _stats input: "+string(r.value))
			}
			if all == nil {
				all, array = list, isArray
				return nil
			}
			for i := range list {
				all[i] = all[i].merge(list[i])
			}
			return nil
		},
		value: func(context.Context) ([]byte, error) {
			defer func() { all = nil }()
			return appendStats(nil, all, array), nil
		},
	}
}

func parseStats(raw []byte) (list []stats, array, ok bool) {
	if raw[0] == '[' {
		numbers, ok := parseNumbers(raw)
		list = make([]stats, len(numbers))
		for i, n := range numbers {
			list[i] = statsOf(n)
		}
		return list, true, ok
	}
	if n, ok := parseNumber(raw); ok {
		return []stats{statsOf(n)}, false, true
	}
	var members map[string]json.RawMessage
	if raw[0] != '{' || json.Unmarshal(raw, &members) != nil {
		return nil, false, false
	}
	var s stats
	for name, to := range map[string]*erlNumber{"sum": &s.sum, "count": &s.count, "min": &s.low, "max": &s.high, "sumsqr": &s.squares} {
		if *to, ok = parseNumber(members[name]); !ok {
			return nil, false, false
		}
	}
	return []stats{s}, false, true
}

func statsOf(n erlNumber) stats {
	one, _ := parseNumber([]byte("1"))
	return stats{sum: n, count: one, low: n, high: n, squares: n.square()}
}

func (s stats) merge(o stats) stats {
	s.sum, s.count, s.squares = s.sum.add(o.sum), s.count.add(o.count), s.squares.add(o.squares)
	if o.low.less(s.low) {
		s.low = o.low
	}
	if s.high.less(o.high) {
		s.high = o.high
	}
	return s
}

func appendStats(dst []byte, all []stats, array bool) []byte {
	if array {
		dst = append(dst, '[')
	}
	for i, s := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = fmt.Appendf(dst, `{"sum":%s,"count":%s,"min":%s,"max":%s,"sumsqr":%s}`,
			s.sum.append(nil), s.count.append(nil), s.low.append(nil), s.high.append(nil), s.squares.append(nil))
	}
	if array {
		dst = append(dst, ']')
	}
	return dst
}

// registers is the number of HyperLogLog registers, CouchDB's 2¹¹.
const registers = 1 << 11

// distinctReducer estimates how many different keys there are, within about
// 2 %.
func distinctReducer() *reducer {
	seed := maphash.MakeSeed()
	var ranks [registers]uint8
	return &reducer{
		add: func(_ context.Context, r viewRow) error {
			h := maphash.Bytes(seed, r.key)
			i := h % registers
			ranks[i] = max(ranks[i], uint8(bits.LeadingZeros64(h|registers-1))+1)
			return nil
		},
		value: func(context.Context) ([]byte, error) {
			defer func() { ranks = [registers]uint8{} }()
			return strconv.AppendInt(nil, int64(math.Round(cardinality(ranks[:]))), 10), nil
		},
	}
}

func cardinality(ranks []uint8) float64 {
	sum, empty := 0.0, 0
	for _, r := range ranks {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	m := float64(len(ranks))
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if estimate <= 2.5*m && empty > 0 {
		return m * math.Log(m/float64(empty))
	}
	return estimate
}
