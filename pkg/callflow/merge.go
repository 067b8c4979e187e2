package callflow

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/problem"
	"github.com/callflowd/callflowd/pkg/save"
	"github.com/callflowd/callflowd/pkg/trace"
)

// mergedAsSets are the arrays whose order does not matter (contract 9.21).
var mergedAsSets = []string{numbersKey, patternsKey, "flags"}

// base returns the document the request was made for: the stored one, or the
// revision it names, from storage or from history. If that revision is not
// available, the save is refused: a write must not overwrite another silently.
func (v *edit) base(ctx context.Context) (document.Doc, error) {
	rev, err := baseRevision(v.Write)
	if err != nil {
		return nil, err
	}
	if rev == "" || rev == v.Stored.Rev() {
		return v.Stored, nil
	}
	doc, err := v.s.version(ctx, v.AccountID, v.ID, rev, v.Stored)
	if problem.Is(err, problem.BadIdentifier) {
		trace.Note(ctx, trace.MergeWithoutBase)
		return nil, &problem.Error{
			Code: problem.Conflict, Msg: "the base revision is gone: " + rev,
			Data: map[string]any{"message": "conflicting documents", "base": "unavailable", "revision": v.Stored.Rev()},
		}
	}
	return doc, err
}

// baseRevision is the revision that a write names as its base; "" if it names
// none. A _rev that is not a string is refused: ignoring it would overwrite other
// writes although the client asked for a merge.
func baseRevision(w Write) (string, error) {
	if w.Base != "" {
		return w.Base, nil
	}
	given := w.Data["_rev"]
	rev, isText := given.(string)
	if given != nil && !isText {
		return "", problem.Validation([]problem.Violation{{
			Path: "_rev", Code: "type", Message: "a revision is a string", Members: map[string]any{"target": "string", "value": given},
		}})
	}
	return rev, nil
}

// gone is the error of a write to a callflow that does not exist. If the write is
// based on a revision and the callflow was deleted since, it is an edit against a
// deletion; else the callflow is not found.
func (v *edit) gone(ctx context.Context) error {
	absent := save.BadIdentifier(v.ID)
	rev, err := baseRevision(v.Write)
	if err != nil || rev == "" || v.action != actionUpdated && v.action != actionPatched {
		return absent
	}
	deleted, err := v.s.current(ctx, v.AccountID, v.ID)
	if err != nil || deleted == nil {
		return cmp.Or(err, absent)
	}
	base, err := v.s.version(ctx, v.AccountID, v.ID, rev, deleted)
	if problem.Is(err, problem.BadIdentifier) || err == nil && !base.Live() {
		return absent
	}
	if err == nil {
		err = v.readPlan(ctx)
	}
	if err != nil {
		return err
	}
	edited := v.s.cleaned(v.asked(base), v.plan)
	edits := document.Diff(publicOf(v.s.cleaned(base, v.plan)), publicOf(edited))
	return cmp.Or(editAgainstDeletion(edits, "yours", deleted.Rev()), absent)
}

// asked is the public document that the request asks for, made from its base.
func (v *edit) asked(base document.Doc) document.Doc {
	if v.action == actionPatched {
		return publicOf(document.Patch(base, v.Data))
	}
	return publicOf(v.Data)
}

// editAgainstDeletion is a [problem.Conflict] that lists the edits of the side
// that did not delete (contract 9.21); nil if there are none.
func editAgainstDeletion(edits []document.Change, side, rev string) error {
	if len(edits) == 0 {
		return nil
	}
	conflicts := make([]any, len(edits))
	for i, e := range edits {
		members := map[string]any{"path": e.Path}
		if e.Op != "add" {
			members["base"] = e.From
		}
		if e.Op != "remove" {
			members[side] = e.To
		}
		conflicts[i] = members
	}
	return &problem.Error{
		Code: problem.Conflict, Msg: "one edited what the other deleted",
		Data: map[string]any{"message": "conflicting documents", "conflicts": conflicts, "revision": rev},
	}
}

// mergeOnto merges two descendants of base, public fields only. Edits of the
// same place are a [problem.Conflict] that lists them.
func mergeOnto(base, yours, stored document.Doc) (document.Doc, error) {
	merged, clashes := document.Merge(publicOf(base), yours, publicOf(stored), mergedAsSets...)
	if len(clashes) == 0 {
		return merged, nil
	}
	conflicts := make([]any, len(clashes))
	for i, c := range clashes {
		c.Members["path"] = c.Path
		conflicts[i] = c.Members
	}
	return nil, &problem.Error{
		Code: problem.Conflict, Msg: "edits overlap at " + clashes[0].Path,
		Data: map[string]any{"message": "conflicting documents", "conflicts": conflicts, "revision": stored.Rev()},
	}
}

