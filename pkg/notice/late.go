package notice

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/pause"
)

// settle is how long Kazoo's nodes may take to come back to a broker that was
// away. Their queues went with the connections, so that what is sent meanwhile
// never reaches them. They wait for up to five seconds between attempts.
const settle = 10 * time.Second

// late are the notices that were sent before the nodes may have been back: of
// each document the latest. They are sent once more.
type late struct {
	// sending is held by who sends for the first time, and alone by who
	// repeats: a repeated notice must not come after a newer one.
	sending sync.RWMutex

	mu      sync.Mutex
	changes map[docKey]change
}

// add takes what was sent. Beyond what is remembered of documents nothing more
// is repeated.
func (l *late) add(changes []change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changes == nil {
		l.changes = map[docKey]change{}
	}
	for _, c := range changes {
		key := docKey{c.db, c.id}
		if _, known := l.changes[key]; known || len(l.changes) < remembered {
			l.changes[key] = c
		}
	}
}

func (l *late) take() map[docKey]change {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.changes
	l.changes = nil
	return taken
}

// repeatLate repeats what was sent too early, as soon as it is late enough.
func (o *outlet) repeatLate(ctx context.Context) {
	for pause.For(ctx, settle/10) {
		if since, ok := o.broker.back(); ok && since >= settle {
			o.repeat(ctx)
		}
	}
}

func (o *outlet) repeat(ctx context.Context) {
	o.late.sending.Lock()
	defer o.late.sending.Unlock()
	taken := o.late.take()
	maps.DeleteFunc(taken, func(key docKey, c change) bool {
		newer, known := o.done.Get(key)
		return known && newer.rev != c.rev // and was sent when the nodes were back
	})
	list := slices.Collect(maps.Values(taken))
	for batch := range slices.Chunk(list, page) {
		n, err := o.broker.publish(ctx, o.node, batch)
		o.published.Add(int64(n))
		list = list[n:]
		if err != nil {
			o.failed.Add(1)
			o.late.add(list) // the connection broke: another round follows
			return
		}
	}
}
