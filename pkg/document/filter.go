package document

import (
	"bytes"
	"encoding/json"
	"net/url"
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
		return func(doc json.RawMessage) bool { return lookup(doc, value) != nil }
	case "key_missing":
		return func(doc json.RawMessage) bool { return lookup(doc, value) == nil }
	case "has_value":
		return func(doc json.RawMessage) bool { return !emptyText(lookup(doc, value)) }
	case "value_missing", "missing_value":
		return func(doc json.RawMessage) bool { return emptyText(lookup(doc, value)) }
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
		at, found := seconds(string(lookup(doc, key)))
		if !found {
			return missing
		}
		return holds(at, want)
	}
}

// seconds reads an integer, or a decimal fraction rounded to one, as
// Erlang's list_to_integer and list_to_float do: an exponent needs a point.
func seconds(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	whole, _, isFloat := strings.Cut(s, ".")
	if _, err := strconv.ParseInt(whole, 10, 64); err != nil || !isFloat {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < -1e15 || f > 1e15 {
		return 0, false
	}
	return int64(f + 0.5), true
}

func equal(path, value string, want bool) condition {
	if digits, ok := strings.CutPrefix(value, " "); ok && strings.HasPrefix(path, "numbers") && allDigits(digits) {
		value = "+" + digits // a raw + in a query arrives as a space (contract 10.15)
	}
	alternatives := alternativesIn(value)
	same := func(text string) bool { return text == value || slices.Contains(alternatives, text) }
	return func(doc json.RawMessage) bool {
		v := lookup(doc, path)
		text, ok := textOf(v)
		found := ok && same(text) || anyElement(v, same)
		if !ok && !want {
			return false // Kazoo cannot compare such an array, and leaves the document out
		}
		return found == want
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
	for _, m := range members {
		if text, ok := textOf(m); ok && same(text) {
			return true
		}
	}
	return false
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
// It returns nil where the path leads nowhere.
func lookup(v json.RawMessage, path string) json.RawMessage {
	if key, _, _ := strings.Cut(path, "."); concealed(key) {
		return nil
	}
	for part := range strings.SplitSeq(path, ".") {
		v = bytes.TrimSpace(v)
		if len(v) == 0 {
			return nil
		}
		switch v[0] {
		case '{':
			var object map[string]json.RawMessage
			if json.Unmarshal(v, &object) != nil {
				return nil
			}
			v = object[part]
		case '[':
			v = element(v, part)
		default:
			return nil
		}
	}
	return bytes.TrimSpace(v)
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
// array's members run together, nothing for a missing value. It fails for an
// array that Erlang would not take for an iolist.
func textOf(v json.RawMessage) (string, bool) {
	if len(v) == 0 {
		return "", true
	}
	switch v[0] {
	case '"':
		var s string
		err := json.Unmarshal(v, &s)
		return s, err == nil
	case '{':
		var compact bytes.Buffer
		err := json.Compact(&compact, v)
		return compact.String(), err == nil
	case '[':
		return concatenation(v)
	}
	return string(v), true
}

func concatenation(v json.RawMessage) (string, bool) {
	var members []json.RawMessage
	if json.Unmarshal(v, &members) != nil {
		return "", false
	}
	var all strings.Builder
	for _, m := range members {
		switch m[0] {
		case '"', '[':
			text, ok := textOf(m)
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

// emptyText is Kazoo's notion of an empty value.
func emptyText(v json.RawMessage) bool {
	if len(v) == 0 {
		return true
	}
	text, ok := textOf(v)
	if !ok {
		return false
	}
	switch text {
	case "", "0", "false", "NULL", "undefined":
		return v[0] != '[' || string(v) == "[]"
	case "null", "0.0", "-0.0":
		return v[0] != '"' && v[0] != '['
	case "{}":
		return v[0] == '{'
	}
	return false
}

func allDigits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
