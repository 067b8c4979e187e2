package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/bench/load"
	"github.com/callflowd/callflowd/pkg/document"
)

// index measures how long the first lookup in a large account takes in a
// process that has just started, and what the index takes.
func (b *bench) index(ctx context.Context) ([]Row, error) {
	s, err := b.lite(ctx, 0)
	if err != nil {
		return nil, err
	}
	rows, err := b.indexOn(ctx, s)
	if err = errors.Join(err, s.close()); err != nil {
		return nil, err
	}
	real, err := b.realCouchDB()
	if err != nil || real == nil {
		return append(rows, Row{What: indexRow(b.Indexed, "CouchDB"), Figure: duration(0), Bar: atMost(5), Left: noCouchDB}), err
	}
	more, err := b.indexOn(ctx, real)
	return append(rows, more...), err
}

func indexRow(callflows int, server string) string {
	return fmt.Sprintf("index of an account with %s callflows, built from %s", load.Thousands(int64(callflows)), server)
}

func (b *bench) indexOn(ctx context.Context, s *server) (_ []Row, err error) {
	// The first program makes the account and has the view built.
	first, err := b.startOn(ctx, "index-first", s.url)
	if err != nil {
		return nil, err
	}
	account, err := first.customer(ctx, s.url, b.Indexed)
	if err = errors.Join(err, first.stop()); err != nil {
		return nil, err
	}
	p, err := b.startOn(ctx, "index", s.url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	before, memErr := residentBytes(p.pid())
	took, err := p.routedAfter(ctx, account, dialled(b.Indexed-1))
	if err != nil {
		return nil, err
	}
	after, _ := residentBytes(p.pid())
	metrics, err := p.metrics(ctx)
	if err != nil {
		return nil, err
	}
	if n := metrics["callflowd_index_numbers"]; int(n) < b.Indexed {
		return nil, fmt.Errorf("the index has %g numbers of %d", n, b.Indexed)
	}
	what := indexRow(b.Indexed, s.name)
	size := Row{What: what + ", memory", Figure: memory(metrics["callflowd_index_bytes"]), Bar: atMost(60)}
	if memErr == nil {
		size.Note = "by the program's own count; the process grew by " + memory(after-before).String() + ", what building left behind included"
	}
	return []Row{{What: what + ", time", Figure: duration(took), Bar: atMost(5)}, size}, nil
}

// metrics are the values of the metrics without labels.
func (p *program) metrics(ctx context.Context) (map[string]float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := p.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("/metrics answers %d", res.StatusCode)
	}
	return parseMetrics(raw), err
}

func parseMetrics(page []byte) map[string]float64 {
	values := map[string]float64{}
	for line := range strings.Lines(string(page)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(line, "#") || strings.Contains(name, "{") {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = n
		}
	}
	return values
}

// starts is how often a start is measured.
const starts = 3

// start measures how long a program with many accounts takes until it is
// ready.
func (b *bench) start(ctx context.Context) ([]Row, error) {
	dir, err := b.place("accounts")
	if err != nil {
		return nil, err
	}
	p, err := b.startEmbedded(ctx, "accounts", dir)
	if err != nil {
		return nil, err
	}
	client, err := storage(p.couchURL())
	if err == nil {
		err = fillAccounts(ctx, client, p.master, 0, b.Accounts, 1)
	}
	if err = errors.Join(err, p.stop()); err != nil {
		return nil, err
	}
	var took []time.Duration
	for range starts {
		one, err := b.measureStart(ctx, dir)
		if err != nil {
			return nil, err
		}
		took = append(took, one)
	}
	what := fmt.Sprintf("start with %s accounts, embedded, until ready", load.Thousands(int64(b.Accounts)))
	return []Row{{What: what, Figure: duration(median(took, itself)), Bar: atMost(2), Note: fmt.Sprintf("median of %d", starts)}}, nil
}

