package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// runAsProgram makes the test binary be callflowd itself, for tests that need
// a process they can kill.
const runAsProgram = "CALLFLOWD_TEST_RUN_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
		return
	}
	testscript.Main(m, map[string]func(){"callflowd": main})
}

// startLimit is how long a test waits for the program to start or stop: on any
// computer that is long enough.
const startLimit = 5 * time.Minute

// program is a callflowd that has started.
type program struct {
	t       testing.TB
	api     string // base address, http://127.0.0.1:PORT
	couchdb string // likewise, of --couchdb-listen
	admin   string
	stdout  *buffer
	pid     int             // of a child process
	signal  func(os.Signal) // likewise
	kill    func()          // ends a child process at once
	stop    func()          // ends it as a signal would and waits; fails the test if it failed
	gone    chan struct{}   // closed when it has ended
	err     error           // that it ended with
}

// buffer is a bytes.Buffer for one writer and one reader.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// onFreePorts are the arguments that every program of a test begins with. That
// a computer is slow does not make its storage one that hangs.
func onFreePorts(args ...string) []string {
	return append([]string{"serve", "--listen=127.0.0.1:0", "--log-format=json", "--log-level=info", "--lookup-patience=1m"}, args...)
}

// start runs the program in this process until its databases are ready.
func start(t testing.TB, args ...string) *program {
	t.Helper()
	p, logs := launch(t, args...)
	p.await(logs, "started")
	return p
}

// launch is start that does not wait; await has to be called.
func launch(t testing.TB, args ...string) (p *program, logs io.Reader) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	logs, stderr := io.Pipe()
	p = &program{t: t, stdout: &buffer{}, gone: make(chan struct{})}
	go func() {
		p.err = run(ctx, onFreePorts(args...), nil, p.stdout, stderr)
		_ = stderr.CloseWithError(io.EOF)
		close(p.gone)
	}()
	p.stop = sync.OnceFunc(func() {
		cancel()
		p.wait()
	})
	t.Cleanup(p.stop)
	return p, logs
}

// startChild runs the program as a process of its own.
func startChild(t testing.TB, args ...string) *program {
	t.Helper()
	p, logs := spawn(t, args...)
	p.await(logs, "started")
	return p
}

// spawn is startChild that does not wait; await has to be called.
func spawn(t testing.TB, args ...string) (p *program, logs io.Reader) {
	t.Helper()
	return spawnCommand(t, os.Args[0], onFreePorts(args...)...)
}

// spawnCommand is spawn by another command, which turns into the program.
func spawnCommand(t testing.TB, name string, args ...string) (p *program, logs io.Reader) {
	t.Helper()
	p = &program{t: t, stdout: &buffer{}, gone: make(chan struct{})}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	cmd.Stdout = p.stdout
	logs, stderr := io.Pipe()
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		_ = stderr.CloseWithError(io.EOF)
		close(p.gone)
	}()
	p.pid = cmd.Process.Pid
	p.signal = func(s os.Signal) { _ = cmd.Process.Signal(s) } // it may have ended
	p.kill = func() {
		p.signal(os.Kill)
		<-p.gone
	}
	p.stop = func() {
		p.signal(os.Interrupt)
		p.wait()
	}
	t.Cleanup(p.kill)
	return p, logs
}

func (p *program) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// wait waits for the program's end, which has to be a good one.
func (p *program) wait() {
	p.t.Helper()
	select {
	case <-p.gone:
		if p.err != nil {
			p.t.Errorf("the program ended with %v", p.err)
		}
	case <-time.After(startLimit):
		p.t.Error("the program does not end")
	}
}

// await reads the log until the program says that it is listening, or that it
// has started, and keeps reading it, so that the program is never held up.
func (p *program) await(logs io.Reader, message string) {
	p.t.Helper()
	started := make(chan map[string]string, 1)
	early := &buffer{}
	go func() {
		defer close(started)
		lines := bufio.NewScanner(logs)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var record struct {
				Msg       string            `json:"msg"`
				Listening map[string]string `json:"listening"`
			}
			if json.Unmarshal(lines.Bytes(), &record) == nil && record.Msg == message {
				started <- record.Listening
				_, _ = io.Copy(io.Discard, logs)
				return
			}
			_, _ = early.Write(append(lines.Bytes(), '\n'))
		}
	}()
	select {
	case listening, ok := <-started:
		if !ok {
			p.t.Fatalf("the program ended before it had started:\n%s", early)
		}
		p.api, p.couchdb, p.admin = "http://"+listening["api"], "http://"+listening["couchdb"], "http://"+listening["admin"]
	case <-time.After(startLimit):
		p.t.Fatalf("the program does not start:\n%s", early)
	}
}

// greeting is what the program has printed, which from a child may arrive
// after its log.
func (p *program) greeting() string {
	p.t.Helper()
	couchtest.Eventually(p.t, "the greeting is whole", func() bool { return strings.HasSuffix(p.stdout.String(), "\n\n") })
	return p.stdout.String()
}

// masterOf reads the account id and the API key out of a first greeting.
func masterOf(t testing.TB, greeting string) (account, key string) {
	t.Helper()
	for line := range strings.Lines(greeting) {
		if rest, ok := strings.CutPrefix(line, "  account id  "); ok {
			account = strings.TrimSpace(rest)
		}
		if rest, ok := strings.CutPrefix(line, "  API key     "); ok {
			key = strings.TrimSpace(rest)
		}
	}
	return account, key
}
