package api

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/draw"
)

// pictured makes an account with a flow that names what is there, what is
// deleted and what is missing, and returns the callflow's first revision.
func pictured(w *world) (base, first string) {
	w.t.Helper()
	base = "/v2/accounts/" + w.master
	db := w.couch.Account(w.master)
	for _, doc := range []document.Doc{
		{"_id": "ann", "pvt_type": "user", "pvt_account_id": w.master, "first_name": "<script>alert(1)</script>", "last_name": "Lee"},
		{"_id": "old", "pvt_type": "device", "pvt_account_id": w.master, "name": "Old phone", "pvt_deleted": true},
	} {
		if err := db.Put(w.t.Context(), doc); err != nil {
			w.t.Fatal(err)
		}
	}
	w.newCallflow(w.master, `{"id":"night","name":"Night","numbers":["200"],"flow":{"module":"hangup","data":{}}}`)
	created := w.send(put, base+"/callflows", `{"data":{"id":"main","name":"Main <script>","numbers":["100"],"flow":{"module":"user","data":{"id":"ann","timeout":20},`+
		`"children":{"_":{"module":"callflow","data":{"id":"night"}}}}}}`).want(http.StatusCreated)
	first, _ = created.env["revision"].(string)
	stored, err := db.Get(w.t.Context(), "main")
	if err != nil {
		w.t.Fatal(err)
	}
	stored["flow"] = map[string]any{"module": "device", "data": map[string]any{"id": "old"}, "children": map[string]any{
		"_": map[string]any{"module": "user", "data": map[string]any{"id": "gone"}, "children": map[string]any{
			"_": map[string]any{"module": "callflow", "data": map[string]any{"id": "night"}},
		}},
	}}
	if err := db.Put(w.t.Context(), stored); err != nil {
		w.t.Fatal(err)
	}
	return base, first
}

func pictureFormats(t *testing.T, w *world) {
	base, first := pictured(w)
	for _, path := range []string{"/callflows/main", "/callflows/night", "/callflows/main/history/" + first, "/map"} {
		for _, tt := range []struct{ query, accept, media, begins string }{
			{"", web.SVG, web.SVG, "<svg "},
			{"", "image/avif,image/webp,image/svg+xml,image/*;q=0.8,*/*;q=0.5", web.SVG, "<svg "},
			{"?as=svg", "text/html", web.SVG, "<svg "},
			{"", web.Mermaid, web.Mermaid + "; charset=utf-8", ""},
			{"?as=mermaid", "", web.Mermaid + "; charset=utf-8", ""},
			{"", web.Text, web.Text + "; charset=utf-8", ""},
			{"?as=text", "*/*", web.Text + "; charset=utf-8", ""},
			{"", "", "application/json", "{"},
			{"", "*/*", "application/json", "{"},
			{"", "application/json, text/javascript, */*; q=0.01", "application/json", "{"},
			{"", "application/json, text/plain, */*", "application/json", "{"},
			{"", "text/csv", "text/csv", ""},
		} {
			r := w.send(get, base+path+tt.query, "", "Accept", tt.accept).want(http.StatusOK)
			if got := r.header.Get("Content-Type"); got != tt.media || !strings.HasPrefix(r.body, tt.begins) || r.body == "" {
				t.Errorf("%s%s %q: %s %.60s", path, tt.query, tt.accept, got, r.body)
			}
			if !strings.Contains(strings.Join(r.header.Values("Vary"), ","), "Accept") {
				t.Errorf("%s%s: Vary is %q", path, tt.query, r.header.Values("Vary"))
			}
		}
	}
}

