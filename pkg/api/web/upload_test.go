package web

import (
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/problem"
)

func TestUploadOf(t *testing.T) {
	const form = "multipart/form-data; boundary=b"
	part := func(head, body string) string {
		return "--b\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + body + "\r\n"
	}
	file := part(`name="f"; filename="a.wav"`+"\r\nContent-Type: audio/wav", "RIFF")
	tests := []struct {
		name, header, body string
		kind, file, data   string
		refused            string // the code at file
	}{
		{"plain", "audio/wav", "RIFF", "audio/wav", "", "RIFF", ""},
		{"parameters", "Audio/WAV; rate=8000", "RIFF", "audio/wav", "", "RIFF", ""},
		{"empty", "audio/wav", "", "", "", "", ""},
		{"a console's", "application/x-base64", "data:audio/wav;base64,UklGRg==\n", "audio/wav", "", "RIFF", ""},
		{"a console's, parameters", "application/x-base64", "data:audio/mp3;x=y;base64,UklGRg==", "audio/mp3", "", "RIFF", ""},
		{"no base64", "application/x-base64", "data:audio/wav;base64,%%", "", "", "", "invalid"},
		{"another encoding", "application/x-base64", "data:audio/wav,abc", "", "", "", "invalid"},
		{"no comma", "application/x-base64", "data:audio/wav;base64", "", "", "", "invalid"},
		{"bare base64", "application/x-base64", "UklGRg==", "", "", "", "invalid"},
		{"form", form, part(`name="x"`, "1") + file + "--b--\r\n", "audio/wav", "a.wav", "RIFF", ""},
		{"form without a file", form, part(`name="x"`, "1") + "--b--\r\n", "", "", "", ""},
		{"two files", form, file + file + "--b--\r\n", "", "", "", "maxItems"},
		{"broken form", form, file, "", "", "", "invalid"},
		{"no boundary", "multipart/form-data", file, "", "", "", "invalid"},
		{"no type", "/", "x", "", "", "", "invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			up, err := uploadOf(tt.header, []byte(tt.body))
			if tt.refused != "" {
				at, _ := problem.AsError(err).Data["file"].(map[string]any)
				if at[tt.refused] == nil {
					t.Errorf("%v %v", up, err)
				}
				return
			}
			if err != nil || up == nil != (tt.data == "") {
				t.Fatalf("%v %v", up, err)
			}
			if up != nil && (up.ContentType != tt.kind || up.FileName != tt.file || string(up.Data) != tt.data) {
				t.Errorf("%s %q %q", up.ContentType, up.FileName, up.Data)
			}
		})
	}
}

// TestRangeReader reads here and there, and asks for the file again only to go
// back or far ahead.
func TestRangeReader(t *testing.T) {
	const text = "0123456789"
	opened := 0
	f := &File{Length: int64(len(text)), Open: func(offset int64) (readCloser, error) {
		opened++
		return nopCloser{strings.NewReader(text[offset:])}, nil
	}}
	r := &fileReader{file: f}
	read := func(n int) string {
		t.Helper()
		buf := make([]byte, n)
		got, err := r.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:got])
	}
	if at, err := r.Seek(0, 2); at != 10 || err != nil || opened != 0 {
		t.Errorf("the end is at %d, %v, opened %d times", at, err, opened)
	}
	_, _ = r.Seek(3, 0)
	if got := read(2) + read(1); got != "345" || opened != 1 {
		t.Errorf("read %q, opened %d times", got, opened)
	}
	_, _ = r.Seek(-5, 1)
	if got := read(2); got != "12" || opened != 2 {
		t.Errorf("read %q, opened %d times", got, opened)
	}
	if _, err := r.Seek(-1, 0); err == nil {
		t.Error("before the beginning")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }
