package doctor

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

// Text writes a report for people.
func (r Report) Text(w io.Writer) error {
	account := ""
	for _, f := range r.byAccount() {
		if f.Account != account {
			account = f.Account
			if _, err := fmt.Fprintf(w, "account %s\n", account); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w, "  %-7s  %s%s\n", f.Severity, f.Kind, f.line()); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, r.summary())
	return err
}

func (r Report) summary() string {
	return fmt.Sprintf("%d accounts with %d callflows: %d errors, %d warnings, %d remarks", r.Accounts, r.Callflows, r.Count(Error), r.Count(Warning), r.Count(Info))
}

// Count is how many findings have a severity.
func (r Report) Count(severity string) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// byAccount are the findings in the order of accounts.
func (r Report) byAccount() []Finding {
	out := slices.Clone(r.Findings)
	slices.SortStableFunc(out, func(a, b Finding) int { return strings.Compare(a.Account, b.Account) })
	return out
}

// line is a finding's place and message.
func (f Finding) line() string {
	var b strings.Builder
	for _, part := range []string{f.CallflowID, f.Path, f.Subject} {
		if part != "" {
			b.WriteString("  " + clean(part))
		}
	}
	b.WriteString(": " + clean(f.Message))
	if f.Suggestion != "" {
		b.WriteString(" (better: " + clean(f.Suggestion) + ")")
	}
	if f.Mended {
		b.WriteString(" [mended by the plan]")
	}
	return b.String()
}

// clean keeps what documents hold from commanding a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}

//go:embed report.html
var page string

// HTML writes the report as one file that needs no other.
func (r Report) HTML(w io.Writer) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		Summary  string
		Findings []Finding
	}{r.summary(), r.Findings})
}
