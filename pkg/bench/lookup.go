package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/callflowd/callflowd/pkg/bench/load"
	"github.com/callflowd/callflowd/pkg/couch"
)

// clients is how many clients ask at once, where it is not one.
const clients = 16

// routesPath is where an account's numbers are looked up.
func routesPath(account string) string { return "/v2/accounts/" + account + "/routes/" }

// numbersDialled are the first n numbers as a switch asks for them.
func numbersDialled(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = dialled(i)
	}
	return all
}

// customer makes an account with callflows straight in the storage of a
// program, and waits until the program routes the last of them.
func (p *program) customer(ctx context.Context, storageURL string, callflows int) (string, error) {
	account, err := p.newAccount(ctx, "Customer "+rand.Text())
	if err != nil {
		return "", err
	}
	client, err := storage(storageURL)
	if err == nil {
		err = fill(ctx, client, account, 0, callflows)
	}
	if err == nil {
		err = p.routed(ctx, account, dialled(callflows-1))
	}
	return account, err
}

// lookup measures lookups over HTTP beside a bare mux handler that answers
// the same bytes, with and without the same headers.
func (b *bench) lookup(ctx context.Context) (_ []Row, err error) {
	dir, err := b.place("lookup")
	if err != nil {
		return nil, err
	}
	p, err := b.startEmbedded(ctx, "lookup", dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	account, err := p.customer(ctx, p.couchURL(), b.Numbers)
	if err != nil {
		return nil, err
	}
	answer, err := p.send(ctx, http.MethodGet, routesPath(account)+dialled(0), "", nil)
	if err != nil {
		return nil, err
	}
	same := answer.header.Clone()
	for _, name := range []string{"Date", "Content-Length"} { // net/http sends its own
		same.Del(name)
	}
	full, fullAt, err := b.startBaseline(ctx, same, answer.body)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, full.stop()) }()
	bare, bareAt, err := b.startBaseline(ctx, http.Header{"Content-Type": {jsonType}}, answer.body)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	request := p.request(routesPath(account)+"{{line}}", numbersDialled(b.Numbers))
	got, err := b.race(
		ctx, clients, p.side("callflowd", request),
		side{"mux, same body and headers", fullAt, request, full.pid()},
		side{"mux, same body", bareAt, request, bare.pid()},
	)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("lookup over HTTP, %s numbers, %d clients, beside bare mux with the same ", load.Thousands(int64(b.Numbers)), clients)
	return []Row{
		{What: what + "body and headers", Figure: rate(got[0].rate), Baseline: rate(got[1].rate), Bar: atLeast(0.8), Note: processorNote(got[0], got[1])},
		{What: what + "body", Figure: rate(got[0].rate), Baseline: rate(got[2].rate), Bar: atLeast(0.8), Note: processorNote(got[0], got[2])},
	}, nil
}

// viewPath is where the view answers that a lookup replaces.
func viewPath(account string) string {
	return "/" + couch.EncodedDB(couch.AccountDB(account)) + "/_design/callflows/_view/listing_by_number?include_docs=true&key=%22%2B1{{line}}%22"
}

// lookupBesideView measures a lookup beside a view query for the same number
// with its document. On couchlite it has no bar.
func (b *bench) lookupBesideView(ctx context.Context) ([]Row, error) {
	lite, err := b.lite(ctx, 0)
	if err != nil {
		return nil, err
	}
	row, err := b.besideView(ctx, lite)
	if err = errors.Join(err, lite.close()); err != nil {
		return nil, err
	}
	row.Note = "couchlite is not what the bar is for"
	rows := []Row{row}
	real, err := b.realCouchDB()
	if err != nil || real == nil {
		return append(rows, Row{What: viewRow("CouchDB"), Bar: atLeast(40), Left: noCouchDB}), err
	}
	row, err = b.besideView(ctx, real)
	row.Bar = atLeast(40)
	return append(rows, row), err
}

func viewRow(server string) string {
	return fmt.Sprintf("lookup over HTTP, %d clients, beside a view query with the document, %s", clients, server)
}

func (b *bench) besideView(ctx context.Context, s *server) (row Row, err error) {
	p, err := b.startOn(ctx, "view", s.url)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	account, err := p.customer(ctx, s.url, b.Numbers)
	if err != nil {
		return row, err
	}
	numbers := numbersDialled(b.Numbers)
	got, err := b.race(
		ctx, clients, p.side("callflowd", p.request(routesPath(account)+"{{line}}", numbers)),
		s.side("view", load.Request{Path: viewPath(account), Lines: numbers}),
	)
	if err != nil {
		return row, err
	}
	return Row{What: viewRow(s.name), Figure: rate(got[0].rate), Baseline: rate(got[1].rate)}, nil
}
