package route

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/pause"
)

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// noticePause is how long a notice of _db_updates waits where the account's own
// feed is followed. That one has usually told of the change by then: all
// notices of the time are answered by one request.
const noticePause = 250 * time.Millisecond

// unusedAfter is after how long without a lookup an account loses its own feed.
const unusedAfter = 25 * time.Second

// follow follows the server's database updates until ctx ends. Each time that
// begins, it has every account's changes read, so that none is missed.
func (s *Indexes) follow(ctx context.Context) {
	err := s.cfg.Couch.FollowUpdates(ctx, couch.Updates{
		Begin: func() {
			for _, l := range s.loaded() {
				l.changed(false)
			}
			s.feedUp.Store(true)
		},
		Take: s.updated,
		Lost: func(err error) {
			s.feedUp.Store(false)
			if !errors.Is(err, couch.ErrNoUpdates) {
				s.cfg.Log.Warn("the feed of database updates broke", zap.Error(err))
			}
		},
	})
	s.feedUp.Store(false)
	if errors.Is(err, couch.ErrNoUpdates) {
		s.followSeparately()
	}
}

// updated handles one database update.
func (s *Indexes) updated(u couch.DBUpdate) {
	id, l := s.ofDatabase(u.DB)
	switch {
	case id == "":
	case u.Type == "deleted":
		s.removeSnapshot(id)
		if l != nil {
			s.drop(l)
		}
	case l != nil:
		l.changed(u.Type == "created")
	}
}

// ofDatabase returns the account whose database has that name, and its index if it
// is in memory; "" for other databases.
func (s *Indexes) ofDatabase(db string) (id string, l *live) {
	id, month, ok := couch.AccountOf(db)
	if !ok || month != "" {
		return "", nil
	}
	return id, s.held(id)
}

// followSeparately has every account follow a feed of its own.
func (s *Indexes) followSeparately() {
	s.cfg.Log.Info("no feed of database updates: following each account in use")
	s.separate.Store(true)
	for _, l := range s.loaded() {
		l.attend()
	}
}

// attend gives an account in use a feed of its own, up to the allowed number:
// _db_updates alone may show a change a second late.
func (l *live) attend() {
	if l.attended.Load() {
		return
	}
	select {
	case l.owner.feeds <- struct{}{}:
	default:
		return
	}
	if !l.attended.CompareAndSwap(false, true) {
		<-l.owner.feeds
		return
	}
	l.owner.spawn(func(context.Context) {
		defer func() {
			l.attended.Store(false)
			<-l.owner.feeds
		}()
		l.followAlone()
	})
}

// changed has the account's changes read soon; with created, since the database
// was created anew, all of it. Further calls meanwhile make it read once more.
func (l *live) changed(created bool) {
	if created {
		l.feed.Restart()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty = true
	if !l.refreshing {
		l.refreshing = true
		l.owner.spawn(func(context.Context) { l.catchUp() })
	}
}

// catchUp reads changes until none are waiting.
func (l *live) catchUp() {
	wait := pause.Growing{First: firstPause, Last: lastPause}
	for {
		if l.attended.Load() {
			pause.For(l.ctx, noticePause)
		}
		l.mu.Lock()
		if !l.dirty || l.ctx.Err() != nil {
			l.refreshing = false
			l.mu.Unlock()
			return
		}
		l.dirty = false
		l.mu.Unlock()
		if err := l.refreshInTurn(); err != nil {
			l.mu.Lock()
			l.dirty = true
			l.mu.Unlock()
			wait.Wait(l.ctx)
		}
	}
}

// refreshInTurn waits until the account is loaded and a slot is free.
func (l *live) refreshInTurn() error {
	select {
	case <-l.ready:
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
	select {
	case l.owner.slots <- struct{}{}:
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
	defer func() { <-l.owner.slots }()
	return l.refresh(l.ctx)
}

// followAlone follows the account's feed until the account is dropped or, if
// _db_updates shows its changes too, is no longer used.
func (l *live) followAlone() {
	ctx, stop := context.WithCancel(l.ctx)
	defer stop()
	l.owner.spawn(func(context.Context) { l.stopUnused(ctx, stop) })
	l.feed.Run(ctx)
}

func (l *live) stopUnused(ctx context.Context, stop context.CancelFunc) {
	for used := l.used.Load(); pause.For(ctx, unusedAfter); used = l.used.Load() {
		if l.used.Load() == used && !l.owner.separate.Load() {
			stop()
		}
	}
}

// askForPurges asks where changes came and none after them: a purge among them
// has left no trace.
func (s *Indexes) askForPurges() {
	for _, l := range s.loaded() {
		if !l.attended.Load() && l.feed.Unsure() {
			l.changed(false)
		}
	}
}
