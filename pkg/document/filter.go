package document

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Filter is the part of a listing's query that chooses documents (contract
// section 3, 9.8). The zero value lets every document pass.
type Filter struct{ conditions []condition }

// condition holds for a stored document, given as its JSON object.
type condition func(doc json.RawMessage) bool

// ParseFilter reads the filters of a query: filter_<path>, filter_not_<path>,
// has_key, key_missing, has_value, value_missing (or missing_value), and
// created_from, created_to, modified_from, modified_to in Gregorian seconds.
// Repeated parameters all apply; other parameters are passed over.
func ParseFilter(query url.Values) Filter {
	var f Filter
	for name, values := range query {
		for _, value := range values {
			if c := parseCondition(name, value); c != nil {
				f.conditions = append(f.conditions, c)
			}
		}
	}
	return f
}

// Empty reports whether every document passes, so that a listing need not
// read documents at all.
func (f Filter) Empty() bool { return len(f.conditions) == 0 }

// Match reports whether a stored document passes, private keys included but
// for credentials.
// The document is taken as JSON text because arrays and objects compare by
// their text, where the order of members counts.
func (f Filter) Match(doc json.RawMessage) bool {
	for _, holds := range f.conditions {
		if !holds(doc) {
			return false
		}
	}
	return true
}

func parseCondition(name, value string) condition {
	switch name {
	case "has_key":
		return func(doc json.RawMessage) bool { v, ok := lookup(doc, value); return ok && v != nil }
	case "key_missing":
		return func(doc json.RawMessage) bool { v, ok := lookup(doc, value); return ok && v == nil }
	case "has_value":
		return func(doc json.RawMessage) bool { v, ok := lookup(doc, value); return ok && !empty(v) }
	case "value_missing", "missing_value":
		return func(doc json.RawMessage) bool { v, ok := lookup(doc, value); return ok && empty(v) }
	case "created_from":
		return bound("pvt_created", value, func(at, limit int64) bool { return at >= limit }, true)
	case "created_to":
		return bound("pvt_created", value, func(at, limit int64) bool { return at <= limit }, false)
	case "modified_from":
		return bound("pvt_modified", value, func(at, limit int64) bool { return at >= limit }, true)
	case "modified_to":
		return bound("pvt_modified", value, func(at, limit int64) bool { return at <= limit }, false)
	}
	if path, ok := strings.CutPrefix(name, "filter_not_"); ok {
		return equal(path, value, false)
	}
	if path, ok := strings.CutPrefix(name, "filter_"); ok {
		return equal(path, value, true)
	}
	return nil
}

// bound compares a timestamp with a limit. A limit that is no number lets
// nothing pass; a document without the timestamp passes as missing says.
func bound(key, limit string, holds func(at, limit int64) bool, missing bool) condition {
	want, ok := seconds(limit)
	return func(doc json.RawMessage) bool {
		if !ok {
			return false
		}
		v, _ := lookup(doc, key)
		at, found := seconds(scalarText(v))
		if !found {
			return missing
		}
		return holds(at, want)
	}
}

// seconds reads an integer, or a decimal fraction rounded to one, as Erlang
// does: an exponent needs a point, and a point digits on both sides. What is
// larger than any time stands for the largest.
func seconds(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return n, true
	}
	if !decimal.MatchString(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return int64(math.Round(min(max(f, -1e18), 1e18))), err == nil
}

var decimal = regexp.MustCompile(`^[+-]?[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?$`)

func equal(path, value string, want bool) condition {
	if digits, ok := strings.CutPrefix(value, " "); ok && strings.HasPrefix(path, "numbers") && allDigits(digits) {
		value = "+" + digits // a raw + in a query arrives as a space (contract 10.15)
	}
	alternatives := alternativesIn(value)
	same := func(text string) bool { return text == value || slices.Contains(alternatives, text) }
	return func(doc json.RawMessage) bool {
		v, ok := lookup(doc, path)
		return ok && (same(textOf(v)) || anyElement(v, same)) == want
	}
}

// anyElement reports whether v is an array with a member whose text is the
// same (contract 9.8).
func anyElement(v json.RawMessage, same func(string) bool) bool {
	if len(v) == 0 || v[0] != '[' {
		return false
	}
	var members []json.RawMessage
	if json.Unmarshal(v, &members) != nil {
		return false
	}
	return slices.ContainsFunc(members, func(m json.RawMessage) bool { return same(textOf(m)) })
}

// alternativesIn reads a filter value as JSON: the strings of a list, or one
// string. Other JSON never equals a document's text.
func alternativesIn(value string) []string {
	var decoded any
	if json.Unmarshal([]byte(value), &decoded) != nil {
		return nil
	}
	if s, ok := decoded.(string); ok {
		return []string{s}
	}
	return Doc{"": decoded}.Strings("")
}

