package index

import (
	"fmt"
	"math/rand"
	"regexp"
	"testing"
)

// benchPatterns makes patterns as accounts have them: feature codes, ranges
// of extensions, prefixes, a few open ones.
func benchPatterns(n int) []string {
	r := rand.New(rand.NewSource(1))
	out := make([]string, 0, n)
	for i := range n {
		switch i % 10 {
		case 0, 1, 2:
			out = append(out, fmt.Sprintf(`^\*%d([0-9]*)$`, 10+r.Intn(9*n)))
		case 3, 4, 5:
			out = append(out, fmt.Sprintf(`^(%d\d{%d})$`, 10+r.Intn(9*n), 1+r.Intn(4)))
		case 6, 7:
			out = append(out, fmt.Sprintf(`^%d(\d{%d,%d})$`, 10+r.Intn(9*n), 1+r.Intn(2), 3+r.Intn(6)))
		case 8:
			out = append(out, fmt.Sprintf(`^(?<area>%d)(?<rest>\d{7})$`, 100+r.Intn(900)))
		default:
			out = append(out, fmt.Sprintf(`^\+?1?(%d)([0-9]{7})$`, 100+r.Intn(900)))
		}
	}
	return out
}

// benchNumbers makes dialled numbers of 3 to 15 digits, some with a star.
func benchNumbers(n int) []string {
	r := rand.New(rand.NewSource(2))
	out := make([]string, n)
	for i := range out {
		text := make([]byte, 3+r.Intn(13))
		for k := range text {
			text[k] = byte('0' + r.Intn(10))
		}
		if r.Intn(5) == 0 {
			text[0] = '*'
		}
		out[i] = string(text)
	}
	return out
}

func benchIndex(patterns []string, numbers int) *Index {
	x := New()
	var all []Change
	for i, p := range patterns {
		id := fmt.Sprintf("%032d", i)
		all = append(all, Change{id, &Entry{CallflowID: id, Name: "flow", Rev: "1-" + id, Patterns: []string{p}}})
	}
	for i := range numbers {
		id := fmt.Sprintf("n%031d", i)
		all = append(all, Change{id, &Entry{CallflowID: id, Name: "flow", Rev: "1-" + id, Numbers: []string{fmt.Sprintf("+1%010d", 2000000000+i*7)}}})
	}
	x.Update(all)
	return x
}

func BenchmarkPatterns(b *testing.B) {
	dialled := benchNumbers(4096)
	for _, n := range []int{10, 100, 1000, 10000} {
		texts := benchPatterns(n)
		b.Run(fmt.Sprintf("index/%d", n), func(b *testing.B) {
			x := benchIndex(texts, 0)
			for _, d := range dialled {
				x.Lookup(d, d)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d := dialled[i%len(dialled)]
				x.Lookup(d, d)
			}
		})
		b.Run(fmt.Sprintf("scan/%d", n), func(b *testing.B) {
			var list []*regexp.Regexp
			for _, t := range texts {
				list = append(list, regexp.MustCompile(t))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d := dialled[i%len(dialled)]
				for _, re := range list {
					re.FindStringSubmatchIndex(d)
				}
			}
		})
	}
}

func BenchmarkNumbers(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000, 1000000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := benchIndex(nil, n)
			keys := make([]string, 4096)
			r := rand.New(rand.NewSource(3))
			for i := range keys {
				keys[i] = fmt.Sprintf("+1%010d", 2000000000+r.Intn(n)*7)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				x.Lookup(keys[i%len(keys)], keys[i%len(keys)])
			}
		})
	}
}
