package uninstall

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/problem"
)

const (
	systemConfig  = "system_config"
	processPrefix = "_local/callflowd_process-"
	stoppedID     = "_local/callflowd_stopped"
)

// signEvery is how often a process says that it runs.
const signEvery = 10 * time.Second

// Process is a callflowd on a CouchDB. While it runs it says so in a document
// that is neither replicated nor in any feed, so that uninstall can tell.
type Process struct {
	Couch *couch.Client
	Name  string        // tells it apart from others and says where it is
	Every time.Duration // 0 means every ten seconds
}

// Run says that the process runs, until ctx ends. Storage that is away is
// no reason to stop.
func (p Process) Run(ctx context.Context) {
	if p.Every == 0 {
		p.Every = signEvery
	}
	sum := sha256.Sum256([]byte(p.Name))
	id := processPrefix + hex.EncodeToString(sum[:8])
	for {
		p.finish(ctx, func(ctx context.Context) { _ = p.sign(ctx, id) })
		if !pause.For(ctx, p.Every) {
			break
		}
	}
	p.finish(ctx, func(ctx context.Context) {
		if p.sign(ctx, stoppedID) == nil {
			p.withdraw(ctx, id)
		}
	})
}

// finishLimit bounds how long storage that hangs keeps the program from ending.
const finishLimit = 2 * time.Second

// finish does something to its end although ctx ends: a write that is given up
// may still arrive, after the document was withdrawn.
func (Process) finish(ctx context.Context, do func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishLimit)
	defer cancel()
	do(ctx)
}

// sign writes one of the two documents. A conflict means that another process
// has just written it.
func (p Process) sign(ctx context.Context, id string) error {
	db := p.Couch.DB(systemConfig)
	doc, err := db.Get(ctx, id)
	if problem.Is(err, problem.BadIdentifier) {
		doc, err = document.Doc{"_id": id}, nil
	}
	if err != nil {
		return err
	}
	doc["process"], doc["at"] = p.Name, time.Now().Unix()
	if err := db.Put(ctx, doc); !problem.Is(err, problem.Conflict) {
		return err
	}
	return nil
}

func (p Process) withdraw(ctx context.Context, id string) {
	db := p.Couch.DB(systemConfig)
	if doc, err := db.Get(ctx, id); err == nil {
		_ = db.DeleteLocal(ctx, id, doc.Rev()) // one that stays is found to be old
	}
}

// sign is one of these documents as it was found.
type sign struct {
	rev, process string
	at           int64
}

// signs lists the documents of processes, by id.
func (u *Uninstall) signs(ctx context.Context) (map[string]sign, error) {
	found := map[string]sign{}
	q := couch.Query{StartKey: localPrefix, EndKey: localPrefix + "\ufff0", IncludeDocs: true}
	for row, err := range u.Couch.DB(systemConfig).LocalDocs(ctx, q) {
		if problem.Is(err, problem.MissingDatabase) {
			return nil, nil
		}
		if problem.Is(err, problem.MissingView) {
			return nil, ErrCannotTell
		}
		if err != nil {
			return nil, err
		}
		doc, err := row.Document()
		if err != nil || doc == nil || !strings.HasPrefix(row.ID, localPrefix) {
			continue
		}
		at, _ := doc.Seconds("at")
		found[row.ID] = sign{doc.Rev(), doc.String("process"), at}
	}
	return found, nil
}

// Running names the processes that run on the CouchDB. Where it finds signs of
// some it watches them for a while: they are of a crash if none is renewed.
// Clocks do not count.
func (u *Uninstall) Running(ctx context.Context) ([]string, error) {
	first, err := u.signs(ctx)
	if err != nil {
		return nil, err
	}
	first = processes(first)
	for end := time.Now().Add(u.watch()); len(first) > 0 && time.Now().Before(end); {
		if !pause.For(ctx, u.watch()/watchSteps) {
			return nil, ctx.Err()
		}
		now, err := u.signs(ctx)
		if err != nil {
			return nil, err
		}
		alive := map[string]bool{}
		for id, s := range processes(now) {
			if first[id].rev != s.rev {
				alive[fmt.Sprintf("%q", s.process)] = true
			}
		}
		if len(alive) > 0 {
			return slices.Sorted(maps.Keys(alive)), nil
		}
	}
	return nil, nil
}

// watchSteps is how often signs are looked at while they are watched.
const watchSteps = 10

func (u *Uninstall) watch() time.Duration {
	if u.Watch == 0 {
		return 2*signEvery + signEvery/2
	}
	return u.Watch
}

func processes(all map[string]sign) map[string]sign {
	maps.DeleteFunc(all, func(id string, _ sign) bool { return !strings.HasPrefix(id, processPrefix) })
	return all
}

// lastSeen is the last time that some process is known to have run; zero if
// that is not known.
func (u *Uninstall) lastSeen(ctx context.Context) (time.Time, error) {
	all, err := u.signs(ctx)
	var last int64
	for _, s := range all {
		last = max(last, s.at)
	}
	if err != nil || last == 0 {
		return time.Time{}, err
	}
	return time.Unix(last, 0), nil
}
