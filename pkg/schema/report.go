package schema

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/callflowd/callflowd/pkg/problem"
)

// The codes of violations, in Kazoo's words (contract 1.9).
const (
	codeType                 = "type"
	codeEnum                 = "enum"
	codeRequired             = "required"
	codeMinLength            = "minLength"
	codeMaxLength            = "maxLength"
	codePattern              = "pattern"
	codeFormat               = "wrong_format"
	codeMinimum              = "minimum"
	codeMaximum              = "maximum"
	codeMultipleOf           = "divisibleBy"
	codeMinItems             = "minItems"
	codeMaxItems             = "maxItems"
	codeUniqueItems          = "uniqueItems"
	codeAdditionalItems      = "additionalItems"
	codeMinProperties        = "minProperties"
	codeMaxProperties        = "maxProperties"
	codeAdditionalProperties = "additionalProperties"
	codeDependencies         = "dependencies"
	codeNot                  = "not_schema_valid"
	codeAnyOf                = "any_schemas_not_valid"
	codeOneOf                = "not_one_schema_valid"
	codeError                = "error"
	codeSchema               = "schema"
)

// report notes that v breaks the rule code of n at the current path.
func (r *run) report(code string, n *node, v any) {
	if r.trial > 0 {
		r.failed = true
		return
	}
	if r.full() {
		return
	}
	message, target := describe(code, n, v)
	value := r.repeated(v)
	members := map[string]any{"value": value}
	if target != nil {
		members["target"] = target
	}
	switch code {
	case codeMinLength, codeMaxLength:
		members["cause"] = value
	case codeFormat:
		members["format"] = n.format
	}
	r.add(r.pathText(), code, message, members)
}

// reportAt is report for the member at key.
func (r *run) reportAt(key, code string, n *node, v any) {
	r.enter(key)
	r.report(code, n, v)
	r.leave()
}

func (r *run) add(path, code, message string, members map[string]any) {
	if r.trial > 0 {
		r.failed = true
		return
	}
	if r.full() {
		return
	}
	r.size += len(path)
	r.found = append(r.found, problem.Violation{Path: path, Code: code, Message: message, Members: members})
}

// repeated returns a value as a report repeats it: whole, as Kazoo does, or its
// size if it is large or much is repeated already.
func (r *run) repeated(v any) any {
	room := maxValue
	if r.shown < maxValues && within(v, &room) {
		r.shown += maxValue - room
		return v
	}
	switch v := v.(type) {
	case string:
		return cut(v)
	case []any:
		return fmt.Sprintf("an array of %d items", len(v))
	case map[string]any:
		return fmt.Sprintf("an object of %d members", len(v))
	}
	return v
}

