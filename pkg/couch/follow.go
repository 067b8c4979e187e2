package couch

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/problem"
)

// The waits between attempts to follow a feed that broke.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// followPage is how many changes a [Follower] takes at a time.
const followPage = 200

// gather is how long a follower waits after it took changes before it asks for
// the next ones, so that a burst of writes comes in a few pages: each request
// costs the server about as much as a write.
const gather = 20 * time.Millisecond

// maxBegins is how often a follower begins before it makes a pause.
const maxBegins = 3

// Follower reads the changes of one database: in order, none left out, and
// some perhaps twice. It goes on where it was after the connection broke. A
// database that was deleted and created again is another one: the follower
// notices by a sequence that starts over, and begins anew.
//
// Set the fields before the first call. Begin, Take, Current and Lost are
// called by one goroutine at a time.
type Follower struct {
	DB          *DB
	IncludeDocs bool          // the changes come with their documents
	Longpoll    time.Duration // how long a request waits for changes; 0 means 25 seconds

	// Begin reads the database as it is. It is called at first and whenever
	// there is no place to go on from. What changes from its call on is handed
	// to Take. It may be nil.
	Begin func(ctx context.Context) error
	// Take takes some changes. If it fails they are handed over again.
	Take func(ctx context.Context, page ChangesPage) error
	// Current, if set, is told that everything was read that had changed by at.
	Current func(at time.Time)
	// Lost, if set, is told why the changes are no longer followed. Until
	// Current was called again it is not told the same kind of error twice.
	Lost func(err error)

	reading sync.Mutex   // one reader at a time
	lost    problem.Code // of the last error, "" if the last attempt went well; guarded by reading
	born    string       // when the database was created, "" if not asked yet; guarded by reading

	mu    sync.Mutex // never held for long
	place place      // guarded by mu
}

// place is where a follower stands.
type place struct {
	since    string // "" where there is nothing to go on from
	caughtUp bool   // what is behind since can be waited for
	restarts int
}

// Resume has the follower go on behind seq instead of beginning.
func (f *Follower) Resume(seq string) { f.restart(seq) }

// Restart has the follower begin anew: the database was created or deleted.
// Call [Follower.CatchUp] then, unless [Follower.Run] does.
func (f *Follower) Restart() { f.restart("") }

func (f *Follower) restart(seq string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.place = place{since: seq, restarts: f.place.restarts + 1}
}

// Following reports whether all changes up to the last answer were taken, and
// no attempt has failed since. Without [Follower.Run] nothing waits for more.
func (f *Follower) Following() bool { return f.at().caughtUp }

// Seq returns the sequence up to which all changes were taken, "" for none.
func (f *Follower) Seq() string { return f.at().since }

func (f *Follower) at() place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.place
}

// advance moves on from a place, unless [Follower.Restart] came between.
func (f *Follower) advance(from place, seq string, caughtUp bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.place.restarts == from.restarts {
		f.place.since, f.place.caughtUp = seq, caughtUp
	}
}

// Run follows the database until ctx is done. Errors are told to Lost; the
// next attempt is made after a pause that grows.
func (f *Follower) Run(ctx context.Context) {
	wait := pause.Growing{First: firstPause, Last: lastPause}
	for ctx.Err() == nil {
		from := f.at()
		if err := f.next(ctx); err == nil {
			wait.Reset()
			if to := f.at(); to.caughtUp && to.since != from.since {
				pause.For(ctx, gather)
			}
			continue
		}
		wait.Wait(ctx)
	}
}

// next waits for changes, or reads those that are known to be waiting.
func (f *Follower) next(ctx context.Context) error {
	from := f.at()
	if !from.caughtUp {
		return f.CatchUp(ctx)
	}
	page, err := f.DB.Changes(ctx, ChangesOptions{
		Since: from.since, Limit: followPage, Longpoll: true, Timeout: f.Longpoll, IncludeDocs: f.IncludeDocs,
	})
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.at() != from {
		return nil // CatchUp has read these changes meanwhile, or they count no more
	}
	if err == nil {
		err = f.take(ctx, from, page)
	}
	return f.report(ctx, time.Now(), err)
}

// CatchUp reads all changes that there are now. It begins if it has to.
func (f *Follower) CatchUp(ctx context.Context) error {
	f.reading.Lock()
	defer f.reading.Unlock()
	for begun := 0; ; {
		at, from := time.Now(), f.at()
		err := f.read(ctx, from)
		if from.since == "" {
			begun++
		}
		if err == nil && begun > maxBegins {
			err = &problem.Error{Code: problem.DatastoreFault, Msg: "the sequence of " + f.DB.name + " starts over again and again"}
		}
		if err != nil || f.at().caughtUp {
			return f.report(ctx, at, err)
		}
	}
}

// read begins, or reads one page of changes.
func (f *Follower) read(ctx context.Context, from place) error {
	if from.since == "" {
		return f.begin(ctx, from)
	}
	if f.lost != "" || f.born == "" {
		same, err := f.sameDatabase(ctx)
		if err != nil {
			return err
		}
		if !same {
			f.advance(from, "", false)
			return nil
		}
	}
	page, err := f.DB.Changes(ctx, ChangesOptions{Since: from.since, Limit: followPage, IncludeDocs: f.IncludeDocs})
	if err != nil {
		return err
	}
	return f.take(ctx, from, page)
}

// sameDatabase asks whether the database is still the one that was read. Its
// sequence may have come further than that of the one before.
func (f *Follower) sameDatabase(ctx context.Context) (bool, error) {
	_, born, err := f.DB.info(ctx)
	if err != nil {
		return false, err
	}
	same := f.born == "" || f.born == born
	f.born = born
	return same, nil
}

func (f *Follower) begin(ctx context.Context, from place) error {
	seq, born, err := f.DB.info(ctx)
	if err == nil && f.Begin != nil {
		err = f.Begin(ctx)
	}
	if err == nil {
		f.born = born
		f.advance(from, seq, false)
	}
	return err
}

// take hands a page on, unless it is of another database than the one before.
func (f *Follower) take(ctx context.Context, from place, page ChangesPage) error {
	if startsOver(from.since, page) {
		f.advance(from, "", false)
		return nil
	}
	if len(page.Changes) > 0 {
		if err := f.Take(ctx, page); err != nil {
			return err
		}
	}
	f.advance(from, page.LastSeq, len(page.Changes) < followPage)
	return nil
}

// report tells the follower's owner how it stands.
func (f *Follower) report(ctx context.Context, at time.Time, err error) error {
	if err != nil {
		f.stumble(err)
		if code := problem.AsError(err).Code; code != f.lost && ctx.Err() == nil {
			f.lost = code
			if f.Lost != nil {
				f.Lost(err)
			}
		}
		return err
	}
	if f.at().caughtUp {
		f.lost = ""
		if f.Current != nil {
			f.Current(at)
		}
	}
	return nil
}

// stumble has the next attempt not wait for changes: that shows sooner when
// the server is back. A database that is missing will come back as another.
func (f *Follower) stumble(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.place.caughtUp = false
	if problem.Is(err, problem.MissingDatabase) {
		f.place.since = ""
	}
}

// startsOver reports whether a page asked for since cannot follow it.
func startsOver(since string, page ChangesPage) bool {
	if position(page.LastSeq) < position(since) {
		return true
	}
	return len(page.Changes) > 0 && page.Changes[0].Seq != "" && position(page.Changes[0].Seq) <= position(since)
}

// position is the number that a sequence begins with.
func position(seq string) int {
	digits, _, _ := strings.Cut(seq, "-")
	n, _ := strconv.Atoi(digits)
	return n
}
