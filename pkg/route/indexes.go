// Package route answers which callflow takes a dialled number, from an index
// per account in use (package index) that follows the account's database, and
// from a snapshot on disk while the database is down.
package route

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/route/names"
)

// Defaults of [Config].
const (
	defaultMemory = 512 << 20
	defaultFeeds  = 100
	defaultNames  = 64 << 20
	askedOnce     = 10_000
	cachedDocs    = 4096
	cachedDocSize = 32 << 10 // larger documents are read each time
)

// Config says where the indexes come from and what they may take.
type Config struct {
	Couch *couch.Client
	// Prepare puts the design documents of an account database in place, for
	// accounts that others made. It may be nil.
	Prepare func(ctx context.Context, accountID string) error
	// Dir is where snapshots go; "" means none are kept.
	Dir string
	// SnapshotEvery is the least time between two snapshots of an account; 0
	// means 5 minutes.
	SnapshotEvery time.Duration
	// Emergency are the numbers that the analysis reports if a pattern takes one
	// without naming it; nil means those of Kazoo's default classifier.
	Emergency []string
	Log       *zap.Logger // nil means none
	Memory    int         // bytes that all indexes may take, about; 0 means 512 MiB
	Names     int         // bytes that the names of documents may take; 0 means 64 MiB
	// Feeds is how many accounts in use have a feed of their own; 0 means 100.
	// The others are seen through _db_updates; where that is missing, no more
	// accounts than these are kept.
	Feeds int

	// Patience is how long a lookup waits for a document; 0 means 100 ms.
	Patience time.Duration

	guard        time.Duration // how long own writes are guarded; 0 means guardTime
	viewPatience time.Duration // how long the view's first row is waited for; 0 means viewPatience
	wait         time.Duration // how long a feed waits for changes before it asks for purges; 0 means the usual
}

// Indexes holds the indexes of the accounts in use and keeps them fresh. Make
// one with [NewIndexes], end it with [Indexes.Close]. It is safe for
// concurrent use.
type Indexes struct {
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	slots  chan struct{} // one for each refresh that may run at a time
	feeds  chan struct{} // one for each account that has a feed of its own
	docs   *lru.Map[docKey, *Stored]
	names  *names.Cache
	asked  *lru.Map[string, struct{}] // accounts that names were asked of before they were loaded
	reads  readings
	probe  probe

	unsaved chan struct{} // holds one when an account was loaded that may have no snapshot

	feedUp   atomic.Bool // _db_updates is being followed
	separate atomic.Bool // there is none: every account has a feed of its own
	clock    atomic.Int64

	mu       sync.RWMutex
	accounts map[string]*live
	closed   bool
}

type docKey struct{ account, id string }

// NewIndexes starts following the server, and does not wait for it. Accounts are
// loaded when they are asked for.
func NewIndexes(cfg Config) *Indexes {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	cfg.Memory = cmp.Or(cfg.Memory, defaultMemory)
	cfg.Names = cmp.Or(cfg.Names, defaultNames)
	cfg.Feeds = cmp.Or(cfg.Feeds, defaultFeeds)
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	cfg.guard = cmp.Or(cfg.guard, guardTime)
	cfg.viewPatience = cmp.Or(cfg.viewPatience, viewPatience)
	if cfg.SnapshotEvery == 0 {
		cfg.SnapshotEvery = 5 * time.Minute
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Indexes{
		cfg: cfg, ctx: ctx, cancel: cancel,
		slots: make(chan struct{}, 4), feeds: make(chan struct{}, cfg.Feeds), docs: lru.New[docKey, *Stored](cachedDocs),
		names: names.NewCache(cfg.Names), asked: lru.New[string, struct{}](askedOnce),
		unsaved: make(chan struct{}, 1), accounts: map[string]*live{},
		reads: readings{running: map[docKey]*reading{}},
	}
	cfg.Couch.OnWrite(s.wrote)
	s.spawn(s.follow)
	s.spawn(s.tidy)
	if cfg.Dir != "" {
		s.spawn(s.keepSnapshots)
	}
	return s
}

// Close stops following and waits for what is under way.
func (s *Indexes) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.tasks.Wait()
}

// spawn runs a task on a goroutine; it must end when its context ends.
func (s *Indexes) spawn(task func(ctx context.Context)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.spawnLocked(task)
}

func (s *Indexes) spawnLocked(task func(ctx context.Context)) {
	if s.closed {
		return
	}
	s.tasks.Add(1)
	go func() {
		defer s.tasks.Done()
		task(s.ctx)
	}()
}

// account returns an account's index, loading it if need be. Where the
// account has no database the error is [problem.MissingDatabase]; where the
// datastore is down and there is no snapshot, [problem.Unavailable].
func (s *Indexes) account(ctx context.Context, id string) (*live, error) {
	l := s.held(id)
	if l == nil {
		if l = s.begin(id); l == nil {
			return nil, &problem.Error{Code: problem.Unavailable, Msg: "the indexes are closed"}
		}
	}
	l.used.Store(s.clock.Add(1))
	select {
	case <-l.ready:
	default:
		if err := l.wait(ctx); err != nil {
			return nil, err
		}
	}
	if l.failed == nil {
		l.attend()
	}
	return l, l.failed
}

