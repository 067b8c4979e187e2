package web

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestLargeValuesAreNotRepeated: however large a body and however often it
// breaks rules, the answer stays small.
func TestLargeValuesAreNotRepeated(t *testing.T) {
	many := make([]any, 100_000)
	for i := range many {
		many[i] = map[string]any{}
	}
	var nested any = strings.Repeat("x", 1<<20)
	for range 100 {
		nested = map[string]any{"children": nested}
	}
	for name, value := range map[string]any{
		"string": strings.Repeat("x", 1<<20), "array": many, "object": map[string]any{"a": many}, "nested": nested,
		"document": document.Doc{"a": many}, "key": map[string]any{strings.Repeat("x", 1<<20): 1},
	} {
		var found []problem.Violation
		for i := range 1000 {
			found = append(found, problem.Violation{Path: problem.Join("p", i), Code: "type", Message: "wrong", Members: map[string]any{"value": value}})
		}
		err := problem.AsError(problem.Validation(found))
		body, encodeErr := json.Marshal(errorData(err, shapeOf(err.Code)))
		if encodeErr != nil || len(body) > 200_000 || !strings.Contains(string(body), "value_omitted") {
			t.Errorf("%s: %d bytes, %v", name, len(body), encodeErr)
		}
	}
	small := problem.AsError(problem.Validation([]problem.Violation{{Path: "p", Code: "type", Members: map[string]any{"value": []any{"a"}}}}))
	if body, _ := json.Marshal(errorData(small, shapeOf(small.Code))); !strings.Contains(string(body), `"value":["a"]`) {
		t.Errorf("a small value is left out: %s", body)
	}
}
