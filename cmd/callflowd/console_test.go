package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAppsOfAConsole(t *testing.T) {
	opts, err := parse([]string{
		"--app", "name=voip;label=SmartPBX;api_url=https://pbx.example/v2/;allowed_users=admins", "--app", "name=callflows",
	}, nil, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	apps := opts.Console.apps()
	if len(apps) != 2 || apps[0].Name != "voip" || apps[0].APIURL != "https://pbx.example/v2/" || apps[0].AllowedUsers != "admins" || !apps[1].Masqueradable {
		t.Errorf("apps %+v", apps)
	}
	file := filepath.Join(t.TempDir(), "callflowd.yaml")
	if err := os.WriteFile(file, []byte("app: [name=accounts;label=Tenants, name=voip]\nrealm-suffix: pbx.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err = parse([]string{"--config", file}, nil, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if apps := opts.Console.apps(); len(apps) != 2 || apps[0].Label != "Tenants" || opts.Console.RealmSuffix != "pbx.example" {
		t.Errorf("of the file: %+v, %s", apps, opts.Console.RealmSuffix)
	}
}

func TestAppsOfAConsoleRefused(t *testing.T) {
	for value, says := range map[string]string{
		"label=x":                            "name=callflows",
		"name=x;colour=red":                  "colour",
		"name=x;api_url=pbx.example/v2/":     "absolute",
		"name=x;api_url=https://pbx.example": "slash",
		"name=x;allowed_users=nobody":        "all or admins",
	} {
		if _, err := parse([]string{"--app", value}, nil, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "--app") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", value, err)
		}
	}
	for _, value := range []string{".pbx.example", "a b", strings.Repeat("a", 241), "-"} {
		if _, err := parse([]string{"--realm-suffix=" + value}, nil, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "--realm-suffix") {
			t.Errorf("%s: %v", value, err)
		}
	}
}
