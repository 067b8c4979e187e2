// Package doctor examines the databases of a Kazoo cluster, or of callflowd,
// and writes nothing: it asks only what a user that cannot write may ask. One
// account after the other is read and forgotten, so its memory does not grow
// with their number, apart from a digest of each number that has a plus sign.
package doctor

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/schema"
)

// Severities of a finding, from the worst on.
const (
	Error   = "error"
	Warning = "warning"
	Info    = "info"
)

// Kinds of a finding, beside those of package analysis and the codes of schema
// warnings.
const (
	OrphanedDatabase = "orphaned_database" // an account's database without the account
	MissingDatabase  = "missing_database"  // an account without its database
	UnreadDatabase   = "unread_database"   // the server would not let it be read
	MissingView      = "missing_view"
	OldView          = "old_view"
	Conflict         = "conflict" // several revisions of a document are alive
	Schema           = "schema"
	Dangling         = "dangling_reference"
	WrongReference   = "wrong_reference"
	Cycle            = "cycle"
	BookedElsewhere  = "booked_elsewhere" // another account has the number too
)

// Finding is one thing worth knowing.
type Finding struct {
	Severity   string `json:"severity"`
	Kind       string `json:"kind"`
	Account    string `json:"account,omitempty"`
	CallflowID string `json:"callflow_id,omitempty"`
	Path       string `json:"path,omitempty"`
	Subject    string `json:"subject,omitempty"` // the number, the pattern, the database or the document it is about
	Witness    string `json:"witness,omitempty"` // a number that shows it
	Message    string `json:"message"`
	Suggestion string `json:"suggestion,omitempty"`
	Mended     bool   `json:"mended,omitempty"` // the callflow that [Config].Mended got is without it
}

// Report is what was found.
type Report struct {
	Accounts  int       `json:"accounts"`
	Callflows int       `json:"callflows"`
	Mended    int       `json:"mended"` // callflows that [Config].Mended got
	Findings  []Finding `json:"findings"`
	Severity  string    `json:"severity,omitempty"` // of the worst finding; "" for none
}

// Config says what is examined.
type Config struct {
	Couch     *couch.Client
	Schemas   *schema.Registry
	Emergency []string              // nil means Kazoo's
	Progress  func(done, total int) // may be nil
	// Mended gets the public fields of callflows without those faults that an
	// edit takes away; nil mends nothing.
	Mended func(accountID, callflowID string, data document.Doc) error
}

// Run examines every account. An account that cannot be read is a finding; the
// error is that of a cluster that cannot be read at all.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if err := cfg.Couch.Identify(ctx); err != nil { // another server's answers may look like a healthy cluster
		return Report{}, err
	}
	dbs, err := cfg.Couch.AllDBs(ctx)
	if err != nil {
		return Report{}, err
	}
	c := &cluster{cfg: cfg, seed: maphash.MakeSeed(), numbers: map[uint64]string{}, report: Report{Findings: []Finding{}}}
	if err := c.readAccounts(ctx, dbs); err != nil {
		return Report{}, err
	}
	var ids []string
	for _, db := range dbs {
		if id, month, ok := couch.AccountOf(db); ok && month == "" {
			ids = append(ids, id)
		}
	}
	for i, id := range ids {
		if err := ctx.Err(); err != nil {
			return Report{}, &problem.Error{Code: problem.Unavailable, Msg: "examine accounts", Err: err}
		}
		if err := c.examine(ctx, id); err != nil {
			return Report{}, err
		}
		if cfg.Progress != nil {
			cfg.Progress(i+1, len(ids))
		}
	}
	return c.finish(), nil
}

// cluster is one examination.
type cluster struct {
	cfg      Config
	accounts map[string]document.Doc // their copies, by id; nil where there is no such database
	seed     maphash.Seed
	numbers  map[uint64]string // the account that has a number first, by its digest
	report   Report
}

func (c *cluster) add(f Finding) { c.report.Findings = append(c.report.Findings, f) }

// readAccounts reads the copies of all accounts and compares them with the
// databases there are.
func (c *cluster) readAccounts(ctx context.Context, dbs []string) error {
	if !slices.Contains(dbs, "accounts") {
		return nil
	}
	c.accounts = map[string]document.Doc{}
	for row, err := range c.cfg.Couch.DB("accounts").AllDocs(ctx, couch.Query{IncludeDocs: true}) {
		if err != nil {
			return err
		}
		doc, err := row.Document()
		if err != nil || doc.Type() != "account" {
			continue
		}
		c.accounts[row.ID] = document.Doc{"name": doc["name"], "pvt_type": "account", "pvt_deleted": doc["pvt_deleted"]}
		if _, there := slices.BinarySearch(dbs, couch.AccountDB(row.ID)); !there && !slices.Contains(dbs, couch.AccountDB(row.ID)) && doc.Live() {
			c.add(Finding{Severity: Error, Kind: MissingDatabase, Account: row.ID, Subject: couch.AccountDB(row.ID), Message: "the account has no database"})
		}
	}
	return nil
}

// finish puts the findings in order, the worst first.
func (c *cluster) finish() Report {
	slices.SortStableFunc(c.report.Findings, func(a, b Finding) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	if len(c.report.Findings) > 0 {
		c.report.Severity = c.report.Findings[0].Severity
	}
	return c.report
}

func rank(severity string) int { return slices.Index([]string{Error, Warning, Info}, severity) }
