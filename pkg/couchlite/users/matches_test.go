package users

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // CouchDB's older scheme
	"encoding/hex"
	"fmt"
	"testing"
)

func TestMatches(t *testing.T) {
	ours, err := Prepare(ID("bob"), []byte(`{"name":"bob","password":"right","roles":[],"type":"user"}`))
	if err != nil {
		t.Fatal(err)
	}
	key, err := pbkdf2.Key(sha1.New, "right", []byte("salt"), 10, sha1.Size)
	if err != nil {
		t.Fatal(err)
	}
	older := fmt.Sprintf(`{"password_scheme":"pbkdf2","iterations":10,"salt":"salt","derived_key":"%s"}`, hex.EncodeToString(key))
	tests := []struct {
		name, body, password string
		want                 bool
	}{
		{"right", string(ours), "right", true},
		{"wrong", string(ours), "wrong", false},
		{"empty", string(ours), "", false},
		{"older scheme", older, "right", true},
		{"older scheme, wrong", older, "righ", false},
		{"no password", `{"name":"bob"}`, "", false},
		{"empty key", `{"password_scheme":"pbkdf2","iterations":10,"salt":"salt","derived_key":""}`, "", false},
		{"too many iterations", `{"password_scheme":"pbkdf2","iterations":2000000000,"salt":"salt","derived_key":"00"}`, "right", false},
		{"another scheme", `{"password_scheme":"simple","salt":"salt","password_sha":"00"}`, "right", false},
		{"no object", `5`, "right", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Matches([]byte(tt.body), tt.password); got != tt.want {
				t.Errorf("matches: %v", got)
			}
		})
	}
}
