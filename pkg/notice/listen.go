package notice

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/lru"
)

// heard are the notices that have to do with where numbers lead: changes of
// callflows and of accounts, and databases that come and go.
var heard = []string{"*.*.callflow.*", "*.*.account.*", "db_created.*.database.*", "db_deleted.*.database.*"}

const (
	// hintEvery is how often one account is looked at for notices' sake; more
	// of them make no difference.
	hintEvery = 50 * time.Millisecond
	// maxHinted bounds the accounts whose last hint is known.
	maxHinted = 10_000
	// maxQueue bounds what a broker keeps for a process that is slow.
	maxQueue = 10_000
)

// hints passes on which accounts to look at.
type hints struct {
	node string
	look func(accountID string)
	last *lru.Map[string, time.Time]
}

// session listens on a connection of a broker's until it ends. The queue is
// the process's own and goes with the connection: what it misses meanwhile is
// learned from the changes feeds.
func (h *hints) session(ctx context.Context, conn *amqp091.Connection) error {
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	queue, err := channel.QueueDeclare("", false, true, true, false, amqp091.Table{"x-max-length": maxQueue})
	if err != nil {
		return err
	}
	for _, key := range heard {
		if err := channel.QueueBind(queue.Name, key, exchange, false, nil); err != nil {
			return err
		}
	}
	deliveries, err := channel.ConsumeWithContext(ctx, queue.Name, "", true, true, false, false, nil)
	if err != nil {
		return err
	}
	for d := range deliveries {
		h.take(d.RoutingKey, d.Body)
	}
	return errAway
}

// take reads from a notice which account it is about, and nothing else.
func (h *hints) take(key string, body []byte) {
	words := strings.Split(key, ".")
	if len(words) != 4 {
		return
	}
	name, err := url.PathUnescape(words[1])
	if err != nil {
		return
	}
	account, month, ok := couch.AccountOf(name)
	if name == "accounts" {
		account, month, ok = words[3], "", couch.IsAccountID(words[3])
	}
	if !ok || month != "" || h.own(body) {
		return
	}
	if last, ok := h.last.Get(account); ok && time.Since(last) < hintEvery {
		return // the next look of the changes feed has it
	}
	h.last.Put(account, time.Now())
	h.look(account)
}

// own reports whether this process sent the notice. One that cannot be read is
// somebody else's.
func (h *hints) own(body []byte) bool {
	var sender struct{ Node string }
	return json.Unmarshal(body, &sender) == nil && sender.Node == h.node
}

// Listen has the accounts looked at that notices of others name. look must not
// block. Call it before [Publisher.Run].
func (p *Publisher) Listen(look func(accountID string)) {
	h := &hints{node: p.node, look: look, last: lru.New[string, time.Time](maxHinted)}
	for _, o := range p.outlets {
		o.broker.session = h.session
	}
}