// sideOf returns how versions of a document of that type are compared in a
// merge: their public fields, with the defaults of a save.
func (s *Service) sideOf(ctx context.Context, accountID, kind string) (side func(document.Doc) document.Doc, err error) {
	var plan number.DialPlan
	if kind == Type {
		plan, _, err = s.dialPlan(ctx, accountID)
	}
	return func(doc document.Doc) document.Doc {
		out, _ := s.cleanKind(kind, doc, plan)
		return out
	}, err
}

// valid reports whether a save would take the merged document, keys aside.
func (s *Service) valid(doc document.Doc, plan number.DialPlan) bool {
	_, wrong := s.cleanKind(doc.Type(), doc, plan)
	return len(wrong) == 0
}

// cleanKind is [Service.clean] for the public fields of a document of any type.
// One without a schema stays as it is.
func (s *Service) cleanKind(kind string, doc document.Doc, plan number.DialPlan) (document.Doc, []problem.Violation) {
	if kind == Type {
		return s.clean(publicOf(doc), plan)
	}
	name := s.Kinds[kind].Schema
	if _, known := s.Schemas.Schema(name); !known {
		return publicOf(doc), nil
	}
	return s.Schemas.Validate(name, publicOf(doc))
}

// bookkeeping are the private fields that say when and by whom a version was
// written. A merge takes those of the winner; all others it merges.
var bookkeeping = []string{
	"_id", "_rev", "_revisions", "_conflicts", "_deleted_conflicts", "_attachments", "pvt_type", "pvt_vsn", "pvt_account_id", "pvt_account_db",
	"pvt_created", "pvt_modified", "pvt_request_id", "pvt_is_authenticated", "pvt_auth_account_id", "pvt_auth_user_id",
	"pvt_auth_user_name", "pvt_node", "pvt_document_hash", "pvt_alphanum_name", document.TraceKey,
}

// mergePrivate merges the private fields of two descendants of base: a
// password that one site changed must not get lost. A field that both changed
// is a [problem.Conflict], and so are attachments that differ; it names them
// and not their values.
func mergePrivate(base, winner, other document.Doc) (document.Doc, error) {
	next := maps.Clone(winner)
	maps.DeleteFunc(next, func(k string, _ any) bool { return !document.Private(k) })
	var clashes []any
	names := map[string]bool{}
	for _, doc := range []document.Doc{base, winner, other} {
		for k := range doc {
			names[k] = document.Private(k) && !slices.Contains(bookkeeping, k)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		value, present := other[name]
		switch {
		case !names[name], document.Equal(winner[name], value), document.Equal(base[name], value):
		case !document.Equal(base[name], winner[name]):
			clashes = append(clashes, map[string]any{"path": name})
		case present:
			next[name] = value
		default:
			delete(next, name)
		}
	}
	if !maps.Equal(digests(winner), digests(other)) {
		clashes = append(clashes, map[string]any{"path": "_attachments"})
	}
	if len(clashes) == 0 {
		return next, nil
	}
	return nil, &problem.Error{
		Code: problem.Conflict, Msg: "private fields of " + winner.ID() + " were changed twice",
		Data: map[string]any{"message": "conflicting documents", "conflicts": clashes, "revision": winner.Rev()},
	}
}

// digests are a document's attachments by name.
func digests(doc document.Doc) map[string]string {
	out := map[string]string{}
	for name, stub := range doc.Object("_attachments") {
		members, _ := stub.(map[string]any)
		out[name] = document.Doc(members).String("digest")
	}
	return out
}

// sameContent reports whether two versions differ in nothing but who wrote
// them and when.
func sameContent(a, b document.Doc) bool {
	content := func(doc document.Doc) map[string]any {
		out := maps.Clone(doc)
		maps.DeleteFunc(out, func(k string, _ any) bool { return slices.Contains(bookkeeping, k) || k == "metadata" || k == "id" })
		return out
	}
	return document.Equal(content(a), content(b)) && a.Live() == b.Live() && maps.Equal(digests(a), digests(b))
}
