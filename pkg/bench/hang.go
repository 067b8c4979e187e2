package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/callflowd/callflowd/pkg/bench/load"
)

// hangRate is how many lookups a second are due while storage hangs: far
// fewer than the program can answer, so that only waiting shows.
const hangRate = 500

// hangLimit is how long a caller waits then.
const hangLimit = 5 * time.Second

// hang measures lookups while the storage takes requests and answers none.
// Half of the numbers were looked up before; every process that has run for
// a while is asked for numbers that nobody has asked it for lately.
func (b *bench) hang(ctx context.Context) (_ []Row, err error) {
	s, err := b.lite(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	p, err := b.startOn(ctx, "hang", s.url)
	if err != nil {
		return nil, err
	}
	defer p.kill() // it would wait for storage
	account, err := p.customer(ctx, s.url, b.Numbers)
	if err != nil {
		return nil, err
	}
	numbers := numbersDialled(b.Numbers)
	known := numbers[:(len(numbers)+1)/2]
	if _, err := b.race(ctx, clients, p.side("before", p.request(routesPath(account)+"{{line}}", known))); err != nil {
		return nil, err
	}
	var rows []Row
	s.proxy.Hang()
	for _, part := range []struct {
		what  string
		lines []string
	}{{"of numbers that were looked up before", known}, {"of all numbers", numbers}} {
		row, err := b.whileHung(ctx, p, account, part.what, part.lines)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (b *bench) whileHung(ctx context.Context, p *program, account, what string, lines []string) (Row, error) {
	request := p.request(routesPath(account)+"{{line}}", lines)
	request.Host = p.api
	prepared, err := request.Prepare()
	if err != nil {
		return Row{}, err
	}
	result, err := load.Run(ctx, load.Plan{
		Address: p.api, Request: prepared, Connections: clients, Rate: hangRate,
		Duration: b.Hang, Timeout: hangLimit,
	})
	if err != nil {
		return Row{}, err
	}
	row := Row{What: "lookup while storage hangs, p99, " + what, Figure: duration(result.Latencies.Quantile(0.99)), Bar: atMost(0.005)}
	row.Note = fmt.Sprintf("p50 %s, max %s, %s answers in %s", load.Short(result.Latencies.Quantile(0.5)),
		load.Short(result.Latencies.Max()), load.Thousands(result.Latencies.Count()), b.Hang.Round(time.Millisecond))
	if err := badAnswers(&result); err != nil {
		row.Spoiled = oneLine(err)
	} else if result.Latencies.Count() == 0 {
		row.Spoiled = "nothing was answered"
	}
	return row, nil
}
