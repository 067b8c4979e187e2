package couch_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch"
)

// cannedTransport answers everything with one body, without a socket.
type cannedTransport []byte

func (c cannedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, ContentLength: int64(len(c)),
		Header: http.Header{"Content-Type": {"application/json"}, "Etag": {`"1-a"`}},
		Body:   io.NopCloser(bytes.NewReader(c)),
	}, nil
}

// BenchmarkViewRows is the cost of a row of the routing index on our side.
func BenchmarkViewRows(b *testing.B) {
	const rows = 10_000
	var body bytes.Buffer
	body.WriteString(`{"total_rows":10000,"offset":0,"rows":[` + "\n")
	for i := range rows {
		if i > 0 {
			body.WriteString(",\n")
		}
		fmt.Fprintf(&body, `{"id":"%032x","key":"%032x","value":{"rev":"3-%032x","name":"Extension %d","numbers":["%d","+1415886%04d"]}}`, i, i, i, i, i, i)
	}
	body.WriteString("\n]}\n")
	client, err := couch.Open(couch.Config{Transport: cannedTransport(body.Bytes())})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range client.DB("x").View(b.Context(), "callflowd", "routes", couch.Query{}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != rows {
			b.Fatalf("%d rows", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

// BenchmarkGet is the cost of reading a document on our side.
func BenchmarkGet(b *testing.B) {
	body := cannedTransport(`{"_id":"cf","_rev":"1-a","name":"x","numbers":["2600"],"flow":{"module":"user","data":{"id":"u"},"children":{}}}`)
	client, err := couch.Open(couch.Config{Transport: body})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.DB("x").Get(b.Context(), "cf"); err != nil {
			b.Fatal(err)
		}
	}
}
