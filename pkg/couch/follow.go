package couch

import (
	"context"
	"encoding/json"
	"fmt"
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

// lookEvery is how often a follower of a busy database asks for purges.
const lookEvery = 25 * time.Second

// maxBegins is how often a follower begins before it makes a pause.
const maxBegins = 3

// Follower reads the changes of one database in order. It misses none and may
// read some twice. After a lost connection it continues where it was. It notices
// that a database was deleted and created again, by a sequence that starts over,
// and then begins from the start. It does the same after documents were purged,
// which is no change: it asks for the number of purges when a wait has ended
// without a change, and every 25 seconds.
//
// Set the fields before the first call. Begin, Take, Current and Lost are
// called by one goroutine at a time.
type Follower struct {
	DB          *DB
	IncludeDocs bool          // the changes come with their documents
	Longpoll    time.Duration // how long a request waits for changes; 0 means 25 seconds

	// Begin reads the database as it is. It is called at the start and whenever
	// there is no sequence to continue from. Changes made since it was called
	// are passed to Take. It may be nil.
	Begin func(ctx context.Context) error
	// Take handles some changes. If it fails, it gets them again.
	Take func(ctx context.Context, page ChangesPage) error
	// Current, if set, is called when all changes made before at were read.
	Current func(at time.Time)
	// Lost, if set, is called with the error when following fails. It is called
	// once for each kind of error until Current is called again.
	Lost func(err error)

	reading sync.Mutex   // one reader at a time
	lost    problem.Code // of the last error, "" if the last attempt went well; guarded by reading
	looked  time.Time    // when the database was last asked which it is; guarded by reading

	mu    sync.Mutex // never held for long
	place place      // guarded by mu
}

// place is how far a follower has read.
type place struct {
	since    string // "" if there is no sequence to continue from
	life     life   // of the database
	caughtUp bool   // all changes before since were read
	unsure   bool   // changes were read after the last question for purges
	restarts int
}

// Resume has the follower continue after seq instead of beginning, if the
// database still has the life that [Follower.Life] returned. "" is not known.
func (f *Follower) Resume(seq, ofLife string) { f.restart(seq, parseLife(ofLife)) }

// Restart has the follower begin from the start, since the database was created
// or deleted. Call [Follower.CatchUp] after it, unless [Follower.Run] is
// running.
func (f *Follower) Restart() { f.restart("", life{}) }

func (f *Follower) restart(seq string, of life) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.place = place{since: seq, life: of, restarts: f.place.restarts + 1}
}

// Following reports whether all changes up to the last answer were handled, and
// no attempt has failed since. Only [Follower.Run] waits for later changes.
func (f *Follower) Following() bool { return f.at().caughtUp }

// Seq returns the sequence up to which all changes were taken, "" for none.
func (f *Follower) Seq() string { return f.at().since }

// Life identifies the database that is followed, for [Follower.Resume]. It
// changes when the database is created again and when documents are purged.
func (f *Follower) Life() string { return f.at().life.String() }

// Unsure reports whether changes were read after the last question for purges.
// Where [Follower.Run] is not running, [Follower.CatchUp] asks again.
func (f *Follower) Unsure() bool { return f.at().unsure }

func (f *Follower) at() place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.place
}

// advance moves on from a place, unless [Follower.Restart] was called meanwhile.
func (f *Follower) advance(from, to place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.place.restarts == from.restarts {
		to.restarts = from.restarts
		f.place = to
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
		return nil // CatchUp has read these changes meanwhile, or Restart was called
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
	if f.lost != "" || f.looked.IsZero() {
		same, err := f.sameDatabase(ctx, &from)
		if err != nil {
			return err
		}
		if !same {
			f.advance(from, place{})
			return nil
		}
	}
	page, err := f.DB.Changes(ctx, ChangesOptions{Since: from.since, Limit: followPage, IncludeDocs: f.IncludeDocs})
	if err != nil {
		return err
	}
	return f.take(ctx, from, page)
}

// sameDatabase asks whether the database is still the one that was read. The
// sequence alone does not tell: that of a new database may be greater by now,
// and a purge does not show in it.
func (f *Follower) sameDatabase(ctx context.Context, at *place) (bool, error) {
	_, now, err := f.DB.info(ctx)
	if err != nil {
		return false, err
	}
	f.looked = time.Now()
	if at.life == (life{}) {
		at.life = now
	}
	at.unsure = false
	return now.continues(at.life), nil
}

func (f *Follower) begin(ctx context.Context, from place) error {
	seq, now, err := f.DB.info(ctx)
	if err == nil && f.Begin != nil {
		err = f.Begin(ctx)
	}
	if err == nil {
		f.looked = time.Now()
		f.advance(from, place{since: seq, life: now})
	}
	return err
}

// take passes a page to Take, unless the database was created anew.
func (f *Follower) take(ctx context.Context, from place, page ChangesPage) error {
	if startsOver(from.since, page) {
		f.advance(from, place{})
		return nil
	}
	to := from
	to.since, to.caughtUp = page.LastSeq, len(page.Changes) < followPage
	if len(page.Changes) > 0 {
		to.unsure = true
		if err := f.Take(ctx, page); err != nil {
			return err
		}
	}
	if len(page.Changes) == 0 || time.Since(f.looked) > lookEvery {
		same, err := f.sameDatabase(ctx, &to)
		if err != nil {
			return err
		}
		if !same {
			to = place{}
		}
	}
	f.advance(from, to)
	return nil
}

// report calls Current or Lost after an attempt.
func (f *Follower) report(ctx context.Context, at time.Time, err error) error {
	if err != nil {
		f.failed(err)
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

// failed records a failed attempt. The next one does not wait for changes, so
// that it shows sooner when the server is back. After a missing database it
// begins from the start: if the database comes back, it is a new one.
func (f *Follower) failed(err error) {
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

// life identifies a database between two events that its changes do not show: it
// was deleted and created again, or documents were purged. What was read in one
// life may not be true in the next. The zero value stands for not known.
type life struct {
	start  string // when the database was created, "0" where the server does not say
	purges int    // how often documents were purged
}

// lifeOf reads a database's information. A server that does not count purges
// has none.
func lifeOf(info []byte) life {
	var given struct {
		Start  any `json:"instance_start_time"`
		Purges any `json:"purge_seq"`
	}
	out := life{start: "0"}
	if json.Unmarshal(info, &given) != nil {
		return out
	}
	if given.Start != nil {
		out.start = fmt.Sprint(given.Start)
	}
	switch purges := given.Purges.(type) {
	case string:
		out.purges = position(purges)
	case float64:
		out.purges = int(purges)
	}
	return out
}

// continues reports whether what was true of the earlier life still is. The
// copies of a shard may have counted different numbers of purges, and a
// different one may answer each time, so a lower number is ignored.
func (l life) continues(earlier life) bool {
	return l.start == earlier.start && l.purges <= earlier.purges
}

func (l life) String() string {
	if l == (life{}) {
		return ""
	}
	return strconv.Itoa(l.purges) + "/" + l.start
}

// parseLife reads what String wrote; anything else is not known.
func parseLife(text string) life {
	purges, start, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(purges)
	if !ok || err != nil {
		return life{}
	}
	return life{start: start, purges: n}
}
