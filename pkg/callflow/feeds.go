package callflow

import (
	"context"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

// feeds are the looks at change feeds that wait for a change. Thousands of
// clients follow one account from the same place: they share one request, and
// its answer is read once for all.
type feeds struct {
	mu      sync.Mutex
	waiting map[feedLook]*sharedLook
}

// sharedLook is one look for all who wait for it.
type sharedLook struct {
	cancel context.CancelFunc
	shares int // guarded by feeds.mu

	began chan struct{} // closed when from is known
	from  string        // the sequence it waits at
	ended chan struct{} // closed when found and err are known
	found feedPage
	err   error
}

// await returns what the look found, or nothing after the time to wait.
func (f *feeds) await(ctx context.Context, client *couch.Client, look feedLook, wait time.Duration) (feedPage, error) {
	shared := f.join(ctx, client, look)
	defer f.leave(look, shared)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	began := (<-chan struct{})(nil) // a look that has not begun cannot say where to go on
	for {
		select {
		case <-shared.ended:
			return shared.found, shared.err
		case <-began:
			return feedPage{lastSeq: shared.from}, nil
		case <-timer.C:
			began = shared.began
		case <-ctx.Done():
			return feedPage{}, &problem.Error{Code: problem.Unavailable, Msg: "wait for changes", Err: context.Cause(ctx)}
		}
	}
}

// join finds the look that others wait for, or begins one.
func (f *feeds) join(ctx context.Context, client *couch.Client, look feedLook) *sharedLook {
	f.mu.Lock()
	defer f.mu.Unlock()
	shared := f.waiting[look]
	if shared == nil {
		shared = &sharedLook{began: make(chan struct{}), ended: make(chan struct{})}
		ctx, shared.cancel = context.WithCancel(context.WithoutCancel(ctx)) // it ends with the last who waits
		if f.waiting == nil {
			f.waiting = map[feedLook]*sharedLook{}
		}
		f.waiting[look] = shared
		go func() {
			shared.run(ctx, client, look)
			f.forget(look, shared)
			close(shared.ended)
		}()
	}
	shared.shares++
	return shared
}

// leave is called by each who has joined.
func (f *feeds) leave(look feedLook, shared *sharedLook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if shared.shares--; shared.shares == 0 {
		shared.cancel()
		f.drop(look, shared)
	}
}

// forget has who comes from now on begin another look.
func (f *feeds) forget(look feedLook, shared *sharedLook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(look, shared)
}

func (f *feeds) drop(look feedLook, shared *sharedLook) {
	if f.waiting[look] == shared {
		delete(f.waiting, look)
	}
}

// run looks. "now" is a sequence before it waits: who gives up waiting goes on
// from there.
func (l *sharedLook) run(ctx context.Context, client *couch.Client, look feedLook) {
	if look.since == "now" {
		page, err := client.Account(look.account).Changes(ctx, couch.ChangesOptions{Since: look.since, Limit: 1})
		if err != nil {
			l.err = err
			return
		}
		look.since = page.LastSeq
	}
	l.from = look.since
	close(l.began)
	l.found, l.err = look.read(ctx, client, maxChangesWait)
}
