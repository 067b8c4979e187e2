package notice

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/document"
)

// The events of Kazoo's notices. A soft deletion is a deletion.
const (
	docCreated = "doc_created"
	docEdited  = "doc_edited"
	docDeleted = "doc_deleted"
	dbCreated  = "db_created"
	dbDeleted  = "db_deleted"
)

// databaseType stands in place of a pvt_type in notices of databases.
const databaseType = "database"

// change is one write, as a notice tells of it.
type change struct {
	event     string
	db        string // its name, unescaped
	id        string
	kind      string // pvt_type, "" for none
	rev       string // after the write
	accountID string
	created   int64 // Gregorian seconds, 0 for none
	modified  int64
	soft      bool // pvt_deleted
}

// changeOf describes a write of doc, which carries the revision it got. isNew
// says that it was saved without one. The order of the cases is Kazoo's.
func changeOf(db string, doc document.Doc, isNew bool) change {
	c := change{
		event: docEdited, db: db, id: doc.ID(), kind: doc.Type(), rev: doc.Rev(),
		accountID: accountOf(db, doc), soft: doc["pvt_deleted"] == true,
	}
	switch {
	case c.soft || doc["_deleted"] == true:
		c.event = docDeleted
	case isNew:
		c.event = docCreated
	}
	c.created, _ = doc.Seconds("pvt_created")
	c.modified, _ = doc.Seconds("pvt_modified")
	return c
}

// changeOfDB describes the making or the end of a database.
func changeOfDB(db, event string) change {
	return change{event: event, db: db, id: couch.EncodedDB(db), kind: databaseType, accountID: accountOf(db, nil)}
}

// accountOf is the account that a document names or else its database.
func accountOf(db string, doc document.Doc) string {
	if id := doc.String("pvt_account_id"); len(id) == 32 {
		return id
	}
	id, _, _ := couch.AccountOf(db)
	return id
}

// maxKey is the length of AMQP's short strings, in bytes.
const maxKey = 255

// key is the notice's routing key: four words, of which Kazoo encodes the last
// one only. A key that AMQP cannot hold is cut within its last word, which
// nobody binds to: what counts is the message.
func (c change) key() string {
	kind := c.kind
	if kind == "" {
		kind = "undefined"
	}
	key := c.event + "." + couch.EncodedDB(c.db) + "." + kind + "."
	for _, r := range []byte(c.id) {
		letter := encodeByte(r)
		if c.id == "*" || c.id == "#" {
			letter = c.id
		}
		if len(key)+len(letter) > maxKey {
			break
		}
		key += letter
	}
	return key
}

// encodeByte writes one byte of a routing key's last word as Kazoo does.
func encodeByte(b byte) string {
	switch {
	case 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', '0' <= b && b <= '9', strings.IndexByte("-~_", b) >= 0:
		return string(rune(b))
	case b == ' ':
		return "+"
	}
	return "%" + strings.ToUpper(hex.EncodeToString([]byte{b}))
}

// body is the notice itself. Kazoo crosses the dates over, and drops what is
// empty. node must not be the name of a node of the cluster: with the name of
// its cache it would make that node ignore the notice.
func (c change) body(node string) ([]byte, error) {
	fields := map[string]any{
		"Event-Category": "configuration", "Event-Name": c.event,
		"App-Name": "datamgr", "App-Version": "4.0.0", "Msg-ID": messageID(), "Node": node,
		"ID": c.id, "Database": couch.EncodedDB(c.db), "Origin-Cache": "kazoo_data_cache",
		"Is-Soft-Deleted": c.soft,
	}
	if c.kind == databaseType {
		fields["App-Version"] = "1.0.0"
	}
	for name, text := range map[string]string{"Type": c.kind, "Rev": c.rev, "Account-ID": c.accountID} {
		if text != "" {
			fields[name] = text
		}
	}
	for name, seconds := range map[string]int64{"Date-Created": c.modified, "Date-Modified": c.created} {
		if seconds != 0 {
			fields[name] = seconds
		}
	}
	return json.Marshal(fields)
}

func messageID() string {
	id := make([]byte, 8)
	_, _ = rand.Read(id)
	return hex.EncodeToString(id)
}
