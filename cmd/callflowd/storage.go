package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"go.uber.org/zap"

	"github.com/callflowd/callflowd/cmd/callflowd/host"
	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/api/health"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couchlite"
	"github.com/callflowd/callflowd/pkg/notice"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/replication"
)

// storage is the one way to documents: a client of a CouchDB server, or of
// couchlite in this process.
type storage struct {
	client *couch.Client
	lite   *couchlite.Server // nil with --couchdb-url, as is lock
	lock   *os.File

	replications *replication.Scheduler // nil with --couchdb-url, which runs its own

	metrics *storageMetrics
	notices *notice.Publisher // nil without --amqp-url
}

func openStorage(opts *options, log *zap.Logger) (*storage, error) {
	metrics := newStorageMetrics()
	notices, wrote, err := openNotices(opts, log)
	if err != nil {
		return nil, err
	}
	if len(opts.CouchDBURL) > 0 {
		client, err := couch.Open(couch.Config{
			Observe: opts.Observe,
			URL:     opts.CouchDBURL[0], Others: opts.CouchDBURL[1:], Node: logNode(log.Named("couch")), Observer: metrics.observe, Wrote: wrote,
		})
		return &storage{client: client, metrics: metrics, notices: notices}, err
	}
	lock, err := host.LockDir(opts.DataDir)
	if err != nil {
		return nil, err
	}
	cfg := couchlite.Options{Dir: databasesDir(opts.DataDir), Log: log.Named("couchlite")}
	if opts.CouchDBListen != "" {
		cfg.Admin = &couchlite.Credentials{Name: opts.couchdbAdmin[0], Password: opts.couchdbAdmin[1]}
	}
	cfg.Parent = couch.MonthOf
	if cfg.Trust, err = trustIn(opts.RunReplicatedDesigns); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	lite, err := couchlite.Open(cfg)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if !opts.ReadOnly {
		mendAccounts(lite, log.Named("couchlite"))
	}
	inside := couch.Config{Transport: lite.Transport(), Withheld: lite.Withheld, Observer: metrics.observe, Wrote: wrote}
	if cfg.Admin != nil {
		address := url.URL{Scheme: "http", Host: "couchlite", User: url.UserPassword(cfg.Admin.Name, cfg.Admin.Password)}
		inside.URL = address.String()
	}
	client, err := couch.Open(inside)
	if err != nil {
		return nil, errors.Join(err, lite.Close(), lock.Close())
	}
	replications := replication.New(replication.Config{
		Couch: client, LocalURL: cmp.Or(inside.URL, "http://couchlite"), Local: lite.Transport(), UUID: lite.UUID(), Log: log.Named("replication"),
	})
	lite.Replications(replications)
	return &storage{client, lite, lock, replications, metrics, notices}, nil
}

// cluster is the CouchDB that a command works on by itself, with no callflowd
// between.
type cluster struct {
	CouchDBURL          []string `name:"couchdb-url" sep:"none" placeholder:"URL" help:"${couchdb}"`
	CouchDBPasswordFile string   `name:"couchdb-password-file" placeholder:"FILE" help:"File with the password for --couchdb-url."`
}

// open connects to it. missing is what is said if there is no --couchdb-url.
func (c cluster) open(missing string) (*couch.Client, error) {
	settings := common{DataDir: ".", CouchDBURL: c.CouchDBURL, CouchDBPasswordFile: c.CouchDBPasswordFile}
	if len(settings.CouchDBURL) == 0 {
		return nil, errors.New("--couchdb-url: " + missing)
	}
	if err := settings.check(); err != nil {
		return nil, err
	}
	return couch.Open(couch.Config{URL: settings.CouchDBURL[0], Others: settings.CouchDBURL[1:]})
}

