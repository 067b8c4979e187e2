package uninstall

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
)

// Group is what of one kind is removed, or stays for the same reason.
type Group struct {
	Name      string
	Stays     string // why; "" if it is removed
	Databases int
	Documents int
	Examples  []string // DATABASE or DATABASE/DOCUMENT
}

// maxExamples bounds the examples of a group.
const maxExamples = 3

// groups is the order in which they are shown.
func groups() []string {
	return []string{
		GroupCopies, GroupUnfinished, GroupViews, GroupReservations, GroupHistory, GroupMonths, GroupRevocations, GroupKeys, GroupState,
	}
}

type groupKey struct{ name, stays string }

// tally counts what is found in one database.
type tally map[groupKey]*Group

// add counts n documents; id is "" for the database itself.
func (t tally) add(name, stays, db, id string, n int) {
	g := t[groupKey{name, stays}]
	if g == nil {
		g = &Group{Name: name, Stays: stays, Databases: 1}
		t[groupKey{name, stays}] = g
	}
	g.Documents += n
	g.show(place(db, id))
}

// show takes examples, of which the first ones by name are kept: they are the
// same each time.
func (g *Group) show(places ...string) {
	g.Examples = append(g.Examples, places...)
	slices.Sort(g.Examples)
	g.Examples = g.Examples[:min(maxExamples, len(g.Examples))]
}

func place(db, id string) string {
	if id == "" {
		return db
	}
	return db + "/" + id
}

// documents are those of a group that are removed.
func (t tally) documents(name string) int {
	if g := t[groupKey{name, ""}]; g != nil {
		return g.Documents
	}
	return 0
}

// Report is what was found, or removed.
type Report struct {
	mu       sync.Mutex
	all      tally
	failures int
	errs     []error // the first ones
}

func (r *Report) merge(t tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = tally{}
	}
	for key, g := range t {
		had := r.all[key]
		if had == nil {
			r.all[key] = g
			continue
		}
		had.Databases += g.Databases
		had.Documents += g.Documents
		had.show(g.Examples...)
	}
}

func (r *Report) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures++
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, err)
	}
}

// failed joins what went wrong, nil if nothing did.
func (r *Report) failed() error {
	if more := r.failures - len(r.errs); more > 0 {
		return errors.Join(append(slices.Clone(r.errs), fmt.Errorf("and %d more databases", more))...)
	}
	return errors.Join(r.errs...)
}

// Groups are those that are removed, or those that stay.
func (r *Report) Groups(stay bool) []Group {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []Group
	for key, g := range r.all {
		if (key.stays != "") == stay {
			found = append(found, *g)
		}
	}
	slices.SortFunc(found, func(a, b Group) int { return slices.Index(groups(), a.Name) - slices.Index(groups(), b.Name) })
	return found
}

func (r *Report) group(name string, stays bool) Group {
	for _, g := range r.Groups(stays) {
		if g.Name == name {
			return g
		}
	}
	return Group{}
}

// count is how many documents of a group were found.
func (r *Report) count(name string) int {
	return r.group(name, false).Documents + r.group(name, true).Documents
}

// Empty reports whether there is nothing to remove.
func (r *Report) Empty() bool { return len(r.Groups(false)) == 0 }

// Text shows what is removed as a table, and then what stays and why.
func (r *Report) Text(w io.Writer) error {
	if removed := r.Groups(false); len(removed) > 0 {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "WHAT\tDATABASES\tDOCUMENTS\tFOR EXAMPLE")
		for _, g := range removed {
			fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", g.Name, g.Databases, g.Documents, g.Examples[0])
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	for _, g := range r.Groups(true) {
		if _, err := fmt.Fprintf(w, "stays: %s (%s), %s; for example %s\n", g.Name, g.extent(), g.Stays, g.Examples[0]); err != nil {
			return err
		}
	}
	return nil
}

// extent is how much of a group there is, for people.
func (g Group) extent() string {
	many := func(n int, what string) string {
		if n == 1 {
			return "1 " + what
		}
		return fmt.Sprintf("%d %ss", n, what)
	}
	if g.Documents == 0 {
		return many(g.Databases, "database")
	}
	return many(g.Documents, "document") + " in " + many(g.Databases, "database")
}
