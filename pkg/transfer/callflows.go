package transfer

import (
	"context"
	"hash/maphash"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/save"
)

// refused are problems of numbers and patterns that others have, by path. They
// may come to nothing: the others may be documents of the same import.
type refused map[string]map[string]any

// itemOf is the change that an import makes of a callflow.
func (r *run) itemOf(c candidate) callflow.Item {
	op := map[string]string{Create: callflow.OpCreate, Replace: callflow.OpReplace, Merge: callflow.OpPatch}[c.action]
	item := callflow.Item{Op: op, Write: save.Write{AccountID: r.Account, ID: c.id, Data: c.data, Actor: r.Actor}}
	if op == callflow.OpCreate {
		item.ID, item.Data = "", withID(c.data, c.id)
	}
	return item
}

// checkCallflows checks what saving some callflows together would make of them.
func (r *run) checkCallflows(ctx context.Context, list []candidate) error {
	if len(list) == 0 {
		return nil
	}
	items := make([]callflow.Item, len(list))
	for i, c := range list {
		items[i] = r.itemOf(c)
	}
	outcomes, err := r.Callflows.CheckBatch(ctx, r.Account, items)
	if told, ok := refusal(err); ok {
		r.tellItems(list, told.Data)
		for _, c := range list {
			r.settle(c, nil)
			r.book(c, c.data)
		}
		return nil
	}
	if err != nil {
		return err
	}
	for i, c := range list {
		would := outcomes[i].Doc
		r.settle(c, would)
		r.book(c, would)
	}
	return nil
}

// tellItems adds the problems of a batch to the lines that its items are. What
// concerns no item, such as a refusal of the database, is told without a line.
func (r *run) tellItems(list []candidate, data map[string]any) {
	for path, codes := range data {
		at, rest, _ := strings.Cut(path, ".")
		n, err := strconv.Atoi(at)
		byCode, ok := codes.(map[string]any)
		if err != nil || n >= len(list) || !ok {
			r.wrong.addWhole(path, codes)
			continue
		}
		c := list[n]
		byLines(list, byCode)
		if rest != "numbers" && rest != "patterns" || byCode["unique"] == nil {
			r.wrong.add(c.line, c.id, rest, byCode)
			continue
		}
		if r.taken[c.entry] == nil {
			r.taken[c.entry] = refused{}
		}
		r.taken[c.entry][rest] = byCode
	}
}

// itemNumber is how a batch speaks of another of its items.
var itemNumber = regexp.MustCompile(`\bitem [0-9]+\b`)

// byLines puts the lines of a body where messages speak of items of a batch.
func byLines(list []candidate, codes map[string]any) {
	for _, body := range codes {
		members, _ := body.(map[string]any)
		message, _ := members["message"].(string)
		if !itemNumber.MatchString(message) {
			continue
		}
		members["message"] = itemNumber.ReplaceAllStringFunc(message, func(item string) string {
			n, err := strconv.Atoi(strings.TrimPrefix(item, "item "))
			if err != nil || n >= len(list) {
				return item
			}
			return "line " + strconv.Itoa(list[n].line)
		})
	}
}

// book notes which numbers and patterns a callflow will have, and which the
// stored one will no longer have. Two lines that want the same are wrong.
func (r *run) book(c candidate, would document.Doc) {
	if c.action == Unchanged || c.action == Skip {
		return
	}
	wants := map[uint64]bool{}
	for _, kind := range []string{"numbers", "patterns"} {
		for _, text := range would.Strings(kind) {
			k := r.digest(kind, text)
			wants[k] = true
			if first := r.holder[k]; first != nil && first != c.entry {
				r.wrong.say(c.line, c.id, kind, "unique", "line "+strconv.Itoa(first.line)+" has "+text+" too")
				continue
			}
			r.holder[k] = c.entry
		}
		for _, text := range c.stored.Strings(kind) {
			if k := r.digest(kind, text); !wants[k] && c.action == Replace {
				r.moved[k] = true
			}
		}
	}
}

func (r *run) digest(kind, text string) uint64 { return maphash.String(r.seed, kind+text) }

// judgeTaken tells of the numbers and patterns that others have, but for those
// that the others give up in the same import. It then forgets both: what is found
// taken later, while the import writes, is not given up any more.
func (r *run) judgeTaken() {
	for e, paths := range r.taken {
		for kind, codes := range paths {
			members, _ := codes["unique"].(map[string]any)
			causes, _ := members["causes"].([]any)
			given := func(v any) bool {
				cause, _ := v.(map[string]any)
				text := document.Doc(cause).String(strings.TrimSuffix(kind, "s"))
				return r.moved[r.digest(kind, text)]
			}
			if len(causes) == 0 || len(codes) > 1 || !slices.ContainsFunc(causes, given) || slices.ContainsFunc(causes, func(v any) bool { return !given(v) }) {
				r.wrong.add(e.line, e.id, kind, codes)
			}
		}
	}
	clear(r.taken)
	clear(r.moved)
}

