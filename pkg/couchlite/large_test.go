package couchlite

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// heapWatch measures what lives in memory while bytes go by.
type heapWatch struct {
	base, peak uint64
	next       int64
}

func newHeapWatch() *heapWatch {
	h := &heapWatch{}
	h.base = h.live()
	h.peak = h.base
	return h
}

// live is the number of bytes that are in use, after what is not was collected.
func (h *heapWatch) live() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// at measures every few megabytes of a stream.
func (h *heapWatch) at(n int64) {
	const every = 8 << 20
	if n >= h.next {
		h.next = n + every
		h.peak = max(h.peak, h.live())
	}
}

func (h *heapWatch) check(t *testing.T, what string, limit uint64) {
	t.Helper()
	h.peak = max(h.peak, h.live())
	if grown := h.peak - h.base; grown > limit {
		t.Errorf("%s: %d KB more in use, want at most %d", what, grown>>10, limit>>10)
	}
}

// noise gives the same random bytes each time, without keeping them.
type noise struct {
	src   *rand.ChaCha8
	n     int64
	left  int64
	watch *heapWatch
}

func newNoise(size int64, watch *heapWatch) *noise {
	return &noise{src: rand.NewChaCha8([32]byte{7}), left: size, watch: watch}
}

func (s *noise) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p))&^7, s.left)) // whole words, so that portions do not matter
	_, _ = s.src.Read(p[:n])
	s.left -= int64(n)
	if s.n += int64(n); s.watch != nil {
		s.watch.at(s.n)
	}
	return n, nil
}

// digest sums up what it is given.
type digest struct {
	hash.Hash
	n     int64
	watch *heapWatch
}

func (d *digest) Write(p []byte) (int, error) {
	if d.n += int64(len(p)); d.watch != nil {
		d.watch.at(d.n)
	}
	return d.Hash.Write(p)
}

func (d *digest) etag() string { return `"` + base64.StdEncoding.EncodeToString(d.Sum(nil)) + `"` }

func digested(t *testing.T, src io.Reader, watch *heapWatch) *digest {
	t.Helper()
	d := &digest{md5.New(), 0, watch}
	if _, err := io.Copy(d, src); err != nil {
		t.Fatal(err)
	}
	return d
}

// fetch sends a request and returns the answer, which must have a status.
func fetch(t *testing.T, method, url string, body io.Reader, length int64, status int, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != status {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		t.Fatalf("%s %s: %d %s", method, url, res.StatusCode, text)
	}
	return res
}

// TestLargeAttachment sends an attachment in, out, in ranges and to another
// database as a replicator does, while what is in memory stays small.
func TestLargeAttachment(t *testing.T) {
	const size, limit = 64<<20 - 4096, 16 << 20
	s, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	server := httptest.NewServer(s)
	defer server.Close()
	at := server.URL + "/db/x/a.mp3"
	for _, name := range []string{"db", "copy"} {
		fetch(t, http.MethodPut, server.URL+"/"+name, nil, 0, 201)
	}
	want := digested(t, newNoise(size, nil), nil)

	watch := newHeapWatch()
	fetch(t, http.MethodPut, at, newNoise(size, watch), size, 201, "Content-Type", "audio/mpeg")
	watch.check(t, "written", limit)

	watch = newHeapWatch()
	res := fetch(t, http.MethodGet, at, nil, 0, 200)
	if got := digested(t, res.Body, watch); got.etag() != want.etag() || res.Header.Get("ETag") != want.etag() || res.ContentLength != size {
		t.Errorf("read %s, ETag %s, length %d, want %s", got.etag(), res.Header.Get("ETag"), res.ContentLength, want.etag())
	}
	watch.check(t, "read", limit)

	watch = newHeapWatch()
	relate(t, server.URL, watch)
	watch.check(t, "replicated", limit)
	res = fetch(t, http.MethodGet, server.URL+"/copy/x/a.mp3", nil, 0, 200)
	if got := digested(t, res.Body, nil); got.etag() != want.etag() || res.Header.Get("ETag") != want.etag() {
		t.Errorf("the copy is %s with ETag %s, want %s", got.etag(), res.Header.Get("ETag"), want.etag())
	}
	checkRanges(t, at, size)
}

