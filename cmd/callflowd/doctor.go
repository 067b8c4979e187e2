package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/cli"
	"github.com/callflowd/callflowd/pkg/doctor"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/schema"
)

// examination is `callflowd doctor`.
type examination struct {
	cluster `set:"couchdb=The CouchDB to examine, http://user:password@host:5984; may be repeated for the nodes of one cluster. A user that cannot write is enough."`

	Format    string   `typed:"" enum:"text,json,html" default:"text" help:"One of ${enum}; html is one file that needs no other."`
	Emergency []string `default:"${emergency}" placeholder:"NUMBER" help:"Emergency numbers, which no pattern is to take unless it names them; may be repeated."`
	FixPlan   string   `typed:"" name:"fix-plan" placeholder:"DIR" help:"Write callflows without the faults that an edit takes away into DIR/ACCOUNT, for callflowd apply --keep."`
	FailOn    string   `typed:"" enum:"error,warning,info,never" default:"error" help:"From which severity on the exit code is 1: ${enum}."`
}

// errFindings ends the process with 1. The report has been printed.
var errFindings = errors.New("there are findings")

// Run examines the cluster and prints the report.
func (x *examination) Run(ctx context.Context, e *cli.Env) error {
	if left, err := os.ReadDir(x.FixPlan); x.FixPlan != "" && err == nil && len(left) > 0 {
		return fmt.Errorf("--fix-plan: %s is not empty: what an earlier plan left in it would be applied too", x.FixPlan)
	}
	client, err := x.open("must name the CouchDB to examine")
	if err != nil {
		return err
	}
	schemas, err := schema.Embedded()
	if err != nil {
		return err
	}
	cfg := doctor.Config{Couch: client, Schemas: schemas, Emergency: x.Emergency, Progress: cli.Progress(e, "accounts")}
	if x.FixPlan != "" {
		cfg.Mended = func(accountID, callflowID string, data document.Doc) error {
			return cli.WriteCallflow(filepath.Join(x.FixPlan, accountID), callflowID, data)
		}
	}
	report, err := doctor.Run(ctx, cfg)
	if err != nil {
		return err
	}
	if err := x.print(e.Stdout, report); err != nil {
		return err
	}
	if x.FixPlan != "" {
		x.tellPlan(e, report)
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

// tellPlan says what the plan mends, what it does not, and how it is applied.
func (x *examination) tellPlan(e *cli.Env, r doctor.Report) {
	mended, left := 0, map[string]int{}
	for _, f := range r.Findings {
		if f.Mended {
			mended++
		} else if f.Severity != doctor.Info {
			left[f.Kind]++
		}
	}
	fmt.Fprintf(e.Stderr, "%d callflows in %s are without %d of the faults; review and apply them account by account: callflowd apply --keep --account ID %s\n",
		r.Mended, x.FixPlan, mended, filepath.Join(x.FixPlan, "ID"))
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(left)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", left[kind], kind))
	}
	if len(kinds) > 0 {
		fmt.Fprintf(e.Stderr, "not mended, since they need a choice or are no fault of a callflow alone: %s\n", strings.Join(kinds, ", "))
	}
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
