package noticetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// Consumer is a node of a Kazoo cluster, as far as its caches go: it keeps what
// it has read until a notice drops it, by the entry's origins, and never reads
// again on its own. Nothing in it expires.
type Consumer struct {
	node  string
	couch *couch.Client

	mu       sync.Mutex
	caches   map[string]*cache
	told     map[string][]int // the generations that a sender told of a document; one may come again when it was not confirmed
	problems []string
}

// The caches of a node, by the names that notices know them by.
const (
	dataCache     = "kazoo_data_cache"
	callflowCache = "callflow_cache"
	numbersCache  = "kazoo_numbers_cache"
)

// cache is one of them: what it is bound to, and what it holds.
type cache struct {
	bindings []string
	entries  map[string]cached
}

type cached struct {
	value   any
	origins []origin
}

// origin is what an entry was made of: {db, NAME}, {db, NAME, TYPE or ID},
// {type, TYPE} or {type, TYPE, ID}.
type origin [3]string

// NewConsumer starts a node that reads from the server and hears the broker. It
// connects again, after a while, when the broker was away.
func (r *Rabbit) NewConsumer(t testing.TB, client *couch.Client) *Consumer {
	t.Helper()
	c := &Consumer{node: "kazoo_apps@apps001.example.com", couch: client, told: map[string][]int{}, caches: map[string]*cache{
		dataCache:     {bindings: []string{"#"}},
		callflowCache: {bindings: []string{"*.*.account.*", "*.*.user.*", "*.*.callflow.*", "*.*.device.*", "*.*.parked_calls.*", "*.*.*.manual_presence"}},
		numbersCache:  {bindings: []string{"*.*.number.*"}},
	}}
	for _, one := range c.caches {
		one.entries = map[string]cached{}
	}
	deliveries, closed := r.bind(t)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		c.listen(deliveries, closed, r, done)
	}()
	t.Cleanup(func() {
		close(done)
		<-ended
	})
	return c
}

// The waits of a node before it connects again.
const (
	firstWait = 200 * time.Millisecond
	lastWait  = 5 * time.Second
)

// listen takes notices until done. After a reconnection the cache of callflows
// is emptied, that of documents is not.
func (c *Consumer) listen(deliveries <-chan amqp091.Delivery, hangUp func(), r *Rabbit, done <-chan struct{}) {
	for {
		c.takeAll(deliveries, done)
		hangUp()
		for wait := firstWait; ; wait = min(2*wait, lastWait) {
			select {
			case <-done:
				return
			case <-time.After(wait):
			}
			var err error
			if deliveries, hangUp, err = r.subscribe(); err == nil {
				break
			}
		}
		c.mu.Lock()
		clear(c.caches[callflowCache].entries)
		c.mu.Unlock()
	}
}

func (c *Consumer) takeAll(deliveries <-chan amqp091.Delivery, done <-chan struct{}) {
	for {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return
			}
			c.take(d.RoutingKey, d.ContentType, d.Body)
		case <-done:
			return
		}
	}
}

// message is the body of a notice, as far as a node reads it.
type message struct {
	Category string `json:"Event-Category"`
	Event    string `json:"Event-Name"`
	App      string `json:"App-Name"`
	Version  string `json:"App-Version"`
	MsgID    string `json:"Msg-ID"`
	Node     string
	Origin   string `json:"Origin-Cache"`
	ID       string
	Database string
	Type     string
	Rev      string
	Soft     any `json:"Is-Soft-Deleted"`
}

// take does with a notice what a node does. A notice that a node would crash on
// or drop as invalid is a problem.
func (c *Consumer) take(key, contentType string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var m message
	switch err := json.Unmarshal(body, &m); {
	case contentType != "application/json":
		c.problem("content type %q of %s crashes the listener", contentType, key)
		return
	case err != nil:
		c.problem("%s: %v", key, err)
		return
	}
	if why := m.invalid(); why != "" {
		c.problem("%s %s: %s", key, body, why)
		return
	}
	if n := document.Generation(m.Rev); m.Rev != "" {
		place := m.Node + " " + m.Database + " " + m.ID
		told := c.told[place]
		if latest := slices.Max(append(told, 0)); n < latest && !slices.Contains(told, n) {
			c.problem("%s: revision %d is told first after %d", place, n, latest)
		}
		c.told[place] = append(told, n)
	}
	for name, one := range c.caches {
		bound := slices.ContainsFunc(one.bindings, func(b string) bool { return binds(b, key) })
		if bound && (m.Node != c.node || m.Origin != name) {
			one.erase(m.erases())
		}
	}
}

