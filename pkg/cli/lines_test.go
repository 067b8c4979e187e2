package cli

import (
	"encoding/json"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

// TestWrittenKeepsTextsTexts writes what YAML would take for something else.
func TestWrittenKeepsTextsTexts(t *testing.T) {
	var data map[string]any
	body := `{"numbers":["0100","+1415","1e3","null","true","~","2026-11-28","a: b","# no","*98","0x1F",""],"n":7,"f":1.5,"no":null,"deep":{"a b":[[],{}]},"text":"two\nlines"}`
	if err := decode(json.RawMessage(body), &data); err != nil {
		t.Fatal(err)
	}
	text, err := written("cf", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fromText(text)
	if err != nil || !document.Equal(publicOf(got), data) {
		t.Errorf("%s\ngives %v, %v", text, got, err)
	}
}
