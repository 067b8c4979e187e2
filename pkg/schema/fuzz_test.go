package schema

import (
	"encoding/json"
	"flag"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/document"
)

// FuzzValidate feeds mutated documents through decoder, validator and
// adviser: none may panic, break a property or, while fuzzing, take 100 ms.
// It begins with recorded documents.
func FuzzValidate(f *testing.F) {
	for i, v := range readVectors(f, "validate.jsonl") {
		if i%7 == 0 {
			raw, err := json.Marshal(v.Input)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	r := embedded(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := document.Decode(raw, document.Limits{})
		if err != nil {
			return
		}
		in, ok := v.(map[string]any)
		if !ok {
			return
		}
		if fuzzing && tooSlow(r, in) && tooSlow(r, in) && tooSlow(r, in) { // once may be the machine's fault
			t.Error("takes more than 100 ms")
		}
		checkProperties(t, r, in)
	})
}

func tooSlow(r *Registry, in document.Doc) bool {
	start := time.Now()
	r.Validate("callflows", in)
	r.Advise("callflows", in)
	return time.Since(start) > 100*time.Millisecond
}
