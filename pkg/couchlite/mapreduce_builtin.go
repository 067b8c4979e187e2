package couchlite

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"math/bits"
	"net/http"
	"slices"
	"strconv"

	"github.com/callflowd/callflowd/pkg/couchlite/ejson"
)

func countReducer() *reducer {
	n := 0
	return &reducer{
		add: func(context.Context, viewRow) error { n++; return nil },
		value: func(context.Context) ([]byte, error) {
			defer func() { n = 0 }()
			return strconv.AppendInt(nil, int64(n), 10), nil
		},
	}
}

// sumError is what _sum gives for a value it cannot add.
type sumError struct{ cause json.RawMessage }

func (*sumError) Error() string {
	return "The _sum function requires that map values be numbers, arrays of numbers, or objects. " +
		"Objects cannot be mixed with other data structures. Objects can be arbitrarily nested, provided that the values " +
		"for all fields are themselves numbers, arrays of numbers, or objects."
}

// sumReducer adds numbers, arrays element by element and objects member by
// member.
func sumReducer() *reducer {
	var sum any // nil, erlNumber, []erlNumber or map[string]any
	var failed *sumError
	return &reducer{
		add: func(_ context.Context, r viewRow) error {
			if failed == nil {
				sum, failed = addValue(sum, r.value)
			}
			return nil
		},
		value: func(context.Context) ([]byte, error) {
			defer func() { sum, failed = nil, nil }()
			if failed != nil {
				return fmt.Appendf(nil, `{"error":"builtin_reduce_error","reason":%s,"caused_by":%s}`,
					ejson.AppendString(nil, failed.Error()), failed.cause), nil
			}
			return appendSum(nil, sum), nil
		},
	}
}

func addValue(sum any, raw []byte) (any, *sumError) {
	refuse := func() (any, *sumError) { return nil, &sumError{cause: slices.Clone(raw)} }
	if n, ok := parseNumber(raw); ok {
		switch s := sum.(type) {
		case nil:
			return n, nil
		case erlNumber:
			return s.add(n), nil
		case []erlNumber:
			return addArrays(s, []erlNumber{n}), nil
		}
		return refuse()
	}
	switch raw[0] {
	case '[':
		list, ok := parseNumbers(raw)
		if !ok {
			return refuse()
		}
		switch s := sum.(type) {
		case nil:
			return list, nil
		case erlNumber:
			return addArrays([]erlNumber{s}, list), nil
		case []erlNumber:
			return addArrays(s, list), nil
		}
	case '{':
		return addObject(sum, raw)
	}
	return refuse()
}

func addObject(sum any, raw []byte) (any, *sumError) {
	s, ok := sum.(map[string]any)
	if sum != nil && !ok {
		return nil, &sumError{cause: slices.Clone(raw)}
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, &sumError{cause: slices.Clone(raw)}
	}
	if s == nil {
		s = map[string]any{}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		added, err := addValue(s[name], members[name])
		if err != nil {
			return nil, err
		}
		s[name] = added
	}
	return s, nil
}

func parseNumbers(raw []byte) ([]erlNumber, bool) {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil, false
	}
	list := make([]erlNumber, len(items))
	for i, item := range items {
		var ok bool
		if list[i], ok = parseNumber(item); !ok {
			return nil, false
		}
	}
	return list, true
}

func addArrays(a, b []erlNumber) []erlNumber {
	if len(a) < len(b) {
		a, b = b, a
	}
	sum := slices.Clone(a)
	for i := range b {
		sum[i] = a[i].add(b[i])
	}
	return sum
}

func appendSum(dst []byte, sum any) []byte {
	switch s := sum.(type) {
	case erlNumber:
		return s.append(dst)
	case []erlNumber:
		dst = append(dst, '[')
		for i, n := range s {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = n.append(dst)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, name := range slices.Sorted(maps.Keys(s)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendSum(append(ejson.AppendString(dst, name), ':'), s[name])
		}
		return append(dst, '}')
	}
	return append(dst, '0')
}

// stats are what _stats tells of some numbers.
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
				return fail(http.StatusInternalServerError, "invalid_value", "non-numeric _stats input: "+string(r.value))
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
