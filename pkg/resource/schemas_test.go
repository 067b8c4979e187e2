package resource

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestSchemasOfKinds has a row for what the schema of each kind refuses, as
// Kazoo's does, and for a default that it fills in.
func TestSchemasOfKinds(t *testing.T) {
	s := newService(t)
	const person = `"first_name":"A","last_name":"B"`
	tests := []struct{ kind, data, path, code string }{
		{"users", `{"first_name":"A"}`, "last_name", "required"},
		{"users", `{` + person + `,"caller_id":{"external":{"number":"` + long(36) + `"}}}`, "caller_id.external.number", "maxLength"},
		{"users", `{` + person + `,"call_recording":{"inbound":{"onnet":{"time_limit":4}}}}`, "call_recording.inbound.onnet.time_limit", "minimum"},
		{"users", `{` + person + `,"media":{"audio":{"codecs":["MP3"]}}}`, "media.audio.codecs.0", "enum"},
		{"users", `{` + person + `,"voicemail":{"notify":{"callback":{"attempts":"many"}}}}`, "voicemail.notify.callback.attempts", "type"},
		{"devices", `{"name":"D","sip":{"method":"magic"}}`, "sip.method", "enum"},
		{"devices", `{"name":"D","sip":{"realm":"a b c d"}}`, "sip.realm", "pattern"},
		{"devices", `{"name":"D","call_restriction":{"did_us":{"action":"maybe"}}}`, "call_restriction.did_us.action", "enum"},
		{"devices", `{"name":"D","formatters":{"to":{"direction":"up"}}}`, "formatters.to", "not_one_schema_valid"},
		{"users", `{` + person + `,"formatters":{"from":[{"strip":"no"}]}}`, "formatters.from", "not_one_schema_valid"},
		{"media", `{"name":"M","content_type":"text/html"}`, "content_type", "enum"},
		{"media", `{"name":"M","media_source":"air"}`, "media_source", "enum"},
		{"menus", `{}`, "name", "required"},
		{"vmboxes", `{"name":"V","mailbox":"100","media_extension":"flac"}`, "media_extension", "enum"},
		{"groups", `{"name":"","endpoints":{}}`, "name", "minLength"},
		{"temporal_rules", `{"name":"T","cycle":"hourly"}`, "cycle", "enum"},
		{"temporal_rules", `{"name":"T","wdays":["someday"]}`, "wdays.0", "enum"},
		{"temporal_rules_sets", `{}`, "name", "required"},
		{"directories", `{"name":"D","sort_by":"age"}`, "sort_by", "enum"},
		{"conferences", `{"name":"C","member":{"numbers":["1","1"]}}`, "member.numbers", "uniqueItems"},
		{"faxboxes", `{"name":"F","notifications":{"inbound":{"callback":{"method":"get"}}}}`, "notifications.inbound.callback.method", "enum"},
		{"blacklists", `{"numbers":{}}`, "name", "required"},
	}
	for _, tt := range tests {
		t.Run(tt.kind+" "+tt.path, func(t *testing.T) {
			_, err := s.Create(t.Context(), write(t, tt.kind, "", tt.data))
			if at, _ := problem.AsError(err).Data[tt.path].(map[string]any); at[tt.code] == nil {
				t.Errorf("%v %v", err, problem.AsError(err).Data)
			}
		})
	}
	fax := mustCreate(t, s, "faxboxes", `{"name":"F"}`)
	if fax["caller_name"] != "Kazoo Fax Printer" {
		t.Errorf("defaults of a fax box: %v", fax)
	}
}

// TestOlderDocumentsStayEditable: what a schema refuses by now does not keep
// the rest of a stored document from being edited (contract 9.28).
func TestOlderDocumentsStayEditable(t *testing.T) {
	s := newService(t)
	older := document.Doc{"_id": "d", "pvt_type": "device", "name": "D", "sip": map[string]any{"method": "magic"}}
	if err := s.Couch.Account(account).Put(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	saved, err := s.Patch(t.Context(), write(t, "devices", "d", `{"name":"E"}`))
	if err != nil || saved.Doc["name"] != "E" || len(saved.Warnings) != 1 || saved.Warnings[0].Path != "sip.method" {
		t.Errorf("%v, warnings %v, %v", saved.Doc["name"], saved.Warnings, err)
	}
	if _, err := s.Patch(t.Context(), write(t, "devices", "d", `{"sip":{"method":"other"}}`)); !problem.Is(err, problem.Invalid) {
		t.Errorf("a new problem is accepted: %v", err)
	}
}

// long is a text of n digits.
func long(n int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = '1'
	}
	return string(out)
}