// pictureCaches: each format has an ETag of its own, and HEAD has it too.
func pictureCaches(t *testing.T, w *world) {
	base, _ := pictured(w)
	seen := map[string]string{}
	for _, path := range []string{"/callflows/main", "/map"} {
		for _, query := range []string{"", "?as=svg", "?as=mermaid", "?as=text"} {
			r := w.send(get, base+path+query, "").want(http.StatusOK)
			etag := r.header.Get("ETag")
			if other, ok := seen[etag]; ok || etag == "" {
				t.Errorf("%s%s: ETag %q is that of %q too", path, query, etag, other)
			}
			seen[etag] = path + query
			if r := w.send(get, base+path+query, "", "If-None-Match", etag).want(http.StatusNotModified); r.body != "" {
				t.Errorf("304 with %s", r.body)
			}
			head := w.send(http.MethodHead, base+path+query, "").want(http.StatusOK)
			if head.body != "" || head.header.Get("ETag") != etag || head.header.Get("Content-Type") != r.header.Get("Content-Type") {
				t.Errorf("HEAD %s%s: %v", path, query, head.header)
			}
		}
	}
	svg := w.send(get, base+"/callflows/main?as=svg", "").header.Get("ETag")
	w.send(get, base+"/callflows/main?as=text", "", "If-None-Match", svg).want(http.StatusOK)
	if err := w.couch.Account(w.master).Put(t.Context(), document.Doc{"_id": "gone", "pvt_type": "user", "first_name": "Back"}); err != nil {
		t.Fatal(err)
	}
	w.send(get, base+"/callflows/main?as=svg", "", "If-None-Match", svg).want(http.StatusOK)
}

// pictureSafety: no stored name runs script, and the SVG may do nothing.
func pictureSafety(t *testing.T, w *world) {
	base, first := pictured(w)
	for _, path := range []string{"/callflows/main?as=svg", "/callflows/main/history/" + first + "?as=svg", "/map?as=svg"} {
		r := w.send(get, base+path, "").want(http.StatusOK)
		if got := r.header.Get("Content-Security-Policy"); got != svgPolicy || !strings.HasPrefix(got, "default-src 'none'; ") {
			t.Errorf("%s: policy %q", path, got)
		}
		if r.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(r.body, "&lt;script&gt;") {
			t.Errorf("%s: %v %.300s", path, r.header, r.body)
		}
		for dec := xml.NewDecoder(strings.NewReader(r.body)); ; {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if e, ok := token.(xml.StartElement); ok && (e.Name.Local == "script" || e.Name.Local == "foreignObject") {
				t.Errorf("%s has <%s>", path, e.Name.Local)
			}
		}
	}
}

