package route

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/problem"
)

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// pause waits, longer each time, and reports false when ctx is done.
func pause(ctx context.Context, wait *time.Duration) bool {
	timer := time.NewTimer(*wait)
	defer timer.Stop()
	*wait = min(2**wait, lastPause)
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// follow follows the server's database updates for as long as it lives. It
// takes the feed's end first and reads every account's changes then, so that
// nothing falls between; a feed that breaks is resumed the same way.
func (s *Indexes) follow(ctx context.Context) {
	wait := firstPause
	for ctx.Err() == nil {
		err := s.followOnce(ctx, &wait)
		s.feedUp.Store(false)
		if errors.Is(err, couch.ErrNoUpdates) {
			s.followSeparately()
			return
		}
		if ctx.Err() == nil {
			s.cfg.Log.Warn("the feed of database updates broke", zap.Error(err))
		}
		if !pause(ctx, &wait) {
			return
		}
	}
}

func (s *Indexes) followOnce(ctx context.Context, wait *time.Duration) error {
	seq, err := s.cfg.Couch.UpdatesSeq(ctx)
	if err != nil {
		return err
	}
	for _, l := range s.loaded() {
		l.changed(false)
	}
	s.feedUp.Store(true)
	*wait = firstPause
	return s.cfg.Couch.DBUpdates(ctx, seq, func(u couch.DBUpdate) error {
		s.updated(u)
		return nil
	})
}

// updated takes notice of one database update.
func (s *Indexes) updated(u couch.DBUpdate) {
	id, month, ok := couch.AccountOf(u.DB)
	if !ok || month != "" {
		return
	}
	s.mu.RLock()
	l := s.accounts[id]
	s.mu.RUnlock()
	switch {
	case u.Type == "deleted":
		s.removeSnapshot(id)
		if l != nil {
			s.drop(l)
		}
	case l != nil:
		l.changed(u.Type == "created")
	}
}

// followSeparately has every account follow a feed of its own.
func (s *Indexes) followSeparately() {
	s.cfg.Log.Info("no feed of database updates: following each account in use")
	s.separate.Store(true)
	for _, l := range s.loaded() {
		l.attend()
	}
}

// attend gives an account in use a feed of its own while there are any left:
// _db_updates alone tells of a change up to a second late.
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

// changed has the account's changes read soon, or all of it if its database is
// another one now. Notices that come while that happens make it happen again.
func (l *live) changed(created bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty = true
	l.created = l.created || created
	if !l.refreshing {
		l.refreshing = true
		l.owner.spawn(func(context.Context) { l.catchUp() })
	}
}

// catchUp reads changes until none are waiting.
func (l *live) catchUp() {
	wait := firstPause
	for {
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
			if isCode(err, problem.MissingDatabase) {
				l.owner.removeSnapshot(l.id)
				l.owner.drop(l)
			}
			pause(l.ctx, &wait)
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
	l.mu.Lock()
	created := l.created
	l.created = false
	l.mu.Unlock()
	if created {
		l.reading.Lock()
		err := l.reload(l.ctx)
		l.reading.Unlock()
		if err != nil {
			l.mu.Lock()
			l.created = true
			l.mu.Unlock()
			return err
		}
	}
	return l.refresh(l.ctx)
}

// followAlone follows one account until it is dropped or, where _db_updates
// goes on telling of it, not used any more.
func (l *live) followAlone() {
	wait := firstPause
	for l.ctx.Err() == nil {
		used := l.used.Load()
		l.mu.Lock()
		since := l.seq
		l.mu.Unlock()
		page, err := l.db.Changes(l.ctx, couch.ChangesOptions{Since: since, Limit: pageSize, Longpoll: true})
		news := err == nil && (len(page.Changes) > 0 || startsOver(since, page))
		if news {
			err = l.refresh(l.ctx)
		}
		switch {
		case isCode(err, problem.MissingDatabase):
			l.owner.removeSnapshot(l.id)
			l.owner.drop(l)
			return
		case err != nil:
			pause(l.ctx, &wait)
		case !news && l.used.Load() == used && !l.owner.separate.Load():
			return
		default:
			wait = firstPause
			l.mu.Lock()
			l.asOf = time.Now()
			l.mu.Unlock()
		}
	}
}
