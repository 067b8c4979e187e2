package number

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/callflowd/callflowd/pkg/pcre"
)

// converter is one of Kazoo's defaults as the contract writes it (4.1).
type converter struct {
	re     *pcre.Regexp
	prefix string
}

func converters(t *testing.T) []converter {
	t.Helper()
	var list []converter
	for _, c := range [][2]string{
		{`^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$`, "+1"}, {`^011(\d{5,})$|^00(\d{5,})$`, "+"}, {`^[2-9]\d{7,}$`, "+"},
	} {
		re, err := pcre.Parse(c[0])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, converter{re, c[1]})
	}
	return list
}

// byContract normalises as the contract says, expression by expression.
func byContract(list []converter, n string) string {
	if strings.HasPrefix(n, "+") {
		return n
	}
	for _, c := range list {
		work := 100_000
		m, found, _ := c.re.Match(n, &work)
		if !found {
			continue
		}
		from, to := m.Start, m.End
		for i := 1; i <= c.re.Groups(); i++ {
			if f, t, ok := m.Group(i); ok {
				from, to = f, t
			}
		}
		return c.prefix + n[from:to]
	}
	return n
}

// The converters written by hand do what Kazoo's expressions do, and a number is
// reconcilable if Kazoo's expression matches it.
func TestConvertersAreKazoos(t *testing.T) {
	list := converters(t)
	reconcile, err := pcre.Parse(`^(\+?1)?\d{10}$|^\+[2-9]\d{7,}$|^011\d*$|^00\d*$`)
	if err != nil {
		t.Fatal(err)
	}
	check := func(t interface{ Fatalf(string, ...any) }, n string) {
		if got, want := Normalize(n, DialPlan{}), byContract(list, n); got != want {
			t.Fatalf("%q becomes %q, want %q", n, got, want)
		}
		work := 100_000
		if _, want, _ := reconcile.Match(n, &work); Reconcilable(n) != want {
			t.Fatalf("%q: reconcilable is %v, want %v", n, !want, want)
		}
	}
	// Every digit that an expression tells from another, at every place it looks at.
	for length := range 13 {
		for _, lead := range []string{"", "+", "+1", "1", "0", "00", "01", "011", "2", "9", "+2", "+0", "++", "*"} {
			for _, area := range []string{"", "2", "9", "1", "0", "212", "201", "211", "2012", "2010", "2019", "12", "0119"} {
				check(t, lead+area+strings.Repeat("5", length))
				check(t, lead+area+strings.Repeat("0", length))
				check(t, lead+area+strings.Repeat("5", length)+"\n")
				check(t, lead+area+strings.Repeat("5", length)+"#")
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.StringMatching(`(\+|\+1|00|011|1)?[0-9]{0,13}[0-9*# a]?\n?`).Draw(t, "number"))
	})
}

// Each kind of number is found by its own expression, and PrettyPrint has a place
// for each digit that the last group takes.
func TestClassifiersFitTheirPicture(t *testing.T) {
	for _, c := range Classifiers() {
		re, err := pcre.Parse(c.Regex)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if c.PrettyPrint == "" {
			continue
		}
		places := strings.Count(c.PrettyPrint, "#")
		work := 10_000
		m, found, _ := re.Match("+1"+map[string]string{"tollfree_us": "8005551212", "toll_us": "9005551212", "caribbean": "8765551212", "did_us": "4158867900"}[c.Name], &work)
		if from, to, ok := m.Group(re.Groups()); !found || !ok || to-from != places {
			t.Errorf("%s: %q has %d places, found %v", c.Name, c.PrettyPrint, places, found)
		}
	}
	for _, n := range Emergency() {
		if c := Classify(n); c.Name != "emergency" || !c.Emergency {
			t.Errorf("%s is %+v", n, c)
		}
	}
	known := map[string]bool{}
	for _, c := range Classifiers() {
		known[c.Name] = true
	}
	for _, name := range Classes() {
		if !known[name] {
			t.Errorf("%s is no kind", name)
		}
	}
}
