package route

import (
	"context"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/route/names"
)

// Names describes documents of an account, by id; those that do not exist are
// left out. Descriptions in memory are used as long as the account's changes are
// followed; the others are read from storage in one request. An account that is
// asked for a second time is loaded, so that its changes are followed.
func (s *Indexes) Names(ctx context.Context, accountID string, ids []string) (map[string]names.Description, error) {
	book := s.book(accountID)
	known, missing, since := map[string]names.Description{}, ids, uint64(0)
	if book != nil {
		known, missing, since = book.Get(ids)
	}
	if len(missing) > 0 {
		docs, err := s.cfg.Couch.Account(accountID).GetMany(ctx, missing)
		if err != nil {
			return nil, err
		}
		read := make(map[string]names.Description, len(missing))
		for _, id := range missing {
			read[id] = names.Describe(docs[id])
			known[id] = read[id]
		}
		if book != nil {
			book.Put(since, read)
		}
	}
	for id, d := range known {
		if d.Fields == nil {
			delete(known, id)
		}
	}
	return known, nil
}

// book returns an account's book if the account's changes are followed, else nil.
func (s *Indexes) book(accountID string) *names.Book {
	l := s.held(accountID)
	if l == nil {
		if _, again := s.asked.Get(accountID); again {
			s.asked.Delete(accountID)
			s.begin(accountID)
		} else {
			s.asked.Put(accountID, struct{}{})
		}
		return nil
	}
	l.used.Store(s.clock.Add(1))
	select {
	case <-l.ready:
	default:
		return nil
	}
	if l.failed != nil {
		return nil
	}
	l.attend()
	if !l.follows() {
		return nil
	}
	return l.names
}

// follows reports whether the account's changes are followed.
func (l *live) follows() bool {
	if l.attended.Load() && l.feed.Following() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.owner.feedUp.Load() && !l.dirty && !l.refreshing
}

// wrote forgets what a document was called that this process has written.
func (s *Indexes) wrote(w couch.Wrote) {
	_, l := s.ofDatabase(w.DB)
	switch {
	case l == nil:
	case w.Doc == nil:
		l.names.Clear()
	default:
		l.names.Forget(w.Doc.ID())
	}
}
