// Package cli is callflowd as a client of a running server: the commands that
// a person or a script types to look at accounts and callflows and to change
// them.
//
// A command is a struct whose tags tell kong its flags and arguments, and a
// method Run. It speaks to the server over HTTP alone, through [client], and
// prints a table for people, or JSON or YAML for machines. [ExitCode] says
// what the process ends with.
package cli

import (
	"context"
	"encoding/json"
	"io"

	"github.com/goccy/go-yaml"
)

// Command is what a command line chose.
type Command interface {
	Run(ctx context.Context, e *Env) error
}

// Commands are the client commands, as fields for kong.
type Commands struct {
	Login     Login     `cmd:"" help:"Log in to a server and remember it."`
	Accounts  Accounts  `cmd:"" help:"List, show and create accounts."`
	Callflows Callflows `cmd:"" help:"List, read, edit, delete and restore callflows."`
	Route     Route     `cmd:"" help:"Which callflow takes a dialled number?"`
	Analyse   Analyse   `cmd:"" help:"What is wrong with the patterns of an account."`
	Conflicts Conflicts `cmd:"" help:"What replication left undecided."`
	Watch     Watch     `cmd:"" help:"Changes of an account, as they happen."`
	Export    Export    `cmd:"" help:"Take an account's callflows out, as JSON Lines."`
	Import    Import    `cmd:"" help:"Bring an export in, or a dump of a CouchDB database."`
	Plan      Plan      `cmd:"" help:"What would change if an account were made what a folder of YAML says."`
	Apply     Apply     `cmd:"" help:"Make an account what a folder of YAML says."`
	Pull      Pull      `cmd:"" help:"Write an account's callflows into a folder of YAML."`
}

// Env is what a command has of the process around it.
type Env struct {
	Stdin    io.Reader
	Stdout   io.Writer
	Stderr   io.Writer
	Getenv   func(string) string
	Terminal bool // stdout is one

	// Password reads a line without showing it; nil where stdin is no terminal.
	Password func() (string, error)
}

// colour reports whether the output may have colours (no-color.org).
func (e *Env) colour() bool { return e.Terminal && e.Getenv("NO_COLOR") == "" }

// Server are the flags that say which server and which account is meant.
type Server struct {
	URL     string `name:"url" placeholder:"URL" help:"The server; by default the one of the last login."`
	Token   string `placeholder:"TOKEN" help:"A token to use instead of the stored login."`
	Account string `short:"a" placeholder:"ID" help:"The account; by default the one of the login."`
}

// Common are the flags of most client commands.
type Common struct {
	Server
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"One of ${enum}."`
}

// emit prints data as the command line asked: as it is in JSON or YAML, or by
// table.
func (c *Common) emit(e *Env, data json.RawMessage, table func() error) error {
	switch c.Output {
	case "json":
		return printJSON(e.Stdout, data)
	case "yaml":
		return printYAML(e.Stdout, data)
	}
	return table()
}

func printJSON(w io.Writer, data json.RawMessage) error {
	var value any
	if err := decode(data, &value); err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

func printYAML(w io.Writer, data json.RawMessage) error {
	text, err := toYAML(data)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// toYAML writes JSON as YAML, keys in their order.
func toYAML(data json.RawMessage) ([]byte, error) { return yaml.JSONToYAML(data) }

// fromText reads a document that somebody wrote, in YAML or in JSON, which is
// YAML too.
func fromText(text []byte) (map[string]any, error) {
	raw := text
	if !json.Valid(text) {
		var err error
		if raw, err = yaml.YAMLToJSON(text); err != nil {
			return nil, &usageError{"the file is neither JSON nor YAML: " + yaml.FormatError(err, false, true)}
		}
	}
	var value any
	if err := decode(raw, &value); err != nil {
		return nil, err
	}
	doc, ok := value.(map[string]any)
	if !ok {
		return nil, &usageError{"the file does not hold one callflow"}
	}
	return doc, nil
}
