package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/callflowd/callflowd/pkg/cli"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/doctor"
	"github.com/callflowd/callflowd/pkg/schema"
)

// examination is `callflowd doctor`.
type examination struct {
	CouchDBURL          []string `name:"couchdb-url" sep:"none" placeholder:"URL" help:"The CouchDB to examine, http://user:password@host:5984; may be repeated for the nodes of one cluster. A user that cannot write is enough."`
	CouchDBPasswordFile string   `name:"couchdb-password-file" placeholder:"FILE" help:"File with the password for --couchdb-url."`
	Format              string   `typed:"" enum:"text,json,html" default:"text" help:"One of ${enum}; html is one file that needs no other."`
	Emergency           []string `default:"${emergency}" placeholder:"NUMBER" help:"Emergency numbers, which no pattern is to take unless it names them; may be repeated."`
	FailOn              string   `typed:"" enum:"error,warning,info,never" default:"error" help:"From which severity on the exit code is 1: ${enum}."`
}

// errFindings ends the process with 1. The report has been printed.
var errFindings = errors.New("there are findings")

// Run examines the cluster and prints the report.
func (x *examination) Run(ctx context.Context, e *cli.Env) error {
	settings := common{DataDir: ".", CouchDBURL: x.CouchDBURL, CouchDBPasswordFile: x.CouchDBPasswordFile}
	if len(settings.CouchDBURL) == 0 {
		return errors.New("--couchdb-url: must name the CouchDB to examine")
	}
	if err := settings.check(); err != nil {
		return err
	}
	schemas, err := schema.Embedded()
	if err != nil {
		return err
	}
	client, err := couch.Open(couch.Config{URL: settings.CouchDBURL[0], Others: settings.CouchDBURL[1:]})
	if err != nil {
		return err
	}
	report, err := doctor.Run(ctx, doctor.Config{Couch: client, Schemas: schemas, Emergency: x.Emergency, Progress: cli.Progress(e, "accounts")})
	if err != nil {
		return err
	}
	if err := x.print(e.Stdout, report); err != nil {
		return err
	}
	for _, severity := range []string{doctor.Error, doctor.Warning, doctor.Info} {
		if x.FailOn != "never" && report.Count(severity) > 0 {
			return errFindings
		}
		if severity == x.FailOn {
			break
		}
	}
	return nil
}

// print writes the report in the form asked for.
func (x *examination) print(w io.Writer, r doctor.Report) error {
	switch x.Format {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	case "html":
		return r.HTML(w)
	}
	return r.Text(w)
}
