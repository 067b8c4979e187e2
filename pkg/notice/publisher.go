package notice

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/pause"
)

// Publisher announces changes to brokers, one of each zone of the cluster.
type Publisher struct {
	node    string
	outlets []*outlet
	client  *couch.Client
	log     *zap.Logger
}

// New prepares to announce changes to the brokers at addresses, and connects
// to none of them yet. Give [Publisher.Wrote] to the client before its use.
func New(addresses []string, log *zap.Logger) (*Publisher, error) {
	if log == nil {
		log = zap.NewNop()
	}
	p := &Publisher{node: nodeName(), log: log}
	for _, address := range addresses {
		b, err := newBroker(address, log)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(p.outlets, func(o *outlet) bool { return o.broker.name == b.name }) {
			return nil, errors.New(b.name + " is given twice")
		}
		p.outlets = append(p.outlets, newOutlet(nil, b, p.node))
	}
	return p, nil
}

// nodeName tells processes apart. No Erlang node has such a name.
func nodeName() string {
	id := make([]byte, 4)
	_, _ = rand.Read(id)
	host, _ := os.Hostname()
	return "callflowd-" + hex.EncodeToString(id) + "@" + host
}

// Wrote takes a write: a client's [couch.Config].Wrote.
func (p *Publisher) Wrote(w couch.Wrote) {
	var c change
	switch {
	case w.Created || w.Dropped:
		if !wholeAnnounced(w.DB) {
			return
		}
		c = changeOfDB(w.DB, dbCreated)
		if w.Dropped {
			c.event = dbDeleted
		}
	case !announced(w.DB):
		return
	default:
		if c = changeOf(w.DB, w.Doc, w.IsNew); !kazoos(c) {
			return
		}
	}
	for _, o := range p.outlets {
		o.wrote(c)
	}
}

// wholeAnnounced reports whether the making and the end of a database are
// Kazoo's concern.
func wholeAnnounced(db string) bool {
	_, _, ok := couch.AccountOf(db)
	return ok || couch.IsNumberDB(db)
}

// Run announces changes of the client's databases until ctx ends.
func (p *Publisher) Run(ctx context.Context, client *couch.Client) {
	p.client = client
	var group sync.WaitGroup
	for _, o := range p.outlets {
		o.couch = client
		group.Go(func() { o.broker.run(ctx) })
		group.Go(func() { o.announceWhole(ctx) })
		group.Go(func() { o.repeatLate(ctx) })
		for range readers {
			group.Go(func() { o.work(ctx) })
		}
	}
	group.Go(func() { p.follow(ctx) })
	group.Wait()
}

// lookEvery is how often all databases are looked at where the server does not
// say which of them changed.
const lookEvery = time.Minute

// follow has every database looked at that somebody has written to, and all of
// them where it is not known which.
func (p *Publisher) follow(ctx context.Context) {
	again := make(chan struct{}, 1)
	all := func() {
		select {
		case again <- struct{}{}:
		default:
		}
	}
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		for {
			select {
			case <-again:
				p.lookAtAll(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	err := p.client.FollowUpdates(ctx, couch.Updates{
		Begin: all,
		Take:  func(u couch.DBUpdate) { p.updated(u.DB, u.Type) },
		Lost:  func(err error) { p.log.Warn("the feed of database updates is lost", zap.Error(err)) },
	})
	if ctx.Err() == nil {
		p.log.Info("no feed of database updates: looking for changes of others every minute", zap.Error(err))
	}
	for ctx.Err() == nil {
		all()
		pause.For(ctx, lookEvery)
	}
}

// updated leaves a database to the process that has written to it, for a while.
func (p *Publisher) updated(db, event string) {
	if event == "deleted" || !announced(db) {
		return
	}
	for _, o := range p.outlets {
		o.queue.add(db, time.Now().Add(grace))
	}
}

// backlogPause is how long looking at all databases waits where it is ahead of
// the readers.
const backlogPause = 20 * time.Millisecond

// lookAtAll looks at every database, some at a time: there may be thousands.
func (p *Publisher) lookAtAll(ctx context.Context) {
	wait := pause.Growing{First: firstPause, Last: lastPause}
	names, err := p.client.AllDBs(ctx)
	for ; err != nil; names, err = p.client.AllDBs(ctx) {
		if !wait.Wait(ctx) {
			return
		}
	}
	for _, db := range names {
		if !announced(db) {
			continue
		}
		for _, o := range p.outlets {
			for n, _ := o.queue.backlog(); n > 10*readers && o.broker.up(); n, _ = o.queue.backlog() {
				if !pause.For(ctx, backlogPause) {
					return
				}
			}
			o.queue.add(db, time.Now())
		}
	}
}

// State is how announcing to one broker goes.
type State struct {
	Broker    string // host:port/vhost
	Connected bool
	Databases int           // that have changes to announce, or may have
	Behind    time.Duration // how long the oldest of them has waited
	Published int64
	Failed    int64 // attempts that are made again
}

// States returns the state of announcing to each broker.
func (p *Publisher) States() []State {
	states := make([]State, len(p.outlets))
	for i, o := range p.outlets {
		n, oldest := o.queue.backlog()
		states[i] = State{
			Broker: o.broker.name, Connected: o.broker.up(), Databases: n + len(o.whole),
			Published: o.published.Load(), Failed: o.failed.Load(),
		}
		if n > 0 {
			states[i].Behind = time.Since(oldest)
		}
	}
	return states
}
