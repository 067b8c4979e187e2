package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/callflowd/callflowd/pkg/bench/load"
	"github.com/callflowd/callflowd/pkg/couch"
)

// Scaling are the settings of [Scale].
type Scaling struct {
	Common

	Accounts  []int         `default:"100,1000,10000" help:"Numbers of accounts, rising."`
	Callflows int           `default:"100" help:"Callflows of each account, with one number each."`
	Period    time.Duration `default:"5s" help:"How long lookups and writes are measured each."`
	Rate      float64       `default:"500" help:"Lookups that are due in a second."`
	Changes   int           `default:"20" help:"Foreign changes that the program has to notice."`
	Active    int           `default:"1000" help:"Accounts, at most, that lookups and writes go to, chosen at random."`
}

func (s *Scaling) check() error {
	switch {
	case len(s.Accounts) == 0 || s.Accounts[0] < 1 || !slices.IsSorted(s.Accounts):
		return errors.New("--accounts: must be positive numbers that rise")
	case s.Callflows < 1:
		return errors.New("--callflows: must be positive")
	case s.Period <= 0:
		return errors.New("--period: must be positive")
	case s.Rate <= 0:
		return errors.New("--rate: must be positive")
	case s.Changes < 1:
		return errors.New("--changes: must be positive")
	case s.Active < 1:
		return errors.New("--active: must be positive")
	}
	return nil
}

// reading is one figure at one number of accounts.
type reading struct {
	what  string
	value Value
}

// point is what was measured at one number of accounts.
type point struct {
	accounts int
	readings []reading
}

// scaling is one run of Scale on one storage.
type scaling struct {
	Scaling
	where   string
	dataDir string // of the embedded databases; "" on CouchDB
	areas   bench  // numbers for new callflows
	foreign int    // callflows that were written past the program
}

// Scale measures the program with more and more accounts, on embedded
// databases and on CouchDB where one is named, and prints tables and charts.
func Scale(ctx context.Context, s Scaling, out io.Writer) (err error) {
	if err := s.check(); err != nil {
		return err
	}
	tidy, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tidy()) }()
	embedded := &scaling{Scaling: s, where: "embedded databases"}
	if embedded.dataDir, err = s.place("scale"); err != nil {
		return err
	}
	if err := embedded.run(ctx, out); err != nil {
		return err
	}
	if s.CouchDB == "" {
		_, err := fmt.Fprintln(out, "\non CouchDB: left out, "+noCouchDB)
		return err
	}
	return (&scaling{Scaling: s, where: "CouchDB"}).run(ctx, out)
}

func (s *scaling) run(ctx context.Context, out io.Writer) error {
	var points []point
	made := 0
	for _, accounts := range s.Accounts {
		began := time.Now()
		if err := s.grow(ctx, made, accounts); err != nil {
			return fmt.Errorf("%d accounts: %w", accounts, err)
		}
		made = accounts
		filled := time.Since(began)
		readings, err := s.measure(ctx, accounts)
		if err != nil {
			return fmt.Errorf("%d accounts: %w", accounts, err)
		}
		points = append(points, point{accounts, readings})
		fmt.Fprintf(out, "%s accounts: made in %s, measured in %s\n", load.Thousands(int64(accounts)),
			filled.Round(100*time.Millisecond), (time.Since(began) - filled).Round(100*time.Millisecond))
	}
	fmt.Fprintf(out, "\non %s, %d callflows an account\n\n", s.where, s.Callflows)
	return printPoints(out, points)
}

// startProgram starts a program on the storage that is measured, and returns
// the address of that storage.
func (s *scaling) startProgram(ctx context.Context) (*program, string, error) {
	if s.dataDir == "" {
		p, err := s.startOn(ctx, "scale", s.CouchDB)
		return p, s.CouchDB, err
	}
	p, err := s.startEmbedded(ctx, "scale", s.dataDir)
	if err != nil {
		return nil, "", err
	}
	return p, p.couchURL(), nil
}

// grow makes the accounts from first to last, the latter excluded.
func (s *scaling) grow(ctx context.Context, first, last int) error {
	p, address, err := s.startProgram(ctx)
	if err != nil {
		return err
	}
	client, err := storage(address)
	if err == nil {
		err = fillAccounts(ctx, client, p.master, first, last, s.Callflows)
	}
	return errors.Join(err, p.stop())
}

