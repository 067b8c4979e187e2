package problem

import (
	"strconv"
	"strings"
)

// Join appends a key or an array index to a dotted path. A dot inside a key
// is written %2E, as Kazoo does (contract 1.9), and a percent sign stays as
// it is.
func Join(path string, key any) string {
	var part string
	switch k := key.(type) {
	case int:
		part = strconv.Itoa(k)
	case string:
		part = strings.ReplaceAll(k, ".", "%2E")
	}
	if path == "" {
		return part
	}
	return path + "." + part
}

// Parts takes a path apart that [Join] has made; "" has none.
func Parts(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

// KeyOf is the key that a part of a path stands for, if no key holds the text
// %2E. [MemberOf] looks into the object and finds every key.
func KeyOf(part string) string { return strings.ReplaceAll(part, "%2E", ".") }

// MemberOf finds the key of an object that a part of a path stands for.
func MemberOf(object map[string]any, part string) (key string, ok bool) {
	for _, key := range []string{part, KeyOf(part)} {
		if _, ok := object[key]; ok {
			return key, true
		}
	}
	if part == KeyOf(part) {
		return "", false
	}
	for key := range object { // a key with both
		if Join("", key) == part {
			return key, true
		}
	}
	return "", false
}

// ItemOf finds the item of an array that a part of a path stands for.
func ItemOf(array []any, part string) (i int, ok bool) {
	i, err := strconv.Atoi(part)
	return i, err == nil && i >= 0 && i < len(array)
}
