package couch_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// hasty is a server that answers as soon as it has read a request's head, and
// closes the connection: CouchDB does so where the database is missing. Such
// an answer is easily lost.
func hasty(t *testing.T, answer func(n int64, head *http.Request) string) (*couch.Client, *atomic.Int64) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	asked := new(atomic.Int64)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close() //nolint:errcheck // what is not read is meant to be lost
				if head, err := http.ReadRequest(bufio.NewReaderSize(conn, 16)); err == nil {
					_, _ = io.WriteString(conn, answer(asked.Add(1), head))
				}
			}()
		}
	}()
	return open(t, couch.Config{URL: "http://" + listener.Addr().String()}), asked
}

const (
	noDatabase = "HTTP/1.1 404 Object Not Found\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 58\r\n\r\n" +
		`{"error":"not_found","reason":"Database does not exist."} `
	noRows = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 13\r\n\r\n" + `{"rows": [] }`
	exists = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 16\r\n\r\n" + `{"db_name": "x"}`
)

// bodies are the requests that have one, small or large.
func bodies(size int) map[string]func(t *testing.T, db *couch.DB) error {
	large := strings.Repeat("x", size)
	return map[string]func(t *testing.T, db *couch.DB) error{
		"_all_docs": func(t *testing.T, db *couch.DB) error {
			_, err := db.Current(t.Context(), []string{large, "b"})
			return err
		},
		"put": func(t *testing.T, db *couch.DB) error {
			return db.Put(t.Context(), document.Doc{"_id": "a", "name": large})
		},
		"bulk": func(t *testing.T, db *couch.DB) error {
			_, err := db.Bulk(t.Context(), []document.Doc{{"_id": "a", "name": large}})
			return err
		},
		"view": func(t *testing.T, db *couch.DB) error {
			for _, err := range db.View(t.Context(), "callflows", "listing", couch.Query{Keys: []any{large}}) {
				return err
			}
			return nil
		},
		"changes": func(t *testing.T, db *couch.DB) error {
			_, err := db.Changes(t.Context(), couch.ChangesOptions{DocIDs: []string{large}})
			return err
		},
	}
}

// A missing database is missing, however early the server says so.
func TestAnswersBeforeTheBody(t *testing.T) {
	for name, size := range map[string]int{"small": 10, "large": 12 << 20} {
		for request, send := range bodies(size) {
			t.Run(request+", "+name, func(t *testing.T) {
				client, _ := hasty(t, func(int64, *http.Request) string { return noDatabase })
				wantCode(t, send(t, client.DB(dbName)), problem.MissingDatabase)
			})
		}
	}
}

// A document that is too large is the document's fault, although the server
// reads none of it.
func TestTooLargeToBeRead(t *testing.T) {
	client, _ := hasty(t, func(int64, *http.Request) string {
		return strings.Replace(noDatabase, "404 Object Not Found", "413 Request Entity Too Large", 1)
	})
	for _, request := range []string{"put", "bulk"} {
		wantCode(t, bodies(12 << 20)[request](t, client.DB(dbName)), problem.TooLarge)
	}
}

// No request is streamed.
func TestBodiesHaveALength(t *testing.T) {
	for request, send := range bodies(10) {
		t.Run(request, func(t *testing.T) {
			var chunked atomic.Bool
			client, _ := hasty(t, func(_ int64, head *http.Request) string {
				chunked.Store(chunked.Load() || len(head.TransferEncoding) > 0 || head.Method != http.MethodGet && head.ContentLength <= 0)
				return noDatabase
			})
			_ = send(t, client.DB(dbName))
			if chunked.Load() {
				t.Error("the length is not told")
			}
		})
	}
}

// What reads is sent twice if no answer comes, what writes only once.
func TestBrokenConnections(t *testing.T) {
	tests := []struct {
		request string
		asked   int64
		want    problem.Code // "" for none
	}{
		{"_all_docs", 2, ""},
		{"view", 2, ""},
		{"put", 2, problem.Unavailable}, // and is the database there
		{"bulk", 2, problem.Unavailable},
	}
	for _, tt := range tests {
		t.Run(tt.request, func(t *testing.T) {
			var writes atomic.Int64
			client, asked := hasty(t, func(n int64, head *http.Request) string {
				if head.Method != http.MethodGet && tt.want != "" {
					writes.Add(1)
				}
				switch {
				case n == 1:
					return "" // no answer
				}
				_, _ = io.Copy(io.Discard, head.Body)
				switch {
				case head.Method == http.MethodGet:
					return exists
				}
				return noRows
			})
			err := bodies(10)[tt.request](t, client.DB(dbName))
			if tt.want != "" {
				wantCode(t, err, tt.want)
			} else {
				check(t, err)
			}
			if asked.Load() != tt.asked || writes.Load() > 1 {
				t.Errorf("asked %d times, of which %d writes", asked.Load(), writes.Load())
			}
		})
	}
}
