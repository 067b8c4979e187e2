// Command callflowd keeps callflows in CouchDB, or in databases of its own,
// and tells a phone switch which callflow takes a dialled number.
//
// This package is wiring only: flags and environment, the logger, the
// listeners, the order in which the parts start and stop. run is the whole
// program apart from the process, so that a test can start it on port 0.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"
	"golang.org/x/term"

	"github.com/callflowd/callflowd/pkg/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal does not wait
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "callflowd:", err)
		os.Exit(exitCode(err))
	}
}

// run is the program: it reads args and env and runs the command they name. The
// default is to serve until ctx ends, wait for the requests in flight and return.
// Text for people goes to stdout, the structured log to stderr.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, env, stdout)
	if err != nil || opts == nil {
		return err
	}
	if opts.client != nil {
		return opts.client.Run(ctx, clientEnv(env, stdout, stderr))
	}
	if opts.bench != nil {
		return opts.bench(ctx, stdout)
	}
	if opts.command == checkCommand {
		for _, told := range opts.openSecrets() {
			fmt.Fprintln(stdout, "warning: "+told)
		}
		_, err := fmt.Fprintln(stdout, "the settings are in order")
		return err
	}
	if opts.level, err = zap.ParseAtomicLevel(opts.LogLevel); err != nil {
		return err
	}
	log, stopLog := newLogger(opts.level, opts.LogFormat, stderr)
	defer stopLog()
	switch opts.command {
	case rotateCommand:
		return rotateKey(ctx, opts, log, stdout)
	case resetCommand:
		return resetKey(ctx, opts, log, stdout)
	case replicateCommand:
		return replicate(ctx, opts.copying, log, stdout)
	case backupCommand:
		return backUp(ctx, opts.copies, log, stdout)
	case restoreCommand:
		return restore(ctx, opts.copies, stdout)
	case acceptCommand:
		return accept(ctx, opts.copies, log, stdout)
	}
	return serve(ctx, opts, log, stdout)
}

// clientEnv is the process as a client command sees it.
func clientEnv(env []string, stdout, stderr io.Writer) *cli.Env {
	e := &cli.Env{
		Stdin: os.Stdin, Stdout: stdout, Stderr: stderr, Terminal: isTerminal(stdout),
		Getenv: func(name string) string {
			for _, entry := range env {
				if key, value, _ := strings.Cut(entry, "="); key == name {
					return value
				}
			}
			return ""
		},
	}
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		e.Password = func() (string, error) {
			secret, err := term.ReadPassword(in)
			return string(secret), err
		}
	}
	return e
}

// exitCode is what the process ends with: 2 where the command line is wrong,
// and otherwise what [cli.ExitCode] says.
func exitCode(err error) int {
	if _, wrong := errors.AsType[*kong.ParseError](err); wrong {
		return cli.Usage
	}
	return cli.ExitCode(err)
}
