package ejson

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// termReader reads Erlang's external term format as its documentation has it,
// into JSON: what AppendTerm writes has to come back.
type termReader struct {
	t   *rapid.T
	in  []byte
	out strings.Builder
}

func (r *termReader) take(n int) []byte {
	if n > len(r.in) {
		r.t.Fatalf("%d bytes are left, want %d", len(r.in), n)
	}
	head := r.in[:n]
	r.in = r.in[n:]
	return head
}

func (r *termReader) length(bytes int) int {
	n := 0
	for _, b := range r.take(bytes) {
		n = n<<8 | int(b)
	}
	return n
}

// big reads an integer of n bytes, the least significant first.
func (r *termReader) big(n int) {
	if r.take(1)[0] == 1 {
		r.out.WriteByte('-')
	}
	digits := r.take(n)
	value := new(big.Int)
	for i := len(digits) - 1; i >= 0; i-- {
		value.Lsh(value, 8).Or(value, big.NewInt(int64(digits[i])))
	}
	if n > 0 && digits[n-1] == 0 {
		r.t.Fatal("an integer with a leading zero")
	}
	r.out.WriteString(value.String())
}

func (r *termReader) value() {
	switch tag := r.take(1)[0]; tag {
	case 70: // NEW_FLOAT_EXT
		bits := binary.BigEndian.Uint64(r.take(8))
		r.out.Write(appendFloat(nil, math.Float64frombits(bits)))
	case 97: // SMALL_INTEGER_EXT
		r.out.WriteString(strconv.Itoa(int(r.take(1)[0])))
	case 98: // INTEGER_EXT
		r.out.WriteString(strconv.Itoa(int(int32(binary.BigEndian.Uint32(r.take(4)))))) //nolint:gosec // two's complement
	case 100: // ATOM_EXT
		r.out.Write(r.take(r.length(2)))
	case 104: // SMALL_TUPLE_EXT: an object is {[{Key, Value}, …]}
		if arity := r.take(1)[0]; arity != 1 {
			r.t.Fatalf("a tuple of %d", arity)
		}
		r.list('{', '}', func() {
			if head := r.take(2); head[0] != 104 || head[1] != 2 {
				r.t.Fatalf("a member begins with %v", head)
			}
			r.value()
			r.out.WriteByte(':')
			r.value()
		})
	case 106, 107, 108: // NIL_EXT, STRING_EXT, LIST_EXT
		r.in = append([]byte{tag}, r.in...)
		r.list('[', ']', r.value)
	case 109: // BINARY_EXT
		r.out.Write(AppendString(nil, string(r.take(r.length(4)))))
	case 110: // SMALL_BIG_EXT
		r.big(r.length(1))
	case 111: // LARGE_BIG_EXT
		r.big(r.length(4))
	default:
		r.t.Fatalf("tag %d", tag)
	}
}

func (r *termReader) list(begin, end byte, element func()) {
	r.out.WriteByte(begin)
	switch r.take(1)[0] {
	case 107: // bytes
		for i, b := range r.take(r.length(2)) {
			if i > 0 {
				r.out.WriteByte(',')
			}
			r.out.WriteString(strconv.Itoa(int(b)))
		}
	case 108:
		for i := range r.length(4) {
			if i > 0 {
				r.out.WriteByte(',')
			}
			element()
		}
		if tail := r.take(1)[0]; tail != 106 {
			r.t.Fatalf("the list ends with %d", tail)
		}
	}
	r.out.WriteByte(end)
}

// genText draws JSON text, with integers of any size and lists of bytes, which
// Erlang writes in a form of their own.
func genText(depth int) *rapid.Generator[string] {
	scalar := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,40})`),
		rapid.StringMatching(`-?[0-9]\.[0-9]{1,17}(e[+-]?[0-9]{1,2})?`),
		rapid.SampledFrom([]string{"true", "false", "null", "255", "256", "-1", "2147483647", "2147483648", "-2147483648", "-2147483649", "1e300", strings.Repeat("9", 700)}),
		rapid.Map(rapid.String(), func(s string) string { return string(AppendString(nil, s)) }),
	)
	if depth == 0 {
		return scalar
	}
	return rapid.OneOf(scalar,
		rapid.Map(rapid.SliceOfN(rapid.IntRange(0, 256), 0, 6), func(list []int) string {
			raw, _ := json.Marshal(list)
			return string(raw)
		}),
		rapid.Map(rapid.SliceOfN(genText(depth-1), 0, 4), func(list []string) string { return "[" + strings.Join(list, ",") + "]" }),
		rapid.Map(rapid.SliceOfN(genText(depth-1), 0, 4), func(list []string) string {
			for i := range list {
				list[i] = fmt.Sprintf(`"k%d":%s`, i, list[i])
			}
			return "{" + strings.Join(list, ",") + "}"
		}),
	)
}

// TestTermReadsBack reads terms by Erlang's documentation and compares them with
// the canonical text that they were made of.
func TestTermReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := genText(3).Draw(t, "text")
		canonical, err := Canonical([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		r := termReader{t: t, in: AppendTerm(nil, canonical)}
		r.value()
		if got := r.out.String(); got != string(canonical) || len(r.in) > 0 {
			t.Errorf("%s came back as %s, %d bytes are left", canonical, got, len(r.in))
		}
	})
}

// TestSplitKeepsAll puts an object together again from what Split takes apart.
func TestSplitKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`_?[a-c]{0,2}`), 0, 30, rapid.ID[string]).Draw(t, "names")
		var members, special, plain []string
		for i, name := range names {
			member := fmt.Sprintf(`%q:%d`, name, i)
			if members = append(members, member); strings.HasPrefix(name, "_") {
				special = append(special, member)
			} else {
				plain = append(plain, member)
			}
		}
		body, got, err := Split([]byte("{" + strings.Join(members, " , ") + "}"))
		if want := "{" + strings.Join(plain, ",") + "}"; string(body) != want || err != nil {
			t.Fatalf("%s %v, want %s", body, err, want)
		}
		var apart []string
		for _, m := range got {
			apart = append(apart, fmt.Sprintf("%q:%s", m.Name, m.Value))
		}
		if strings.Join(apart, ",") != strings.Join(special, ",") {
			t.Errorf("apart %q, want %q", apart, special)
		}
	})
}
