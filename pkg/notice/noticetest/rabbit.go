// Package noticetest gives tests a RabbitMQ of their own, where the machine
// has one installed.
package noticetest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// Rabbit is a broker on the loopback with its own data directory and node
// name. It loses nothing but its connections and transient queues by Kill.
type Rabbit struct {
	URL string

	dir  string
	port int
	env  []string
	run  *exec.Cmd
	gone chan struct{} // closed when run has ended
}

// script is RabbitMQ's own: the one in the path of Debian's wants to be root
// or another user.
func script() string {
	found, _ := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
	if len(found) > 0 {
		return found[0]
	}
	path, _ := exec.LookPath("rabbitmq-server")
	return path
}

// Start starts a broker that is gone at the test's end. Where there is none on
// this machine the test is skipped.
func Start(t testing.TB) *Rabbit {
	t.Helper()
	if script() == "" {
		t.Skip("no rabbitmq-server on this machine (Debian's package is rabbitmq-server)")
	}
	epmd, err := exec.LookPath("epmd")
	if err != nil {
		t.Skip("no epmd on this machine, which rabbitmq-server needs")
	}
	r := &Rabbit{dir: t.TempDir(), port: FreePort(t)}
	r.URL = fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", r.port)
	names := strconv.Itoa(FreePort(t))
	plugins := filepath.Join(r.dir, "plugins")
	if err := os.WriteFile(plugins, []byte("[]."), 0o600); err != nil {
		t.Fatal(err)
	}
	r.env = append(os.Environ(),
		"HOME="+r.dir, "ERL_EPMD_PORT="+names, "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME=callflowd"+strconv.Itoa(r.port)+"@localhost", "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
		"RABBITMQ_NODE_PORT="+strconv.Itoa(r.port), "RABBITMQ_DIST_PORT="+strconv.Itoa(FreePort(t)),
		"RABBITMQ_MNESIA_BASE="+r.dir, "RABBITMQ_LOG_BASE="+r.dir, "RABBITMQ_PID_FILE="+filepath.Join(r.dir, "pid"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+plugins, "RABBITMQ_CONFIG_FILE="+filepath.Join(r.dir, "none"), "RABBITMQ_ADVANCED_CONFIG_FILE="+filepath.Join(r.dir, "none"),
		"RABBITMQ_GENERATED_CONFIG_DIR="+r.dir,
	)
	daemon := exec.Command(epmd, "-port", names, "-address", "127.0.0.1") //nolint:noctx // ended below
	daemon.Env = r.env
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	})
	t.Cleanup(r.Kill)
	r.Up(t)
	return r
}

// Up starts the broker again, after [Rabbit.Kill], and waits until it takes
// connections.
func (r *Rabbit) Up(t testing.TB) {
	t.Helper()
	log, err := os.Create(filepath.Join(r.dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()              //nolint:errcheck // the child has its own
	r.run = exec.Command(script()) //nolint:noctx // ended by Kill
	r.run.Env, r.run.Dir = r.env, r.dir
	r.run.Stdout, r.run.Stderr = log, log
	r.run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.run.Start(); err != nil {
		t.Fatal(err)
	}
	run, gone := r.run, make(chan struct{})
	r.gone = gone
	go func() {
		_ = run.Wait()
		close(gone)
	}()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		conn, err := amqp091.Dial(r.URL)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-gone:
			t.Fatalf("rabbitmq-server ended: %s", r.output())
		default:
		}
	}
	t.Fatalf("rabbitmq-server does not start: %s", r.output())
}

func (r *Rabbit) output() string {
	raw, _ := os.ReadFile(filepath.Join(r.dir, "output"))
	return string(raw)
}

// Kill ends the broker at once, as a crash does.
func (r *Rabbit) Kill() {
	if r.run == nil {
		return
	}
	_ = syscall.Kill(-r.run.Process.Pid, syscall.SIGKILL)
	<-r.gone
	for range 100 { // the port has to be free for the next
		if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))); err == nil {
			_ = conn.Close()
			time.Sleep(20 * time.Millisecond)
		}
	}
	r.run = nil
}

// FreePort is a port of the loopback that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was written
	return l.Addr().(*net.TCPAddr).Port
}

// Notice is one message as a node of Kazoo gets it.
type Notice struct {
	Key         string
	ContentType string
	Timestamp   int64
	Headers     amqp091.Table
	Body        []byte
}

// Listen binds a queue of its own to everything and returns what arrives, until
// the broker or the test ends.
func (r *Rabbit) Listen(t testing.TB) <-chan Notice {
	t.Helper()
	deliveries, hangUp := r.bind(t)
	t.Cleanup(hangUp)
	notices := make(chan Notice, 100_000)
	go func() {
		defer close(notices)
		for d := range deliveries {
			notices <- Notice{d.RoutingKey, d.ContentType, d.Timestamp.Unix(), d.Headers, d.Body}
		}
	}()
	return notices
}

func (r *Rabbit) bind(t testing.TB) (deliveries <-chan amqp091.Delivery, hangUp func()) {
	t.Helper()
	deliveries, hangUp, err := r.subscribe()
	if err != nil {
		t.Fatal(err)
	}
	return deliveries, hangUp
}

// subscribe binds a queue of its own to everything, on a connection of its own.
func (r *Rabbit) subscribe() (deliveries <-chan amqp091.Delivery, hangUp func(), err error) {
	conn, err := amqp091.Dial(r.URL)
	if err != nil {
		return nil, nil, err
	}
	hangUp = func() { _ = conn.Close() }
	defer func() {
		if err != nil {
			hangUp()
		}
	}()
	channel, err := conn.Channel()
	if err != nil {
		return nil, nil, err
	}
	if err := channel.ExchangeDeclare("configuration", "topic", false, false, false, false, nil); err != nil {
		return nil, nil, err
	}
	queue, err := channel.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := channel.QueueBind(queue.Name, "#", "configuration", false, nil); err != nil {
		return nil, nil, err
	}
	deliveries, err = channel.Consume(queue.Name, "", true, true, false, false, nil)
	return deliveries, hangUp, err
}

// Publish sends a message to the exchange, as a node of Kazoo does or anybody.
func (r *Rabbit) Publish(t testing.TB, key string, body []byte) {
	t.Helper()
	if err := r.TryPublish(key, body); err != nil {
		t.Fatal(err)
	}
}

// TryPublish is Publish where the broker may be away.
func (r *Rabbit) TryPublish(key string, body []byte) error {
	conn, err := amqp091.Dial(r.URL)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // what it sent was confirmed
	channel, err := conn.Channel()
	if err == nil {
		err = channel.Confirm(false)
	}
	if err != nil {
		return err
	}
	confirm, err := channel.PublishWithDeferredConfirm("configuration", key, false, false, amqp091.Publishing{ContentType: "application/json", Body: body})
	if err != nil {
		return err
	}
	if !confirm.Wait() {
		return errors.New("the broker did not take it")
	}
	return nil
}
