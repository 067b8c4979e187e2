package couch

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-kivik/kivik/v4"
	"github.com/go-kivik/kivik/v4/couchdb/chttp"

	"github.com/callflowd/callflowd/pkg/pause"
)

// DB is one database of a server. Making one sends no request.
type DB struct {
	client *Client
	kivik  *kivik.DB
	name   string
}

// DB returns the database with that name, "account/ab/cd/…" unescaped.
func (c *Client) DB(name string) *DB {
	return &DB{client: c, kivik: c.kivik.DB(name), name: name}
}

// Account returns the database of an account.
func (c *Client) Account(id string) *DB { return c.DB(AccountDB(id)) }

// Name returns the database's name, unescaped.
func (d *DB) Name() string { return d.name }

// CreateDB creates a database. If it exists already that is fine. CouchDB answers
// 412 then, or 500 if others create it at the same time.
func (c *Client) CreateDB(ctx context.Context, name string) error {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	err := cause(ctx, c.kivik.CreateDB(ctx, name))
	if err == nil {
		c.tell(Wrote{DB: name, Created: true})
		c.takeSecurity(ctx, name)
		return nil
	}
	if kivik.HTTPStatus(err) == http.StatusPreconditionFailed {
		return nil
	}
	var answer *chttp.HTTPError
	if errors.As(err, &answer) && answer.HTTPStatus() == http.StatusInternalServerError && c.appears(ctx, name) {
		return nil
	}
	return wrap(err, "create database "+name)
}

// takeSecurity gives a new month of an account the account database's
// _security, so that who may read the one may read the other. Embedded
// databases do that by themselves. If it fails, the month stays the admins'
// alone, which is no reason to refuse what is to be written there.
func (c *Client) takeSecurity(ctx context.Context, name string) {
	parent := MonthOf(name)
	if c.embedded || parent == "" {
		return
	}
	security, err := c.kivik.DB(parent).Security(ctx)
	if err == nil {
		_ = c.kivik.DB(name).SetSecurity(ctx, security)
	}
}

// appearsWithin is how long to wait for a database that another caller creates.
const appearsWithin = 3 * time.Second

// appears waits a moment for a database.
func (c *Client) appears(ctx context.Context, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, appearsWithin)
	defer cancel()
	wait := pause.Growing{First: 50 * time.Millisecond, Last: time.Second}
	for {
		if ok, err := c.HasDB(ctx, name); ok || err != nil || !wait.Wait(ctx) {
			return ok
		}
	}
}

// DropDB removes a database and everything in it. A missing one is fine.
func (c *Client) DropDB(ctx context.Context, name string) error {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	err := cause(ctx, c.kivik.DestroyDB(ctx, name))
	if kivik.HTTPStatus(err) == http.StatusNotFound {
		return nil
	}
	if err == nil {
		c.tell(Wrote{DB: name, Dropped: true})
	}
	return wrap(err, "drop database "+name)
}

// HasDB reports whether a database is there. Those who ask while others are
// being answered share the next request.
func (c *Client) HasDB(ctx context.Context, name string) (bool, error) {
	if c.looks == nil {
		return c.DB(name).exists(ctx)
	}
	return c.looks.call(ctx, c.DB(name), struct{}{})
}

func (d *DB) exists(ctx context.Context) (bool, error) {
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	ok, err := d.client.kivik.DBExists(ctx, d.name)
	return ok, wrap(cause(ctx, err), "look for database "+d.name)
}

// AllDBs lists the names of all databases, in the server's order.
func (c *Client) AllDBs(ctx context.Context) ([]string, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	names, err := c.kivik.AllDBs(ctx)
	return names, wrap(cause(ctx, err), "list databases")
}

// AccountDBs lists the databases of one account, its own and those of its
// months, in the order of their names.
func (c *Client) AccountDBs(ctx context.Context, id string) ([]string, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	first := AccountDB(id)
	names, err := c.kivik.AllDBs(ctx, kivik.Params(map[string]any{
		"startkey": strconv.Quote(first), "endkey": strconv.Quote(first + "-999999"),
	}))
	names = slices.DeleteFunc(names, func(name string) bool { // PouchDB's server knows no ranges
		owner, _, ok := AccountOf(name)
		return !ok || owner != id
	})
	return names, wrap(cause(ctx, err), "list the databases of account "+id)
}

// DBsAfter lists up to limit names of databases behind one of them, "" for the
// first ones, in the server's order.
func (c *Client) DBsAfter(ctx context.Context, name string, limit int) ([]string, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	names, err := c.kivik.AllDBs(ctx, kivik.Params(map[string]any{"startkey": strconv.Quote(name), "limit": limit + 1}))
	names = slices.DeleteFunc(names, func(found string) bool { return found <= name }) // PouchDB's server knows no ranges
	return names[:min(limit, len(names))], wrap(cause(ctx, err), "list databases behind "+name)
}

// DocCount is how many documents a database has, design documents included.
func (d *DB) DocCount(ctx context.Context) (int64, error) {
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	stats, err := d.kivik.Stats(ctx)
	if err != nil {
		return 0, d.wrap(cause(ctx, err), "count the documents of", "")
	}
	return stats.DocCount, nil
}

// CleanViews has the server remove the files of views that no design document
// names any more.
func (d *DB) CleanViews(ctx context.Context) error {
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	return d.wrap(cause(ctx, d.kivik.ViewCleanup(ctx)), "clean up the views of", "")
}

// UpdateSeq returns the database's current update sequence, for
// [ChangesOptions].Since.
func (d *DB) UpdateSeq(ctx context.Context) (string, error) {
	seq, _, err := d.info(ctx)
	return seq, err
}

// info returns the update sequence and which database it is of.
func (d *DB) info(ctx context.Context) (seq string, of life, err error) {
	ctx, cancel := d.client.limit(ctx)
	defer cancel()
	stats, err := d.kivik.Stats(ctx)
	if err != nil {
		return "", life{}, d.wrap(cause(ctx, err), "read the update sequence of", "")
	}
	if stats.UpdateSeq == "" {
		return "", life{}, d.wrap(errors.New("the answer has none"), "read the update sequence of", "")
	}
	return stats.UpdateSeq, lifeOf(stats.RawResponse), nil
}
