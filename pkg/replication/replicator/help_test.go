package replicator_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/replication/replicator"
)

// database is a fresh database on a server of its own, and its address.
func database(t testing.TB) string {
	t.Helper()
	address := couchtest.URL(t) + "/" + replicator.EscapeDB("account/ab/cd/ef")
	ask(t, http.MethodPut, address, nil, nil)
	return address
}

// ask sends a request that must succeed.
func ask(t testing.TB, method, address string, in, out any) {
	t.Helper()
	if code, text := try(t, method, address, in, out); code >= 300 {
		t.Fatalf("%s %s: %d %s", method, address, code, text)
	}
}

func try(t testing.TB, method, address string, in, out any) (int, []byte) {
	t.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil && res.StatusCode < 300 {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s %s: %v", method, address, err)
		}
	}
	return res.StatusCode, text
}

type object = map[string]any

// revision is one stored as it is, with random ancestors.
func revision(id string, path []string, more object) object {
	ids := make([]string, len(path))
	for i, rev := range path {
		ids[len(path)-1-i] = rev
	}
	doc := object{"_id": id, "_rev": fmt.Sprintf("%d-%s", len(path), ids[0]), "_revisions": object{"start": len(path), "ids": ids}}
	maps.Copy(doc, more)
	return doc
}

func randomRev(r *rand.Rand) string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) }

func randomPath(r *rand.Rand, from []string, n int) []string {
	path := slices.Clone(from)
	for range n {
		path = append(path, randomRev(r))
	}
	return path
}

// fill writes n documents with revision trees: every third has a conflict,
// every fifth a deleted leaf, every seventh attachments.
func fill(t testing.TB, address string, n int, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	var docs []object
	flush := func() {
		ask(t, http.MethodPost, address+"/_bulk_docs", object{"new_edits": false, "docs": docs}, nil)
		docs = nil
	}
	for i := range n {
		docs = append(docs, tree(r, fmt.Sprintf("d%d+%d/ü", seed, i), i)...)
		if len(docs) > 500 {
			flush()
		}
	}
	flush()
}

func tree(r *rand.Rand, id string, i int) (docs []object) {
	path := randomPath(r, nil, 1+r.IntN(4))
	text := strings.Repeat("x", r.IntN(300))
	docs = append(docs, revision(id, path, object{"n": i, "big": json.Number("12345678901234567890"), "text": text}))
	if i%3 == 0 {
		docs = append(docs, revision(id, randomPath(r, path[:1], 1+r.IntN(3)), object{"n": -i}))
	}
	if i%5 == 0 {
		docs = append(docs, revision(id, randomPath(r, path, 1), object{"_deleted": true}))
	}
	if i%7 == 0 {
		docs = append(docs, revision(id, randomPath(r, path[:1], 2), object{"_attachments": object{
			"a b.txt": inline("text/plain", []byte(text+"text")), "ü": inline("application/octet-stream", randomBytes(r, 100)),
		}}))
	}
	return docs
}

func inline(kind string, data []byte) object {
	return object{"content_type": kind, "data": base64.StdEncoding.EncodeToString(data)}
}

func randomBytes(r *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

// leaves are all leaf revisions of all documents.
func leaves(t testing.TB, address string) map[string][]string {
	t.Helper()
	var page struct {
		Results []struct {
			ID      string
			Changes []struct{ Rev string }
		}
	}
	ask(t, http.MethodGet, address+"/_changes?style=all_docs", nil, &page)
	all := map[string][]string{}
	for _, row := range page.Results {
		for _, leaf := range row.Changes {
			all[row.ID] = append(all[row.ID], leaf.Rev)
		}
		slices.Sort(all[row.ID])
	}
	return all
}

// same checks that both databases have the same leaves, and for some documents
// that they say the same.
func same(t testing.TB, a, b string) {
	t.Helper()
	left, right := leaves(t, a), leaves(t, b)
	for id, revs := range left {
		if !slices.Equal(revs, right[id]) {
			t.Fatalf("%s: leaves %v and %v", id, revs, right[id])
		}
	}
	if len(left) != len(right) {
		t.Fatalf("%d documents and %d", len(left), len(right))
	}
	for i, id := range slices.Sorted(maps.Keys(left)) {
		if i%13 == 0 {
			if x, y := content(t, a, id), content(t, b, id); x != y {
				t.Fatalf("%s:\n%.2000s\n%.2000s", id, x, y)
			}
		}
	}
}

// content is all that a document's leaves say, in a form to be compared.
func content(t testing.TB, address, id string) string {
	t.Helper()
	var docs []struct{ OK object }
	ask(t, http.MethodGet, address+"/"+replicator.EscapeDB(id)+"?open_revs=all&revs=true&attachments=true", nil, &docs)
	var texts []string
	for _, doc := range docs {
		atts, _ := doc.OK["_attachments"].(object)
		for _, a := range atts {
			delete(a.(object), "revpos") // pouchdb-server counts it its own way
			delete(a.(object), "digest") // depends on how it is compressed
		}
		text, err := json.Marshal(doc.OK)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	slices.Sort(texts)
	return strings.Join(texts, "\n")
}

// replicate runs a replication once and returns what it did.
func replicate(t testing.TB, o replicator.Options) replicator.Stats {
	t.Helper()
	r, err := replicator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.Stats()
}

func peers(source, target string) replicator.Options {
	return replicator.Options{Source: replicator.Peer{URL: source}, Target: replicator.Peer{URL: target}}
}

// continuous runs a replication until the returned function is called, or the
// test ends.
func continuous(t testing.TB, o replicator.Options) (*replicator.Replication, func()) {
	t.Helper()
	o.Continuous, o.LongestBackoff = true, 100*time.Millisecond
	r, err := replicator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != context.Canceled {
			t.Errorf("the replication ended by itself: %v", err)
		}
	})
	t.Cleanup(stop)
	return r, stop
}

// cutting is the address of a proxy before the server of a database that cuts
// every connection each now and then, and less often as time goes by: a busy
// machine gets through too.
func cutting(t testing.TB, address string, every time.Duration) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	cut := func() {
		mu.Lock()
		defer mu.Unlock()
		for conn := range open {
			_ = conn.Close()
		}
		clear(open)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				cut()
				return
			}
			behind, err := net.Dial("tcp", server)
			if err != nil {
				_ = conn.Close()
				continue
			}
			mu.Lock()
			open[conn], open[behind] = true, true
			mu.Unlock()
			go func() { _, _ = io.Copy(conn, behind); _ = conn.Close() }()
			go func() { _, _ = io.Copy(behind, conn); _ = behind.Close() }()
		}
	}()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case <-time.After(every):
				cut()
				every += every / 10
			case <-stop:
				return
			}
		}
	}()
	u.Host = l.Addr().String()
	return u.String()
}
