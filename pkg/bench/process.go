package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// How long processes may take to start and to stop before that is an error.
const (
	startLimit = 5 * time.Minute
	stopLimit  = time.Minute
)

// process is a child of this one. Both of its outputs go to files, as in
// production.
type process struct {
	cmd    *exec.Cmd
	name   string
	stdout string // files
	stderr string
	gone   chan struct{} // closed when it has ended, and err is set
	err    error
}

// spawn starts the measured binary. It ends with ctx at the latest.
func (c *Common) spawn(ctx context.Context, name string, args ...string) (*process, error) {
	dir, err := c.place(name)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, stdout: filepath.Join(dir, "stdout"), stderr: filepath.Join(dir, "stderr"), gone: make(chan struct{})}
	stdout, err := os.Create(p.stdout)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stdout.Close() }() // the child has its own
	stderr, err := os.Create(p.stderr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stderr.Close() }()
	p.cmd = exec.CommandContext(ctx, c.Binary, args...)
	p.cmd.Env = environment(os.Environ())
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.gone)
	}()
	return p, nil
}

// environment drops settings of callflowd: a child has those it is given.
func environment(env []string) []string {
	var kept []string
	for _, entry := range env {
		if !strings.HasPrefix(entry, "CALLFLOWD_") || strings.HasPrefix(entry, "CALLFLOWD_TEST_") {
			kept = append(kept, entry)
		}
	}
	return kept
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process as a signal would.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
	select {
	case <-p.gone:
		if p.err != nil {
			return fmt.Errorf("%s ended with %w: %s", p.name, p.err, p.lastWords())
		}
		return nil
	case <-time.After(stopLimit):
		p.kill()
		return fmt.Errorf("%s did not stop within %s", p.name, stopLimit)
	}
}

// kill ends the process at once, if it has not ended already.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.gone
}

// lastWords are the end of the error output.
func (p *process) lastWords() string {
	raw, _ := os.ReadFile(p.stderr)
	return string(raw[max(0, len(raw)-500):])
}

// await reads a file that the process writes until match takes one of its
// lines.
func (p *process) await(ctx context.Context, file string, match func(line []byte) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("%s did not start within %s", p.name, startLimit))
	defer cancel()
	ended := false
	for {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for line := range bytes.Lines(raw) {
			if bytes.HasSuffix(line, []byte("\n")) && match(line) {
				return nil
			}
		}
		if ended {
			return fmt.Errorf("%s ended with %w before it had started: %s", p.name, errors.Join(p.err, errEnded), p.lastWords())
		}
		select {
		case <-p.gone:
			ended = true // what it wrote last is still read
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

var errEnded = errors.New("an end")
