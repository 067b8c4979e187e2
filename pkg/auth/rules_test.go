package auth_test

import (
	"maps"
	"testing"

	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/document"
	"github.com/callflowd/callflowd/pkg/problem"
)

// TestMayChange is the table of levels, whole.
func TestMayChange(t *testing.T) {
	const user, admin = auth.LevelUser, auth.LevelAdmin
	tests := []struct {
		caller, target auth.Level
		part           auth.Part
		want           bool
	}{
		{user, user, auth.PartLevel, true},
		{user, user, auth.PartCredentials, true},
		{user, user, auth.PartEnabled, true},
		{user, user, auth.PartExistence, true},
		{user, user, auth.PartOther, true},
		{user, admin, auth.PartLevel, false},
		{user, admin, auth.PartCredentials, false},
		{user, admin, auth.PartEnabled, false},
		{user, admin, auth.PartExistence, false},
		{user, admin, auth.PartOther, true},
		{admin, user, auth.PartLevel, true},
		{admin, user, auth.PartCredentials, true},
		{admin, user, auth.PartEnabled, true},
		{admin, user, auth.PartExistence, true},
		{admin, user, auth.PartOther, true},
		{admin, admin, auth.PartLevel, true},
		{admin, admin, auth.PartCredentials, true},
		{admin, admin, auth.PartEnabled, true},
		{admin, admin, auth.PartExistence, true},
		{admin, admin, auth.PartOther, true},
	}
	for _, tt := range tests {
		if got := auth.MayChange(tt.caller, tt.target, tt.part); got != tt.want {
			t.Errorf("caller %d, target %d, %s: %v", tt.caller, tt.target, tt.part, got)
		}
	}
}

// TestCheckUser has everything that a user's document may hold changed, in a
// user's and in an administrator's.
func TestCheckUser(t *testing.T) {
	base := document.Doc{
		"_id": "ann", "username": "Ann", "email": "ann@example.com", "pvt_md5_auth": "m", "pvt_sha1_auth": "s", "timezone": "UTC",
	}
	changes := map[string]struct {
		change  map[string]any // nil for a removal; a nil value removes the field
		ofUser  bool           // may a user do that to a user?
		ofAdmin bool           // and to an administrator?
	}{
		"nothing":                {map[string]any{}, true, true},
		"another field":          {map[string]any{"timezone": "Europe/Berlin"}, true, true},
		"the same name":          {map[string]any{"username": " ann"}, true, true},
		"a first secret":         {map[string]any{"pvt_signature_secret": "x"}, true, true},
		"enabled, as before":     {map[string]any{"enabled": true}, true, true},
		"lower":                  {map[string]any{"priv_level": "user"}, true, false},
		"an unknown level":       {map[string]any{"priv_level": "root"}, true, false},
		"no level":               {map[string]any{"priv_level": nil}, true, false},
		"higher":                 {map[string]any{"priv_level": "admin"}, false, true},
		"disabled":               {map[string]any{"enabled": false}, true, false},
		"another name":           {map[string]any{"username": "bob"}, true, false},
		"no name":                {map[string]any{"username": nil}, true, false},
		"the address":            {map[string]any{"email": "mallory@example.com"}, true, false},
		"a password":             {map[string]any{"pvt_md5_auth": "x", "pvt_sha1_auth": "y"}, true, false},
		"half a password":        {map[string]any{"pvt_sha1_auth": nil}, true, false},
		"a password, and higher": {map[string]any{"pvt_md5_auth": "x", "priv_level": "admin"}, false, false},
		"removed":                {nil, true, false},
	}
	for name, tt := range changes {
		for level, may := range map[string]bool{"user": tt.ofUser, "admin": tt.ofAdmin} {
			stored := maps.Clone(base)
			stored["priv_level"] = level
			var doc document.Doc
			if tt.change != nil {
				doc = maps.Clone(stored)
				maps.Copy(doc, tt.change)
			}
			err := auth.CheckUser(auth.LevelUser, stored, doc)
			if (err == nil) != may || err != nil && !problem.Is(err, problem.Forbidden) {
				t.Errorf("%s, %s: %v", level, name, err)
			}
			check(t, auth.CheckUser(auth.LevelAdmin, stored, doc))
			made := auth.CheckUser(auth.LevelUser, nil, stored)
			if (made == nil) != (level == "user") {
				t.Errorf("%s made: %v", level, made)
			}
		}
	}
}
