package main

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/callflowd/callflowd/pkg/cli"
)

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
