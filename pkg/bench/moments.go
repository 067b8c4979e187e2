package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/callflowd/callflowd/pkg/pause"
)

// pollEvery is how often a state is asked for that is about to come.
const pollEvery = 2 * time.Millisecond

// waitLimit is how long it may take to come.
const waitLimit = 10 * time.Minute

// until asks again and again, until ask says yes or fails. It returns how long
// that took.
func until(ctx context.Context, what string, ask func(context.Context) (bool, error)) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, waitLimit, fmt.Errorf("%s: not within %s", what, waitLimit))
	defer cancel()
	began := time.Now()
	for {
		yes, err := ask(ctx)
		if err == nil && yes {
			return time.Since(began), nil
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
		if !pause.For(ctx, pollEvery) {
			return 0, context.Cause(ctx)
		}
	}
}

// routed waits until the program routes a number, however long its index or
// its storage takes.
func (p *program) routed(ctx context.Context, account, number string) error {
	_, err := p.routedAfter(ctx, account, number)
	return err
}

func (p *program) routedAfter(ctx context.Context, account, number string) (time.Duration, error) {
	return until(ctx, "a lookup of "+number, func(ctx context.Context) (bool, error) {
		_, err := p.send(ctx, http.MethodGet, routesPath(account)+number, "", nil)
		switch statusOf(err) {
		case http.StatusNotFound, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusInternalServerError:
			return false, nil
		}
		return true, err
	})
}

// changes measures how soon a program routes what another one on the same
// storage has written.
func (b *bench) changes(ctx context.Context) (_ []Row, err error) {
	s, err := b.lite(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	writer, err := b.startOn(ctx, "writer", s.url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, writer.stop()) }()
	reader, err := b.startOn(ctx, "reader", s.url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.stop()) }()
	account, err := writer.customer(ctx, s.url, 100)
	if err != nil {
		return nil, err
	}
	lags, err := b.lags(ctx, writer, reader, account)
	if err != nil {
		return nil, err
	}
	worst := time.Duration(0)
	for _, lag := range lags {
		worst = max(worst, lag)
	}
	row := Row{
		What: "a change by one process routed by another on the same storage, the slowest", Figure: duration(worst), Bar: atMost(1),
		Note: fmt.Sprintf("median %s of %d changes", duration(median(lags, itself)), len(lags)),
	}
	return []Row{row, b.sites(ctx, writer)}, nil
}

// lags writes numbers through one program and waits for the other to route
// them.
func (b *bench) lags(ctx context.Context, writer, reader *program, account string) ([]time.Duration, error) {
	if err := reader.routed(ctx, account, dialled(0)); err != nil {
		return nil, err
	}
	var all []time.Duration
	for n := range b.Changes {
		number := fmt.Sprintf("299%07d", firstLine+n)
		body := map[string]any{"data": map[string]any{
			"name": "Changed", "numbers": []string{"+1" + number},
			"flow": map[string]any{"module": "user", "data": map[string]any{"id": callflowID(0)}},
		}}
		if err := writer.call(ctx, http.MethodPut, "/v2/accounts/"+account+"/callflows", body, nil); err != nil {
			return nil, err
		}
		lag, err := reader.routedAfter(ctx, account, number)
		if err != nil {
			return nil, err
		}
		all = append(all, lag)
	}
	return all, nil
}

// sites is the row for two sites with storages of their own.
func (b *bench) sites(ctx context.Context, p *program) Row {
	row := Row{What: "a change at one site routed at another", Figure: duration(0), Bar: atMost(2)}
	row.Left = "needs two sites that replicate, which this bench does not set up"
	if err := p.call(ctx, http.MethodGet, "/v2/replications", nil, nil); statusOf(err) == http.StatusNotFound {
		row.Left = "the program has no replications yet"
	}
	return row
}
