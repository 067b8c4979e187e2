package notice

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

const (
	account    = "4a6863d2c94b0aa4d9ad25f3f4c1e6a1"
	accountDB  = "account/4a/68/63d2c94b0aa4d9ad25f3f4c1e6a1"
	encodedDB  = "account%2F4a%2F68%2F63d2c94b0aa4d9ad25f3f4c1e6a1"
	callflowID = "0b7c0f1f4c0e4f5fb8f1c9a1e2d3c4b5"
)

// edited is the callflow of the worked example.
const edited = `{"_id":"0b7c0f1f4c0e4f5fb8f1c9a1e2d3c4b5","_rev":"4-5d1c","pvt_type":"callflow",
	"pvt_account_id":"4a6863d2c94b0aa4d9ad25f3f4c1e6a1","pvt_created":63870000000,"pvt_modified":63878219200}`

// What a notice of the worked example says: every field, and no other. The
// dates are crossed over, as Kazoo's are.
func TestWorkedExample(t *testing.T) {
	c := changeOf(accountDB, couchtest.JSON[document.Doc](t, edited), false)
	if want := "doc_edited." + encodedDB + ".callflow." + callflowID; c.key() != want {
		t.Errorf("key %s, want %s", c.key(), want)
	}
	got := decode(t, c)
	if id, _ := got["Msg-ID"].(string); !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(id) {
		t.Errorf("Msg-ID %q", id)
	}
	delete(got, "Msg-ID")
	want := map[string]any{
		"Event-Category": "configuration", "Event-Name": "doc_edited", "App-Name": "datamgr", "App-Version": "4.0.0",
		"Node": "callflowd-test", "ID": callflowID, "Type": "callflow", "Database": encodedDB, "Account-ID": account,
		"Rev": "4-5d1c", "Date-Created": 63878219200.0, "Date-Modified": 63870000000.0, "Is-Soft-Deleted": false,
		"Origin-Cache": "kazoo_data_cache",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func decode(t *testing.T, c change) map[string]any {
	t.Helper()
	raw, err := c.body("callflowd-test")
	if err != nil {
		t.Fatal(err)
	}
	return couchtest.JSON[map[string]any](t, string(raw))
}

func TestEvents(t *testing.T) {
	tests := []struct {
		name  string
		doc   string
		isNew bool
		event string
		soft  bool
	}{
		{"created", `{"_id":"a","_rev":"1-a"}`, true, docCreated, false},
		{"edited", `{"_id":"a","_rev":"2-a"}`, false, docEdited, false},
		{"soft-deleted", `{"_id":"a","_rev":"2-a","pvt_deleted":true}`, false, docDeleted, true},
		{"created as deleted", `{"_id":"a","_rev":"1-a","pvt_deleted":true}`, true, docDeleted, true},
		{"deleted for good", `{"_id":"a","_rev":"2-a","_deleted":true}`, false, docDeleted, false},
		{"undeleted", `{"_id":"a","_rev":"3-a","pvt_deleted":false}`, false, docEdited, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := changeOf("accounts", couchtest.JSON[document.Doc](t, tt.doc), tt.isNew)
			body := decode(t, c)
			if c.event != tt.event || body["Event-Name"] != tt.event || body["Is-Soft-Deleted"] != tt.soft {
				t.Errorf("%s, %v", c.event, body)
			}
			for _, absent := range []string{"Type", "Account-ID", "Date-Created", "Date-Modified"} {
				if value, ok := body[absent]; ok {
					t.Errorf("%s: %v", absent, value)
				}
			}
		})
	}
}

func TestRoutingKey(t *testing.T) {
	tests := []struct {
		name string
		c    change
		want string
	}{
		{"a number", change{event: docEdited, db: "numbers/+1415", kind: "number", id: "+14158867900"}, "doc_edited.numbers%2F%2B1415.number.%2B14158867900"},
		{"no type", change{event: docEdited, db: "accounts", id: "a"}, "doc_edited.accounts.undefined.a"},
		{"odd bytes", change{event: docEdited, db: "accounts", kind: "x", id: "a.b c~_-é/"}, "doc_edited.accounts.x.a%2Eb+c~_-%C3%A9%2F"},
		{"a lone star", change{event: docEdited, db: "accounts", kind: "x", id: "*"}, "doc_edited.accounts.x.*"},
		{"a star among others", change{event: docEdited, db: "accounts", kind: "x", id: "*#"}, "doc_edited.accounts.x.%2A%23"},
		{"a database", changeOfDB(accountDB, dbDeleted), "db_deleted." + encodedDB + ".database." + strings.ReplaceAll(encodedDB, "%", "%25")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.c.key(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	long := change{event: docEdited, db: accountDB, kind: "callflow", id: strings.Repeat("é", 100)}
	if key := long.key(); len(key) > 255 || strings.Count(key, ".") != 3 || !strings.HasSuffix(key, "%A9") && !strings.HasSuffix(key, "%C3") {
		t.Errorf("a long key: %s", key)
	}
}

func TestDatabaseNotice(t *testing.T) {
	body := decode(t, changeOfDB(accountDB+"-202403", dbCreated))
	delete(body, "Msg-ID")
	want := `{"Account-ID":"` + account + `","App-Name":"datamgr","App-Version":"1.0.0","Database":"` + encodedDB + `-202403","Event-Category":"configuration",
		"Event-Name":"db_created","ID":"` + encodedDB + `-202403","Is-Soft-Deleted":false,"Node":"callflowd-test","Origin-Cache":"kazoo_data_cache","Type":"database"}`
	got, _ := json.Marshal(body)
	if !reflect.DeepEqual(body, couchtest.JSON[map[string]any](t, want)) {
		t.Errorf("got %s", got)
	}
}
