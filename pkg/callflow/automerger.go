package callflow

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/problem"
)

// mergeRound is how long changes are collected before conflicts are looked for.
const mergeRound = 500 * time.Millisecond

// mergeAllEvery is how often all accounts are looked at, where the server does
// not tell which databases change.
const mergeAllEvery = time.Minute

// mergeKnown bounds the accounts of which it is known how far they were looked
// at; others are looked at from the beginning.
const mergeKnown = 20_000

// FollowConflicts merges conflicts by [Service.AutoMerge] as replication
// brings them, until ctx ends.
func (s *Service) FollowConflicts(ctx context.Context) {
	changed := &accountSet{ids: map[string]bool{}}
	var group sync.WaitGroup
	group.Go(func() { s.watchAccounts(ctx, changed) })
	seen := lru.New[string, mergeState](mergeKnown)
	for pause.For(ctx, mergeRound) {
		for _, id := range changed.take() {
			at, _ := seen.Get(id)
			merged, err := s.autoMergeSince(ctx, id, &at)
			switch {
			case problem.Is(err, problem.MissingDatabase):
				seen.Delete(id)
			case err != nil && ctx.Err() == nil:
				s.log().Warn("conflicts cannot be merged now", zap.String("account", id), zap.Error(err))
				changed.add(id)
			default:
				seen.Put(id, at)
			}
			if merged > 0 {
				s.log().Info("conflicts merged", zap.String("account", id), zap.Int("documents", merged))
			}
		}
	}
	group.Wait()
}

// watchAccounts notes which accounts change; all of them at the start and after
// a lost connection.
func (s *Service) watchAccounts(ctx context.Context, changed *accountSet) {
	all := func() {
		names, err := s.Couch.AllDBs(ctx)
		if err != nil && ctx.Err() == nil {
			s.log().Warn("accounts cannot be listed to merge conflicts", zap.Error(err))
		}
		for _, name := range names {
			changed.addDB(name)
		}
	}
	err := s.Couch.FollowUpdates(ctx, couch.Updates{
		Begin: all, Take: func(u couch.DBUpdate) { changed.addDB(u.DB) }, Lost: func(error) {},
	})
	for errors.Is(err, couch.ErrNoUpdates) {
		all()
		if !pause.For(ctx, mergeAllEvery) {
			return
		}
	}
}

// accountSet is a set of accounts that several goroutines use.
type accountSet struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (a *accountSet) addDB(name string) {
	if id, month, ok := couch.AccountOf(name); ok && month == "" {
		a.add(id)
	}
}

func (a *accountSet) add(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[id] = true
}

// take empties the set.
func (a *accountSet) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var ids []string
	for id := range a.ids {
		ids = append(ids, id)
	}
	clear(a.ids)
	return ids
}
