// Package uninstall knows everything that callflowd writes into a CouchDB, and
// removes from one what nothing but callflowd needs, so that a Kazoo goes on as
// if callflowd had never been there.
//
// [Written] is the one list of what is written. README shows it, and a test
// compares both with what a run of the program writes. What has no group in it
// is Kazoo's as well and is never touched.
package uninstall

import (
	"regexp"
	"strings"
	"sync"
)

// The groups in which what is removed is shown, in this order.
const (
	GroupCopies       = "copies to other sites"
	GroupUnfinished   = "unfinished operations"
	GroupViews        = "views"
	GroupReservations = "reservations"
	GroupHistory      = "history of callflows"
	GroupMonths       = "databases of months, empty without it"
	GroupRevocations  = "revoked tokens"
	GroupKeys         = "signing keys"
	GroupState        = "state of processes and notices"
)

// Entry is one kind of what callflowd writes.
type Entry struct {
	Databases []string // their names, with placeholders as README explains them
	Documents []string // likewise; none for the databases themselves
	Group     string   // it is removed with; "" for what stays
	Type      string   // pvt_type without which it is not removed, "" for any
}

const (
	accountDB = "account/{A}"
	monthDB   = "account/{A}-{YYYYMM}"
	numbersDB = "numbers/{PREFIX}"
)

// Written is the list, in README's order. Of several entries that a document
// fits, the first counts.
func Written() []Entry {
	return []Entry{
		{Databases: []string{"accounts", "system_schemas", "system_config", "system_auth", "token_auth", "_users", "_replicator", "_global_changes"}},
		{Databases: []string{accountDB}},
		{Databases: []string{monthDB}, Group: GroupMonths},
		{Databases: []string{numbersDB}},
		{Databases: []string{numbersDB, accountDB}, Documents: []string{"+{NUMBER}"}},
		{Databases: []string{"accounts", "token_auth", accountDB, numbersDB}, Documents: []string{"_design/callflowd", "_design/callflowd_{NAME}"}, Group: GroupViews},
		{Databases: []string{"accounts", "token_auth", accountDB, numbersDB}, Documents: []string{"_design/{NAME}"}, Group: GroupViews},
		{Databases: []string{accountDB}, Documents: []string{"{ID}"}},
		{Databases: []string{accountDB}, Documents: []string{"callflowd_reservation-{HASH}"}, Group: GroupReservations, Type: "callflowd_reservation"},
		{Databases: []string{monthDB}, Documents: []string{"{YYYYMM}-{DOC}-{GENERATION}-{HASH}"}, Group: GroupHistory, Type: "callflowd_history"},
		{Databases: []string{monthDB}, Documents: []string{"_security"}},
		{Databases: []string{"accounts"}, Documents: []string{"{ID}"}},
		{Databases: []string{"accounts"}, Documents: []string{"callflowd-name-{NAME}", "callflowd-realm-{REALM}"}, Group: GroupReservations, Type: "callflowd_reservation"},
		{Databases: []string{"accounts"}, Documents: []string{"callflowd-intent-{ID}", "callflowd-intent-tree"}, Group: GroupUnfinished, Type: "callflowd_intent"},
		{Databases: []string{"accounts"}, Documents: []string{"callflowd-batch-{ID}"}, Group: GroupUnfinished, Type: "callflowd_batch"},
		{Databases: []string{"_replicator"}, Documents: []string{"callflowd-{ID}-push-{HASH}", "callflowd-{ID}-pull-{HASH}"}, Group: GroupCopies},
		{Databases: []string{"_replicator"}, Documents: []string{"{NAME}"}},
		{Databases: []string{"callflowd_replications"}, Group: GroupCopies},
		{Databases: []string{"callflowd_replications"}, Documents: []string{"{ID}"}, Group: GroupCopies},
		{Databases: []string{"system_config"}, Documents: []string{"accounts", "auth"}},
		{Databases: []string{systemConfig}, Documents: []string{"_local/callflowd_probe", processPrefix + "{HASH}", stoppedID}, Group: GroupState},
		{Databases: []string{"system_auth"}, Documents: []string{"callflowd-key-{N}"}, Group: GroupKeys},
		{Databases: []string{"system_auth"}, Documents: []string{"callflowd-revoked-{HASH}"}, Group: GroupRevocations, Type: "callflowd_revocation"},
		{Databases: []string{accountDB, "accounts", numbersDB}, Documents: []string{"_local/callflowd-notices-{HASH}"}, Group: GroupState},
		{Databases: []string{"token_auth"}, Documents: []string{"{TOKEN}"}},
	}
}

// placeholders are what stands for a placeholder. One that is not among them
// may be anything.
var placeholders = map[string]string{
	"{YYYYMM}": `[0-9]{6}`, "{A}": `[0-9a-z_]{2}/[0-9a-z_]{2}/[0-9a-z_]{28}`, "{ID}": `[0-9a-f]{32}`,
	"{N}": `[0-9]+`, "{GENERATION}": `[0-9]+`, "{HASH}": `[0-9a-f]+`,
}

var placeholder = regexp.MustCompile(`\{[A-Z]+\}`)

// match reports whether a name fits one of the list's patterns.
func match(patterns []string, name string) bool {
	for _, p := range patterns {
		if forms()[p].MatchString(name) {
			return true
		}
	}
	return false
}

// forms are the patterns of the list, compiled.
var forms = sync.OnceValue(func() map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for _, e := range Written() {
		for _, p := range append(e.Databases, e.Documents...) {
			all[p] = compile(p)
		}
	}
	return all
})

func compile(pattern string) *regexp.Regexp {
	var text strings.Builder
	text.WriteString("^")
	end := 0
	for _, at := range placeholder.FindAllStringIndex(pattern, -1) {
		text.WriteString(regexp.QuoteMeta(pattern[end:at[0]]))
		form, ok := placeholders[pattern[at[0]:at[1]]]
		if !ok {
			form = `.+`
		}
		text.WriteString(form)
		end = at[1]
	}
	return regexp.MustCompile(text.String() + regexp.QuoteMeta(pattern[end:]) + "$")
}

// Covers reports whether the entry is about a document, or with id "" about a
// database itself.
func (e Entry) Covers(db, id string) bool {
	if !match(e.Databases, db) {
		return false
	}
	if id == "" {
		return len(e.Documents) == 0
	}
	return match(e.Documents, id)
}
