package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/pcre"
	"github.com/callflowd/callflowd/pkg/route/analysis"
	"github.com/callflowd/callflowd/pkg/route/index"
	"github.com/callflowd/callflowd/pkg/schema"
)

// patient is one account that is being examined.
type patient struct {
	*cluster
	id      string
	db      *couch.DB
	index   *index.Index
	plan    number.DialPlan
	kinds   map[string]string // pvt_type by id; "" for a deleted document
	mention []mention
	enters  map[string][]string // which callflows a call goes on in, by id
	designs map[string]document.Doc
}

// mention is a reference in a callflow.
type mention struct{ from, to, kind, path string }

// examine reads an account and adds what is wrong with it. It fails only where it
// mends: where a callflow cannot be read again, or [Config].Mended fails.
func (c *cluster) examine(ctx context.Context, id string) error {
	c.report.Accounts++
	first := len(c.report.Findings)
	p := &patient{
		cluster: c, id: id, db: c.cfg.Couch.Account(id), index: index.New(),
		kinds: map[string]string{}, enters: map[string][]string{}, designs: map[string]document.Doc{},
	}
	if copied, known := c.accounts[id]; c.accounts != nil && (!known || !copied.Live()) {
		p.add(Finding{Severity: Warning, Kind: OrphanedDatabase, Subject: couch.AccountDB(id), Message: "the database belongs to no account, or to a deleted one"})
		return nil
	}
	err := p.read(ctx)
	if err == nil {
		err = p.conflicts(ctx)
	}
	if err != nil {
		p.add(Finding{Severity: Error, Kind: UnreadDatabase, Subject: couch.AccountDB(id), Message: "cannot be read: " + err.Error()})
		return nil
	}
	p.views()
	p.references()
	p.cycles()
	p.routes(ctx)
	p.elsewhere()
	if c.cfg.Mended == nil {
		return nil
	}
	return p.mend(ctx, first)
}

func (p *patient) add(f Finding) {
	f.Account = p.id
	p.cluster.add(f)
}

// read reads all documents, and keeps of callflows what they contribute.
func (p *patient) read(ctx context.Context) error {
	for row, err := range p.db.AllDocs(ctx, couch.Query{IncludeDocs: true}) {
		if err != nil {
			return err
		}
		doc, err := row.Document()
		if err != nil || doc == nil {
			continue
		}
		if name, ok := strings.CutPrefix(row.ID, "_design/"); ok {
			p.designs[name] = doc
			continue
		}
		if row.ID == p.id {
			var raw struct {
				DialPlan json.RawMessage `json:"dial_plan"`
			}
			if json.Unmarshal(row.Doc, &raw) == nil {
				p.plan, _ = number.ParseDialPlan(raw.DialPlan)
			}
		}
		if p.kinds[row.ID] = doc.Type(); !doc.Live() {
			p.kinds[row.ID] = ""
		}
		if doc.Type() == "callflow" && doc.Live() {
			p.callflow(doc)
		}
	}
	return nil
}

// callflow judges a callflow by itself, and notes what it refers to.
func (p *patient) callflow(doc document.Doc) {
	p.report.Callflows++
	if e, ok := index.EntryOf(doc); ok {
		p.index.Apply(e)
	}
	for n := range schema.Walk(doc) {
		for _, r := range n.References() {
			p.mention = append(p.mention, mention{doc.ID(), r.ID, r.Type, r.Path()})
			if r.Enters {
				p.enters[doc.ID()] = append(p.enters[doc.ID()], r.ID)
			}
		}
	}
	public := doc.Public()
	delete(public, "id")
	completed, violations := p.cfg.Schemas.Validate("callflows", public)
	for _, v := range violations {
		p.add(Finding{Severity: Error, Kind: Schema, CallflowID: doc.ID(), Path: v.Path, Message: v.Message, Suggestion: suggestion(v.Members)})
	}
	if completed == nil {
		completed = public
	}
	for _, w := range p.cfg.Schemas.Advise("callflows", completed) {
		p.add(Finding{Severity: Warning, Kind: w.Code, CallflowID: doc.ID(), Path: w.Path, Message: w.Message, Suggestion: suggestion(w.Members)})
	}
}

// suggestion is what a violation or a warning says was probably meant.
func suggestion(members map[string]any) string {
	for _, key := range []string{"suggestion", "did_you_mean", "nearest"} {
		if text, ok := members[key].(string); ok {
			return text
		}
	}
	return ""
}

// conflicts finds documents of which several revisions are alive.
func (p *patient) conflicts(ctx context.Context) error {
	const perPage = 1000
	for o := (couch.ChangesOptions{Limit: perPage, AllDocs: true}); ; {
		page, err := p.db.Changes(ctx, o)
		if err != nil {
			return err
		}
		for _, change := range page.Changes {
			if len(change.Revs) < 2 || change.Deleted {
				continue
			}
			leaves, err := p.db.Leaves(ctx, change.ID)
			if err != nil {
				return err
			}
			alive := slices.DeleteFunc(leaves, func(d document.Doc) bool { return d["_deleted"] == true })
			if len(alive) > 1 {
				p.add(Finding{Severity: Warning, Kind: Conflict, Subject: change.ID, Message: fmt.Sprintf("%d revisions of the %s are alive", len(alive), alive[0].Type())})
			}
		}
		if len(page.Changes) < perPage {
			return nil
		}
		o.Since = page.LastSeq
	}
}

