package replicator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime/multipart"
	"strings"
	"testing"
)

const twoFollow = `{"_id":"d","_attachments":{"a \"b":{"content_type":"text/plain","revpos":2,"follows":true,"length":9,"encoded_length":3,"encoding":"gzip"},` +
	`"s":{"stub":true},"z":{"content_type":"image/png","revpos":1,"follows":true,"length":4}},"x":12345678901234567890}`

// The length that is announced is that of the body, and attachments find their
// headers by name.
func TestRelatedLength(t *testing.T) {
	var out bytes.Buffer
	w := &relatedWriter{to: &out, boundary: "xyz"}
	bodies := []attachment{{"z", strings.NewReader("zzzz")}, {"a \"b", strings.NewReader("abc")}}
	src := &parts{doc: []byte(twoFollow), next: func() (*attachment, error) {
		if len(bodies) == 0 {
			return nil, io.EOF
		}
		a := bodies[0]
		bodies = bodies[1:]
		return &a, nil
	}}
	if err := w.write(src); err != nil {
		t.Fatal(err)
	}
	if got, want := int64(out.Len()), w.length(src.doc); got != want {
		t.Errorf("%d bytes, announced %d", got, want)
	}
	r := multipart.NewReader(&out, "xyz")
	if _, err := r.NextRawPart(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"z image/png ", "a \"b text/plain gzip"} {
		part, err := r.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		if got := part.FileName() + " " + part.Header.Get("Content-Type") + " " + part.Header.Get("Content-Encoding"); got != want {
			t.Errorf("part %q, want %q", got, want)
		}
	}
}

// A server that knows no multipart gets the bytes inside the document.
func TestInline(t *testing.T) {
	doc := `{"_id":"d","_attachments":{"a":{"content_type":"text/plain","revpos":2,"follows":true,"length":3},"s":{"stub":true}},"x":{"_attachments":1}}`
	sent := false
	var out bytes.Buffer
	err := writeInline(&out, &parts{doc: []byte(doc), next: func() (*attachment, error) {
		if sent {
			return nil, io.EOF
		}
		sent = true
		return &attachment{"a", strings.NewReader("abc")}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		X    json.RawMessage
		Atts map[string]struct{ Data string } `json:"_attachments"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%s: %v", out.Bytes(), err)
	}
	if got.Atts["a"].Data != base64.StdEncoding.EncodeToString([]byte("abc")) || string(got.X) != `{"_attachments":1}` {
		t.Errorf("sent %s", out.Bytes())
	}
}

// Of two logs that went different ways, the newest run that both know counts.
func TestCommonSeq(t *testing.T) {
	run := func(id, seq string) Session { return Session{Session: id, Recorded: json.RawMessage(seq)} }
	log := func(runs ...Session) Log {
		return Log{Session: runs[0].Session, SourceSeq: runs[0].Recorded, History: runs}
	}
	tests := []struct {
		name           string
		source, target Log
		want           string
	}{
		{"same run", log(run("a", "5")), log(run("a", "5")), "5"},
		{"target older", log(run("b", "9"), run("a", "5")), log(run("a", "5")), "5"},
		{"source restored", log(run("a", "5")), log(run("c", "9"), run("b", "7"), run("a", "5")), "5"},
		{"nothing in common", log(run("b", "9")), log(run("a", "5")), ""},
		{"no target", log(run("b", "9")), Log{}, ""},
		{"none", Log{}, Log{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := commonSeq(tt.source, tt.target); string(got) != tt.want {
				t.Errorf("sequence %s, want %s", got, tt.want)
			}
		})
	}
}
