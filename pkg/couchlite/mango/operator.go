package mango

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// operator compiles {"$name": arg} on what steps lead to; not negates it.
func operator(name string, arg any, not bool, steps []string, depth int) (condition, error) {
	object, isObject := arg.(map[string]any)
	switch name {
	case "$and", "$or", "$nor":
		return combination(name, arg, not, steps, depth)
	case "$not":
		if !isObject || len(object) == 0 && len(steps) == 0 {
			return nil, fmt.Errorf("%w $not", ErrArgument)
		}
		return value(arg, !not, steps, depth)
	case "$elemMatch", "$allMatch", "$keyMapMatch":
		if !isObject {
			return nil, fmt.Errorf("%w %s", ErrArgument, name)
		}
		inner, err := value(arg, false, nil, depth)
		if err != nil {
			return nil, err
		}
		return field(steps, negate(elements(name, inner), not), false), nil
	}
	test, err := comparison(name, arg)
	if err != nil {
		return nil, err
	}
	return field(steps, negate(test, not), name == "$exists" && arg == not), nil
}

func negate(c condition, not bool) condition {
	if !not {
		return c
	}
	return func(s *Selector, v any) bool { return !c(s, v) }
}

// combination compiles $and, $or and $nor over an array of selectors, or of
// values to equal.
func combination(name string, arg any, not bool, steps []string, depth int) (condition, error) {
	list, ok := arg.([]any)
	if !ok {
		return nil, fmt.Errorf("%w %s", ErrArgument, name)
	}
	inner := not != (name == "$nor")
	var parts []condition
	for _, item := range list {
		part, err := value(item, inner, steps, depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return func(*Selector, any) bool { return true }, nil
	}
	return join(parts, (name == "$or") != not), nil
}

// elements compiles the operators that look into arrays and objects.
func elements(name string, inner condition) condition {
	return func(s *Selector, v any) bool {
		switch v := v.(type) {
		case []any:
			hits := 0
			for _, item := range v {
				if inner(s, item) {
					hits++
				}
			}
			return name == "$elemMatch" && hits > 0 || name == "$allMatch" && len(v) > 0 && hits == len(v)
		case map[string]any:
			for key := range v {
				if name == "$keyMapMatch" && inner(s, key) {
					return true
				}
			}
		}
		return false
	}
}

// comparison compiles the operators that look at one value.
func comparison(name string, arg any) (condition, error) {
	bad := fmt.Errorf("%w %s", ErrArgument, name)
	switch name {
	case "$eq":
		return equal(arg, false), nil
	case "$ne":
		return equal(arg, true), nil
	case "$lt":
		return func(s *Selector, v any) bool { return s.compare(v, arg) < 0 }, nil
	case "$lte":
		return func(s *Selector, v any) bool { return s.compare(v, arg) <= 0 }, nil
	case "$gt":
		return func(s *Selector, v any) bool { return s.compare(v, arg) > 0 }, nil
	case "$gte":
		return func(s *Selector, v any) bool { return s.compare(v, arg) >= 0 }, nil
	case "$in", "$nin", "$all":
		list, ok := arg.([]any)
		if !ok {
			return nil, bad
		}
		return membership(name, list), nil
	case "$exists":
		want, ok := arg.(bool)
		if !ok {
			return nil, bad
		}
		return func(*Selector, any) bool { return want }, nil
	case "$type":
		want, ok := arg.(string)
		if !ok {
			return nil, bad
		}
		return func(_ *Selector, v any) bool { return typeName(v) == want }, nil
	case "$regex":
		re, err := pattern(arg)
		return func(_ *Selector, v any) bool { text, ok := v.(string); return ok && re.MatchString(text) }, err
	case "$beginsWith":
		prefix, ok := arg.(string)
		if !ok {
			return nil, bad
		}
		return func(_ *Selector, v any) bool { text, ok := v.(string); return ok && strings.HasPrefix(text, prefix) }, nil
	case "$size", "$mod":
		return counting(name, arg)
	}
	return nil, fmt.Errorf("%w: %s", ErrOperator, name)
}

// membership compiles $in, $nin and $all. An array is in the list when one of
// its elements is. It has all of a list also if it equals the only one of it.
func membership(name string, list []any) condition {
	has := func(s *Selector, values []any, v any) bool {
		return slices.ContainsFunc(values, func(item any) bool { return s.compare(item, v) == 0 })
	}
	if name == "$all" {
		return func(s *Selector, v any) bool {
			values, ok := v.([]any)
			if !ok || len(list) == 0 {
				return false
			}
			if _, whole := list[0].([]any); whole && len(list) == 1 && s.compare(list[0], v) == 0 {
				return true
			}
			return !slices.ContainsFunc(list, func(want any) bool { return !has(s, values, want) })
		}
	}
	return func(s *Selector, v any) bool {
		values, ok := v.([]any)
		if !ok {
			values = []any{v}
		}
		in := slices.ContainsFunc(values, func(item any) bool { return has(s, list, item) })
		return in == (name == "$in")
	}
}

// counting compiles $size and $mod.
func counting(name string, arg any) (condition, error) {
	bad := fmt.Errorf("%w %s", ErrArgument, name)
	if name == "$size" {
		n, ok := integer(arg)
		if !ok || n < 0 {
			return nil, bad
		}
		return func(_ *Selector, v any) bool { list, ok := v.([]any); return ok && int64(len(list)) == n }, nil
	}
	list, _ := arg.([]any)
	if len(list) != 2 {
		return nil, bad
	}
	divisor, ok := integer(list[0])
	rest, ok2 := integer(list[1])
	if !ok || !ok2 || divisor == 0 {
		return nil, bad
	}
	return func(_ *Selector, v any) bool { n, ok := integer(v); return ok && n%divisor == rest }, nil
}

func integer(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}
