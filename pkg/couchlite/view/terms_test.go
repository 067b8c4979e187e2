package view

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// inTermOrder are values as Erlang 25 sorts the terms that stand for them.
var inTermOrder = []string{
	`-1.5`, `-1`, `0`, `2`, `10`, `1e+21`,
	`false`, `null`, `true`,
	`{}`, `{"":[]}`, `{"a":1}`, `{"a":1,"b":1}`, `{"a":{}}`, `{"a":{"x":1}}`, `{"a":[]}`, `{"a":[],"b":1}`, `{"a":[1]}`, `{"aa":0}`, `{"b":0}`,
	`[]`, `[1]`, `[1,2]`, `[2]`, `[10]`, `[null]`, `[{}]`, `[{},1]`, `[{"a":1}]`, `[[]]`, `[[],0]`, `[[0]]`, `["a"]`,
	`""`, `"\u0001"`, `"\n"`, `" "`, `"\""`, `"A"`, `"a"`, `"a\\"`, `"a]"`, `"aa"`, `"b"`, `"é"`,
}

func TestTermOrder(t *testing.T) {
	for i, a := range inTermOrder {
		for j, b := range inTermOrder {
			if got := compareTerms([]byte(a), []byte(b)); got != cmp.Compare(i, j) {
				t.Errorf("compare %s with %s: %d, want %d", a, b, got, cmp.Compare(i, j))
			}
		}
	}
}

// TestTermOrderPrefix holds that what is a part of a value comes before it,
// however deep.
func TestTermOrderPrefix(t *testing.T) {
	value := rapid.SampledFrom(inTermOrder)
	rapid.Check(t, func(rt *rapid.T) {
		members := rapid.SliceOfN(value, 1, 4).Draw(rt, "members")
		short, long := members[:len(members)-1], members
		wrap := rapid.SampledFrom([]string{"[%s]", `{"k":%s}`, "[0,%s]", `{"k":[%s],"l":1}`}).Draw(rt, "around")
		a := fmt.Sprintf(wrap, "["+strings.Join(short, ",")+"]")
		b := fmt.Sprintf(wrap, "["+strings.Join(long, ",")+"]")
		if compareTerms([]byte(a), []byte(b)) >= 0 || compareTerms([]byte(b), []byte(a)) <= 0 {
			rt.Errorf("%s does not come before %s", a, b)
		}
	})
}
