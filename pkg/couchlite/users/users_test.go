package users

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couchlite/fault"
)

func TestPrepareHashes(t *testing.T) {
	body, err := Prepare("org.couchdb.user:bob", []byte(`{"name":"bob","password":"pässword","salt":"old","roles":["a"],"type":"user","more":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(body), `{"name":"bob","salt":"`) || !strings.Contains(string(body), `"roles":["a"],"type":"user","more":1,"password_scheme":"pbkdf2","pbkdf2_prf":"sha256","iterations":50000,"derived_key":"`) {
		t.Errorf("body %s", body)
	}
	var doc struct {
		Password   *string
		Salt       string
		Iterations int
		DerivedKey string `json:"derived_key"`
	}
	if err := json.Unmarshal(body, &doc); err != nil || doc.Password != nil {
		t.Errorf("body %s: %v", body, err)
	}
	key, err := pbkdf2.Key(sha256.New, "pässword", []byte(doc.Salt), doc.Iterations, 32)
	if err != nil || hex.EncodeToString(key) != doc.DerivedKey {
		t.Errorf("derived key %s", doc.DerivedKey)
	}
	for _, as := range []string{`{"name":"bob","roles":[],"type":"user","derived_key":"x"}`, `{"name":"bob","roles":[],"type":"user","password":null}`} {
		if got, err := Prepare("org.couchdb.user:bob", []byte(as)); err != nil || string(got) != as {
			t.Errorf("without a password: %s %v", got, err)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	for body, reason := range map[string]string{
		`{"name":"bob","roles":[]}`:                                "doc.type must be user",
		`{"name":"bob","roles":[],"type":"x"}`:                     "doc.type must be user",
		`{"roles":[],"type":"user"}`:                               "doc.name is required",
		`{"name":"","roles":[],"type":"user"}`:                     "doc.name is required",
		`{"name":1,"roles":[],"type":"user"}`:                      "doc.name is required",
		`{"name":"bob","type":"user"}`:                             "doc.roles must exist",
		`{"name":"bob","roles":{},"type":"user"}`:                  "doc.roles must be an array",
		`{"name":"bob","roles":[1],"type":"user"}`:                 "doc.roles can only contain strings",
		`{"name":"bob","roles":["_admin"],"type":"user"}`:          "No system roles",
		`{"name":"eve","roles":[],"type":"user"}`:                  "Doc ID must be of the form",
		`{"name":"bob","roles":[],"type":"user","password":12345}`: "Password value of '12345' is invalid.",
	} {
		_, err := Prepare("org.couchdb.user:bob", []byte(body))
		var f *fault.Error
		if !errors.As(err, &f) || f.Status != 403 || !strings.Contains(f.Reason, reason) {
			t.Errorf("%s: %v, want %s", body, err, reason)
		}
	}
	for id, reason := range map[string]string{"org.couchdb.user:_x": "start with underscore", "org.couchdb.user:a:b": "is not allowed"} {
		name := strings.TrimPrefix(id, prefix)
		if _, err := Prepare(id, []byte(`{"name":"`+name+`","roles":[],"type":"user"}`)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", id, err)
		}
	}
}
