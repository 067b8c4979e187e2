package transfer

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/save"
)

// What an import may do with a document that is there and differs, and what it
// does with one.
const (
	Fail      = "fail"
	Skip      = "skip"
	Replace   = "replace"
	Merge     = "merge"
	Create    = "create"
	Unchanged = "unchanged"
)

// The stages of an import.
const (
	Checked = "checked"
	Written = "written"
)

// Importer brings documents into accounts, by the ways in which each of them
// could be saved alone.
type Importer struct {
	Couch     *couch.Client
	Callflows *callflow.Service
	Resources *resource.Service
	MaxFile   int64 // bytes of an attachment; 0 is no limit
}

// Request asks for an import.
type Request struct {
	Account    string
	Actor      save.Actor
	OnConflict string // [Fail], [Skip], [Replace] or [Merge]
	// NewIDs gives every document an id that follows from the account and the
	// old one, and rewrites what refers to it.
	NewIDs bool
	DryRun bool
	// Progress is told how many documents are [Checked], and then [Written]. It
	// may be nil.
	Progress func(stage string, done, total int)
	// Planned is told what is going to be written, before it is. It may be nil.
	Planned func(Result)
}

// Change is what an import does with a document.
type Change struct {
	Line   int    `json:"line"`
	ID     string `json:"id"`
	Type   string `json:"type"`
	Action string `json:"action"`
}

// Result is what an import does, or would do.
type Result struct {
	DryRun      bool `json:"dry_run"`
	Documents   int  `json:"documents"`
	Create      int  `json:"create"`
	Replace     int  `json:"replace"`
	Merge       int  `json:"merge"`
	Skip        int  `json:"skip"`
	Unchanged   int  `json:"unchanged"`
	Versions    int  `json:"versions"`    // older ones of callflows that are created
	Attachments int  `json:"attachments"` // that are written
	// Changes are the first [mostChanges] documents that change; More says that
	// there are others.
	Changes []Change `json:"changes"`
	More    bool     `json:"more"`
}

const mostChanges = 1000

// perPart is how many documents are checked, and callflows written, at a time.
const perPart = 250

// run is one import.
type run struct {
	*Importer
	Request
	spool  *Spool
	db     *couch.DB
	ids    map[string]string // new by old, with NewIDs
	kinds  map[string]resource.Kind
	wrong  *problems
	differ []string
	files  map[*entry][]string // attachments that are to be written
	seed   maphash.Seed
	holder map[uint64]*entry  // of a number or a pattern, by its digest
	moved  map[uint64]bool    // numbers and patterns that stored callflows give up
	taken  map[*entry]refused // callflows whose numbers others have
	result Result
}

// Run checks every document, and writes them unless something is wrong or it is
// a dry run. [problem.Invalid] tells what is wrong, by lines;
// [problem.Conflict] is that documents are there and differ. What an interrupted
// import has written is unchanged for the next one, which goes on.
func (i *Importer) Run(ctx context.Context, s *Spool, req Request) (Result, error) {
	r := &run{
		Importer: i, Request: req, spool: s, db: i.Couch.Account(req.Account), kinds: map[string]resource.Kind{}, wrong: &s.wrong,
		files: map[*entry][]string{}, seed: maphash.MakeSeed(), holder: map[uint64]*entry{}, moved: map[uint64]bool{}, taken: map[*entry]refused{},
	}
	for _, k := range resource.Kinds() {
		r.kinds[k.Type] = k
	}
	r.result = Result{DryRun: req.DryRun, Documents: len(s.docs), Changes: []Change{}}
	if err := r.check(ctx); err != nil {
		return Result{}, err
	}
	if req.DryRun {
		return r.result, nil
	}
	if req.Planned != nil {
		req.Planned(r.result)
	}
	return r.result, r.write(ctx)
}

// check decides what to do with each document, and finds what forbids it.
func (r *run) check(ctx context.Context) error {
	r.chooseIDs()
	done := 0
	for part := range slices.Chunk(r.spool.docs, perPart) {
		if r.wrong.full() {
			break
		}
		if err := r.checkPart(ctx, part); err != nil {
			return err
		}
		done += len(part)
		r.tell(Checked, done, len(r.spool.docs))
	}
	r.judgeTaken()
	if err := r.wrong.err(); err != nil {
		return err
	}
	if n := len(r.differ); n > 0 {
		const most = 3
		return &problem.Error{Code: problem.Conflict, Msg: "documents of an import are there and differ", Data: map[string]any{
			"message": fmt.Sprintf("documents are there already and differ, %d of them, such as %s: choose skip, replace or merge for on_conflict, or new_ids",
				n, strings.Join(r.differ[:min(most, n)], ", ")),
			"ids": r.differ[:min(mostChanges, n)],
		}}
	}
	for _, e := range r.spool.docs {
		r.count(e)
	}
	return nil
}

func (r *run) tell(stage string, done, total int) {
	if r.Progress != nil {
		r.Progress(stage, done, total)
	}
}

// chooseIDs settles the id of every document.
func (r *run) chooseIDs() {
	if !r.NewIDs {
		return
	}
	r.ids = make(map[string]string, len(r.spool.docs))
	for _, e := range r.spool.docs {
		id := newID(r.Account, e.id)
		for name := range e.files {
			r.spool.files[nameOf(id, name)] = r.spool.files[nameOf(e.id, name)]
		}
		r.ids[e.id], e.id = id, id
	}
}

