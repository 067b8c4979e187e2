package phone

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/lru"
	"github.com/callflowd/callflowd/pkg/problem"
)

// dirty are the accounts whose callflows were written since their numbers were
// last looked at.
type dirty struct {
	once     sync.Once
	mu       sync.Mutex
	accounts map[string]bool
	wake     chan struct{}
	without  *lru.Map[string, struct{}] // accounts that own no number
}

// maxWithout bounds how many accounts are remembered to own no number.
const maxWithout = 100_000

func (d *dirty) init() {
	d.once.Do(func() {
		d.accounts, d.wake = map[string]bool{}, make(chan struct{}, 1)
		d.without = lru.New[string, struct{}](maxWithout)
	})
}

func (d *dirty) add(accountID string) {
	d.init()
	if _, none := d.without.Get(accountID); none {
		return
	}
	d.mu.Lock()
	d.accounts[accountID] = true
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *dirty) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]string, 0, len(d.accounts))
	for id := range d.accounts {
		out = append(out, id)
	}
	clear(d.accounts)
	return out
}

// owns forgets that an account owned no number.
func (d *dirty) owns(accountID string) {
	d.init()
	d.without.Delete(accountID)
}

// Wrote takes a write of this process ([couch.Client.OnWrite]): where it is a
// callflow's, the account's numbers are looked at soon. It never waits.
func (s *Service) Wrote(w couch.Wrote) {
	if w.Doc.Type() != "callflow" {
		return
	}
	if id, month, ok := couch.AccountOf(w.DB); ok && month == "" {
		s.dirty.add(id)
	}
}

// Run keeps pvt_used_by as the callflows are that this process writes, beside
// their saves. What it misses [Service.Repair] finds.
func (s *Service) Run(ctx context.Context) {
	s.dirty.init()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirty.wake:
		}
		for _, id := range s.dirty.take() {
			if err := s.Settle(ctx, id); err != nil && ctx.Err() == nil {
				s.log().Warn("the use of numbers is not up to date", zap.String("account", id), zap.Error(err))
			}
		}
	}
}

// Settle brings pvt_used_by of an account's numbers up to date.
func (s *Service) Settle(ctx context.Context, accountID string) error {
	s.dirty.init()
	if there, err := s.ready(ctx, accountID); !there {
		return err
	}
	owned, err := s.copies(ctx, accountID)
	if err != nil {
		return err
	}
	if len(owned) == 0 {
		s.dirty.without.Put(accountID, struct{}{})
		return nil
	}
	numbers := make([]string, 0, len(owned))
	for n := range owned {
		numbers = append(numbers, n)
	}
	used, err := s.used(ctx, accountID, numbers)
	if err != nil {
		return err
	}
	var failed []error
	for n, item := range owned {
		if used[n] != (item.UsedBy == callflowUse) {
			failed = append(failed, s.setUse(ctx, accountID, n, used[n]))
		}
	}
	return errors.Join(failed...)
}

// setUse writes one number's use, unless the number is somebody else's by now.
func (s *Service) setUse(ctx context.Context, accountID, n string, used bool) error {
	changed, err := s.editOwned(ctx, accountID, n, func(doc document.Doc) (bool, error) { return setUse(doc, used), nil })
	if err != nil || changed {
		return err
	}
	return s.mirror(ctx, accountID, n)
}

// editOwned changes a number by fn, which reports whether there is anything to
// change. A number that is not the account's by now is left alone.
func (s *Service) editOwned(ctx context.Context, accountID, n string, fn func(document.Doc) (bool, error)) (changed bool, err error) {
	unchanged := errors.New("nothing to change")
	_, err = s.edit(ctx, Request{AccountID: accountID, Number: n}, func(doc document.Doc) (document.Doc, error) {
		if doc.String(assignedTo) != accountID {
			return nil, unchanged
		}
		if some, err := fn(doc); err != nil || !some {
			return nil, cmp.Or(err, unchanged)
		}
		return doc, nil
	})
	if errors.Is(err, unchanged) {
		return false, nil
	}
	return err == nil, err
}

