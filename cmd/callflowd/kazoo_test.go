package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

const (
	kazooAccount = "4a6863d2c94b0aa4d9ad25f3f4c1e6a1"
	kazooKeyID   = "00112233445566778899aabbccddeeff"
	kazooFlow    = "0b7c0f1f4c0e4f5fb8f1c9a1e2d3c4b5"
	kazooNumber  = "+14155550100"
	kazooUser    = "aabbccddeeff00112233445566778899"
)

// fillAsKazoo writes what a small Kazoo cluster has in its CouchDB: a master
// account with a user and a callflow that takes a number, and its own views,
// settings and signing key. Nothing of callflowd's is in it.
func fillAsKazoo(t *testing.T, address string) *couch.Client {
	t.Helper()
	client := couchtest.Open(t, address)
	now := time.Now()
	put := func(db string, doc document.Doc) {
		t.Helper()
		putDoc(t, client.DB(db), doc)
	}
	accountDB, monthDB, numbersDB := couch.AccountDB(kazooAccount), couch.MonthDB(kazooAccount, now), "numbers/+1415"
	for _, name := range []string{"accounts", "system_config", "system_auth", "system_schemas", "token_auth", "_users", "_replicator", accountDB, monthDB, numbersDB} {
		if err := client.CreateDB(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	put("system_config", document.Doc{"_id": "accounts", "pvt_type": "config", "default": map[string]any{"master_account_id": kazooAccount}})
	put("system_config", document.Doc{"_id": "auth", "pvt_type": "config", "default": map[string]any{
		"system_key": kazooKeyID, "secret_for_user_signature": strings.Repeat("fedcba98", 4),
	}})
	put("system_auth", kazooKeyDoc(t))
	account := document.Doc{
		"_id": kazooAccount, "name": "Kazoo", "realm": "kazoo.example.com", "timezone": "Etc/UTC", "pvt_type": "account", "pvt_tree": []any{}, "pvt_enabled": true,
		"pvt_superduper_admin": true, "pvt_api_key": someKey, "pvt_signature_secret": strings.Repeat("01234567", 4), "pvt_account_id": kazooAccount,
		"pvt_account_db": couch.EncodedDB(accountDB), "pvt_created": document.GregorianNumber(now), "pvt_modified": document.GregorianNumber(now), "pvt_reseller": true,
	}
	put("accounts", account.Clone())
	put(accountDB, account.Clone())
	private := func(kind, id string, doc document.Doc) document.Doc {
		document.Stamp{Type: kind, AccountID: kazooAccount, AccountDB: couch.EncodedDB(accountDB), Now: now}.Apply(doc)
		delete(doc, document.TraceKey)
		doc["_id"] = id
		return doc
	}
	put(accountDB, private("callflow", kazooFlow, document.Doc{"name": "main", "numbers": []any{kazooNumber}, "flow": map[string]any{"module": "hangup", "data": map[string]any{}, "children": map[string]any{}}}))
	put(accountDB, private("user", kazooUser, document.Doc{"first_name": "K", "last_name": "Z", "pvt_signature_secret": strings.Repeat("89abcdef", 4)}))
	number := document.Doc{"_id": kazooNumber, "pvt_type": "number", "pvt_state": "in_service", "pvt_assigned_to": kazooAccount, "pvt_used_by": "callflow", "pvt_module_name": "knm_local", "pvt_db_name": couch.EncodedDB(numbersDB)}
	put(numbersDB, number.Clone())
	put(accountDB, number.Clone())
	month := now.UTC().Format("200601")
	for _, id := range []string{month + "-3bc8e3ff@10.26.0.1", month + "-" + kazooFlow + "-1-" + strings.Repeat("a", 32)} { // calls' ids are anything
		put(monthDB, document.Doc{"_id": id, "pvt_type": "cdr"})
	}
	for db, name := range map[string]string{accountDB: "callflows", "accounts": "accounts", numbersDB: "numbers", monthDB: "cdrs", "token_auth": "token_auth"} {
		put(db, document.Doc{"_id": "_design/" + name, "language": "javascript", "views": map[string]any{"crossbar_listing": map[string]any{
			"map": "function(doc) { if (doc.pvt_deleted) return; emit(doc._id, null); }",
		}}})
	}
	put(accountDB, document.Doc{"_id": "callflowd_reservation-0123456789abcdef0123456789abcdef", "pvt_type": "note", "text": "only its name is like ours"})
	put("_replicator", document.Doc{"_id": "backup", "source": "accounts", "target": "http://127.0.0.1:1/accounts"})
	return client
}

func kazooKeyDoc(t *testing.T) document.Doc {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return document.Doc{"_id": kazooKeyID, "pvt_type": "system_key", "_attachments": map[string]any{"private_key.pem": map[string]any{
		"content_type": "application/x-pem-file", "data": base64.StdEncoding.EncodeToString(text),
	}}}
}

// content is every document of every database, local ones included, as the
// server gives it; the name of a database alone is in it too.
func content(t *testing.T, client *couch.Client) map[written]string {
	t.Helper()
	names, err := client.AllDBs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[written]string{}
	for _, name := range names {
		all[written{name, ""}] = ""
		db := client.DB(name)
		for _, list := range []func(context.Context, couch.Query) iter.Seq2[couch.Row, error]{db.AllDocs, db.LocalDocs} {
			for row, err := range list(t.Context(), couch.Query{IncludeDocs: true}) {
				if err != nil {
					t.Fatal(name, err)
				}
				all[written{name, row.ID}] = string(row.Doc)
			}
		}
	}
	return all
}

// docOf is one of them, decoded.
func docOf(t *testing.T, raw string) document.Doc {
	t.Helper()
	var doc document.Doc
	if err := json.Unmarshal([]byte(raw), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}
