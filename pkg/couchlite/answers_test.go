package couchlite

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// answersFile holds what CouchDB 3.5.0 answered to the requests in
// testdata/requests.txt: record it with -update and COUCHDB_URL.
const (
	requestsFile = "testdata/requests.txt"
	answersFile  = "testdata/answers.txt"
)

// TestAnswers sends the requests of testdata/requests.txt one after the other
// and compares the answers with those of CouchDB. A line of requests is
//
//	METHOD PATH [Header:value …] [BODY]
//
// where DB stands for a database of this run and $name for the revision that
// the answer to a line beginning with name= carried.
func TestAnswers(t *testing.T) {
	holdAnswers(t, requestsFile, answersFile, func(line string) string { return line })
}

// holdAnswers plays the requests of one file and compares the answers, each
// passed through clean, with those recorded in the other.
func holdAnswers(t *testing.T, requests, answers string, clean func(string) string) {
	t.Helper()
	script, err := os.ReadFile(requests)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(newServer(t))
	defer srv.Close()
	target := srv.URL
	record := *update && os.Getenv("COUCHDB_URL") != ""
	if record {
		target = os.Getenv("COUCHDB_URL")
	}
	got := play(t, target, string(script))
	for i := range got {
		got[i] = clean(got[i])
	}
	if record {
		if err := os.WriteFile(answers, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	recorded, err := os.ReadFile(answers)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(recorded)), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d answers, %d recorded", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

// play sends the script's requests and returns a line for each.
func play(t *testing.T, base, script string) []string {
	t.Helper()
	db := "answers" + strconv.FormatInt(time.Now().UnixNano(), 36)
	revs := map[string]string{}
	var lines []string
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, named := strings.Cut(line, "=")
		if named = named && !strings.Contains(name, " "); !named {
			rest = line
		}
		for k, v := range revs {
			rest = strings.ReplaceAll(rest, "$"+k, v)
		}
		status, body := sendLine(t, base, strings.ReplaceAll(rest, "DB", db))
		if m := regexp.MustCompile(`"rev":"([^"]+)"`).FindStringSubmatch(body); named && m != nil {
			revs[name] = m[1]
		}
		body = strings.ReplaceAll(body, db, "DB")
		lines = append(lines, fmt.Sprintf("%s => %d %s", line, status, steady(body)))
	}
	return lines
}

var (
	seqs       = regexp.MustCompile(`("(?:seq|last_seq|update_seq|purge_seq)":"\d+)-[^"]*"`)
	boundaries = regexp.MustCompile(`(--|boundary=")[0-9a-f]{32,}`)
	hosts      = regexp.MustCompile(`http://[^/]+/`)
)

// steady replaces what varies between servers and runs.
func steady(body string) string {
	body = seqs.ReplaceAllString(body, `$1"`)
	body = boundaries.ReplaceAllString(body, `${1}BOUNDARY`)
	body = strings.ReplaceAll(hosts.ReplaceAllString(body, "/"), "\r\n", "~")
	return strings.TrimRight(strings.ReplaceAll(body, "\n", "~"), "~")
}

// sendLine sends one request of the script.
func sendLine(t *testing.T, base, line string) (status int, body string) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	method, rest, _ := strings.Cut(line, " ")
	path, rest, _ := strings.Cut(rest, " ")
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	for {
		key, value, ok := strings.Cut(strings.TrimSpace(rest), ":")
		if !ok || strings.ContainsAny(key, `"{[ `) {
			break
		}
		value, rest, _ = strings.Cut(value, " ")
		header.Set(key, strings.ReplaceAll(value, "%20", " "))
	}
	req, err := http.NewRequestWithContext(t.Context(), method, u.Scheme+"://"+u.Host+path, strings.NewReader(strings.TrimSpace(rest)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	if password, ok := u.User.Password(); ok {
		req.SetBasicAuth(u.User.Username(), password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if etag := resp.Header.Get("ETag"); etag != "" && strings.HasPrefix(line, "HEAD") {
		return resp.StatusCode, etag
	}
	return resp.StatusCode, string(raw)
}