// Repair makes the copies in accounts' databases, and the use of every number,
// what the number databases and the callflows say: of one account, or of all
// where accountID is "".
func (s *Service) Repair(ctx context.Context, accountID string) error {
	names, err := s.databasesOf(ctx, "")
	if err != nil {
		return err
	}
	accounts := owners{}
	if accountID != "" {
		accounts[accountID] = map[string]bool{}
	}
	var failed []error
	for _, name := range names {
		failed = append(failed, s.repairDB(ctx, name, accountID, accounts))
	}
	if err := errors.Join(failed...); err != nil {
		return err // what was not seen is not stray
	}
	for id, numbers := range accounts {
		s.dirty.owns(id)
		failed = append(failed, s.dropStray(ctx, id, numbers), s.Settle(ctx, id))
	}
	return errors.Join(failed...)
}

// owners are the numbers of accounts.
type owners map[string]map[string]bool

// repairBatch bounds how many numbers are compared at once.
const repairBatch = 500

// repairDB makes the copies of the numbers in one database that are missing or
// older than the number, and notes whose they are.
func (s *Service) repairDB(ctx context.Context, name, accountID string, accounts owners) error {
	batch := map[string]map[string]document.Doc{}
	size := 0
	flush := func() error {
		for owner, docs := range batch {
			if err := s.compare(ctx, owner, docs); err != nil {
				return err
			}
		}
		clear(batch)
		size = 0
		return nil
	}
	for row, err := range s.Couch.DB(name).AllDocs(ctx, couch.Query{IncludeDocs: true}) {
		if err != nil {
			return err
		}
		doc, err := row.Document()
		owner := doc.String(assignedTo)
		if err != nil || !strings.HasPrefix(row.ID, "+") || !couch.IsAccountID(owner) || accountID != "" && owner != accountID {
			continue
		}
		if accounts[owner] == nil {
			accounts[owner] = map[string]bool{}
		}
		if batch[owner] == nil {
			batch[owner] = map[string]document.Doc{}
		}
		accounts[owner][row.ID], batch[owner][row.ID] = true, doc
		if size++; size == repairBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// compare makes an account's copies of numbers where they are not the same.
func (s *Service) compare(ctx context.Context, owner string, numbers map[string]document.Doc) error {
	ids := slices.Sorted(maps.Keys(numbers))
	held, err := s.Couch.Account(owner).GetMany(ctx, ids)
	if problem.Is(err, problem.MissingDatabase) { // the account is gone
		return nil
	}
	if err != nil {
		return err
	}
	for _, n := range ids {
		want, have := numbers[n].Clone(), held[n].Clone()
		delete(want, "_rev")
		delete(have, "_rev")
		if document.Equal(map[string]any(want), map[string]any(have)) {
			continue
		}
		if err := s.mirror(ctx, owner, n); err != nil {
			return err
		}
	}
	return nil
}

// dropStray removes an account's copies of numbers that are not its own.
func (s *Service) dropStray(ctx context.Context, accountID string, own map[string]bool) error {
	if there, err := s.ready(ctx, accountID); !there {
		return err
	}
	held, err := s.copies(ctx, accountID)
	if err != nil {
		return err
	}
	for n := range held {
		if own[n] {
			continue
		}
		if err := s.mirror(ctx, accountID, n); err != nil {
			return err
		}
	}
	return nil
}

// ready makes sure that an account's database has the views, and reports
// whether there is one.
func (s *Service) ready(ctx context.Context, accountID string) (bool, error) {
	err := s.Accounts.Prepare(ctx, accountID)
	if problem.Is(err, problem.MissingDatabase) || problem.Is(err, problem.BadIdentifier) {
		return false, nil
	}
	return err == nil, err
}
