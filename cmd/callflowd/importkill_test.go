package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestE2EImportKilled kills the program in the middle of imports, later each
// time, until one gets through: the account is then what it is where nothing was
// killed, older versions and attachments too. In between nothing is half there.
func TestE2EImportKilled(t *testing.T) {
	dir := "--data-dir=" + t.TempDir()
	p := startChild(t, dir, "--master-api-key="+someKey)
	c, top := login(t, p, someKey)
	source := travel(t, c, newAccountOf(c, top, "Source"))
	file := furnishSource(t, c, source, 1200)
	want := source.must("export", "--history", "--with-dependencies")

	target := newAccountOf(c, top, "Target")
	killed, part := 0, 0
	for wait := 20 * time.Millisecond; ; wait += wait / 4 {
		into := travel(t, c, target)
		timer := time.AfterFunc(wait, func() { p.signal(os.Kill) })
		_, err := into.types(t.Context(), "import", file)
		if timer.Stop() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		<-p.gone
		killed++
		p = startChild(t, dir)
		c, _ = login(t, p, someKey)
		if n := wholeCallflows(t, travel(t, c, target)); n > 0 && n < 1200 {
			part++
		}
	}
	if killed < 3 {
		t.Errorf("it was killed %d times", killed)
	}
	t.Logf("killed %d times, %d of them with a part of the callflows written", killed, part)
	if got := travel(t, c, target).must("export", "--history", "--with-dependencies"); withoutHeader(got) != withoutHeader(want) {
		t.Error("after the kills it is something else")
	}
	got := c.must(http.StatusOK, "GET", "/v2/accounts/"+target+"/routes/+14150000007", nil)
	if !strings.Contains(string(got.Data), `"callflow_id":"`) {
		t.Errorf("a number goes nowhere: %s", got.Data)
	}
	p.stop()
}

// wholeCallflows counts the callflows that an account has. Each must be whole:
// numbers that others of the file have are in it.
func wholeCallflows(t *testing.T, v traveller) int {
	t.Helper()
	out := withoutHeader(v.must("export"))
	for line := range strings.Lines(out) {
		if !strings.Contains(line, `"numbers":["+1415`) || !strings.Contains(line, `"flow":{`) {
			t.Errorf("half a callflow: %s", line)
		}
	}
	return strings.Count(out, "\n")
}

// furnishSource fills an account with so many callflows, some of which have been
// changed, a menu and a media file, and takes it out as an archive.
func furnishSource(t *testing.T, c caller, v traveller, n int) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(file, []byte(randomExport(n)), 0o600); err != nil {
		t.Fatal(err)
	}
	v.must("import", file)
	account := "/v2/accounts/" + strings.TrimPrefix(v.env[2], "CALLFLOWD_ACCOUNT=")
	media := strings.Repeat("0d", 16)
	c.must(http.StatusCreated, "PUT", account+"/media", map[string]any{"id": media, "name": "Hello"})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.base+account+"/media/"+media+"/raw", strings.NewReader("ID3"+strings.Repeat("x", 100_000)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", c.token)
	req.Header.Set("Content-Type", "audio/mp3")
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	res.Body.Close()
	for i := range 40 {
		flow := map[string]any{"module": "play", "data": map[string]any{"id": media}}
		c.must(http.StatusOK, "PATCH", fmt.Sprintf("%s/callflows/%032x", account, i*17), map[string]any{"flow": flow})
	}
	archive := v.must("export", "--tar", "--history", "--with-dependencies")
	if err := os.WriteFile(file, []byte(archive), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
