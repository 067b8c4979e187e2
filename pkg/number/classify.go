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

const (
	tollFree  = " 800 888 877 866 855 844 833 "
	caribbean = " 684 264 268 242 246 441 284 345 767 809 829 849 473 671 876 664 670 787 939 869 758 784 721 868 649 340 "
)

// Classes lists the kinds that [Classify] tells apart, unknown excepted.
func Classes() []string {
	return []string{"emergency", "tollfree_us", "toll_us", "caribbean", "did_us", "international"}
}

// Classify names the kind of a normalised number in the words of Kazoo's
// classifiers: emergency, tollfree_us, toll_us, caribbean, did_us,
// international or unknown. Unlike Kazoo's defaults it also calls an E.164
// number outside +1 international.
func Classify(n string) string {
	for _, e := range Emergency() {
		if n == e {
			return "emergency"
		}
	}
	if national, ok := strings.CutPrefix(n, "+1"); ok && len(national) == 10 && digits(national) {
		area := " " + national[:3] + " "
		switch {
		case strings.Contains(tollFree, area):
			return "tollfree_us"
		case area == " 900 ":
			return "toll_us"
		case strings.Contains(caribbean, area):
			return "caribbean"
		}
	}
	if _, ok := nanp(n); ok {
		return "did_us"
	}
	for _, prefix := range []string{"011", "00", "+"} {
		if rest, ok := strings.CutPrefix(n, prefix); ok && digits(rest) && len(rest) >= 5 {
			return "international"
		}
	}
	return "unknown"
}
