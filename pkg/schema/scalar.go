package schema

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// text judges a string. Kazoo counts characters to find a string too short,
// then bytes to choose the error: with enough bytes the error is maxLength.
func (r *run) text(n *node, s string) {
	if n.minLength > 0 || n.maxLength >= 0 {
		length := utf8.RuneCountInString(s)
		if length < n.minLength {
			r.report(codeMinLength, n, s)
		}
		if n.maxLength >= 0 && (length > n.maxLength || length < n.minLength && len(s) >= n.minLength) {
			r.report(codeMaxLength, n, s)
		}
	}
	if n.pattern != nil && !n.matches(s) {
		r.report(codePattern, n, s)
	}
	if n.format != "" && !wellFormed(n.format, s) {
		r.report(codeFormat, n, s)
	}
	if n.url {
		if reason := r.reg.urls.Check(s); reason != "" {
			r.refusedURL(reason, s)
		}
	}
}

// matches tells whether s has the pattern. The scheme of a URL is compared
// without regard to case, though Kazoo's patterns have it in lower case
// (contract 11.7).
func (n *node) matches(s string) bool {
	if n.url {
		if scheme, rest, ok := strings.Cut(s, ":"); ok {
			s = strings.ToLower(scheme) + ":" + rest
		}
	}
	return n.pattern.match(s)
}

func (r *run) number(n *node, v json.Number) {
	if n.minimum != "" {
		if c := compare(v, n.minimum); c < 0 || c == 0 && n.exclusiveMin {
			r.report(codeMinimum, n, v)
		}
	}
	if n.maximum != "" {
		if c := compare(v, n.maximum); c > 0 || c == 0 && n.exclusiveMax {
			r.report(codeMaximum, n, v)
		}
	}
	if n.multipleOf != "" && !new(big.Rat).Quo(rat(v), rat(n.multipleOf)).IsInt() {
		r.report(codeMultipleOf, n, v)
	}
}

// memberOf tells whether list holds v. Numbers are compared by value.
func memberOf(list []any, v any) bool {
	if s, ok := v.(string); ok {
		return slices.ContainsFunc(list, func(e any) bool { t, ok := e.(string); return ok && s == t })
	}
	key := identity(v, numberValue)
	return slices.ContainsFunc(list, func(e any) bool { return identity(e, numberValue) == key })
}

// unique tells whether no two items are equal. An integer and a float are
// never equal to Kazoo, 1 and 1.0 for instance (contract 11.18).
func unique(list []any) bool {
	texts, others := make(map[string]struct{}, len(list)), map[string]struct{}{}
	for _, v := range list {
		seen := texts
		key, ok := v.(string)
		if !ok {
			seen, key = others, identity(v, numberTerm)
		}
		if _, ok := seen[key]; ok {
			return false
		}
		seen[key] = struct{}{}
	}
	return true
}

// identity returns a text that equal values have in common. number gives that
// of a number.
func identity(v any, number func(json.Number) string) string {
	return string(appendIdentity(nil, v, number))
}

func appendIdentity(out []byte, v any, number func(json.Number) string) []byte {
	switch v := v.(type) {
	case string:
		return strconv.AppendQuote(out, v)
	case json.Number:
		return append(out, number(v)...)
	case []any:
		out = append(out, '[')
		for _, e := range v {
			out = append(appendIdentity(out, e, number), ',')
		}
		return append(out, ']')
	case map[string]any:
		out = append(out, '{')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out = append(strconv.AppendQuote(out, key), ':')
			out = append(appendIdentity(out, v[key], number), ',')
		}
		return append(out, '}')
	case bool:
		return strconv.AppendBool(out, v)
	}
	return append(out, "null"...)
}

// numberValue makes numbers of equal value identical.
func numberValue(n json.Number) string {
	if plain, ok := integerText(string(n)); ok {
		return plain
	}
	return rat(n).RatString()
}

// numberTerm keeps integers and floats apart, as Erlang does.
func numberTerm(n json.Number) string {
	if strings.ContainsAny(string(n), ".eE") {
		f, _ := n.Float64()
		if f == 0 {
			f = 0 // not -0
		}
		return "f" + strconv.FormatFloat(f, 'g', -1, 64)
	}
	return string(n)
}