// pictureMarks: what is missing and deleted is said, and jumps are links.
func pictureMarks(t *testing.T, w *world) {
	base, first := pictured(w)
	text := w.send(get, base+"/callflows/main?as=text", "").want(http.StatusOK).body
	for _, want := range []string{"Main", "100", "Old phone", "deleted", "missing", "Night"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	svg := w.send(get, base+"/callflows/main?as=svg", "").body
	if want := `href="` + base + `/callflows/night?as=svg"`; !strings.Contains(svg, want) {
		t.Errorf("no %s", want)
	}
	if old := w.send(get, base+"/callflows/main/history/"+first+"?as=text", "").body; !strings.Contains(old, "Lee") || strings.Contains(old, "Old phone") {
		t.Errorf("the old version is\n%s", old)
	}
	branch := w.send(get, base+"/callflows/main?as=text&branch=flow.children._", "").want(http.StatusOK).body
	if strings.Contains(branch, "Old phone") || !strings.Contains(branch, "Night") {
		t.Errorf("the branch is\n%s", branch)
	}
	w.send(patch, base+"/callflows/night", `{"data":{"flow":{"module":"response","data":{}}}}`).want(http.StatusOK)
	diff := w.send(get, base+"/callflows/night/diff?as=text", "").want(http.StatusOK).body
	if !strings.Contains(diff, "Night") {
		t.Errorf("the diff is\n%s", diff)
	}
	r := w.send(get, base+"/callflows/night/diff", "", "Accept", web.SVG).want(http.StatusOK)
	if !strings.HasPrefix(r.body, "<svg ") || !strings.Contains(r.body, "removed") || !strings.Contains(r.body, "added") {
		t.Errorf("%.300s", r.body)
	}
}

func pictureRefusals(t *testing.T, w *world) {
	base, _ := pictured(w)
	for _, path := range []string{"/callflows/main", "/map", "/callflows/main/diff"} {
		for _, query := range []string{"?as=png", "?as=", "?as=svg&as=text"} {
			r := w.send(get, base+path+query, "").want(http.StatusBadRequest)
			if !strings.Contains(r.body, `"as":{"enum":{`) || !strings.Contains(r.body, "svg, mermaid, text") {
				t.Errorf("%s%s: %s", path, query, r.body)
			}
		}
	}
	if r := w.send(get, base+"/callflows/main?as=svg&branch=flow.children.9", "").want(http.StatusBadRequest); !strings.Contains(r.body, `"branch"`) {
		t.Errorf("%s", r.body)
	}
	w.send(get, base+"/callflows?as=svg", "").want(http.StatusBadRequest)
	w.send(get, base+"/callflows/nosuch?as=svg", "").want(http.StatusNotFound)
	w.send(get, base+"/callflows", "", "Accept", web.SVG).want(http.StatusNotAcceptable)
}

func mapGraph(t *testing.T, w *world) {
	base, _ := pictured(w)
	w.newCallflow(w.master, `{"id":"loop","patterns":["^5"],"flow":{"module":"callflow","data":{"id":"loop"}}}`)
	r := w.send(get, base+"/map", "").want(http.StatusOK)
	for _, want := range []string{
		`{"id":"night","name":"Night","numbers":["200"]}`, `{"from":"main","to":"night","enters":true}`, `{"from":"loop","to":"loop","enters":true}`,
	} {
		if !strings.Contains(r.body, want) {
			t.Errorf("no %s in %s", want, r.body)
		}
	}
	stored, err := w.couch.Account(w.master).Get(t.Context(), "night")
	if err != nil {
		t.Fatal(err)
	}
	stored["pvt_deleted"] = true
	if err := w.couch.Account(w.master).Put(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	if r := w.send(get, base+"/map", ""); !strings.Contains(r.body, `{"id":"night","missing":true}`) {
		t.Errorf("%s", r.body)
	}
}

func TestPictures(t *testing.T) {
	newWorld(t, nil).each(t, []tenantTest{
		{"Formats", pictureFormats},
		{"Caches", pictureCaches},
		{"Safety", pictureSafety},
		{"Marks", pictureMarks},
		{"Refusals", pictureRefusals},
		{"MapGraph", mapGraph},
		{"Goldens", pictureGoldens},
		{"Then", pictureOfThen},
	})
}

// pictureGoldens compares whole pictures with testdata/golden.
func pictureGoldens(t *testing.T, w *world) {
	base, first := pictured(w)
	paths := map[string]string{
		"flow": "/callflows/main", "version": "/callflows/main/history/" + first, "diff": "/callflows/main/diff?from=" + first, "map": "/map",
	}
	for name, path := range paths {
		for _, as := range []string{"svg", "mermaid", "text"} {
			glue := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
			body := w.in(t).send(get, base+path+glue+"as="+as, "").want(http.StatusOK).body
			body = strings.ReplaceAll(strings.ReplaceAll(body, draw.Style, "{style}"), w.master, "{A}")
			body = revisionText.ReplaceAllString(body, "$1-{hash}")
			goldenText(t, "picture_"+name+"."+as, body)
		}
	}
}

// pictureOfThen draws a callflow as it was.
func pictureOfThen(t *testing.T, w *world) {
	base := "/v2/accounts/" + w.master + "/callflows/"
	id := w.newCallflow(w.master, `{"name":"Desk","numbers":["300"],"flow":{"module":"hangup","data":{}}}`)
	now := w.send(get, base+id+"?as=text", "").want(http.StatusOK).body
	then := w.send(get, base+id+"?as=text&at=2024-03-01T12:00:00Z", "").want(http.StatusOK)
	if then.body != now || then.header.Get("Content-Type") != web.Text+"; charset=utf-8" {
		t.Errorf("as of now %q, by itself %q", then.body, now)
	}
	w.send(get, base+id+"?as=svg&at=2024-03-01T12:00:00Z", "").want(http.StatusOK)
	w.send(get, base+id+"?as=svg&at=2024-03-01T11:00:00Z", "").want(http.StatusNotFound)
	w.send(get, base+id+"?as=svg&at=never", "").want(http.StatusBadRequest)
}
