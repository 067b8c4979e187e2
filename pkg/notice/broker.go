package notice

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"
	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/pause"
)

// exchange is Kazoo's exchange of configuration notices. Whoever declares it
// otherwise than Kazoo does is refused.
const exchange = "configuration"

// The waits between attempts to reach a broker.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
)

// dialTime bounds one attempt.
const dialTime = 5 * time.Second

// heartbeat is how often a broker has to be heard of.
const heartbeat = 5 * time.Second

var (
	errAway    = errors.New("the broker is away")
	errRefused = errors.New("the broker did not take a notice")
)

// CheckURL reports what is wrong with a broker's address. The error does not
// repeat it, since it may hold a password.
func CheckURL(address string) error {
	if _, err := amqp091.ParseURI(address); err != nil {
		return errors.New("must have the form amqp://user:password@host:5672/vhost or amqps://…")
	}
	return nil
}

// broker is a connection to one broker that comes back when it breaks.
type broker struct {
	url  string
	name string // host:port/vhost
	log  *zap.Logger
	// session, if set, runs on every new connection until that ends.
	session func(ctx context.Context, conn *amqp091.Connection) error

	mu      sync.Mutex
	channel *amqp091.Channel // nil while there is no connection
	changed chan struct{}    // closed when channel changes
	lost    bool             // it was away once
	since   time.Time        // of the connection
}

func newBroker(address string, log *zap.Logger) (*broker, error) {
	uri, err := amqp091.ParseURI(address)
	if err != nil {
		return nil, CheckURL(address)
	}
	uri.Username, uri.Password = "", ""
	name := net.JoinHostPort(uri.Host, strconv.Itoa(uri.Port)) + "/" + strings.Trim(uri.Vhost, "/")
	return &broker{url: address, name: name, log: log.With(zap.String("broker", name)), changed: make(chan struct{})}, nil
}

// run keeps the connection up until ctx ends.
func (b *broker) run(ctx context.Context) {
	wait := pause.Growing{First: firstPause, Last: lastPause}
	lost := false
	for ctx.Err() == nil {
		err := b.connected(ctx, func() {
			wait.Reset()
			lost = false
			b.log.Info("connected to the broker")
		})
		b.missed()
		if ctx.Err() == nil && !lost {
			lost = true
			b.log.Warn("the broker is away; notices wait for it", zap.Error(err))
		}
		wait.Wait(ctx)
	}
}

// connected connects and returns when the connection is gone.
func (b *broker) connected(ctx context.Context, up func()) error {
	conn, err := dial(ctx, b.url)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it may be gone already
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) })
	defer stop()
	channel, err := open(conn)
	if err != nil {
		return err
	}
	gone := channel.NotifyClose(make(chan *amqp091.Error, 1))
	b.use(channel)
	defer b.use(nil)
	up()
	ended := make(chan error, 1)
	if b.session != nil {
		go func() { ended <- b.session(ctx, conn) }()
	}
	select {
	case err := <-gone:
		if err != nil {
			return err
		}
		return errAway
	case err := <-ended:
		return err
	}
}

func dial(ctx context.Context, address string) (*amqp091.Connection, error) {
	dialer := net.Dialer{Timeout: dialTime}
	return amqp091.DialConfig(address, amqp091.Config{
		Heartbeat: heartbeat, Properties: amqp091.Table{"product": "callflowd"},
		Dial: func(network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err == nil {
				err = conn.SetDeadline(time.Now().Add(dialTime)) // of the handshake only
			}
			return conn, err
		},
	})
}

// open makes a channel whose messages are confirmed. If the exchange is there
// and is another than Kazoo's, it has to do.
func open(conn *amqp091.Connection) (*amqp091.Channel, error) {
	channel, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	if err := declare(channel); err != nil {
		if channel, err = conn.Channel(); err != nil {
			return nil, err
		}
		if err := channel.ExchangeDeclarePassive(exchange, amqp091.ExchangeTopic, false, false, false, false, nil); err != nil {
			return nil, err
		}
	}
	return channel, channel.Confirm(false)
}

func declare(channel *amqp091.Channel) error {
	return channel.ExchangeDeclare(exchange, amqp091.ExchangeTopic, false, false, false, false, nil)
}

func (b *broker) use(channel *amqp091.Channel) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.channel, b.since = channel, time.Now()
	close(b.changed)
	b.changed = make(chan struct{})
}

// await returns the channel as soon as there is one.
func (b *broker) await(ctx context.Context) (*amqp091.Channel, error) {
	for {
		b.mu.Lock()
		channel, changed := b.channel, b.changed
		b.mu.Unlock()
		if channel != nil {
			return channel, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (b *broker) up() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.channel != nil
}

// missed notes that the broker was away.
func (b *broker) missed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost = true
}

// back is for how long the broker has been up after it was away; ok is false
// while it is away, and if it never was.
func (b *broker) back() (since time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(b.since), b.lost && b.channel != nil
}

// confirmTime bounds the wait for a broker's answer. One that takes messages
// and confirms none is as good as away.
const confirmTime = 10 * time.Second

// publish sends changes in their order and returns how many of them, from the
// first on, the broker has.
func (b *broker) publish(ctx context.Context, node string, changes []change) (int, error) {
	channel, err := b.await(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	confirms := make([]*amqp091.DeferredConfirmation, 0, len(changes))
	for _, c := range changes {
		confirm, failed := send(ctx, channel, node, c)
		if err = failed; err != nil {
			break
		}
		confirms = append(confirms, confirm)
	}
	for i, confirm := range confirms {
		if ok, failed := confirm.WaitContext(ctx); failed != nil || !ok {
			return i, errors.Join(errRefused, failed)
		}
	}
	return len(confirms), err
}

func send(ctx context.Context, channel *amqp091.Channel, node string, c change) (*amqp091.DeferredConfirmation, error) {
	body, err := c.body(node)
	if err != nil {
		return nil, err
	}
	return channel.PublishWithDeferredConfirmWithContext(ctx, exchange, c.key(), false, false, amqp091.Publishing{
		ContentType: "application/json", Body: body,
		Timestamp: time.Unix(time.Now().UnixMicro(), 0), // Kazoo counts microseconds where AMQP has seconds
	})
}
