package couch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-kivik/kivik/v4"
	"github.com/go-kivik/kivik/v4/couchdb/chttp"

	"github.com/callflowd/callflowd/pkg/pause"
	"github.com/callflowd/callflowd/pkg/problem"
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
// 412 then, or 500 if others create it at the same time. The nodes of a cluster
// may have taken different creations, also where ours was taken: CreateDB waits
// until they agree, since what is written before that can be lost.
func (c *Client) CreateDB(ctx context.Context, name string) error {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	err := cause(ctx, c.kivik.CreateDB(ctx, name))
	if err == nil {
		c.tell(Wrote{DB: name, Created: true})
		c.takeSecurity(ctx, name)
		return c.agree(ctx, name)
	}
	if kivik.HTTPStatus(err) == http.StatusPreconditionFailed {
		return c.agree(ctx, name)
	}
	var answer *chttp.HTTPError
	if !errors.As(err, &answer) || answer.HTTPStatus() != http.StatusInternalServerError {
		return wrap(err, "create database "+name)
	}
	if c.appears(ctx, name) {
		return c.agree(ctx, name)
	}
	if strings.Contains(strings.ToLower(answer.Reason), "conflict") { // it may appear yet: a start tries again
		return &problem.Error{Code: problem.Unavailable, Msg: "create database " + name + " while others do", Err: scrub(err)}
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

// Every node of a cluster keeps a document for each database, which says where
// its parts are, and copies it to the others. If two callers create a database
// through different nodes in different seconds, the nodes have different
// documents for a moment, and each writes to parts of its own. When they have
// exchanged them, one document wins, and what the others' parts hold is lost.

// agreeWithin is how long to wait for the nodes to agree.
const agreeWithin = 20 * time.Second

// settledAfter is the age from which on the nodes have agreed on a database.
const settledAfter = 10 * time.Minute

// errDisagree is a database of which the nodes do not agree where it is.
var errDisagree = errors.New("the nodes of the cluster do not agree yet where the database is")

// places is a node's document about a database.
type places struct {
	Rev       string   `json:"_rev"`
	Conflicts []string `json:"_conflicts"`
	Suffix    []byte   `json:"-"` // of its files: a dot, and the second of its creation
}

// agree waits until the nodes agree on a database that exists. Where there is
// one node, or we may not ask, there is nothing to wait for.
func (c *Client) agree(ctx context.Context, name string) error {
	nodes, err := c.members(ctx)
	if err != nil || len(nodes) < 2 {
		return nil
	}
	here, now, err := c.placesAt(ctx, "_local", name)
	if err == nil && now.Sub(here.created()) > settledAfter {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, agreeWithin)
	defer cancel()
	wait := pause.Growing{First: 100 * time.Millisecond, Last: time.Second}
	for torn := false; ; {
		agreed, err := c.agreed(ctx, nodes, name)
		if agreed && !torn || refused(err) {
			return nil
		}
		torn = !agreed // after that a node needs a moment to act on what it was told
		if !wait.Wait(ctx) {
			return &problem.Error{Code: problem.Unavailable, Msg: "create database " + name, Err: errors.Join(errDisagree, err)}
		}
	}
}

// members are the nodes that are up, by the names they have for each other.
func (c *Client) members(ctx context.Context) ([]string, error) {
	if c.embedded {
		return nil, nil
	}
	var members struct {
		Nodes []string `json:"all_nodes"`
	}
	err := c.http.DoJSON(ctx, http.MethodGet, "/_membership", nil, &members)
	return members.Nodes, err
}

// refused reports that the server does not let us ask.
func refused(err error) bool {
	status := kivik.HTTPStatus(err)
	return err != nil && (status == http.StatusUnauthorized || status == http.StatusForbidden)
}

// agreed reports whether the nodes have the same document about a database. One
// that has none yet is going to get it.
func (c *Client) agreed(ctx context.Context, nodes []string, name string) (bool, error) {
	var first []string
	for _, node := range nodes {
		found, _, err := c.placesAt(ctx, node, name)
		if err != nil {
			return false, scrub(err)
		}
		revs := append(found.Conflicts, found.Rev)
		slices.Sort(revs)
		if first == nil {
			first = revs
		}
		if !slices.Equal(first, revs) {
			return false, nil
		}
	}
	return true, nil
}

// placesAt reads a node's document about a database, and the node's time.
func (c *Client) placesAt(ctx context.Context, node, name string) (found places, now time.Time, err error) {
	path := "/_node/" + url.PathEscape(node) + "/_dbs/" + url.PathEscape(name)
	res, err := c.http.DoReq(ctx, http.MethodGet, path, &chttp.Options{Query: url.Values{"conflicts": {"true"}}})
	if err == nil {
		err = chttp.ResponseError(res)
	}
	if err != nil {
		return places{}, time.Time{}, err
	}
	defer func() { _ = res.Body.Close() }()
	now, err = http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return found, now, json.NewDecoder(res.Body).Decode(&found)
}

// UnmarshalJSON reads the suffix, which CouchDB writes as a list of numbers.
func (p *places) UnmarshalJSON(text []byte) error {
	type plain places
	doc := struct {
		*plain
		Suffix []int `json:"shard_suffix"`
	}{plain: (*plain)(p)}
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	for _, char := range doc.Suffix {
		p.Suffix = append(p.Suffix, byte(char))
	}
	return nil
}

// created is when the database was created; the zero time if that is unknown.
func (p places) created() time.Time {
	seconds, err := strconv.ParseInt(strings.TrimPrefix(string(p.Suffix), "."), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