// cut returns the beginning of a long string.
func cut(s string) string {
	const most = 256
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// full tells that enough is reported: the number of problems and the bytes of
// their paths are bounded, since one long key may be part of many paths.
func (r *run) full() bool { return len(r.found) >= maxFound || r.size > maxPaths }

// describe returns the message for a broken rule and its target, nil for a
// rule that has none.
func describe(code string, n *node, v any) (message string, target any) {
	switch code {
	case codeType:
		return "must be of type " + n.types + hint(n, v), n.types
	case codeEnum:
		return "must be one of " + list(n.enum) + meant(v, words(n.enum)), n.enum
	case codeMinLength:
		return lengths(n, v), n.minLength
	case codeMaxLength:
		return lengths(n, v), n.maxLength
	case codePattern:
		return "must match " + n.pattern.text, n.pattern.text
	case codeMinimum:
		return "must be at least " + string(n.minimum), n.minimum
	case codeMaximum:
		return "must be at most " + string(n.maximum), n.maximum
	case codeMultipleOf:
		return "must be a multiple of " + string(n.multipleOf), n.multipleOf
	case codeMinItems:
		return fmt.Sprintf("must have at least %d items", n.minItems), n.minItems
	case codeMaxItems:
		return fmt.Sprintf("must have at most %d items", n.maxItems), n.maxItems
	case codeMinProperties:
		return fmt.Sprintf("must have at least %d members", n.minProperties), n.minProperties
	case codeMaxProperties:
		return fmt.Sprintf("must have at most %d members", n.maxProperties), n.maxProperties
	}
	return plainMessages(code, n), nil
}

// lengths says how long a string may be, and how long it is.
func lengths(n *node, v any) string {
	s, _ := v.(string)
	has := utf8.RuneCountInString(s)
	switch {
	case n.maxLength < 0:
		return fmt.Sprintf("must have at least %d characters, not %d", n.minLength, has)
	case n.minLength == 0:
		return fmt.Sprintf("must have at most %d characters, not %d", n.maxLength, has)
	case n.minLength == n.maxLength:
		return fmt.Sprintf("must have %d characters, not %d", n.maxLength, has)
	}
	return fmt.Sprintf("must have %d to %d characters, not %d", n.minLength, n.maxLength, has)
}

func plainMessages(code string, n *node) string {
	switch code {
	case codeRequired:
		return "is required"
	case codeFormat:
		return "must be a well-formed " + n.format
	case codeUniqueItems:
		return "must not hold the same item twice"
	case codeAdditionalItems:
		return "is an item more than allowed"
	case codeAdditionalProperties:
		return "no member of this name may be here"
	case codeDependencies:
		return "needs other members, which are missing"
	case codeAnyOf, codeOneOf:
		return "does not fit one of the forms allowed here"
	case codeNot:
		return "has a form that is not allowed here"
	}
	return "is not valid"
}

// hint adds advice for a wrong type.
func hint(n *node, v any) string {
	switch {
	case v == nil:
		return "; leave the member out rather than null"
	case n.cast == kindInteger && fractional(v):
		return "; a fraction is not rounded"
	case n.kinds == kindArray && kindOf(v) == kindString:
		return "; put the string into brackets"
	}
	return ""
}

func fractional(v any) bool {
	s, ok := v.(string)
	if ok {
		_, ok = castNumber(s, true)
	}
	return ok || kindOf(v) == kindFraction
}

// meant adds the candidate that v is a misspelling of.
func meant(v any, candidates []string) string {
	s, _ := v.(string)
	if like := nearest(strings.ToLower(strings.TrimSpace(s)), candidates); like != "" {
		return "; did you mean " + like + "?"
	}
	return ""
}

func words(values []any) []string {
	var out []string
	for _, v := range values {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func list(values []any) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}

// unknownModule reports a module without a schema, at the module and, as
// Kazoo does, at "schema" (contract 1.10-4).
func (r *run) unknownModule(name, module string) {
	if r.full() {
		return
	}
	message := "there is no module of this name"
	if len(r.found) < 100 && r.trial == 0 { // looking for what was meant takes a while
		message += meant(module, r.reg.modules(strings.TrimSuffix(name, module)))
	}
	value, _ := r.repeated(module).(string)
	r.add(r.pathText(), codeError, message, map[string]any{"value": value})
	v := unknownSchema(strings.TrimSuffix(name, module) + value)
	r.add(v.Path, v.Code, v.Message, v.Members)
}

func unknownSchema(name string) problem.Violation {
	return problem.Violation{
		Path: "schema", Code: codeSchema, Message: "there is no schema of this name",
		Members: map[string]any{"schema": name},
	}
}

func (r *run) refusedURL(reason, url string) {
	r.add(r.pathText(), codeError, reason, map[string]any{"value": r.repeated(url)})
}

// tooCostly reports, once, that a schema takes too many steps on this document.
// The schemas we ship never do; a site's own may.
func (r *run) tooCostly() {
	if !r.exhausted {
		r.found = append(r.found, problem.Violation{Path: "schema", Code: codeSchema, Message: "the document takes too many steps to validate"})
	}
	r.exhausted, r.failed = true, true
}
