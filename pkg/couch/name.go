package couch

import (
	"net/url"
	"regexp"
	"strings"
	"time"
)

// accountIDLen is the length of every account id (contract 1.1).
const accountIDLen = 32

// IsAccountID reports whether id can be an account's: 32 characters that a
// database name may hold. Ids made here are hexadecimal; Kazoo's own test
// accounts are not.
func IsAccountID(id string) bool {
	if len(id) != accountIDLen {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return true
}

// AccountDB names the database of an account: account/ab/cd/ and the rest of
// its id (contract 6.1).
func AccountDB(id string) string {
	if len(id) < 4 {
		return "account/" + id
	}
	return "account/" + id[:2] + "/" + id[2:4] + "/" + id[4:]
}

// MonthDB names the database of an account's time series for the month of t,
// in UTC: the account's own name followed by -YYYYMM.
func MonthDB(id string, t time.Time) string {
	return AccountDB(id) + "-" + t.UTC().Format("200601")
}

var monthSuffix = regexp.MustCompile(`^-[0-9]{6}$`)

// AccountOf returns the account a database belongs to. month is "" for the
// account's own database and YYYYMM for one of its time series; ok is false
// for any other database.
func AccountOf(db string) (id, month string, ok bool) {
	rest, found := strings.CutPrefix(db, "account/")
	const own = accountIDLen + 2
	if !found || len(rest) < own || rest[2] != '/' || rest[5] != '/' {
		return "", "", false
	}
	id = rest[:2] + rest[3:5] + rest[6:own]
	if !IsAccountID(id) {
		return "", "", false
	}
	switch suffix := rest[own:]; {
	case suffix == "":
		return id, "", true
	case monthSuffix.MatchString(suffix):
		return id, suffix[1:], true
	}
	return "", "", false
}

// MonthOf is the account database that a database is a month of, "" if it is
// none.
func MonthOf(db string) string {
	id, month, ok := AccountOf(db)
	if !ok || month == "" {
		return ""
	}
	return AccountDB(id)
}

// NumberDBs begins the names of the databases of numbers.
const NumberDBs = "numbers/"

// numberPrefix is how many characters of a number name its database
// (contract 4.4).
const numberPrefix = 5

// NumberDB names the database that keeps a number: numbers/+1415 for
// +14158867900, and for +1415 itself. It is "" for fewer characters.
func NumberDB(n string) string {
	if len(n) < numberPrefix {
		return ""
	}
	return NumberDBs + n[:numberPrefix]
}

// IsNumberDB reports whether a database keeps numbers.
func IsNumberDB(name string) bool { return strings.HasPrefix(name, NumberDBs) }

// EncodedDB is a database's name as it stands in URLs and in pvt_account_db:
// account%2Fab%2Fcd%2F….
func EncodedDB(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "+", "%2B")
}
