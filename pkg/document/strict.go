package document

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Limits bound what [Decode] accepts (contract 9.11, design section 7). A
// field that is zero or negative stands for its default.
type Limits struct {
	Depth  int // objects and arrays inside one another; 128
	Keys   int // object members in the whole text; 100,000
	Items  int // array items in the whole text; 100,000
	Number int // characters of one number literal; 64
}

func (l Limits) orDefaults() Limits {
	if l.Depth <= 0 {
		l.Depth = 128
	}
	if l.Keys <= 0 {
		l.Keys = 100_000
	}
	if l.Items <= 0 {
		l.Items = 100_000
	}
	if l.Number <= 0 {
		l.Number = 64
	}
	return l
}

// Rule names what a [SyntaxError] complains of.
type Rule string

// The rules of [Decode].
const (
	RuleSyntax       Rule = "syntax"        // not JSON (RFC 8259)
	RuleTrailing     Rule = "trailing_data" // something follows the value
	RuleDuplicateKey Rule = "duplicate_key"
	RuleUTF8         Rule = "utf8"
	RuleSurrogate    Rule = "lone_surrogate"
	RuleNumberRange  Rule = "number_range"  // no finite float64
	RuleNumberLength Rule = "number_length" // the rules from here on have a Limit
	RuleDepth        Rule = "depth"
	RuleKeys         Rule = "keys"
	RuleItems        Rule = "items"
)

// SyntaxError is the first rule that a text breaks.
type SyntaxError struct {
	Offset  int // in bytes from the start of the text, where the offending token begins
	Rule    Rule
	Message string // for a person, without the offset
	Limit   int    // the limit exceeded; 0 for a rule without one
}

// Error says what is wrong and where.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s at byte %d", e.Message, e.Offset)
}

// Decode reads one JSON value into map[string]any, []any, string,
// json.Number, bool and nil. It is stricter than encoding/json, since
// CouchDB and other parsers refuse or read differently what encoding/json
// lets pass: duplicate keys, invalid UTF-8, lone surrogates, numbers that no
// float64 holds, and texts beyond the limits. The error is a *SyntaxError.
func Decode(raw []byte, limits Limits) (any, error) {
	d := decoder{raw: raw, limits: limits.orDefaults()}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if d.space(); d.pos < len(raw) {
		return nil, d.fail(d.pos, RuleTrailing, "data after the JSON value")
	}
	return v, nil
}

// decoder reads raw from pos on. Its methods return plain errors, all of
// them made by fail or exceeded.
type decoder struct {
	raw    []byte
	pos    int
	keys   int // read so far
	items  int
	limits Limits
}

func (d *decoder) fail(at int, rule Rule, format string, args ...any) error {
	return &SyntaxError{Offset: at, Rule: rule, Message: fmt.Sprintf(format, args...)}
}

func (d *decoder) exceeded(at int, rule Rule, limit int, format string) error {
	return &SyntaxError{Offset: at, Rule: rule, Message: fmt.Sprintf(format, limit), Limit: limit}
}

// unexpected complains of the byte at pos, or of the end of the text.
func (d *decoder) unexpected(wanted string) error {
	if d.pos >= len(d.raw) {
		return d.fail(len(d.raw), RuleSyntax, "unexpected end, %s expected", wanted)
	}
	r, _ := utf8.DecodeRune(d.raw[d.pos:])
	return d.fail(d.pos, RuleSyntax, "unexpected %q, %s expected", r, wanted)
}

