package api

import (
	"bytes"
	"encoding/base64"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
)

// upload sends a body of any type to a media document.
func (w *world) upload(id, kind, body string, headers ...string) response {
	w.t.Helper()
	return w.send(post, "/v2/accounts/"+w.master+"/media/"+id+"/raw", body, append([]string{"Content-Type", kind}, headers...)...)
}

// newMedia makes a media document that has no file yet.
func (w *world) newMedia(id string) {
	w.t.Helper()
	w.send(put, "/v2/accounts/"+w.master+"/media", `{"data":{"id":"`+id+`","name":"Hello","streamable":true}}`).want(http.StatusCreated)
}

// form is a multipart body with one file.
func form(t *testing.T, name, kind, data string) (contentType, body string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`}, "Content-Type": {kind},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(data))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), buf.String()
}

// TestMediaUpload sends audio in each way that clients know, and hears it.
func TestMediaUpload(t *testing.T) {
	w := newWorld(t, nil)
	w.newMedia("m")
	path := "/v2/accounts/" + w.master + "/media/m/raw"
	w.send(get, path, "").want(http.StatusNotFound).says("bad_identifier")
	formType, formBody := form(t, `C:\tunes\my hello.wav`, "audio/x-wav", "RIFF-form")
	tests := []struct{ name, kind, body, stored, data, file string }{
		{"raw", "audio/mp3", "ID3-raw", "audio/mp3", "ID3-raw", ".mp3"},
		{"another name of the type", "audio/vnd.wave", "RIFF-other", "audio/wav", "RIFF-other", ".wav"},
		{"a console's", "application/x-base64", "data:audio/ogg;base64," + base64.StdEncoding.EncodeToString([]byte("OggS-text")), "audio/ogg", "OggS-text", ".ogg"},
		{"form", formType, formBody, "audio/x-wav", "RIFF-form", "my_hello.wav"},
		{"no type", "application/octet-stream", "OggS-bytes", "audio/ogg", "OggS-bytes", ".ogg"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := w.in(t)
			r := w.upload("m", tt.kind, tt.body).want(http.StatusOK)
			if r.data("content_type") != tt.stored || r.data("name") != "Hello" || r.data("media_source") != "upload" || r.data("_attachments") != nil {
				t.Errorf("document %v", r.data())
			}
			heard := w.send(get, path, "").want(http.StatusOK)
			if heard.body != tt.data || heard.header.Get("Content-Type") != tt.stored || heard.header.Get("Accept-Ranges") != "bytes" {
				t.Errorf("heard %q %v", heard.body, heard.header)
			}
			if disposition := heard.header.Get("Content-Disposition"); !strings.HasPrefix(disposition, "attachment; filename=") || !strings.HasSuffix(disposition, tt.file) {
				t.Errorf("disposition %s", disposition)
			}
			doc, err := w.couch.Account(w.master).Get(t.Context(), "m")
			if err != nil || len(doc.Object("_attachments")) != 1 {
				t.Errorf("attachments %v, %v", doc.Object("_attachments"), err)
			}
		})
	}
	edited := w.send(patch, "/v2/accounts/"+w.master+"/media/m", `{"data":{"name":"Bye"}}`).want(http.StatusOK)
	if got := w.send(get, path, "").want(http.StatusOK).body; got != "OggS-bytes" || edited.data("content_type") != "audio/ogg" {
		t.Errorf("after an edit: %q", got)
	}
}

// TestMediaRanges asks for parts, as a browser does that plays a file.
func TestMediaRanges(t *testing.T) {
	w := newWorld(t, nil)
	w.newMedia("m")
	text := strings.Repeat("0123456789", 20_000)
	w.upload("m", "audio/mp3", text).want(http.StatusOK)
	path := "/v2/accounts/" + w.master + "/media/m/raw"
	whole := w.send(get, path, "").want(http.StatusOK)
	tag := whole.header.Get("ETag")
	if whole.body != text || tag == "" {
		t.Fatalf("whole: %d bytes, tag %s", len(whole.body), tag)
	}
	tests := []struct {
		name          string
		headers       []string
		status        int
		body, content string
	}{
		{"beginning", []string{"Range", "bytes=0-3"}, 206, "0123", "bytes 0-3/200000"},
		{"middle", []string{"Range", "bytes=150003-150005"}, 206, "345", "bytes 150003-150005/200000"},
		{"end", []string{"Range", "bytes=-2"}, 206, "89", "bytes 199998-199999/200000"},
		{"from", []string{"Range", "bytes=199997-"}, 206, "789", "bytes 199997-199999/200000"},
		{"beyond", []string{"Range", "bytes=200000-"}, 416, "", "bytes */200000"},
		{"of the same", []string{"Range", "bytes=0-0", "If-Range", tag}, 206, "0", "bytes 0-0/200000"},
		{"of another", []string{"Range", "bytes=0-0", "If-Range", `"x"`}, 200, text, ""},
		{"unchanged", []string{"If-None-Match", tag}, 304, "", ""},
		{"another wanted", []string{"If-Match", `"x"`}, 412, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := w.in(t).send(get, path, "", tt.headers...).want(tt.status)
			if r.header.Get("Content-Range") != tt.content || tt.status < 300 && r.body != tt.body {
				t.Errorf("%d bytes, %v", len(r.body), r.header)
			}
			if tt.status >= 400 && (r.header.Get("Content-Type") != "application/json" || r.env["error"] != strconv.Itoa(tt.status) || r.header.Get("Content-Disposition") != "") {
				t.Errorf("refused with %v: %s", r.header, r.body)
			}
		})
	}
	if r := w.send(http.MethodHead, path, "").want(http.StatusOK); r.body != "" || r.header.Get("Content-Length") != "200000" {
		t.Errorf("HEAD: %v", r.header)
	}
}

// TestMediaRefused has a row for each way in which an upload is wrong.
func TestMediaRefused(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Upload, c.MediaFormats = 1000, []string{"mp3", "wav"} })
	w.newMedia("m")
	long := strings.Repeat("x", 1001)
	formType, longForm := form(t, "a.mp3", "audio/mp3", long)
	tests := []struct {
		name, kind, body string
		status           int
		field, code      string
	}{
		{"another type", "text/html", "<script>", 400, "content_type", "enum"},
		{"a type that is not allowed here", "audio/ogg", "OggS", 400, "content_type", "enum"},
		{"bytes of no kind", "application/octet-stream", "hello", 400, "content_type", "enum"},
		{"nothing", "audio/mp3", "", 400, "file", "required"},
		{"no file", "application/json", `{"data":{}}`, 400, "file", "required"},
		{"no base64", "application/x-base64", "data:audio/mp3;base64,%", 400, "file", "invalid"},
		{"too long", "audio/mp3", long, 413, "", ""},
		{"too long a form", formType, longForm, 413, "", ""},
		{"much too long", "audio/mp3", strings.Repeat("x", 100_000), 413, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := w.in(t).upload("m", tt.kind, tt.body).want(tt.status)
			if tt.field != "" && r.data(tt.field, tt.code) == nil {
				t.Errorf("data %v", r.data())
			}
		})
	}
	none := httptest.NewRequestWithContext(t.Context(), post, "/v2/accounts/"+w.master+"/media/m/raw", http.NoBody)
	none.Header = http.Header{"Content-Type": {"audio/mp3"}, "X-Auth-Token": {w.token}}
	if r := w.do(none, "").want(http.StatusBadRequest); r.data("file", "required") == nil {
		t.Errorf("no body at all: %s", r.body)
	}
	w.upload("m", "audio/mp3", long[1:]).want(http.StatusOK)
	w.upload("nosuch", "audio/mp3", "ID3").want(http.StatusNotFound)
	w.upload("m", "audio/mp3", "ID3", "If-Match", `"1-0"`).want(http.StatusPreconditionFailed)
	w.as("").upload("m", "audio/mp3", "ID3").want(http.StatusUnauthorized)
	w.send(post, "/v2/accounts/"+w.master+"/media/m", "ID3", "Content-Type", "audio/mp3").want(http.StatusUnsupportedMediaType)
}

// TestVoicemailMessages: a console asks each box for its messages.
func TestVoicemailMessages(t *testing.T) {
	w := newWorld(t, nil)
	base := "/v2/accounts/" + w.master + "/vmboxes"
	w.send(put, base, `{"data":{"id":"box","name":"B","mailbox":"100"}}`).want(http.StatusCreated)
	golden(t, "voicemail_messages", w.master, w.send(get, base+"/box/messages", "", "X-Request-Id", "golden").want(http.StatusOK))
	w.send(get, base+"/messages", "").want(http.StatusOK)
	w.send(get, base+"/nosuch/messages", "").want(http.StatusNotFound)
	w.newMedia("m")
	golden(t, "media_uploaded", w.master, w.upload("m", "audio/mp3", "ID3", "X-Request-Id", "golden").want(http.StatusOK))
	golden(t, "media_refused", w.master, w.upload("m", "text/plain", "x", "X-Request-Id", "golden").want(http.StatusBadRequest))
}