// writeCallflows writes callflows in parts that are each made whole or not at
// all. Those that replace come first, since they may give up numbers.
func (r *run) writeCallflows(ctx context.Context, wrote func(n int)) error {
	var replaced, created []*entry
	for _, e := range r.spool.docs {
		switch {
		case e.kind != callflowType:
		case e.action == Create:
			created = append(created, e)
		case e.action == Replace, e.action == Merge:
			replaced = append(replaced, e)
		}
	}
	parts := slices.Collect(slices.Chunk(replaced, callflow.MaxBatch)) // numbers may move between these
	parts = slices.AppendSeq(parts, slices.Chunk(created, perPart))
	for _, part := range parts {
		list, items := make([]candidate, len(part)), make([]callflow.Item, len(part))
		for i, e := range part {
			list[i].entry = e
			var err error
			if list[i].data, err = r.data(e); err != nil {
				return err
			}
			if err := r.writePast(ctx, list[i]); err != nil {
				return err
			}
			items[i] = r.itemOf(list[i])
		}
		_, err := r.Callflows.BatchAtomic(ctx, r.Account, items)
		if told, ok := refusal(err); ok { // somebody else wrote meanwhile
			r.tellItems(list, told.Data)
			r.judgeTaken()
			return r.wrong.err()
		}
		if err != nil {
			return err
		}
		wrote(len(part))
	}
	return nil
}

// writePast gives a callflow that is about to be created its older versions.
func (r *run) writePast(ctx context.Context, c candidate) error {
	if c.action != Create || len(c.past) == 0 {
		return nil
	}
	list := make([]callflow.Past, len(c.past))
	for i, at := range c.past {
		line, err := r.spool.object(at)
		if err != nil {
			return err
		}
		list[i] = pastOf(line)
		if r.NewIDs {
			list[i].Data, _ = renamed(map[string]any(list[i].Data), r.ids).(map[string]any)
		}
	}
	return r.Callflows.PutPast(ctx, r.Account, c.id, list)
}

// write does what check has decided.
func (r *run) write(ctx context.Context) error {
	total := r.result.Create + r.result.Replace + r.result.Merge
	done := 0
	wrote := func(n int) {
		done += n
		r.tell(Written, done, total)
	}
	if err := r.writeOthers(ctx, wrote); err != nil {
		return unfinished(err, done, total)
	}
	return unfinished(r.writeCallflows(ctx, wrote), done, total)
}

// unfinished adds to an error how far the import has come.
func unfinished(err error, done, total int) error {
	if err == nil {
		return nil
	}
	e := *problem.AsError(err)
	if e.Code != problem.Invalid {
		data := map[string]any{}
		maps.Copy(data, e.Data)
		data["written"], data["of"] = done, total
		if _, said := data["message"]; !said {
			data["message"] = strconv.Itoa(done) + " of " + strconv.Itoa(total) + " documents are written; the same import goes on"
		}
		e.Data = data
	}
	return &e
}

// writeOthers writes documents that are no callflows, and attachments.
func (r *run) writeOthers(ctx context.Context, wrote func(n int)) error {
	for _, e := range r.spool.docs {
		if e.kind == callflowType {
			continue
		}
		if e.action == Create || e.action == Replace || e.action == Merge {
			c := candidate{entry: e}
			var err error
			if c.data, err = r.data(e); err != nil {
				return err
			}
			if err := r.Resources.Copy(ctx, r.writeOf(c)); err != nil {
				return r.atLine(e, err)
			}
			wrote(1)
		}
		for _, name := range r.files[e] {
			data, err := r.spool.load(r.spool.files[nameOf(e.id, name)].span)
			if err != nil {
				return err
			}
			if err := r.Resources.AddFile(ctx, r.kinds[e.kind], r.Account, e.id, resource.File{Name: name, Type: e.files[name].ContentType, Data: data}); err != nil {
				return r.atLine(e, err)
			}
		}
	}
	return nil
}

// atLine puts the line before the problems of a document.
func (r *run) atLine(e *entry, err error) error {
	told, ok := refusal(err)
	if !ok {
		return err
	}
	r.wrong.rest(e.line, e.id, told.Data)
	return r.wrong.err()
}