// held returns an account in memory, loaded or not; nil if it is not there.
func (s *Indexes) held(id string) *live {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.accounts[id]
}

// begin starts loading an account, unless another caller has. The load goes
// on if that caller gives up.
func (s *Indexes) begin(id string) *live {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.accounts[id]; l != nil || s.closed {
		return l
	}
	l := newLive(s, id)
	s.accounts[id] = l
	s.spawnLocked(func(ctx context.Context) {
		l.failed = l.load(ctx)
		close(l.ready)
		if l.failed != nil {
			s.drop(l)
			return
		}
		s.evict(l)
		select {
		case s.unsaved <- struct{}{}:
		default:
		}
	})
	return l
}

// drop removes an account from memory; the next lookup loads it again.
func (s *Indexes) drop(l *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[l.id] == l {
		delete(s.accounts, l.id)
	}
	l.cancel()
}

// tidyEvery is how often the size of the indexes, which grow after they were
// loaded, is compared with the memory they may take. Accounts without a feed of
// their own are asked for purges as often.
const tidyEvery = 10 * time.Second

func (s *Indexes) tidy(ctx context.Context) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.evict(nil)
			s.askForPurges()
		case <-ctx.Done():
			return
		}
	}
}

// evict drops accounts, the least recently used first, until the rest fits into
// the memory. It never drops keep.
func (s *Indexes) evict(keep *live) {
	all := s.loaded()
	slices.SortFunc(all, func(a, b *live) int { return int(b.used.Load() - a.used.Load()) })
	total, feeds := 0, 0
	for _, l := range all {
		total += l.size()
		feeds++
		if l != keep && (total > s.cfg.Memory || s.separate.Load() && feeds > s.cfg.Feeds) {
			s.drop(l)
		}
	}
}

// size is the bytes of memory that an account takes, about.
func (l *live) size() int { return l.index.Size() + 170*l.journal.documents() }

// loaded returns the accounts in memory that were loaded without error.
func (s *Indexes) loaded() []*live {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*live
	for _, l := range s.accounts {
		select {
		case <-l.ready:
			all = append(all, l)
		default:
		}
	}
	return all
}

// Apply makes a document just written visible to this process's lookups at
// once. It takes the document as saved, with its private keys and new _rev; a
// soft-deleted one and {_id, _rev, _deleted:true} take the callflow away.
func (s *Indexes) Apply(accountID string, doc document.Doc) {
	l := s.held(accountID)
	if l == nil {
		s.docs.Delete(docKey{accountID, doc.ID()})
		return
	}
	l.wrote(doc.Clone())
}

// Together has do write documents of an account, and applies all that it
// returns at once: a lookup sees none of them or all, whatever the change feed
// tells meanwhile.
func (s *Indexes) Together(accountID string, do func() []document.Doc) {
	l := s.held(accountID)
	if l == nil {
		for _, doc := range do() {
			s.docs.Delete(docKey{accountID, doc.ID()})
		}
		return
	}
	l.applying.Lock()
	defer l.applying.Unlock()
	var writes []write
	for _, doc := range do() {
		writes = append(writes, writeOf(doc.Clone()))
	}
	l.guardLocked(writes...)
}

// Holders returns, for each number and each pattern text, the ids of the
// callflows that have it, lowest first. It may lag behind other processes'
// writes.
func (s *Indexes) Holders(ctx context.Context, accountID string, numbers, patterns []string) (byNumber, byPattern map[string][]string, err error) {
	l, err := s.account(ctx, accountID)
	if err != nil {
		return nil, nil, err
	}
	byNumber, byPattern = map[string][]string{}, map[string][]string{}
	for _, n := range numbers {
		if ids := l.index.Holders(n); len(ids) > 0 {
			byNumber[n] = ids
		}
	}
	for _, p := range patterns {
		if ids := l.index.PatternHolders(p); len(ids) > 0 {
			byPattern[p] = ids
		}
	}
	return byNumber, byPattern, nil
}

// Index returns an account's index, for analysis and drafts.
func (s *Indexes) Index(ctx context.Context, accountID string) (*index.Index, error) {
	l, err := s.account(ctx, accountID)
	if err != nil {
		return nil, err
	}
	return l.index, nil
}

// Plan returns the account's dial plan, as the index knows it.
func (s *Indexes) Plan(ctx context.Context, accountID string) (number.DialPlan, error) {
	l, err := s.account(ctx, accountID)
	if err != nil {
		return number.DialPlan{}, err
	}
	return l.plan.Load().DialPlan, nil
}

func isCode(err error, codes ...problem.Code) bool {
	var e *problem.Error
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}
