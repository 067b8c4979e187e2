package view

import (
	"bytes"
	"cmp"
	"strconv"
)

// compareTerms orders JSON as Erlang orders the terms it stands for: numbers,
// false, null, true, objects, arrays, strings. Within objects and arrays it
// compares the text, which is as good for telling rows apart.
func compareTerms(a, b []byte) int {
	if d := cmp.Compare(termRank(a), termRank(b)); d != 0 {
		return d
	}
	if termRank(a) == 0 {
		x, _ := strconv.ParseFloat(string(a), 64)
		y, _ := strconv.ParseFloat(string(b), 64)
		if d := cmp.Compare(x, y); d != 0 {
			return d
		}
	}
	return bytes.Compare(a, b)
}

func termRank(v []byte) int {
	switch v[0] {
	case 'f':
		return 1
	case 'n':
		return 2
	case 't':
		return 3
	case '{':
		return 4
	case '[':
		return 5
	case '"':
		return 6
	}
	return 0
}