// concealed reports whether a key holds a credential. No filter sees it:
// whether a guess matches would tell it.
func concealed(key string) bool {
	return key == "pvt_md5_auth" || key == "pvt_sha1_auth" || key == "pvt_api_key"
}

// lookup follows a dotted path through objects and, by 1-based index, arrays.
// The value is nil where the path ends in nothing. A path that goes on below a
// string, a number, a boolean or null gives false: no filter holds there, not
// even one for what is missing, since Kazoo fails on such a document and
// leaves it out.
func lookup(v json.RawMessage, path string) (json.RawMessage, bool) {
	if key, _, _ := strings.Cut(path, "."); concealed(key) {
		return nil, true
	}
	for part := range strings.SplitSeq(path, ".") {
		v = bytes.TrimSpace(v)
		if len(v) == 0 {
			return nil, true
		}
		switch v[0] {
		case '{':
			var object map[string]json.RawMessage
			if json.Unmarshal(v, &object) != nil {
				return nil, false
			}
			v = object[part]
		case '[':
			v = element(v, part)
		default:
			return nil, false
		}
	}
	return bytes.TrimSpace(v), true
}

func element(v json.RawMessage, part string) json.RawMessage {
	index, err := strconv.Atoi(part)
	if err != nil || index < 1 {
		return nil
	}
	var members []json.RawMessage
	if json.Unmarshal(v, &members) != nil || index > len(members) {
		return nil
	}
	return members[index-1]
}

// textOf is the text Kazoo compares: a string itself, an object's JSON, an
// array's members run together. A missing value has no text, nor has an array
// that Erlang would not take for an iolist.
func textOf(v json.RawMessage) string {
	if len(v) == 0 {
		return ""
	}
	switch v[0] {
	case '{':
		var compact bytes.Buffer
		_ = json.Compact(&compact, v) // leaves nothing of what is no JSON
		return compact.String()
	case '[':
		text, _ := concatenation(v)
		return text
	}
	return scalarText(v)
}

// scalarText is the text of a string, a number, a boolean or null.
func scalarText(v json.RawMessage) string {
	if len(v) == 0 || v[0] != '"' {
		return numberText(string(v))
	}
	var s string
	_ = json.Unmarshal(v, &s)
	return s
}

// concatenation is an array as Erlang's iolist_to_binary gives it: strings,
// bytes as numbers, and arrays of them. Any other member spoils the whole.
func concatenation(v json.RawMessage) (string, bool) {
	var members []json.RawMessage
	if json.Unmarshal(v, &members) != nil {
		return "", false
	}
	var all strings.Builder
	for _, m := range members {
		switch m[0] {
		case '"':
			all.WriteString(scalarText(m))
		case '[':
			text, ok := concatenation(m)
			if !ok {
				return "", false
			}
			all.WriteString(text)
		default:
			b, err := strconv.ParseUint(string(m), 10, 8)
			if err != nil {
				return "", false
			}
			all.WriteByte(byte(b))
		}
	}
	return all.String(), true
}

// numberText is a number's text as Kazoo writes it, so that 1e3 is 1000.0:
// integers as they are, fractions with the fewest digits that tell them apart,
// and with an exponent only from six zeros on. What is no number stays.
func numberText(s string) string {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !strings.ContainsAny(s, ".eE") {
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(math.Abs(f), 'e', -1, 64), "e")
	digits := strings.Replace(mantissa, ".", "", 1)
	power, _ := strconv.Atoi(exponent)
	sign := ""
	if f < 0 {
		sign = "-"
	}
	switch place := power + 1; {
	case place <= -6 || place >= len(digits)+6:
		return sign + digits[:1] + "." + cmp.Or(digits[1:], "0") + fmt.Sprintf("e%+d", power)
	case place <= 0:
		return sign + "0." + strings.Repeat("0", -place) + digits
	case place < len(digits):
		return sign + digits[:place] + "." + digits[place:]
	default:
		return sign + digits + strings.Repeat("0", place-len(digits)) + ".0"
	}
}

// empty is Kazoo's notion of an empty value. False is a value.
func empty(v json.RawMessage) bool {
	if len(v) == 0 {
		return true
	}
	switch text := textOf(v); v[0] {
	case '"':
		return text == "" || text == "0" || text == "NULL" || text == "undefined"
	case '{':
		return text == "{}"
	case '[':
		return element(v, "1") == nil
	default:
		return text == "null" || text == "0" || text == "0.0"
	}
}

func allDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
