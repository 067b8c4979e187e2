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
