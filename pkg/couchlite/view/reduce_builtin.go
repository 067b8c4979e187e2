package view

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
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
