package pattern

import (
	"strings"
	"testing"
)

func TestCheckPattern(t *testing.T) {
	tests := []struct {
		pattern, reason, suggestion string
		offset                      int
	}{
		{`*5`, "nothing to repeat", `a * to be dialled is written \*`, 0},
		{`+1(\d+)`, "nothing to repeat", `a + to be dialled is written \+`, 0},
		{`(`, "missing )", "", 1},
		{strings.Repeat("1", 1025), "longer than 1024 bytes", "", 1024},
		{`\d{900}\d{900}\d{900}`, "2000 instructions", "", 0},
		{`^(?R)?$`, "recursive call could loop indefinitely", "", 5},
		{`a(*ACCEPT)`, "not supported", "", 10},
	}
	for _, tt := range tests {
		err := Check(tt.pattern)
		e := asPatternError(tt.pattern, err)
		if err == nil || !strings.Contains(e.Error(), tt.reason) || e.Suggestion != tt.suggestion || e.Offset != tt.offset || e.Pattern != tt.pattern {
			t.Errorf("%.20s: %+v", tt.pattern, e)
		}
	}
	for _, good := range []string{`^\*5([0-9]*)$`, `^(?!911)(\d+)$`, `(a)\1`, `\d{1001}`, `\((?R)?\)`, ``} {
		if err := Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}
