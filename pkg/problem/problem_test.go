package problem

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func TestAsError(t *testing.T) {
	inner := &Error{Code: Conflict, Msg: "save"}
	tests := []struct {
		name string
		err  error
		want Code
	}{
		{"itself", inner, Conflict},
		{"wrapped", fmt.Errorf("outer: %w", inner), Conflict},
		{"outermost wins", &Error{Code: Unavailable, Err: inner}, Unavailable},
		{"foreign", errors.New("boom"), Internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := AsError(tt.err).Code; got != tt.want {
				t.Errorf("code %q, want %q", got, tt.want)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	tests := []struct {
		err  *Error
		want string
	}{
		{&Error{Code: Conflict}, "datastore_conflict"},
		{&Error{Code: Conflict, Msg: "save x"}, "save x"},
		{&Error{Code: Conflict, Msg: "save x", Err: errors.New("409")}, "save x: 409"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestIs(t *testing.T) {
	if !Is(fmt.Errorf("x: %w", &Error{Code: NotFound}), NotFound) {
		t.Error("wrapped code not seen")
	}
	if Is(errors.New("x"), Internal) {
		t.Error("a foreign error has no code")
	}
}

func TestValidation(t *testing.T) {
	if err := Validation(nil); err != nil {
		t.Fatalf("no violations gave %v", err)
	}
	err := Validation([]Violation{
		{Path: "numbers.0", Code: "type", Message: "a", Members: map[string]any{"target": "string"}},
		{Path: "numbers.0", Code: "enum", Message: "b"},
		{Path: "numbers.0", Code: "type", Message: "second"},
	})
	want := map[string]any{"numbers.0": map[string]any{
		"type": map[string]any{"message": "a", "target": "string"},
		"enum": map[string]any{"message": "b"},
	}}
	if got := AsError(err).Data; !reflect.DeepEqual(got, want) {
		t.Errorf("data %v, want %v", got, want)
	}
}

func TestJoin(t *testing.T) {
	tests := []struct {
		path string
		key  any
		want string
	}{
		{"", "flow", "flow"},
		{"flow", "children", "flow.children"},
		{"flow.children", "a.b", "flow.children.a%2Eb"},
		{"numbers", 0, "numbers.0"},
	}
	for _, tt := range tests {
		if got := Join(tt.path, tt.key); got != tt.want {
			t.Errorf("Join(%q, %v) = %q, want %q", tt.path, tt.key, got, tt.want)
		}
	}
}

// TestMemberOf: what [Join] wrote of a key leads back to it, also beside a key
// that looks alike.
func TestMemberOf(t *testing.T) {
	object := map[string]any{"a": 1, "a.b": 2, "a%2Eb.": 3, "c%2Ed": 4, "": 5}
	for key := range object {
		parts := Parts(Join("flow.children", key))
		if got, ok := MemberOf(object, parts[len(parts)-1]); !ok || got != key {
			t.Errorf("the way back to %q leads to %q, %v", key, got, ok)
		}
	}
	for _, absent := range []string{"b", "a%2E", "%2E"} {
		if got, ok := MemberOf(object, absent); ok {
			t.Errorf("%q leads to %q", absent, got)
		}
	}
	if parts := Parts(""); parts != nil {
		t.Errorf("the whole document has the path %q", parts)
	}
}

func TestItemOf(t *testing.T) {
	for part, want := range map[string]bool{"0": true, "1": true, "2": false, "-1": false, "": false, "x": false} {
		if _, ok := ItemOf([]any{"a", "b"}, part); ok != want {
			t.Errorf("item %q of two: %v", part, ok)
		}
	}
}

func TestDataIsBounded(t *testing.T) {
	var vs []Violation
	for i := range 5000 {
		vs = append(vs, Violation{Path: Join("numbers", i), Code: "type"})
	}
	data := Data(vs)
	more, _ := data["more"].(map[string]any)["more"].(map[string]any)
	if _, ok := data["numbers.999"]; !ok || len(data) != 1001 || more["count"] != 4000 {
		t.Errorf("%d paths", len(data))
	}
}
