package number

import "strings"

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

// Classes lists the kinds of numbers that Kazoo's default classifiers tell
// apart.
func Classes() []string {
	return []string{"emergency", "tollfree_us", "toll_us", "caribbean", "did_us", "international"}
}