// mendAccounts sets the database of the accounts' copies aside if it is
// damaged. The start makes it anew, from the accounts' own databases.
func mendAccounts(lite *couchlite.Server, log *zap.Logger) {
	const name = "accounts"
	ctx := context.Background()
	damage := lite.Check(ctx, name)
	if damage == nil || !damage.Torn {
		return
	}
	kept, err := lite.SetAside(ctx, name)
	if err != nil {
		log.Error("the database of accounts is damaged, and its file cannot be set aside", zap.Error(err))
		return
	}
	log.Error("the database of accounts was damaged: it is made anew from the accounts' own databases", zap.String("reason", damage.Why), zap.String("kept", kept))
}

// trustIn says which functions of design documents are run that replication
// brought: those that callflowd has as well, or all.
func trustIn(all bool) (func(source string) bool, error) {
	if all {
		return nil, nil
	}
	sources, err := couchviews.Sources()
	return func(source string) bool { return sources[source] }, err
}

// logNode logs when a node of the cluster goes down or comes back.
func logNode(log *zap.Logger) func(couch.NodeChange) {
	return func(n couch.NodeChange) {
		if n.Up {
			log.Info("the CouchDB node answers again", zap.String("node", n.Host))
			return
		}
		log.Warn("the CouchDB node does not answer and is left alone until it does", zap.String("node", n.Host), zap.Error(n.Err))
	}
}

// openNotices prepares to publish notices of writes, if --amqp-url is given.
func openNotices(opts *options, log *zap.Logger) (*notice.Publisher, func(couch.Wrote), error) {
	if len(opts.AMQPURL) == 0 {
		return nil, nil, nil
	}
	notices, err := notice.New(opts.AMQPURL, log.Named("notice"))
	if err != nil {
		return nil, nil, fmt.Errorf("--amqp-url: %w", err)
	}
	return notices, notices.Wrote, nil
}

// blame adds the flag that is wrong to an error of the storage that refuses
// callflowd.
func (o *common) blame(err error) error {
	if len(o.CouchDBURL) == 0 {
		return err
	}
	return fmt.Errorf("--couchdb-url: %w", err)
}

// close waits until nothing uses the embedded databases and closes them.
func (s *storage) close() error {
	if s.lite == nil {
		return nil
	}
	return errors.Join(s.lite.Close(), s.lock.Close())
}

// localEnd is a database of ours as a replication document names it: by its
// name alone for embedded storage, by its address for a CouchDB, which must
// reach itself at the first --couchdb-url.
func (o *common) localEnd(db string) any {
	if len(o.CouchDBURL) == 0 {
		return db
	}
	u, err := url.Parse(o.CouchDBURL[0])
	if err != nil {
		return db // was checked at the start
	}
	end := map[string]any{}
	if u.User != nil {
		password, _ := u.User.Password()
		end["auth"] = map[string]any{"basic": map[string]any{"username": u.User.Username(), "password": password}}
	}
	u.User = nil
	end["url"] = strings.TrimSuffix(u.String(), "/") + "/" + couch.EncodedDB(db)
	return end
}

// leastFree is how much room the data directory needs: with less, a write
// ahead log or a snapshot may soon fail to grow.
const leastFree = 64 << 20

// probes are the health probes of the disk and of the files of embedded
// databases.
func (o *options) probes(store *storage) []health.Probe {
	all := []health.Probe{{Part: "disk", Ask: func(context.Context) error { return roomIn(host.FreeBytes(o.DataDir)) }}}
	if store.lite != nil {
		all = append(all, health.Probe{Part: "databases", Ask: func(context.Context) error { return undamaged(store.lite.Damaged()) }})
	}
	return all
}

// roomIn is an error if too little is free, as far as that is known.
func roomIn(free uint64, known bool) error {
	if !known || free >= leastFree {
		return nil
	}
	return notWorking(fmt.Sprintf("the data directory has %d MB left and needs %d", free>>20, leastFree>>20))
}

// undamaged is an error if databases are damaged. It does not name them, since
// their names hold account ids.
func undamaged(damages []error) error {
	if len(damages) == 0 {
		return nil
	}
	return notWorking(fmt.Sprintf("%d of the embedded databases are damaged; the log names them", len(damages)))
}

func notWorking(message string) error {
	return &problem.Error{Code: problem.DatastoreFault, Msg: message, Data: map[string]any{"message": message}}
}
