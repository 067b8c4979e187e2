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

// withNames puts the names of callflows for their ids, in the lines that are
// shown.
func (p *pages) withNames(c *web.Call, lines []problemLine) []problemLine {
	shown, _ := firstOf(lines, firstLines+restLines)
	var ids []string
	for _, line := range shown {
		for _, found := range mentioned.FindAllStringSubmatch(line.Message, -1) {
			ids = append(ids, found[1])
		}
	}
	names := p.callflowNames(c, ids)
	for i, line := range shown {
		shown[i].Message = renamed(line.Message, func(id string) string {
			if names[id] == shorten(id) {
				return "" // it has no name
			}
			return names[id]
		})
	}
	return lines
}

// mentioned is how messages name a callflow, by any id that a client can give.
var mentioned = regexp.MustCompile(`callflow ([0-9A-Za-z](?:[0-9A-Za-z._-]*[0-9A-Za-z_-])?)`)

// renamed puts the names of callflows for their ids. A name that the message
// gives besides the id goes; an id without a name stays.
func renamed(message string, nameOf func(id string) string) string {
	var out strings.Builder
	for {
		at := mentioned.FindStringSubmatchIndex(message)
		if at == nil {
			return out.String() + message
		}
		name, rest := nameOf(message[at[2]:at[3]]), message[at[1]:]
		switch {
		case name == "":
			out.WriteString(message[:at[1]])
		case rest == " "+name:
			return out.String() + message[:at[0]] + name
		default:
			out.WriteString(message[:at[0]] + name)
			rest = strings.TrimPrefix(rest, " ("+name+")")
		}
		message = rest
	}
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
