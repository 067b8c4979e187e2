package uninstall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// Uninstall removes what callflowd wrote into one CouchDB. It keeps nothing
// between its steps but counts: one that was interrupted is begun again.
type Uninstall struct {
	Couch *couch.Client

	KeepHistory  bool // the history of callflows, and the databases that hold only that
	EndTokens    bool // remove signing keys although tokens signed with them may be good still
	KazooStopped bool // remove empty databases of this month too, which Kazoo may be about to use

	// Progress, if set, hears how many databases have been done.
	Progress func(done, total int)

	Now   func() time.Time // nil means time.Now
	Watch time.Duration    // how long signs of processes are watched; 0 means 25 seconds
}

// ErrCannotTell is of [Uninstall.Running], for servers that do not list their local documents.
var ErrCannotTell = errors.New("the server does not list local documents, so that it cannot be told whether a callflowd still runs")

// tokenLife is how long a token is good at most that callflowd signed, with
// some time for a process that stopped without saying so.
const tokenLife = time.Hour + 10*time.Minute

const (
	namesPage = 1_000 // names of databases that are read at a time
	docsPage  = 200   // documents
	atOnce    = 4     // databases
	maxErrors = 5     // that are told of
)

// first and last are the databases that are done before all others and after
// them. Copying has to end before anything is removed that could be copied;
// signs of processes say how old the keys may be.
var (
	first = []string{"_replicator", "callflowd_replications"}
	last  = []string{"system_auth", systemConfig}
)

// List finds what is there and changes nothing.
func (u *Uninstall) List(ctx context.Context) (*Report, error) { return u.walk(ctx, false) }

// Remove removes what List finds. Unfinished operations make it refuse.
func (u *Uninstall) Remove(ctx context.Context) (*Report, error) {
	unfinished := &Report{}
	err := u.visit(ctx, "accounts", visitor{u: u, report: unfinished})
	if err != nil && !problem.Is(err, problem.MissingDatabase) {
		return nil, err
	}
	if n := unfinished.count(GroupUnfinished); n > 0 {
		return nil, fmt.Errorf("%d operations that callflowd began are not finished (%v): start callflowd once more, so that it finishes them",
			n, unfinished.group(GroupUnfinished, false).Examples)
	}
	return u.walk(ctx, true)
}

// walk visits every database that something of ours may be in.
func (u *Uninstall) walk(ctx context.Context, remove bool) (*Report, error) {
	seen, err := u.lastSeen(ctx)
	if err != nil && !errors.Is(err, ErrCannotTell) {
		return nil, err
	}
	total := 0
	if err := u.names(ctx, func(page []string) error { total += len(page); return nil }); err != nil {
		return nil, err
	}
	v := visitor{u: u, remove: remove, report: &Report{}, keysUntil: seen.Add(tokenLife), seen: !seen.IsZero()}
	for _, name := range first {
		v.do(ctx, name)
	}
	if err := u.others(ctx, v, total); err != nil {
		return v.report, err
	}
	for _, name := range last {
		v.do(ctx, name)
	}
	return v.report, v.report.failed()
}

// others visits all databases but the first and the last ones, some at a time.
func (u *Uninstall) others(ctx context.Context, v visitor, total int) error {
	names, done := make(chan string), 0
	var group sync.WaitGroup
	var mu sync.Mutex
	for range atOnce {
		group.Go(func() {
			for name := range names {
				v.do(ctx, name)
				mu.Lock()
				done++
				if u.Progress != nil {
					u.Progress(done, max(done, total))
				}
				mu.Unlock()
			}
		})
	}
	err := u.names(ctx, func(page []string) error {
		for _, name := range page {
			select {
			case names <- name:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	close(names)
	group.Wait()
	return err
}

// names hands out the names of databases that something of ours may be in, a
// page at a time.
func (u *Uninstall) names(ctx context.Context, take func([]string) error) error {
	after := ""
	for {
		page, err := u.Couch.DBsAfter(ctx, after, namesPage)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1]
		ours := slices.DeleteFunc(page, func(name string) bool {
			return slices.Contains(first, name) || slices.Contains(last, name) || len(entriesOf(name)) == 0
		})
		if err := take(ours); err != nil {
			return err
		}
	}
}

func (u *Uninstall) now() time.Time {
	if u.Now == nil {
		return time.Now()
	}
	return u.Now()
}

// entriesOf are the entries of which something may be in a database, with
// those that stay: they say which documents are not ours.
func entriesOf(db string) []Entry {
	all := slices.DeleteFunc(Written(), func(e Entry) bool { return !match(e.Databases, db) })
	if !slices.ContainsFunc(all, func(e Entry) bool { return e.Group != "" }) {
		return nil
	}
	return all
}

// do visits a database and notes what fails.
func (v visitor) do(ctx context.Context, name string) {
	err := v.u.visit(ctx, name, v)
	if err != nil && !problem.Is(err, problem.MissingDatabase) {
		v.report.fail(fmt.Errorf("%s: %w", name, err))
	}
}