// relate copies the document x from db to copy, as a replicator does.
func relate(t *testing.T, url string, watch *heapWatch) {
	t.Helper()
	res := fetch(t, http.MethodGet, url+"/db/x?open_revs=all&revs=true&attachments=true", nil, 0, 200, "Accept", "multipart/mixed")
	_, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(res.Body, params["boundary"]).NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	sums := &digest{md5.New(), 0, watch}
	fetch(t, http.MethodPut, url+"/copy/x?new_edits=false", io.TeeReader(part, sums), -1, 201, "Content-Type", part.Header.Get("Content-Type"))
}

// checkRanges compares parts of an attachment of noise.
func checkRanges(t *testing.T, url string, size int64) {
	t.Helper()
	const piece = 256 << 10
	for _, r := range []struct {
		asked    string
		from, to int64 // the last one is in it
	}{
		{"bytes=0-0", 0, 0},
		{fmt.Sprintf("bytes=%d-%d", piece-5, piece+5), piece - 5, piece + 5},
		{fmt.Sprintf("bytes=%d-%d", 100*piece, 101*piece), 100 * piece, 101 * piece},
		{"bytes=-7", size - 7, size - 1},
		{fmt.Sprintf("bytes=%d-", size-piece-1), size - piece - 1, size - 1},
	} {
		var want bytes.Buffer
		src := newNoise(size, nil)
		_, err := io.CopyN(io.Discard, src, r.from&^7)
		if err == nil {
			_, err = io.CopyN(&want, src, (r.to|7)+1-r.from&^7)
		}
		if err != nil {
			t.Fatal(err)
		}
		res := fetch(t, http.MethodGet, url, nil, 0, 206, "Range", r.asked)
		got, err := io.ReadAll(res.Body)
		if err != nil || !bytes.Equal(got, want.Bytes()[r.from&7:][:r.to-r.from+1]) {
			t.Errorf("%s: %d bytes: %v, or others than were written", r.asked, len(got), err)
		}
	}
	fetch(t, http.MethodGet, url, nil, 0, 416, "Range", fmt.Sprintf("bytes=%d-", size))
}

// TestLargeText packs and unpacks a large text as it goes by.
func TestLargeText(t *testing.T) {
	const line, lines, limit = "a line of text that comes again and again\n", 400_000, 4 << 20
	s := newServer(t)
	server := httptest.NewServer(s)
	defer server.Close()
	fetch(t, http.MethodPut, server.URL+"/db", nil, 0, 201)
	at := server.URL + "/db/x/a.txt"
	text := func(w *heapWatch) io.Reader {
		return io.TeeReader(&repeated{line: line, left: lines}, &digest{md5.New(), 0, w})
	}
	watch := newHeapWatch()
	fetch(t, http.MethodPut, at, text(watch), -1, 201, "Content-Type", "text/plain")
	want := digested(t, text(nil), nil)
	res := fetch(t, http.MethodGet, at, nil, 0, 200, "Accept-Encoding", "identity")
	if got := digested(t, res.Body, watch); got.etag() != want.etag() || res.ContentLength != want.n {
		t.Errorf("%d bytes of %d, or others", got.n, want.n)
	}
	watch.check(t, "text", limit)
	from := int64(len(line)*(lines-1000) + 2)
	res = fetch(t, http.MethodGet, at, nil, 0, 206, "Accept-Encoding", "identity", "Range", fmt.Sprintf("bytes=%d-%d", from, from+5))
	if got, err := io.ReadAll(res.Body); string(got) != line[2:8] || err != nil {
		t.Errorf("a range of it: %q %v", got, err)
	}
}

// repeated is a line that comes so many times.
type repeated struct {
	line string
	rest string
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.left == 0 {
			return 0, io.EOF
		}
		n := min(r.left, 500)
		r.left -= n
		r.rest = strings.Repeat(r.line, n)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// TestBrokenUpload stores nothing of a body that ends before its time, be it
// text or not.
func TestBrokenUpload(t *testing.T) {
	s := newServer(t)
	server := httptest.NewServer(s)
	defer server.Close()
	fetch(t, http.MethodPut, server.URL+"/db", nil, 0, 201)
	for _, kind := range []string{"text/plain", "audio/mpeg"} {
		req := httptest.NewRequest(http.MethodPut, "/db/x/a", io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), brokenBody{}))
		req.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		if w.Code != 400 {
			t.Errorf("%s: %d %s", kind, w.Code, w.Body)
		}
		fetch(t, http.MethodGet, server.URL+"/db/x", nil, 0, 404)
	}
}

// brokenBody breaks off as the body of a request whose client is gone.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
