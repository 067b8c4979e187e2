package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/bench/load"
	"github.com/callflowd/callflowd/pkg/couch"
)

// directDB takes the documents that are written past callflowd.
const directDB = "callflowd_bench"

// onDelayed measures callflowd on couchlite that makes each request wait.
func (b *bench) onDelayed(ctx context.Context, delay time.Duration) (_ []Row, err error) {
	s, err := b.lite(ctx, delay)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return b.onServer(ctx, s)
}

// onCouchDB measures callflowd on the CouchDB that was named.
func (b *bench) onCouchDB(ctx context.Context) ([]Row, error) {
	s, err := b.realCouchDB()
	if err != nil {
		return nil, err
	}
	if s != nil {
		return b.onServer(ctx, s)
	}
	var rows []Row
	for _, row := range b.storageRows("CouchDB") {
		row.Left = noCouchDB
		rows = append(rows, row)
	}
	return rows, nil
}

// storageRows are what onServer measures, without figures.
func (b *bench) storageRows(server string) []Row {
	rows := make([]Row, 0, 6)
	for _, n := range []int{1, clients} {
		rows = append(rows, Row{What: fmt.Sprintf("GET callflow, latency, %s, %s", count(n), server), Bar: atMost(1.3)})
	}
	for _, n := range []int{1, clients} {
		rows = append(rows, Row{What: fmt.Sprintf("PUT callflow, one number, latency, %s, %s", count(n), server), Bar: atMost(3)})
	}
	return append(rows,
		Row{What: fmt.Sprintf("PUT callflow, one number, throughput, %s, %s", count(clients), server), Bar: atLeast(1. / 3)},
		Row{What: fmt.Sprintf("listing of %s, paginate=false, latency, %s", load.Thousands(int64(b.Listing)), server), Bar: atMost(1.3)},
	)
}

func count(n int) string {
	if n == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", n)
}

// onServer measures callflowd on a server beside the same work done on the
// server directly.
func (b *bench) onServer(ctx context.Context, s *server) (_ []Row, err error) {
	p, err := b.startOn(ctx, "on-"+strings.Fields(s.name)[0], s.url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	account, err := p.customer(ctx, s.url, b.Listing)
	if err != nil {
		return nil, err
	}
	client, err := storage(s.url)
	if err == nil {
		err = client.CreateDB(ctx, directDB)
	}
	if err != nil {
		return nil, err
	}
	rows := b.storageRows(s.name)
	for i, n := range []int{1, clients} {
		got, err := b.reads(ctx, p, s, account, n)
		if err != nil {
			return nil, err
		}
		rows[i].compare(got, n)
	}
	list, err := b.race(ctx, 1,
		p.side("callflowd", p.request("/v2/accounts/"+account+"/callflows?paginate=false", nil)),
		s.side("direct", load.Request{Path: database(account) + "/_design/callflows/_view/crossbar_listing?descending=true"}))
	if err != nil {
		return nil, err
	}
	rows[5].compare(list, 1)
	for i, n := range []int{1, clients} {
		got, err := b.writes(ctx, p, s, client, account, n)
		if err != nil {
			return nil, err
		}
		rows[2+i].compare(got, n)
		rows[4].Figure, rows[4].Baseline = rate(got[0].rate), rate(got[1].rate)
	}
	return rows, nil
}

// compare fills in the medians of the latencies.
func (r *Row) compare(got []figures, clients int) {
	r.Figure, r.Baseline = duration(got[0].p50), duration(got[1].p50)
	r.Note = fmt.Sprintf("p99 %s beside %s", load.Short(got[0].p99), load.Short(got[1].p99))
	if note := processorNote(got[0], got[1]); note != "" && clients > 1 {
		r.Note += "; " + note
	}
}

func database(account string) string { return "/" + couch.EncodedDB(couch.AccountDB(account)) }

func (b *bench) reads(ctx context.Context, p *program, s *server, account string, n int) ([]figures, error) {
	ids := make([]string, b.Listing)
	for i := range ids {
		ids[i] = callflowID(i)
	}
	return b.race(
		ctx, n,
		p.side("callflowd", p.request("/v2/accounts/"+account+"/callflows/{{line}}", ids)),
		s.side("direct", load.Request{Path: database(account) + "/{{line}}", Lines: ids}),
	)
}

func (b *bench) writes(ctx context.Context, p *program, s *server, client *couch.Client, account string, n int) ([]figures, error) {
	stored, err := b.storedCallflow(ctx, p, client, account)
	if err != nil {
		return nil, err
	}
	return b.race(
		ctx, n, p.side("callflowd", p.create(account, b.newNumbers())),
		s.side("direct", load.Request{Method: http.MethodPut, Path: "/" + directDB + "/{{hex:32}}", Body: stored}),
	)
}

// storedCallflow is what callflowd stores for one of the writes it is measured
// by: the direct side writes the same.
func (b *bench) storedCallflow(ctx context.Context, p *program, client *couch.Client, account string) (string, error) {
	var made struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	body := json.RawMessage(`{"data":` + newCallflow("Main line", "7999") + `}`)
	if err := p.call(ctx, http.MethodPut, "/v2/accounts/"+account+"/callflows", body, &made); err != nil {
		return "", err
	}
	doc, err := client.Account(account).Get(ctx, made.Data.ID)
	if err != nil {
		return "", err
	}
	if err := p.call(ctx, http.MethodDelete, "/v2/accounts/"+account+"/callflows/"+doc.ID(), nil, nil); err != nil {
		return "", err
	}
	delete(doc, "_id")
	delete(doc, "_rev")
	doc["numbers"] = []any{b.newNumbers()}
	raw, err := json.Marshal(doc)
	return string(raw), err
}