// views compares the design documents with those that callflowd needs: Kazoo's
// must have the views, our own must be the same.
func (p *patient) views() {
	designs, err := couchviews.Designs("account")
	if err != nil {
		return
	}
	for _, ours := range designs {
		name := strings.TrimPrefix(ours.ID(), "_design/")
		theirs := p.designs[name]
		for _, view := range slices.Sorted(maps.Keys(ours.Object("views"))) {
			there := document.Doc(theirs.Object("views"))[view]
			switch {
			case there == nil:
				p.add(Finding{Severity: Warning, Kind: MissingView, Subject: name + "/" + view, Message: "the view is missing; callflowd adds it at its first use of the account"})
			case strings.HasPrefix(name, "callflowd") && !document.Equal(there, document.Doc(ours.Object("views"))[view]):
				p.add(Finding{Severity: Info, Kind: OldView, Subject: name + "/" + view, Message: "the view is of another version of callflowd, which brings it up to date at its first use of the account"})
			}
		}
	}
}

// references finds what refers to documents that are missing, deleted or of
// another type.
func (p *patient) references() {
	for _, m := range p.mention {
		kind, there := p.kinds[m.to]
		f := Finding{Severity: Warning, Kind: Dangling, CallflowID: m.from, Path: m.path, Subject: m.to}
		switch {
		case !there:
			f.Message = "there is no " + m.kind + " " + m.to
		case kind == "":
			f.Message = "the " + m.kind + " " + m.to + " is deleted"
		case kind != m.kind:
			f.Kind, f.Message = WrongReference, m.to+" is of type "+kind+"; a "+m.kind+" is expected here"
		default:
			continue
		}
		p.add(f)
	}
}

// cycles finds callflows in which a call goes round, each cycle once.
func (p *patient) cycles() {
	const ahead, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(id string)
	visit = func(id string) {
		state[id] = ahead
		path = append(path, id)
		for _, to := range p.enters[id] {
			switch state[to] {
			case 0:
				visit(to)
			case ahead:
				circle := append(slices.Clone(path[slices.Index(path, to):]), to)
				p.add(Finding{Severity: Warning, Kind: Cycle, CallflowID: to, Message: "a call goes round: " + strings.Join(circle, " → ")})
			}
		}
		path = path[:len(path)-1]
		state[id] = done
	}
	for _, id := range slices.Sorted(maps.Keys(p.enters)) {
		if state[id] == 0 {
			visit(id)
		}
	}
}

// perAccount is how much work the analysis of one account's patterns may take.
const perAccount = 20_000_000

// routes adds the findings about numbers and patterns.
func (p *patient) routes(ctx context.Context) {
	report, err := analysis.Run(ctx, p.index.Draft(nil, p.plan), analysis.Options{Plan: p.plan, Emergency: p.cfg.Emergency, Steps: perAccount})
	if err != nil {
		return // the context has ended, which Run tells
	}
	for _, f := range report.Findings {
		out := Finding{Severity: f.Severity, Kind: f.Kind, CallflowID: f.CallflowID, Subject: f.Pattern, Witness: f.Witness, Message: f.Message}
		if f.Other != nil && out.Subject == "" {
			out.Subject = f.Other.Number
		}
		if f.Kind == analysis.ExtendedSyntax {
			out.Suggestion = plainForm(f.Pattern)
		}
		p.add(out)
	}
	for _, n := range report.NotAnalysed {
		p.add(Finding{Severity: Info, Kind: "not_analysed", CallflowID: n.CallflowID, Subject: n.Pattern, Message: n.Reason})
	}
}

// plainForm is a pattern in RE2's syntax, "" where there is no such form.
func plainForm(text string) string {
	re, err := pcre.Parse(text)
	if err != nil {
		return ""
	}
	plain, _, ok := re.RE2()
	if !ok || plain == text {
		return ""
	}
	return plain
}

// elsewhere finds numbers that another account has too. Only those with a plus
// sign are the same number in every account.
func (p *patient) elsewhere() {
	for _, e := range p.index.Entries() {
		for _, n := range e.Numbers {
			if !strings.HasPrefix(n, "+") {
				continue
			}
			digest := maphash.String(p.seed, n)
			first, known := p.numbers[digest]
			if !known {
				p.numbers[digest] = p.id
				continue
			}
			if first != p.id {
				p.add(Finding{Severity: Error, Kind: BookedElsewhere, CallflowID: e.CallflowID, Subject: n, Message: "account " + first + " has the number too"})
			}
		}
	}
}
