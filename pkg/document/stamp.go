package document

import (
	"encoding/json"
	"strings"
	"time"
)

// Stamp is what a save leaves in a document's private fields (contract 2.4).
type Stamp struct {
	Type          string // pvt_type of a new document
	AccountID     string // the account the document belongs to
	AccountDB     string // that account's database, encoded: account%2Fab%2F…
	RequestID     string
	AuthAccountID string // who saves; "" for nobody known
	AuthUserID    string
	Now           time.Time
}

// Apply sets the private fields of a document about to be saved. One without
// _rev is new and gets those that are set once.
func (s Stamp) Apply(d Doc) {
	if d.Rev() == "" {
		d["pvt_type"] = s.Type
		d["pvt_vsn"] = "1"
		d["pvt_account_id"] = s.AccountID
		d["pvt_account_db"] = s.AccountDB
		d["pvt_created"] = GregorianNumber(s.Now)
	}
	d["pvt_modified"] = GregorianNumber(s.Now)
	d["pvt_request_id"] = s.RequestID
	d[TraceKey] = map[string]any{"request_id": s.RequestID}
	d["pvt_is_authenticated"] = s.AuthAccountID != ""
	setOrDelete(d, "pvt_auth_account_id", s.AuthAccountID)
	setOrDelete(d, "pvt_auth_user_id", s.AuthUserID)
	d.SetAlphanumeric()
}

// SetAlphanumeric sets the private field that follows from a document's name.
func (d Doc) SetAlphanumeric() {
	if name, named := d["name"].(string); named {
		d["pvt_alphanum_name"] = Alphanumeric(name)
	} else {
		delete(d, "pvt_alphanum_name")
	}
}

func setOrDelete(d Doc, key, value string) {
	if value == "" {
		delete(d, key)
		return
	}
	d[key] = value
}

// Alphanumeric lower-cases a name and keeps only a to z and 0 to 9, the form
// in which Kazoo searches.
func Alphanumeric(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// Seconds returns the Gregorian seconds at a top-level key, and whether there
// are any.
func (d Doc) Seconds(key string) (int64, bool) {
	n, ok := d[key].(json.Number)
	if !ok {
		return 0, false
	}
	return seconds(string(n))
}
