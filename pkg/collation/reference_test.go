package collation_test

import (
	"encoding/json"
	"io"
	"math/big"
	"strconv"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"pgregory.net/rapid"
)

// member is one member of an object, in the order of the text; elements of an
// array have no name.
type member struct {
	name  string
	value any
}

type (
	array  []member
	object []member
)

// reference compares two JSON texts without encoding them.
func reference(t *rapid.T, a, b string) int {
	c := collate.New(language.Und)
	return compareValues(c, decode(t, a), decode(t, b))
}

func decode(t *rapid.T, text string) any {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	value := decodeValue(t, dec)
	if _, err := dec.Token(); err != io.EOF {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func decodeValue(t *rapid.T, dec *json.Decoder) any {
	token, err := dec.Token()
	if err != nil {
		t.Fatal(err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token
	}
	var members []member
	for dec.More() {
		var m member
		if delim == '{' {
			m.name = decodeValue(t, dec).(string)
		}
		m.value = decodeValue(t, dec)
		members = append(members, m)
	}
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	if delim == '{' {
		return object(members)
	}
	return array(members)
}

func rank(v any) int {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 2
		}
		return 1
	case json.Number:
		return 3
	case string:
		return 4
	case array:
		return 5
	}
	return 6
}

func compareValues(c *collate.Collator, a, b any) int {
	if d := rank(a) - rank(b); d != 0 {
		return compareInts(d, 0)
	}
	switch a := a.(type) {
	case json.Number:
		return rational(a).Cmp(rational(b.(json.Number)))
	case string:
		return c.CompareString(a, b.(string))
	case array:
		return compareMembers(c, a, b.(array))
	case object:
		return compareMembers(c, a, b.(object))
	}
	return 0
}

func compareMembers(c *collate.Collator, a, b []member) int {
	for i := range min(len(a), len(b)) {
		if d := c.CompareString(a[i].name, b[i].name); d != 0 {
			return d
		}
		if d := compareValues(c, a[i].value, b[i].value); d != 0 {
			return d
		}
	}
	return compareInts(len(a), len(b))
}

// rational is the decimal value of a number; what is not an integer literal
// stands for the shortest decimal of its float64.
func rational(n json.Number) *big.Rat {
	text := n.String()
	if strings.ContainsAny(text, ".eE") {
		f, err := n.Float64()
		if err != nil {
			panic(err)
		}
		text = strconv.FormatFloat(f, 'e', -1, 64)
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}
