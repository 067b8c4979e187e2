package bench

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/callflowd/callflowd/pkg/bench/load"
)

// answerLimit is how long an answer may take while rates are measured.
const answerLimit = 30 * time.Second

// side is one of those that are compared.
type side struct {
	name    string
	base    string // host:port
	request load.Request
	pid     int // the process whose time counts; 0 for none
}

// figures are the medians of a side's rounds.
type figures struct {
	rate      float64 // answers in a second
	p50, p99  time.Duration
	processor time.Duration // of the process, for each answer; 0 where it is not known
}

// race lets the sides take turns and returns the figures of each. A bad answer
// ends it with an error: what is refused is not measured.
func (b *bench) race(ctx context.Context, connections int, sides ...side) ([]figures, error) {
	plans := make([]load.Plan, len(sides))
	for i, s := range sides {
		s.request.Host = s.base
		prepared, err := s.request.Prepare()
		if err != nil {
			return nil, err
		}
		plans[i] = load.Plan{
			Address: s.base, Request: prepared, Connections: connections,
			Warmup: b.Warmup, Duration: b.Round, Timeout: answerLimit,
		}
	}
	rounds := make([][]figures, len(sides))
	for range b.Rounds {
		for i := range sides {
			one, err := measureRound(ctx, plans[i], sides[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", sides[i].name, err)
			}
			rounds[i] = append(rounds[i], one)
		}
	}
	medians := make([]figures, len(sides))
	for i := range sides {
		medians[i] = medianOf(rounds[i])
	}
	return medians, nil
}

// longerTries is how often a round is repeated, twice as long, in which
// nothing was answered: it may be short and the machine busy.
const longerTries = 6

func measureRound(ctx context.Context, plan load.Plan, s side) (figures, error) {
	for range longerTries {
		before, _ := processorTime(s.pid)
		result, err := load.Run(ctx, plan)
		after, timeErr := processorTime(s.pid)
		if err == nil {
			err = badAnswers(&result)
		}
		if err != nil {
			return figures{}, err
		}
		n := result.Latencies.Count()
		if n == 0 {
			plan.Duration *= 2
			continue
		}
		f := figures{rate: result.Rate(), p50: result.Latencies.Quantile(0.5), p99: result.Latencies.Quantile(0.99)}
		if s.pid != 0 && timeErr == nil {
			// The warm-up's time is in it and its answers are not.
			share := float64(plan.Duration) / float64(plan.Duration+plan.Warmup)
			f.processor = time.Duration(float64(after-before) * share / float64(n))
		}
		return f, nil
	}
	return figures{}, fmt.Errorf("nothing was answered within %s", plan.Duration/2)
}

// badAnswers is an error where there were any.
func badAnswers(r *load.Result) error {
	bad := r.Bad()
	if bad == 0 {
		return nil
	}
	text := ""
	for status, n := range r.Status {
		if n > 0 {
			text += fmt.Sprintf(", %d × %d", n, status)
		}
	}
	if r.Failure != nil {
		text += fmt.Sprintf(", %d failed: %v", r.Failures, r.Failure)
	}
	return fmt.Errorf("%d requests had a bad answer or none%s", bad, text)
}

func medianOf(rounds []figures) figures {
	return figures{
		rate:      median(rounds, func(f figures) float64 { return f.rate }),
		p50:       median(rounds, func(f figures) time.Duration { return f.p50 }),
		p99:       median(rounds, func(f figures) time.Duration { return f.p99 }),
		processor: median(rounds, func(f figures) time.Duration { return f.processor }),
	}
}

func median[T float64 | time.Duration | int, F any](of []F, value func(F) T) T {
	values := make([]T, len(of))
	for i, f := range of {
		values[i] = value(f)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func itself[T any](v T) T { return v }

// processorNote tells what two sides cost, which does not depend on what the
// load generator takes of the machine.
func processorNote(a, b figures) string {
	if a.processor == 0 || b.processor == 0 {
		return ""
	}
	return fmt.Sprintf("processor time per answer %s beside %s", load.Short(a.processor), load.Short(b.processor))
}

// request is a GET by the program's caller.
func (p *program) request(path string, lines []string) load.Request {
	return load.Request{Path: path, Header: p.header(), Lines: lines}
}

func (p *program) side(name string, r load.Request) side {
	return side{name: name, base: p.api, request: r, pid: p.pid()}
}

// create is a PUT of a new callflow with one of the numbers.
func (p *program) create(account, numbers string) load.Request {
	h := p.header()
	h.Set("Content-Type", jsonType)
	return load.Request{
		Method: http.MethodPut, Path: "/v2/accounts/" + account + "/callflows", Header: h,
		Body: `{"data":` + newCallflow("Main line", numbers) + `}`,
	}
}
