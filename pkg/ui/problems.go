package ui

import (
	"maps"
	"slices"

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
