package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
)

func TestReadRecordsRefuses(t *testing.T) {
	for _, text := range []string{
		"", "{}", "[]", `{"callflowd_export":2}`, "{\"callflowd_export\":1}\n{", "{\"callflowd_export\":1}\n{\"id\":\"a\"}", `{"rows":{}}`, `{"rows":[1]}`,
	} {
		if got, err := readRecords(strings.NewReader(text)); err == nil {
			t.Errorf("%q gives %v", text, got)
		}
	}
}

// TestNewIDs makes ids that are the same again, and others in another account,
// and follows references but not numbers.
func TestNewIDs(t *testing.T) {
	make2 := func(account string) []record {
		list := []record{
			{ID: "100", Data: map[string]any{"numbers": []any{"100"}, "flow": map[string]any{"data": map[string]any{"id": "b"}}}},
			{ID: "b", Data: map[string]any{"name": "b", "flow": map[string]any{"data": map[string]any{"id": "100", "other": "c"}}}},
		}
		newIDs(account, list)
		return list
	}
	one, again, other := make2("x"), make2("x"), make2("y")
	at := func(r record) document.Doc {
		flow, _ := r.Data["flow"].(map[string]any)
		data, _ := flow["data"].(map[string]any)
		return data
	}
	if at(one[0]).String("id") != one[1].ID || at(one[1]).String("id") != one[0].ID || at(one[1]).String("other") != "c" {
		t.Errorf("references: %v", one)
	}
	if compact(one[0].Data["numbers"]) != `["100"]` || one[1].Data["name"] != "b" {
		t.Errorf("what is no reference: %v", one)
	}
	if one[0].ID != again[0].ID || one[0].ID == other[0].ID || len(one[0].ID) != 32 {
		t.Errorf("%s, again %s, elsewhere %s", one[0].ID, again[0].ID, other[0].ID)
	}
}

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
