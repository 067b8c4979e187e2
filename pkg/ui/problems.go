package ui

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/problem"
)

// problemLine is one fault of a document: where, and what.
type problemLine struct{ Path, Message string }

// problemLines takes the data of a validation error apart, as
// [problem.Validation] made it.
func problemLines(e *problem.Error) []problemLine {
	if e == nil || e.Code != problem.Invalid {
		return nil
	}
	return linesOf(e.Data)
}

// foldedLines are the first of many lines, and the rest of them to unfold.
type foldedLines struct {
	First, Rest []problemLine
	More        int // lines that are not shown
}

// The most lines that are shown at once, and after unfolding.
const (
	firstLines = 5
	restLines  = 60
)

func foldLines(lines []problemLine) *foldedLines {
	if len(lines) == 0 {
		return nil
	}
	var out foldedLines
	out.First, _ = firstOf(lines, firstLines)
	out.Rest, out.More = firstOf(lines[len(out.First):], restLines)
	return &out
}

// mentioned is how messages name a callflow.
var mentioned = regexp.MustCompile(`callflow ([0-9A-Za-z_-]+)`)

// withNames puts the names of callflows for their ids.
func (p *pages) withNames(c *web.Call, f *foldedLines) *foldedLines {
	if f == nil {
		return nil
	}
	var ids []string
	lines := append(append([]problemLine{}, f.First...), f.Rest...)
	for _, line := range lines {
		for _, found := range mentioned.FindAllStringSubmatch(line.Message, -1) {
			ids = append(ids, found[1])
		}
	}
	names := p.callflowNames(c, ids)
	for i := range lines {
		lines[i].Message = mentioned.ReplaceAllStringFunc(lines[i].Message, func(text string) string {
			id := strings.TrimPrefix(text, "callflow ")
			if name := names[id]; name != shorten(id) {
				return name
			}
			return text
		})
	}
	f.First, f.Rest = lines[:len(f.First)], lines[len(f.First):]
	return f
}

func linesOf(data map[string]any) []problemLine {
	var out []problemLine
	for _, path := range slices.Sorted(maps.Keys(data)) {
		codes, _ := data[path].(map[string]any)
		for _, code := range slices.Sorted(maps.Keys(codes)) {
			members, _ := codes[code].(map[string]any)
			if text, ok := members["message"].(string); ok {
				out = append(out, problemLine{path, text})
			}
		}
	}
	return out
}

// warningLines are warnings in the same form.
func warningLines(warnings []problem.Warning) []problemLine {
	out := make([]problemLine, 0, len(warnings))
	for _, w := range warnings {
		out = append(out, problemLine{w.Path, w.Message})
	}
	return out
}
