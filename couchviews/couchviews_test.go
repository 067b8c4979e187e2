package couchviews_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/couchviews"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

func TestDesigns(t *testing.T) {
	for _, class := range []string{"account", "accounts", "numbers", "token_auth"} {
		designs, err := couchviews.Designs(class)
		if err != nil || len(designs) == 0 {
			t.Fatalf("%s: %v", class, err)
		}
		for _, design := range designs {
			for name, view := range design.Object("views") {
				text, _ := view.(map[string]any)["map"].(string)
				if !strings.HasPrefix(text, "function (doc) {") || strings.Contains(text, "=>") {
					t.Errorf("%s/%s: map %q", design.ID(), name, text)
				}
			}
		}
	}
	if _, err := couchviews.Designs("nope"); err == nil {
		t.Error("an unknown class has no error")
	}
}

// rowsOf stores documents and returns what a view makes of them, as one line
// "key value" per row.
func rowsOf(t *testing.T, db *couch.DB, view string) []string {
	t.Helper()
	ddoc, name, _ := strings.Cut(view, "/")
	rows := []string{}
	for row, err := range db.View(t.Context(), ddoc, name, couch.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, string(row.Key)+" "+canonical(t, row.Value))
	}
	return rows
}

// canonical sorts the keys, whose order is the server's own affair, and hides
// revisions.
func canonical(t *testing.T, value []byte) string {
	t.Helper()
	v := couchtest.JSON[any](t, string(value))
	if m, ok := v.(map[string]any); ok && m["rev"] != nil {
		m["rev"] = "REV"
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// newDB returns a database of a class that holds docs.
func newDB(t *testing.T, class, docs string) *couch.DB {
	t.Helper()
	client := couchtest.New(t)
	if err := client.CreateDB(t.Context(), class); err != nil {
		t.Fatal(err)
	}
	db := client.DB(class)
	designs, err := couchviews.Designs(class)
	if err != nil {
		t.Fatal(err)
	}
	results, err := db.Bulk(t.Context(), append(designs, couchtest.JSON[[]document.Doc](t, docs)...))
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		if result.Err != nil {
			t.Fatalf("%s: %v", result.ID, result.Err)
		}
	}
	return db
}

type viewTest struct {
	view string
	want []string
}

func runViews(t *testing.T, db *couch.DB, tests []viewTest) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.view, func(t *testing.T) {
			if got := rowsOf(t, db, tt.view); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

// TestAccountViews has documents of every kind beside each other, some as
// broken as only another site could make them.
func TestAccountViews(t *testing.T) {
	db := newDB(t, "account", `[
		{"_id":"a","pvt_type":"callflow","name":"Main Line","numbers":["2600","+14158867900"],"patterns":["^\\*97$"],
		 "featurecode":{"name":"x"},"owner_id":"o","group_id":"g","ui_metadata":{},
		 "flow":{"module":"user","data":{"id":"u1"},"children":{"_":{"module":"voicemail","data":{},"children":{
		   "_":{"module":"user","data":{}},"k":{"module":"skipped","data":{"skip_module":true}}}},"x":{"module":"nodata"}}}},
		{"_id":"b","pvt_type":"callflow","numbers":"2600","patterns":{},"flow":"none","flags":["f"]},
		{"_id":"c","pvt_type":"callflow","pvt_deleted":true,"numbers":["2601"],"flow":{"module":"user","data":{"id":"u1"}}},
		{"_id":"d","pvt_type":"callflow","pvt_deleted":0,"numbers":["2602","2602"]},
		{"_id":"u1","pvt_type":"user","username":"Ann","first_name":"Ann","last_name":"Lee","priv_level":"admin",
		 "pvt_md5_auth":"m","pvt_sha1_auth":"s","pvt_account_id":"acc","email":"Ann@x.org","metaflows":{"binding_digit":"*"}},
		{"_id":"g1","pvt_type":"group","name":"G","endpoints":{"x":{},"y":{}}},
		{"_id":"n","name":"no type"}]`)
	runViews(t, db, []viewTest{
		{"callflows/crossbar_listing", []string{
			`"a" {"featurecode":{"name":"x"},"flags":[],"group_id":"g","id":"a","modules":["user","voicemail"],"name":"Main Line","numbers":["2600","+14158867900"],"owner_id":"o","patterns":["^\\*97$"]}`,
			`"b" {"featurecode":false,"flags":["f"],"id":"b","modules":[],"numbers":[],"patterns":{}}`,
			`"d" {"featurecode":false,"flags":[],"id":"d","modules":[],"numbers":["2602","2602"]}`,
		}},
		{"callflows/listing_by_number", []string{
			`"+14158867900" {"name":"Main Line"}`, `"2600" {"name":"Main Line"}`, `"2602" {"name":"d"}`, `"2602" {"name":"d"}`,
		}},
		{"callflows/listing_by_pattern", []string{`"^\\*97$" {"name":"Main Line"}`}},
		{"callflows/msisdn", []string{`["user","u1","+14158867900"] {"msisdn":"+14158867900"}`}},
		{"search/search_by_name", []string{
			`["callflow","b"] {"id":"b","name":"b","numbers":"2600"}`,
			`["callflow","d"] {"id":"d","name":"d","numbers":["2602","2602"]}`,
			`["callflow","mainline"] {"id":"a","name":"Main Line","numbers":["2600","+14158867900"]}`,
			`["group","g"] {"id":"g1","name":"G"}`, `["user","annlee"] {"id":"u1","name":"Ann Lee"}`,
		}},
		{"search/search_by_number", []string{
			`["callflow","14158867900"] {"id":"a","name":"Main Line","numbers":["2600","+14158867900"]}`,
			`["callflow","2600"] {"id":"a","name":"Main Line","numbers":["2600","+14158867900"]}`,
			`["callflow","2602"] {"id":"d","numbers":["2602","2602"]}`, `["callflow","2602"] {"id":"d","numbers":["2602","2602"]}`,
		}},
		{"metaflows/crossbar_listing", []string{`"u1" {"id":"u1","type":"user"}`}},
		{"users/crossbar_listing", []string{`"u1" {"email":"Ann@x.org","enabled":true,"first_name":"Ann","flags":[],"id":"u1","last_name":"Lee","priv_level":"admin","username":"Ann"}`}},
		{"users/creds_by_md5", []string{`"m" {"account_id":"acc","enabled":true,"id":"u1"}`}},
		{"users/creds_by_sha", []string{`"s" {"account_id":"acc","enabled":true,"id":"u1"}`}},
		{"users/list_by_username", []string{`"ann" {"id":"u1","username":"Ann"}`}},
		{"users/list_by_email", []string{`"ann@x.org" {"email":"Ann@x.org","id":"u1"}`}},
		{"groups/crossbar_listing", []string{`"g1" {"endpoints":2,"flags":[],"id":"g1","name":"G"}`}},
		{"devices/crossbar_listing", []string{}},
		{"callflowd/routes", []string{
			`"a" {"name":"Main Line","numbers":["2600","+14158867900"],"patterns":["^\\*97$"],"rev":"REV"}`,
			`"b" {"numbers":"2600","patterns":{},"rev":"REV"}`, `"d" {"numbers":["2602","2602"],"rev":"REV"}`,
		}},
	})
}

func TestAccountsViews(t *testing.T) {
	db := newDB(t, "accounts", `[
		{"_id":"m","pvt_type":"account","name":"Master!","realm":"M.example","pvt_tree":[],"pvt_api_key":"k1","ips":["10.0.0.1"]},
		{"_id":"r","pvt_type":"account","name":"Reseller","realm":"r.example","pvt_tree":["m"],"flags":["x"]},
		{"_id":"x","pvt_type":"account","name":"Customer","pvt_tree":["m","r"],"pvt_api_key":"k2"},
		{"_id":"gone","pvt_type":"account","pvt_deleted":true,"name":"Gone","realm":"g","pvt_tree":["m"],"pvt_api_key":"k3"},
		{"_id":"odd","pvt_type":"account","name":7,"realm":7,"pvt_tree":"m","ips":"x"}]`)
	const (
		m = ` {"id":"m","name":"Master!","realm":"M.example","tree":[]}`
		r = ` {"flags":["x"],"id":"r","name":"Reseller","realm":"r.example","tree":["m"]}`
		x = ` {"id":"x","name":"Customer","tree":["m","r"]}`
		o = ` {"id":"odd","name":7,"realm":7,"tree":"m"}`
	)
	runViews(t, db, []viewTest{
		{"accounts/listing_by_api", []string{`"k1"` + m, `"k2"` + x}},
		{"accounts/listing_by_name", []string{`"7"` + o, `"customer"` + x, `"master"` + m, `"reseller"` + r}},
		{"accounts/listing_by_realm", []string{`"m.example"` + m, `"r.example"` + r}},
		{"accounts/listing_by_ip", []string{`"10.0.0.1"` + m}},
		{"accounts/listing_by_simple_id", []string{`"m"` + m, `"odd"` + o, `"r"` + r, `"x"` + x}},
		{"accounts/listing_by_children", []string{`["m","Reseller"]` + r, `["r","Customer"]` + x}},
		{"accounts/listing_by_descendants", []string{`["m","Customer"]` + x, `["m","Reseller"]` + r, `["r","Customer"]` + x}},
		{"accounts/listing_by_parent", []string{`null` + m, `null` + o, `"m"` + r, `"r"` + x}},
		{"accounts/listing_by_descendants_count", []string{`null 3`}},
		{"search/search_by_name", []string{
			`["m","account","customer"] {"descendants_count":0,"id":"x","name":"Customer"}`,
			`["m","account","reseller"] {"descendants_count":0,"id":"r","name":"Reseller","realm":"r.example"}`,
			`["r","account","customer"] {"descendants_count":0,"id":"x","name":"Customer"}`,
		}},
		{"search/search_by_realm", []string{`["m","account","rexample"] {"descendants_count":0,"id":"r","name":"Reseller","realm":"r.example"}`}},
		{"search/search_by_id", []string{
			`["m","account","r"] {"descendants_count":0,"id":"r","name":"Reseller","realm":"r.example"}`,
			`["m","account","x"] {"descendants_count":0,"id":"x","name":"Customer"}`,
			`["r","account","x"] {"descendants_count":0,"id":"x","name":"Customer"}`,
		}},
	})
}