// data reads the public fields of a document, with the ids that it will have.
func (r *run) data(e *entry) (document.Doc, error) {
	doc, err := r.spool.object(e.span)
	if err != nil || !r.NewIDs {
		return doc, err
	}
	out, _ := renamed(map[string]any(doc), r.ids).(map[string]any)
	return out, nil
}

// checkPart decides about some documents.
func (r *run) checkPart(ctx context.Context, part []*entry) error {
	ids := make([]string, len(part))
	for i, e := range part {
		ids[i] = e.id
	}
	stored, err := r.db.GetMany(ctx, ids)
	if err != nil {
		return err
	}
	var flows []candidate
	for _, e := range part {
		c := candidate{entry: e, stored: stored[e.id]}
		if c.data, err = r.data(e); err != nil {
			return err
		}
		switch known := r.decide(c); {
		case known:
		case e.kind == callflowType:
			flows = append(flows, c)
		default:
			if err := r.checkOther(ctx, c); err != nil {
				return err
			}
		}
		r.checkFiles(c)
	}
	return r.checkCallflows(ctx, flows)
}

// candidate is a document that is being decided about.
type candidate struct {
	*entry
	data   document.Doc
	stored document.Doc // nil if there is none
}

// decide finds what to do with a document as far as it can be told without
// checking what a save would make of it.
func (r *run) decide(c candidate) (known bool) {
	_, kind := r.kinds[c.kind]
	switch there := c.stored; {
	case !kind && c.kind != callflowType:
		r.wrong.say(c.line, c.id, "type", "enum", fmt.Sprintf("documents of the type %q cannot be imported", c.kind))
		return true
	case there == nil:
		c.action = Create
		return false
	case there.Type() != c.kind:
		r.wrong.say(c.line, c.id, "id", "unique", "a document of the type "+there.Type()+" has the id")
		return true
	case !there.Live():
		r.wrong.say(c.line, c.id, "id", "unique", "a deleted "+c.kind+" has the id; restore it, remove it for good, or import with new ids")
		return true
	case same(there.Content(), c.data):
		c.action = Unchanged
		return true
	case r.OnConflict == Skip:
		c.action = Skip
		return true
	}
	if c.action = Replace; r.OnConflict == Merge {
		c.action = Merge
	}
	return false
}

// settle ends the decision about a document that differs, now that it is known
// what a save would make of it.
func (r *run) settle(c candidate, would document.Doc) {
	switch {
	case c.action == Create:
	case would != nil && same(would.Content(), c.stored.Content()):
		c.action = Unchanged
	case r.OnConflict == Fail:
		r.differ = append(r.differ, c.id)
	}
}

func same(a, b document.Doc) bool { return document.Equal(map[string]any(a), map[string]any(b)) }

// checkOther checks a document that is no callflow.
func (r *run) checkOther(ctx context.Context, c candidate) error {
	would, found, err := r.Resources.Check(ctx, r.writeOf(c))
	if refused, ok := refusal(err); ok {
		r.wrong.rest(c.line, c.id, refused.Data)
		would, err = nil, nil
	}
	r.wrong.violations(c.line, c.id, found)
	r.settle(c, would)
	return err
}

// refusal is an error that is about the document alone.
func refusal(err error) (*problem.Error, bool) {
	if !problem.Is(err, problem.Invalid) {
		return nil, false
	}
	return problem.AsError(err), true
}

// writeOf asks for what is to be done with a document that is no callflow.
func (r *run) writeOf(c candidate) resource.Write {
	w := resource.Write{Kind: r.kinds[c.kind], Merge: c.action == Merge, Write: save.Write{
		AccountID: r.Account, ID: c.id, Data: c.data, Actor: r.Actor, Copy: true,
	}}
	if c.action == Create {
		w.ID, w.Data = "", withID(c.data, c.id)
	}
	return w
}

func withID(data document.Doc, id string) document.Doc {
	out := maps.Clone(data)
	out["id"] = id
	return out
}

// count adds a document to the result.
func (r *run) count(e *entry) {
	n := map[string]*int{
		Create: &r.result.Create, Replace: &r.result.Replace, Merge: &r.result.Merge, Skip: &r.result.Skip, Unchanged: &r.result.Unchanged,
	}[e.action]
	*n++
	if e.action == Create {
		r.result.Versions += len(e.past)
	}
	if e.action == Skip {
		delete(r.files, e)
	}
	r.result.Attachments += len(r.files[e])
	if e.action == Skip || e.action == Unchanged && len(r.files[e]) == 0 {
		return
	}
	if r.result.More = len(r.result.Changes) == mostChanges; !r.result.More {
		r.result.Changes = append(r.result.Changes, Change{e.line, e.id, e.kind, e.action})
	}
}

// checkFiles finds the attachments of a document that are to be written.
func (r *run) checkFiles(c candidate) {
	there := c.stored.Object("_attachments")
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		came := r.spool.files[nameOf(c.id, name)]
		if came == nil {
			continue // which is told of already
		}
		if r.MaxFile > 0 && came.length > r.MaxFile {
			r.wrong.say(c.line, c.id, "attachments", "maxLength", fmt.Sprintf("the attachment %s has %d bytes; the limit is %d", name, came.length, r.MaxFile))
		}
		stub, _ := there[name].(map[string]any)
		if digest := document.Doc(stub).String("digest"); digest == "" || digest != came.digest && digest != c.files[name].Digest {
			r.files[c.entry] = append(r.files[c.entry], name)
		}
	}
}
