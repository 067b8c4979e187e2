package ui

import (
	"fmt"
	"strings"
)

// say gives a text of the pages, with values in its places. Of a text with two
// forms the first is for one, the second for another number: the last value
// decides. A key that is not in words is a mistake of ours, and shows as itself.
func say(key string, values ...any) string {
	text, ok := words[key]
	if !ok {
		return key
	}
	if one, many, forms := strings.Cut(text, "|"); forms {
		text = many
		if len(values) > 0 && values[len(values)-1] == 1 {
			text = one
		}
	}
	if len(values) == 0 {
		return text
	}
	return fmt.Sprintf(text, values...)
}

// words are all texts of the pages. A test holds the keys against those that
// the pages use.
var words = map[string]string{
	"brand":      "callflowd",
	"skip":       "Skip to the content",
	"more":       "and %d more",
	"none":       "none",
	"cancel":     "Cancel",
	"copy":       "Copy",
	"copied":     "Copied",
	"signout":    "Sign out",
	"role.user":  "user",
	"role.admin": "administrator", "role.master": "administrator of all accounts",

	"nav.label": "This account", "nav.above": "Accounts above",
	"nav.callflows": "Callflows", "nav.test": "Number tester", "nav.map": "Map", "nav.analysis": "Analysis", "nav.conflicts": "Conflicts",
	"nav.deleted": "Deleted", "nav.changes": "Changes", "nav.accounts": "Accounts below", "nav.system": "System",

	"signin.title": "Sign in", "signin.user": "As a user", "signin.key": "With an API key", "signin.username": "User name",
	"signin.password": "Password", "signin.account": "Account", "signin.by": "The account is named by", "signin.account_name": "by name",
	"signin.account_realm": "by realm", "signin.phone_number": "by number", "signin.apikey": "API key of the account", "signin.go": "Sign in",
	"signin.wrong": "These credentials do not fit. Check each field and try again.", "signin.locked": "This account is disabled or has expired.",
	"again.title": "Opening the page", "again.text": "The page is being opened.", "again.link": "Open it now",

	"failed.title": "%s (%d)", "failed.400": "The request cannot be read", "failed.403": "Not allowed", "failed.404": "Not found", "failed.409": "Changed meanwhile",
	"failed.412": "Changed meanwhile", "failed.429": "Too many requests", "failed.503": "Not available just now", "failed.other": "This did not work",
	"failedhelp.400": "The address or the form holds something that is not understood.", "failedhelp.403": "You are signed in, but may not see this or do this. Sign in as somebody who may.",
	"failedhelp.404": "There is nothing at this address. It may have been deleted, or the link is not whole.", "failedhelp.409": "Somebody else has changed this meanwhile. Go back, reload and look again.",
	"failedhelp.412": "Somebody else has changed this meanwhile. Go back, reload and look again.", "failedhelp.429": "Wait a little, then try again.",
	"failedhelp.503": "The storage does not answer. Try again in a moment.", "problems.rest": "Show %d more",
	"failed.home": "Back to the callflows", "failed.id": "The log has this request as",

	"col.name": "Name", "col.numbers": "Numbers", "col.number": "Number", "col.patterns": "Patterns", "col.pattern": "Pattern", "col.modules": "Modules",
	"col.warnings": "Warnings", "col.callflow": "Callflow", "col.other": "Other callflow", "col.document": "Document", "col.type": "Type",

	"pager.label": "Pages of this list", "pager.earlier": "Previous", "pager.later": "Next", "pager.rows": "%d to %d of %d",
	"picture.text": "The same as text",

	"severity.error": "error", "severity.warning": "warning", "severity.info": "note",

	"change.op": "Change", "change.path": "Where", "change.from": "Before", "change.to": "After",
	"op.add": "added", "op.remove": "removed", "op.replace": "changed",

	"callflows.title": "Callflows", "callflows.search": "Search callflows", "callflows.in": "in", "callflows.go": "Search",
	"callflows.clear": "Show all", "callflows.found": "%d of %d callflow|%d of %d callflows", "callflows.all": "%d callflow|%d callflows",
	"callflows.unknown": "The analysis of patterns is still running; reload for its warnings.",
	"callflows.loading": "The list of callflows is being read. The page comes again by itself.",
	"callflows.nothing": "No callflow fits.", "callflows.noneyet": "This account has no callflows yet.", "callflows.feature": "feature code", "callflows.empty": "has no action: the call ends at once",
	"callflows.missing": "refers to a %s that does not exist: %s", "callflows.gone": "refers to a %s that is deleted: %s",
	"field.": "everything", "field.name": "names", "field.number": "numbers and patterns", "field.module": "modules", "field.reference": "references",

	"callflow.id": "The callflow's id", "callflow.revision": "revision", "callflow.stored": "Show the stored version",
	"callflow.version": "%s, version %s", "callflow.old": "This is an old version. It takes no calls.", "callflow.againstnow": "Compare with the stored version",
	"callflow.problems": "This would not be saved as it is", "callflow.warnings": "Worth a look", "callflow.entry": "How a call gets here",
	"callflow.drawn": "What happens", "callflow.picture": "Picture of %s", "callflow.branch": "Only a part is drawn, from", "callflow.whole": "Draw all",
	"callflow.refs": "References", "callflow.out": "It refers to", "callflow.in": "Referred to by", "callflow.missing": "does not exist",
	"callflow.gone": "deleted", "callflow.noout": "Nothing.", "callflow.noin": "Nothing refers to it.",
	"callflow.history": "History", "callflow.document": "Document", "callflow.json": "Show the JSON",
	"callflow.cut": "Only the beginning is shown here.", "callflow.files": "As a file:", "callflow.as": "as must be one of json, svg, mermaid, text",
	"as.json": "JSON", "as.svg": "SVG", "as.mermaid": "Mermaid", "as.text": "Text",
	"who.user": "user %s", "who.account": "account %s", "who.nobody": "not known",

	"history.at": "When (UTC)", "history.action": "What", "history.who": "Who", "history.revision": "Revision", "history.compare": "Compare",
	"history.do": "Actions", "history.current": "stored", "history.incomplete": "content not kept", "history.from": "from", "history.to": "to",
	"history.fromrev": "Compare from %s", "history.torev": "Compare to %s", "history.go": "Compare",

	"compare.title": "Two versions of %s", "compare.picture": "Both versions in one picture, from %s to %s", "compare.from": "From", "compare.to": "To",
	"compare.text": "Each change", "compare.same": "Both versions are the same.", "compare.restore": "Restore version %s",

	"restore.title": "Restore %s?", "restore.ask": "Restore", "restore.version": "version", "restore.refused": "It was not restored",
	"restore.moves": "Numbers that will go elsewhere", "restore.before": "Goes to now", "restore.after": "Will go to", "restore.nobody": "nobody",
	"restore.nomoves": "No number changes its destination.", "restore.such": "such as", "restore.undecided": "Not decided",
	"restore.changes": "What changes in the callflow", "restore.sure": "The version becomes the stored one. The present one stays in the history.",
	"restore.go": "Restore this version",

	"tester.title": "Number tester", "tester.form": "A number and a time", "tester.number": "Number", "tester.ask": "Where does it go?", "tester.go": "Test", "tester.place": "as it is dialled",
	"tester.at": "As of (UTC)", "tester.help": "Type a number as somebody would dial it. You see which callflow takes it, and why.",
	"tester.goes": "goes to", "tester.nobody": "is taken by no callflow", "tester.capture": "captured", "tester.normalized": "Normalized to",
	"tester.asof": "as of %s UTC", "tester.incomplete": "The patterns took too much work: another one may have won.",
	"tester.uncertain": "It is not certain what these callflows were then:", "tester.way": "The way of the call",
	"tester.wayhelp": "The marked way is what every call takes. What comes after it depends on the caller, the time and who answers.",
	"tester.picture": "Picture of %s with the way of %s marked", "tester.steps": "Step by step", "tester.candidates": "Patterns that match",
	"tester.form2": "On the number as", "tester.captured": "Captured", "tester.outcome": "Outcome", "tester.skipped": "Patterns that were passed over",
	"tester.when": "At another time", "tester.history": "Versions of %s", "tester.then": "Where did it go then?",
	"tester.link": "Link to this answer", "tester.share": "Whoever opens it sees where the number goes then", "tester.sharenow": "Whoever opens it sees this answer",
	"tester.sharethen": "Whoever opens it sees the answer as of %s UTC",
	"match.number":     "by its number", "match.pattern": "by its pattern", "match.no_match": "as the callflow for what nothing else takes",
	"times.now": "now", "times.hour": "an hour ago", "times.yesterday": "yesterday at noon", "times.week": "a week ago",

	"map.title": "Map", "map.help": "How the callflows of this account lead to one another.", "map.picture": "Map of the account's callflows",

	"analysis.title": "Analysis", "analysis.help": "What is wrong or surprising about the numbers and patterns of this account. A witness is a shortest number that shows it.",
	"analysis.allkinds": "Show all kinds", "analysis.none": "Nothing is wrong.", "analysis.message": "What is found", "analysis.witness": "Witness",
	"analysis.winner": "taken by %s", "analysis.look": "Compare", "analysis.beside": "Side by side", "analysis.all": "Show all %d",
	"analysis.not": "Not analysed", "analysis.late": "The analysis takes long. Try again in a moment.",
	"kind.overlap": "Overlapping patterns", "kindhelp.overlap": "Patterns of two callflows match the same numbers.",
	"kind.shadowed": "Patterns that never win", "kindhelp.shadowed": "Everything such a pattern matches goes elsewhere.",
	"kind.equal": "Patterns that match the same", "kindhelp.equal": "Two callflows have patterns that match exactly the same numbers.",
	"kind.takes_number": "Patterns over a number", "kindhelp.takes_number": "The pattern matches a number of another callflow, which keeps it.",
	"kind.unreachable": "Patterns that match nothing", "kindhelp.unreachable": "No number that can be dialled reaches such a pattern.",
	"kind.unanchored": "Patterns without ends", "kindhelp.unanchored": "Such a pattern matches inside longer numbers, too.",
	"kind.emergency": "Emergency numbers", "kindhelp.emergency": "A pattern that is not meant for it takes an emergency number.",
	"kind.invalid": "Patterns that do not compile", "kindhelp.invalid": "Such a pattern never matches.",
	"kind.extended_syntax": "Slow patterns", "kindhelp.extended_syntax": "Such a pattern uses syntax that is tried one by one.",
	"kind.double_booked": "Booked twice", "kindhelp.double_booked": "Several callflows have the same number or pattern. The lowest id takes it.",

	"beside.title": "Side by side", "beside.number": "Both can take",

	"conflicts.title": "Conflicts", "conflicts.help": "What two sites changed at once, and what replication could not decide.", "conflicts.none": "There are no conflicts.",
	"conflicts.documents": "Documents with several versions", "conflicts.winner": "Wins now", "conflicts.losers": "Others", "conflicts.merge": "Merge",
	"conflicts.mergeable": "possible", "conflicts.clash": "edits overlap", "conflicts.open": "Open", "conflicts.domerge": "Merge", "conflicts.keepwinner": "Keep what wins now",
	"conflicts.numbers": "Numbers booked twice", "conflicts.patterns": "Patterns booked twice",
	"conflict.title": "Conflict of %s", "conflict.all": "All conflicts", "conflict.merge": "What a merge would give", "conflict.mergehelp": "Against the version that wins now:",
	"conflict.mergesame": "A merge gives the version that wins now.", "conflict.clash": "The versions changed the same places. Keep one of them.",
	"conflict.base": "Was", "conflict.stored": "Winning version", "conflict.yours": "Other version", "conflict.wins": "Wins now", "conflict.loser": "Other version",
	"conflict.changed": "changed %s UTC", "conflict.deleted": "deleted", "conflict.same": "It does not differ in what people set.", "conflict.keep": "Keep this version",
	"conflict.winner": "Version %s, which wins now", "conflict.against": "Version %s against the one that wins now",

	"deleted.title": "Deleted callflows", "deleted.at": "Deleted (UTC)", "deleted.removed": "removed for good", "deleted.unknown": "not known",
	"deleted.none": "No deleted callflow can be restored.",

	"changes.title": "Changes", "changes.help": "What changes in this account from now on.", "changes.since": "Show what has changed since this page was opened",
	"changes.live": "Changes appear as they happen.", "changes.lost": "The connection is lost; the page tries again.", "changes.ended": "Changes no longer appear. Reload the page.", "changes.deleted": "deleted", "changes.at": "Changed (UTC)",
	"changes.unknown": "not known", "changes.none": "Nothing has changed yet.", "changes.more": "Show the next ones",

	"system.title": "System", "system.program": "Program", "system.version": "Version", "system.storage": "Storage", "system.feed": "Change feed",
	"system.fresh": "followed", "system.stale": "not followed", "system.lag": "furthest behind by %s", "system.index": "In memory",
	"system.accounts": "%d account|%d accounts", "system.numbers": "%d number|%d numbers", "system.patterns": "%d pattern|%d patterns", "system.health": "Health", "system.part": "Part", "system.state": "State", "system.works": "works",
	"system.broken": "does not work",
	"system.copies": "Replications", "system.copieshelp": "Accounts that are copied to or from other sites.", "system.nocopies": "Nothing is copied to or from another site.",
	"system.remote": "Other site", "system.direction": "Direction", "system.continuous": "all the time", "system.databases": "Databases", "system.written": "Documents written",
	"system.failures": "%d failed", "system.pending": "Waiting", "system.behind": "Behind by", "system.unknown": "not known yet",
	"direction.push": "to the other site", "direction.pull": "from the other site", "direction.both": "both ways",
	"state.starting": "starting", "state.running": "running", "state.retrying": "trying again", "state.completed": "completed", "state.failed": "failed",

	"accounts.title": "Accounts below", "accounts.search": "Search accounts", "accounts.below": "%d account is below this one.|%d accounts are below this one.", "accounts.found": "%d fits.|%d fit.",
	"accounts.none": "None.", "accounts.in": "in", "accounts.hidden": "%d below it",

	"done.restored": "The version is restored.", "done.settled": "The conflict is settled.",
}
