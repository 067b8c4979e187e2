package number

import (
	"strings"
	"unicode"

	"github.com/callflowd/callflowd/pkg/problem"
)

// Check returns what is wrong with a number at path, dialled or stored: it
// cannot hold control characters (contract 9.15).
func Check(path, n string) []problem.Violation {
	if !strings.ContainsFunc(n, unicode.IsControl) {
		return nil
	}
	return []problem.Violation{{
		Path: path, Code: "error", Message: "a number cannot hold control characters", Members: map[string]any{"value": n},
	}}
}
