// Package mango is CouchDB's selector language: a JSON object that says which
// documents match, as the _selector filter takes it.
//
// A condition on a field that a document lacks is false; only {"$exists":
// false} is true there. Values compare by CouchDB's collation, across types.
package mango

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/collation"
)

// ErrOperator says that a selector uses an operator that does not exist;
// ErrArgument that an operator cannot use its argument.
var (
	ErrOperator = errors.New("invalid operator")
	ErrArgument = errors.New("bad argument for operator")
)

// maxDepth bounds how deep a selector may nest.
const maxDepth = 100

// maxSize bounds the members and elements of a selector, all of which may be
// evaluated for every document.
const maxSize = 10_000

// MaxFields bounds the fields that [Project] is asked for, each of which is
// looked for in every document.
const MaxFields = 1000

// size counts the members and elements of a value.
func size(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, member := range v {
			n += size(member)
		}
	case []any:
		n = len(v)
		for _, element := range v {
			n += size(element)
		}
	}
	return n
}

// Selector decides which documents match. It is not safe for concurrent use.
type Selector struct {
	match    condition
	collator *collation.Collator
	raw      bool // ids compare by their bytes
}

// condition decides about one value.
type condition func(s *Selector, v any) bool

// New reads a selector, a JSON object.
func New(raw []byte) (*Selector, error) {
	v, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArgument, err)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: a selector is an object", ErrArgument)
	}
	if size(v) > maxSize {
		return nil, fmt.Errorf("%w: a selector of more than %d parts", ErrArgument, maxSize)
	}
	match, err := compile(object, false, nil, 0)
	if err != nil {
		return nil, err
	}
	return &Selector{match: match, collator: collation.New()}, nil
}

// Match reports whether a document, a JSON object, matches.
func (s *Selector) Match(doc []byte) (bool, error) {
	v, err := decode(doc)
	if err != nil {
		return false, err
	}
	return s.match(s, v), nil
}

func decode(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

// compare orders two values by CouchDB's collation.
func (s *Selector) compare(a, b any) int {
	if x, ok := a.(string); ok && s.raw {
		if y, ok := b.(string); ok {
			return strings.Compare(x, y)
		}
	}
	return bytes.Compare(s.key(a), s.key(b))
}

func (s *Selector) key(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	key, err := s.collator.Append(nil, raw)
	if err != nil {
		return nil
	}
	return key
}

// compile turns the members of a selector object, which all must hold, into
// one condition on what steps lead to. not negates it, by negating each part as
// CouchDB does.
func compile(object map[string]any, not bool, steps []string, depth int) (condition, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: nested too deep", ErrArgument)
	}
	var parts []condition
	for _, name := range sorted(object) {
		var part condition
		var err error
		if strings.HasPrefix(name, "$") {
			part, err = operator(name, object[name], not, steps, depth+1)
		} else {
			part, err = value(object[name], not, append(slices.Clip(steps), path(name)...), depth+1)
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return join(parts, not), nil
}

func sorted(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// join is true when all parts are, or with anyOf when one is.
func join(parts []condition, anyOf bool) condition {
	return func(s *Selector, v any) bool {
		for _, part := range parts {
			if part(s, v) == anyOf {
				return anyOf
			}
		}
		return !anyOf
	}
}

// value is the condition that arg stands for, on what steps lead to.
func value(arg any, not bool, steps []string, depth int) (condition, error) {
	if object, ok := arg.(map[string]any); ok && len(object) > 0 {
		return compile(object, not, steps, depth)
	}
	return field(steps, equal(arg, not), false), nil
}

// field is a condition on what a path of names leads to: through objects, and
// through arrays by number. If the last object lacks the name the answer is
// absent, and false where there is no object to look in.
func field(steps []string, test condition, absent bool) condition {
	raw := len(steps) == 1 && steps[0] == "_id"
	return func(s *Selector, v any) bool {
		for _, step := range steps {
			switch holder := v.(type) {
			case map[string]any:
				member, ok := holder[step]
				if !ok {
					return absent
				}
				v = member
			case []any:
				i, err := strconv.Atoi(step)
				if err != nil || i < 0 || i >= len(holder) {
					return false
				}
				v = holder[i]
			default:
				return false
			}
		}
		s.raw = raw
		return test(s, v)
	}
}

// path splits a field's name at dots; a backslash before a dot makes it part of the
// name.
func path(name string) []string {
	steps := []string{""}
	for i := 0; i < len(name); i++ {
		last := &steps[len(steps)-1]
		switch {
		case name[i] == '\\' && i+1 < len(name) && name[i+1] == '.':
			i++
			*last += "."
		case name[i] == '.':
			steps = append(steps, "")
		default:
			*last += name[i : i+1]
		}
	}
	return steps
}

func equal(arg any, not bool) condition {
	return func(s *Selector, v any) bool { return (s.compare(v, arg) == 0) != not }
}

func pattern(arg any) (*regexp.Regexp, error) {
	text, ok := arg.(string)
	if !ok {
		return nil, fmt.Errorf("%w $regex", ErrArgument)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%w $regex: %w", ErrArgument, err)
	}
	return re, nil
}