// invalid says why a node ignores a message, "" if it does not.
func (m message) invalid() string {
	events := []string{"doc_created", "doc_edited", "doc_deleted", "db_created", "db_edited", "db_deleted", "db_views_updated"}
	switch {
	case m.Category != "configuration":
		return "the category"
	case !slices.Contains(events, m.Event):
		return "the event"
	case m.App == "" || m.Version == "" || m.MsgID == "" || m.ID == "" || m.Database == "":
		return "a required field"
	}
	if _, isBool := m.Soft.(bool); m.Soft != nil && !isBool && m.Soft != "true" && m.Soft != "false" {
		return "Is-Soft-Deleted"
	}
	return ""
}

// erases are the origins of what a message makes a node drop.
func (m message) erases() []origin {
	if m.Type == "database" {
		return []origin{{"db", m.Database}, {"db", m.Database, "*"}, {"type", "database", m.Database}}
	}
	return []origin{{"db", m.Database}, {"db", m.Database, m.Type}, {"db", m.Database, m.ID}, {"type", m.Type, m.ID}, {"type", m.Type}}
}

func (c *cache) erase(origins []origin) {
	for key, entry := range c.entries {
		if slices.ContainsFunc(entry.origins, func(o origin) bool { return slices.Contains(origins, o) }) {
			delete(c.entries, key)
		}
	}
}

// binds reports whether a binding of four words, or "#", takes a routing key.
func binds(binding, key string) bool {
	words, wanted := strings.Split(key, "."), strings.Split(binding, ".")
	if len(words) != 4 {
		return false
	}
	if binding == "#" {
		return true
	}
	for i, word := range wanted {
		if word != "*" && word != words[i] {
			return false
		}
	}
	return true
}

func (c *Consumer) problem(format string, args ...any) {
	if len(c.problems) < 10 {
		c.problems = append(c.problems, fmt.Sprintf(format, args...))
	}
}

// Problems are what a node would have stumbled over, and notices of one sender
// that came in the wrong order.
func (c *Consumer) Problems() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.problems)
}

// get returns what a cache holds, or reads and keeps it. Nil is not kept. The
// lock is held while it reads: a notice of a write that the read missed comes
// after it.
func (c *Consumer) get(name, key string, origins []origin, read func() (any, error)) (any, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if entry, ok := c.caches[name].entries[key]; ok {
		return entry.value, nil
	}
	value, err := read()
	if err == nil && value != nil {
		c.caches[name].entries[key] = cached{value, origins}
	}
	return value, err
}

// Doc is a document as the node knows it.
func (c *Consumer) Doc(t testing.TB, db, id string) (document.Doc, error) {
	t.Helper()
	name := couch.EncodedDB(db)
	value, err := c.get(dataCache, name+"/"+id, []origin{{"db", name, id}}, func() (any, error) {
		doc, err := c.couch.DB(db).Get(t.Context(), id)
		if err != nil {
			return nil, err
		}
		return doc, nil
	})
	doc, _ := value.(document.Doc)
	return doc, err
}

// Number is a number's document as the node's cache of numbers knows it.
func (c *Consumer) Number(t testing.TB, db, number string) (document.Doc, error) {
	t.Helper()
	name := couch.EncodedDB(db)
	value, err := c.get(numbersCache, number, []origin{{"db", name, number}}, func() (any, error) {
		doc, err := c.couch.DB(db).Get(t.Context(), number)
		if err != nil {
			return nil, err
		}
		return doc, nil
	})
	doc, _ := value.(document.Doc)
	return doc, err
}

// Flow is the id of the callflow that takes a number, as the node knows it; ""
// for none, which is not kept.
func (c *Consumer) Flow(t testing.TB, accountID, number string) (string, error) {
	t.Helper()
	db := couch.AccountDB(accountID)
	value, err := c.get(callflowCache, number+"/"+accountID, []origin{{"db", couch.EncodedDB(db), "callflow"}}, func() (any, error) {
		for row, err := range c.couch.DB(db).AllDocs(t.Context(), couch.Query{IncludeDocs: true}) {
			if err != nil {
				return nil, err
			}
			doc, err := row.Document()
			numbers, _ := doc["numbers"].([]any)
			if err == nil && doc.Type() == "callflow" && doc.Live() && slices.Contains(numbers, any(number)) {
				return row.ID, nil
			}
		}
		return nil, nil
	})
	id, _ := value.(string)
	return id, err
}
