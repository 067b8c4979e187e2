// Package bench measures callflowd beside what it is compared with, and how it
// grows with the number of accounts.
//
// What is measured runs as processes: this program's own binary with the flags
// of an operator (a log in a file, metrics, limits on requests, tokens), a bare
// gorilla/mux handler that answers the same bytes, and the server that stores
// the documents, which is CouchDB where one is named and otherwise couchlite
// over HTTP. A proxy that makes each request wait stands for a server that is
// slower than couchlite, so that a round trip too many shows. Sides that are
// compared take turns, and the medians of their rounds are compared, since
// machines are noisy.
//
// [Compare] prints one table: figure, baseline, ratio, bar, and whether the
// bar is met. What cannot be measured has a row that says why. [Scale] prints
// a table and charts of growth. The load generator is pkg/bench/load.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Common are the settings of [Compare] and [Scale]. The tags are those of the
// command line.
type Common struct {
	CouchDB string `name:"couchdb" env:"COUCHDB_URL" placeholder:"URL" help:"A CouchDB to measure on as well, http://user:password@host:5984 ($$COUCHDB_URL). It must hold no accounts; what is made there is removed again."`
	WorkDir string `placeholder:"DIR" help:"Where databases and logs go while it runs; a temporary directory by default."`

	// Binary is the program that is measured; empty is the one that runs.
	Binary string `kong:"-"`
}

// Settings say what [Compare] measures, and for how long.
type Settings struct {
	Common

	Only   []string      `placeholder:"NAME" help:"Measure these sections only; may be repeated."`
	Rounds int           `default:"5" help:"Rounds of each side; the median counts."`
	Round  time.Duration `default:"1500ms" help:"Length of a round."`
	Warmup time.Duration `default:"300ms" help:"Time before each round."`

	Delays    []time.Duration `default:"1ms,5ms" help:"How long the proxy makes each request to couchlite wait."`
	Numbers   int             `default:"1400" help:"Numbers that are looked up."`
	Listing   int             `default:"2100" help:"Callflows of the listing."`
	Indexed   int             `default:"100000" help:"Callflows of the account that is indexed."`
	Accounts  int             `default:"10000" help:"Accounts that the program starts with."`
	Imported  int             `default:"10000" help:"Callflows that are imported."`
	Hang      time.Duration   `default:"10s" help:"How long storage hangs."`
	Changes   int             `default:"30" help:"Changes that another process has to notice."`
	Source    string          `default:"." help:"The module's source, for its Go benchmarks; empty leaves them out."`
	BenchTime string          `default:"1s" help:"-benchtime of the Go benchmarks."`
}

func (s *Settings) check() error {
	for flag, value := range map[string]int64{
		"rounds": int64(s.Rounds), "round": int64(s.Round), "numbers": int64(s.Numbers), "listing": int64(s.Listing),
		"indexed": int64(s.Indexed), "accounts": int64(s.Accounts), "imported": int64(s.Imported), "hang": int64(s.Hang),
		"changes": int64(s.Changes),
	} {
		if value <= 0 {
			return fmt.Errorf("--%s: must be positive", flag)
		}
	}
	return nil
}

// bench is one run of [Compare] or [Scale].
type bench struct {
	Settings
	out   io.Writer
	areas int // area codes that were given to new callflows
}

// newNumbers returns a template of numbers that no callflow has: every use of
// it has an area code of its own.
func (b *bench) newNumbers() string {
	b.areas++
	return fmt.Sprintf("+1{{seq:%d%07d}}", 300+b.areas, firstLine)
}

// open prepares a run: the work directory and a CouchDB without accounts. The
// caller must call tidy, which removes what the run has made.
func (c *Common) open(ctx context.Context) (tidy func() error, err error) {
	remove, err := c.openWorkDir()
	if err != nil {
		return nil, err
	}
	restore, err := c.reserveCouchDB(ctx)
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	return func() error { return errors.Join(restore(), remove()) }, nil
}

// openWorkDir makes the work directory. remove removes it if it is a temporary one.
func (c *Common) openWorkDir() (remove func() error, err error) {
	if c.Binary == "" {
		if c.Binary, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	if c.WorkDir == "" {
		dir, err := os.MkdirTemp("", "callflowd-bench-")
		if err != nil {
			return nil, err
		}
		c.WorkDir = dir
		return func() error { return os.RemoveAll(dir) }, nil
	}
	if c.WorkDir, err = filepath.Abs(c.WorkDir); err != nil {
		return nil, err
	}
	return func() error { return nil }, os.MkdirAll(c.WorkDir, 0o700)
}

// place returns a new directory below the work directory.
func (c *Common) place(name string) (string, error) {
	return os.MkdirTemp(c.WorkDir, name+"-")
}

// section is what is measured together. Its rows come out even where it
// cannot be measured: then they say why.
type section struct {
	name    string
	measure func(context.Context) ([]Row, error)
}

// Compare measures everything that has a bar and prints the table to out. A
// row that falls short is no error.
func Compare(ctx context.Context, s Settings, out io.Writer) (err error) {
	if err := s.check(); err != nil {
		return err
	}
	b := &bench{Settings: s, out: out}
	sections, err := s.chosen(b.sections())
	if err != nil {
		return err
	}
	tidy, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tidy()) }()
	return b.report(ctx, b.measure(ctx, sections))
}

// report prints what was measured, also of a run that was ended early.
func (b *bench) report(ctx context.Context, rows []Row) error {
	fmt.Fprintln(b.out)
	return errors.Join(Print(b.out, rows), ctx.Err())
}

// sections are what Compare measures, in the order of the table.
func (b *bench) sections() []section {
	all := []section{
		{"go", b.goBenchmarks},
		{"lookup", b.lookup},
		{"view", b.lookupBesideView},
	}
	for _, delay := range b.Delays {
		all = append(all, section{"storage " + delay.String(), func(ctx context.Context) ([]Row, error) { return b.onDelayed(ctx, delay) }})
	}
	return append(all,
		section{"storage CouchDB", b.onCouchDB},
		section{"memory", b.listingMemory},
		section{"couchlite", b.couchlite},
		section{"hang", b.hang},
		section{"index", b.index},
		section{"start", b.start},
		section{"import", b.importing},
		section{"changes", b.changes},
	)
}

// chosen leaves out what Only does not name.
func (s *Settings) chosen(all []section) ([]section, error) {
	if len(s.Only) == 0 {
		return all, nil
	}
	var some []section
	for _, name := range s.Only {
		found := false
		for _, one := range all {
			if one.name == name {
				some, found = append(some, one), true
			}
		}
		if !found {
			return nil, fmt.Errorf("--only: %q is none of %s", name, names(all))
		}
	}
	return some, nil
}

func names(all []section) string {
	text := ""
	for i, one := range all {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%q", one.name)
	}
	return text
}

// measure runs the sections. One that fails does not keep the others from
// being measured.
func (b *bench) measure(ctx context.Context, sections []section) []Row {
	var rows []Row
	for _, one := range sections {
		if ctx.Err() != nil {
			break
		}
		began := time.Now()
		got, err := one.measure(ctx)
		if err != nil {
			got = append(got, Row{What: one.name, Left: "could not be measured: " + oneLine(err)})
		}
		rows = append(rows, got...)
		fmt.Fprintf(b.out, "%-16s %s\n", one.name, time.Since(began).Round(100*time.Millisecond))
	}
	return rows
}