func (s *scaling) measure(ctx context.Context, accounts int) (_ []reading, err error) {
	ready, err := s.timeToStart(ctx)
	if err != nil {
		return nil, err
	}
	p, address, err := s.startProgram(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	readings := []reading{{"start until ready", duration(ready)}}
	readings = append(readings, p.footprint(", started")...)
	active := rand.Perm(accounts)[:min(s.Active, accounts)]
	for _, step := range []func(context.Context, *program, string, []int) ([]reading, error){
		s.firstLookups, s.lookups, s.writes, s.feedLag,
	} {
		more, err := step(ctx, p, address, active)
		if err != nil {
			return nil, err
		}
		readings = append(readings, more...)
	}
	readings = append(readings, p.footprint(", after all this")...)
	metrics, err := p.metrics(ctx)
	if err != nil {
		return nil, err
	}
	readings = append(
		readings,
		reading{"accounts with an index in memory", Value{metrics["callflowd_index_accounts"], "accounts"}},
		reading{"memory of the indexes, by the program's count", memory(metrics["callflowd_index_bytes"])},
	)
	return append(readings, s.disk()...), nil
}

func (s *scaling) timeToStart(ctx context.Context) (time.Duration, error) {
	dataDir, args := s.dataDir, []string(nil)
	if dataDir == "" {
		var err error
		if dataDir, err = s.place("start"); err != nil {
			return 0, err
		}
		args = []string{"--couchdb-url=" + s.CouchDB}
	}
	var took []time.Duration
	for range starts {
		one, err := s.measureStart(ctx, dataDir, args...)
		if err != nil {
			return 0, err
		}
		took = append(took, one)
	}
	return median(took, itself), nil
}

// footprint is what the process takes now, where that is known.
func (p *program) footprint(when string) []reading {
	var readings []reading
	if bytes, err := residentBytes(p.pid()); err == nil {
		readings = append(readings, reading{"memory" + when, memory(bytes)})
	}
	if n, err := descriptors(p.pid()); err == nil {
		readings = append(readings, reading{"descriptors" + when, Value{float64(n), "open"}})
	}
	return readings
}

// firstLookups measures lookups in accounts that have no index in memory, and
// whose view may not be built.
func (s *scaling) firstLookups(ctx context.Context, p *program, _ string, active []int) ([]reading, error) {
	took := make([]time.Duration, len(active))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, n := range active {
		group.Go(func() (err error) {
			took[i], err = p.routedAfter(ctx, accountID(n), dialled(n*s.Callflows))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return []reading{{"first lookup in an account, 2 at a time, median", duration(median(took, itself))}}, nil
}

// lookups measures lookups at a fixed rate.
func (s *scaling) lookups(ctx context.Context, p *program, _ string, active []int) ([]reading, error) {
	lines := make([]string, 0, len(active))
	for _, n := range active {
		lines = append(lines, accountID(n)+"/routes/"+dialled(n*s.Callflows+s.Callflows/2))
	}
	result, err := s.load(ctx, p, p.request("/v2/accounts/{{line}}", lines), clients, s.Rate)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("lookup, %g/s, ", s.Rate)
	return []reading{
		{what + "median", duration(result.Latencies.Quantile(0.5))},
		{what + "p99", duration(result.Latencies.Quantile(0.99))},
		{what + "failed or not sent in time", Value{float64(result.Bad()), "lookups"}},
	}, nil
}

// writes measures one client that puts callflows into accounts at random.
func (s *scaling) writes(ctx context.Context, p *program, _ string, active []int) ([]reading, error) {
	request := p.create("{{line}}", s.areas.newNumbers())
	for _, n := range active {
		request.Lines = append(request.Lines, accountID(n))
	}
	result, err := s.load(ctx, p, request, 1, 0)
	if err == nil {
		err = badAnswers(result)
	}
	if err != nil {
		return nil, err
	}
	return []reading{
		{"PUT callflow, 1 client, median", duration(result.Latencies.Quantile(0.5))},
		{"PUT callflow, 1 client, p99", duration(result.Latencies.Quantile(0.99))},
	}, nil
}

func (s *scaling) load(ctx context.Context, p *program, r load.Request, connections int, perSecond float64) (*load.Result, error) {
	r.Host = p.api
	prepared, err := r.Prepare()
	if err != nil {
		return nil, err
	}
	result, err := load.Run(ctx, load.Plan{
		Address: p.api, Request: prepared, Connections: connections, Rate: perSecond,
		Duration: s.Period, Timeout: answerLimit,
	})
	if err == nil && result.Latencies.Count() == 0 {
		err = errors.Join(errors.New("nothing was answered"), badAnswers(&result))
	}
	return &result, err
}

// feedLag writes past the program into accounts whose index it has, and
// waits until it routes what was written.
func (s *scaling) feedLag(ctx context.Context, p *program, address string, active []int) ([]reading, error) {
	client, err := storage(address)
	if err != nil {
		return nil, err
	}
	var lags []time.Duration
	for i := range s.Changes {
		s.foreign++
		lag, err := s.lag(ctx, p, client, active[i%len(active)], areaSize*10+s.foreign)
		if err != nil {
			return nil, err
		}
		lags = append(lags, lag)
	}
	return []reading{
		{"foreign change routed, median", duration(median(lags, itself))},
		{"foreign change routed, slowest", duration(slices.Max(lags))},
	}, nil
}

func (s *scaling) lag(ctx context.Context, p *program, client *couch.Client, account, n int) (time.Duration, error) {
	id := accountID(account)
	if err := p.routed(ctx, id, dialled(account*s.Callflows)); err != nil {
		return 0, err
	}
	docs, err := callflows(id, n, 1)
	if err != nil {
		return 0, err
	}
	if err := put(ctx, client.Account(id), docs); err != nil {
		return 0, err
	}
	return p.routedAfter(ctx, id, dialled(n))
}

// disk is what the embedded databases take.
func (s *scaling) disk() []reading {
	if s.dataDir == "" {
		return nil
	}
	var total float64
	err := filepath.WalkDir(s.dataDir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += float64(info.Size())
		}
		return nil // a file may go away while its directory is read
	})
	if err != nil {
		return nil
	}
	return []reading{{"databases on disk", memory(total)}}
}