func (d *decoder) space() {
	for d.pos < len(d.raw) {
		switch d.raw[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// peek returns the byte at pos, or 0 at the end of the text.
func (d *decoder) peek() byte {
	if d.pos < len(d.raw) {
		return d.raw[d.pos]
	}
	return 0
}

// value reads the value after optional space; depth counts the containers
// around it.
func (d *decoder) value(depth int) (any, error) {
	d.space()
	switch c := d.peek(); {
	case c == '"':
		return d.string()
	case c == '{' || c == '[':
		if depth >= d.limits.Depth {
			return nil, d.exceeded(d.pos, RuleDepth, d.limits.Depth, "nested deeper than %d levels")
		}
		if c == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case c == '-' || isDigit(c):
		return d.number()
	case c == 't':
		return true, d.literal("true")
	case c == 'f':
		return false, d.literal("false")
	case c == 'n':
		return nil, d.literal("null")
	}
	return nil, d.unexpected("a value")
}

func (d *decoder) literal(word string) error {
	for i := range len(word) {
		if d.peek() != word[i] {
			return d.unexpected(word)
		}
		d.pos++
	}
	return nil
}

func (d *decoder) array(depth int) (any, error) {
	d.pos++
	out := []any{}
	if d.space(); d.peek() == ']' {
		d.pos++
		return out, nil
	}
	for {
		if d.items++; d.items > d.limits.Items {
			return nil, d.exceeded(d.pos, RuleItems, d.limits.Items, "more than %d array items")
		}
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if more, err := d.next(']'); !more {
			return out, err
		}
	}
}

func (d *decoder) object(depth int) (any, error) {
	d.pos++
	out := map[string]any{}
	if d.space(); d.peek() == '}' {
		d.pos++
		return out, nil
	}
	for {
		key, err := d.key(out)
		if err != nil {
			return nil, err
		}
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		out[key] = v
		if more, err := d.next('}'); !more {
			return out, err
		}
	}
}

// key reads a member's key and the colon after it.
func (d *decoder) key(seen map[string]any) (string, error) {
	d.space()
	at := d.pos
	if d.peek() != '"' {
		return "", d.unexpected("a key in quotes")
	}
	key, err := d.string()
	if err != nil {
		return "", err
	}
	if _, dup := seen[key]; dup {
		return "", d.fail(at, RuleDuplicateKey, "the key %s appears twice in one object", shorten(key))
	}
	if d.keys++; d.keys > d.limits.Keys {
		return "", d.exceeded(at, RuleKeys, d.limits.Keys, "more than %d keys")
	}
	if d.space(); d.peek() != ':' {
		return "", d.unexpected("a colon")
	}
	d.pos++
	return key, nil
}

// next reads what follows a member: a comma, or the end of its container.
func (d *decoder) next(end byte) (more bool, err error) {
	d.space()
	switch d.peek() {
	case ',':
		d.pos++
		return true, nil
	case end:
		d.pos++
		return false, nil
	}
	return false, d.unexpected("a comma or " + strconv.QuoteRune(rune(end)))
}

// number reads a literal and keeps its exact text.
func (d *decoder) number() (any, error) {
	start := d.pos
	if d.peek() == '-' {
		d.pos++
	}
	if d.peek() == '0' {
		d.pos++
	} else if !d.digits() {
		return nil, d.unexpected("a digit")
	}
	if d.peek() == '.' {
		d.pos++
		if !d.digits() {
			return nil, d.unexpected("a digit")
		}
	}
	exponent, err := d.exponent()
	if err != nil {
		return nil, err
	}
	if d.pos-start > d.limits.Number {
		return nil, d.exceeded(start, RuleNumberLength, d.limits.Number, "a number longer than %d characters")
	}
	text := string(d.raw[start:d.pos])
	if exponent || len(text) > 300 {
		// The only error a checked literal can give is that of its range.
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return nil, d.fail(start, RuleNumberRange, "the number %s is out of range", shorten(text))
		}
	}
	return json.Number(text), nil
}

// exponent reads an optional exponent and reports whether there is one.
func (d *decoder) exponent() (bool, error) {
	if c := d.peek(); c != 'e' && c != 'E' {
		return false, nil
	}
	d.pos++
	if c := d.peek(); c == '+' || c == '-' {
		d.pos++
	}
	if !d.digits() {
		return false, d.unexpected("a digit")
	}
	return true, nil
}

func (d *decoder) digits() bool {
	start := d.pos
	for isDigit(d.peek()) {
		d.pos++
	}
	return d.pos > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// shorten quotes s for a message, cut where it is long.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(s[:most]) + "…"
}
