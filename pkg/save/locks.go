package save

import (
	"context"
	"sync"
)

// keyedLocks lets writers of one callflow in this process queue up instead of
// conflicting in the database. It only saves time: correctness does not
// depend on it. The zero value is ready.
type keyedLocks struct {
	mu    sync.Mutex
	holds map[string]*keyedLock
}

type keyedLock struct {
	token chan struct{}
	users int
}

// lock waits for the key's lock, or for the context's end. The lock is given
// back by calling unlock.
func (l *keyedLocks) lock(ctx context.Context, key string) (unlock func(), err error) {
	k := l.enter(key)
	select {
	case k.token <- struct{}{}:
		return func() {
			<-k.token
			l.leave(key, k)
		}, nil
	case <-ctx.Done():
		l.leave(key, k)
		return nil, context.Cause(ctx)
	}
}

func (l *keyedLocks) enter(key string) *keyedLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holds == nil {
		l.holds = map[string]*keyedLock{}
	}
	k := l.holds[key]
	if k == nil {
		k = &keyedLock{token: make(chan struct{}, 1)}
		l.holds[key] = k
	}
	k.users++
	return k
}

func (l *keyedLocks) leave(key string, k *keyedLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.holds, key)
	}
}