// measureStart starts a program, waits until it says that it is ready, and
// stops it.
func (c *Common) measureStart(ctx context.Context, dataDir string, args ...string) (took time.Duration, err error) {
	began := time.Now()
	child, err := c.spawn(ctx, "start", append(serveArgs(dataDir), args...)...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, child.stop()) }()
	p := &program{process: child}
	if err := child.await(ctx, child.stderr, p.started); err != nil {
		return 0, err
	}
	client := plainClient()
	defer client.CloseIdleConnections()
	_, err = until(ctx, "ready", func(ctx context.Context) (bool, error) {
		select {
		case <-p.gone:
			return false, fmt.Errorf("the program ended: %s", p.lastWords())
		default:
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+"/readyz", nil)
		if err != nil {
			return false, err
		}
		res, err := client.Do(r)
		if err != nil {
			return false, err
		}
		return res.StatusCode == http.StatusOK, res.Body.Close()
	})
	return time.Since(began), err
}

// longList is how much longer the list is whose memory is compared.
const longList = 10

// listingMemory measures the most memory that the program takes for listings,
// beside listings that are a tenth as long. The storage is another process.
func (b *bench) listingMemory(ctx context.Context) (_ []Row, err error) {
	what := fmt.Sprintf("listing of %s, paginate=false, peak memory beside a listing of %s",
		load.Thousands(int64(longList*b.Listing)), load.Thousands(int64(b.Listing)))
	row := Row{What: what, Bar: atMost(1.3)}
	s, err := b.lite(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var peaks []float64
	for _, length := range []int{b.Listing, longList * b.Listing} {
		peak, err := b.listingPeak(ctx, s, length)
		if err != nil {
			return nil, err
		}
		peaks = append(peaks, peak)
	}
	row.Figure, row.Baseline = memory(peaks[1]), memory(peaks[0])
	return []Row{row}, nil
}

func (b *bench) listingPeak(ctx context.Context, s *server, length int) (_ float64, err error) {
	// One program makes the account, so that the other has done nothing else.
	first, err := b.startOn(ctx, "listing-first", s.url)
	if err != nil {
		return 0, err
	}
	path := ""
	account, err := first.customer(ctx, s.url, length)
	if err == nil {
		path = "/v2/accounts/" + account + "/callflows?paginate=false"
		_, err = first.send(ctx, http.MethodGet, path, "", nil)
	}
	if err = errors.Join(err, first.stop()); err != nil {
		return 0, err
	}
	p, err := b.startOn(ctx, "listing", s.url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := forgetPeak(p.pid()); err != nil {
		return 0, err
	}
	for range 5 {
		answer, err := p.send(ctx, http.MethodGet, path, "", nil)
		if err != nil {
			return 0, err
		}
		if n := bytes.Count(answer.body, []byte(`"numbers":`)); n < length {
			return 0, fmt.Errorf("the listing has %d callflows of %d", n, length)
		}
	}
	return peakBytes(p.pid())
}

// importing measures an import, where the program has one.
func (b *bench) importing(ctx context.Context) (_ []Row, err error) {
	dir, err := b.place("import")
	if err != nil {
		return nil, err
	}
	p, err := b.startEmbedded(ctx, "import", dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	account, err := p.newAccount(ctx, "Imported")
	if err != nil {
		return nil, err
	}
	docs, err := callflows(account, 0, b.Imported)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if _, err := p.send(ctx, http.MethodPost, "/v2/accounts/"+account+"/import", exportType, exported(account, docs)); err != nil {
		return nil, err
	}
	if err := p.routed(ctx, account, dialled(b.Imported-1)); err != nil {
		return nil, err
	}
	return []Row{{
		What: fmt.Sprintf("import of %s callflows, embedded", load.Thousands(int64(b.Imported))), Figure: duration(time.Since(began)), Bar: atMost(60),
	}}, nil
}

// exportType is the content type of an export.
const exportType = "application/x-ndjson"

// exported is an account as an export writes it: a line that says what it is,
// and one for each document.
func exported(account string, docs []document.Doc) []byte {
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	_ = lines.Encode(map[string]any{ // neither it nor the documents can fail to be JSON
		"callflowd_export": 1, "account": account, "at": time.Now().UTC().Format(time.RFC3339),
	})
	for _, doc := range docs {
		_ = lines.Encode(map[string]any{"id": doc.ID(), "type": "callflow", "data": doc.Public()})
	}
	return out.Bytes()
}
