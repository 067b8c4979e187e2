package transfer

import (
	"maps"
	"slices"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

// TestTellItems: a refusal is never lost, whether it concerns an item or not. An
// import of which nothing is told would count as written.
func TestTellItems(t *testing.T) {
	list := []candidate{{entry: &entry{line: 2, id: "a"}}, {entry: &entry{line: 7, id: "b"}}}
	codes := map[string]any{"invalid": map[string]any{"message": "no"}}
	for path, want := range map[string]string{"0": "2", "1.flow.data": "7.flow.data", "2.flow": "2.flow", "json": "json"} {
		r := &run{wrong: &problems{}, taken: map[*entry]refused{}}
		r.tellItems(list, map[string]any{path: codes})
		err := r.wrong.err()
		if err == nil {
			t.Errorf("%s: nothing is told", path)
			continue
		}
		if got := slices.Collect(maps.Keys(problem.AsError(err).Data)); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: it tells of %q, want %s", path, got, want)
		}
	}
}
