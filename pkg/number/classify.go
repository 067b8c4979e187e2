package number

import (
	"regexp"
	"strings"
)

// Reconcilable reports whether a normalised number is one the number manager
// could know, by Kazoo's default reconcile_regex (contract 4.3): ten digits
// with or without 1 or +1, other E.164 numbers, and what starts with 011 or 00.
func Reconcilable(n string) bool {
	n = strings.TrimSuffix(n, "\n")
	if rest, ok := strings.CutPrefix(n, "+"); ok {
		if len(rest) == 11 && rest[0] == '1' {
			return digits(rest)
		}
		return len(rest) >= 8 && rest[0] >= '2' && digits(rest)
	}
	if !digits(n) {
		return false
	}
	return len(n) == 10 || len(n) == 11 && n[0] == '1' ||
		strings.HasPrefix(n, "011") || strings.HasPrefix(n, "00")
}

// Emergency lists the numbers of Kazoo's default emergency classifier.
func Emergency() []string {
	return []string{"911", "922", "933", "833", "811", "711", "999"}
}

// Classifier is one of Kazoo's default kinds of numbers.
type Classifier struct {
	Name         string
	FriendlyName string
	Regex        string // of numbers as they are stored; its last group is what PrettyPrint shows
	PrettyPrint  string // S leaves a character out, # shows one; "" shows the number as it is
	Emergency    bool
}

// Classifiers lists Kazoo's default kinds of numbers, in the order in which
// they are tried.
func Classifiers() []Classifier {
	const american = "SS(###) ### - ####"
	caribbean := []string{
		"684", "264", "268", "242", "246", "441", "284", "345", "767", "809", "829", "849", "473", "671", "876", "664", "670", "787", "939", "869",
		"758", "784", "721", "868", "649", "340",
	}
	return []Classifier{
		{"tollfree_us", "US TollFree", `^\+1((?:800|88\d|877|866|855|844|833|822)\d{7})$`, american, false},
		{"toll_us", "US Toll", `^\+1(900\d{7})$`, american, false},
		{"emergency", "Emergency Dispatcher", "^(" + strings.Join(Emergency(), "|") + ")$", "", true},
		{"caribbean", "Caribbean", `^\+?1((?:` + strings.Join(caribbean, "|") + `)\d{7})$`, american, false},
		{"did_us", "US DID", `^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$`, american, false},
		{"international", "International", `^\+([2-9]\d{7,})$`, "", false},
		{"unknown", "Unknown", "^(.*)$", "", false},
	}
}

// Classes lists the names of the kinds that say something of a number.
func Classes() []string {
	return []string{"emergency", "tollfree_us", "toll_us", "caribbean", "did_us", "international"}
}

// Classify returns the first kind that a number is of.
func Classify(n string) Classifier {
	all := Classifiers()
	for _, c := range all {
		if regexp.MustCompile(c.Regex).MatchString(n) {
			return c
		}
	}
	return all[len(all)-1]
}
