package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/number"
)

const someKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func TestParseDefaults(t *testing.T) {
	opts, err := parse(nil, nil, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if opts.Listen != "127.0.0.1:8000" || opts.DataDir != "./callflowd-data" || opts.LogLevel != "info" || opts.LogFormat != "auto" {
		t.Errorf("%+v", opts)
	}
	if len(opts.CouchDBURL) > 0 || opts.CouchDBListen != "" || opts.AdminListen != "" {
		t.Errorf("something is on that should be off: %+v", opts)
	}
}

func TestParseEmergency(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--listen=127.0.0.1:1", strings.Join(number.Emergency(), " ")},
		{"--emergency=112,999", "112 999"},
	} {
		opts, err := parse([]string{tt.args}, nil, new(bytes.Buffer))
		if err != nil || strings.Join(opts.Emergency, " ") != tt.want {
			t.Errorf("%s: %+v, %v", tt.args, opts, err)
		}
	}
}

func TestParseAllowedHosts(t *testing.T) {
	for _, host := range []string{"pbx", "pbx.internal", ".internal", "10.1.2.3", "10.1.0.0/16", "fd00::/8", "::1", "PBX-1.example.org", "xn--bcher-kva.example"} {
		if _, err := parse([]string{"--allow-internal-url=" + host}, nil, new(bytes.Buffer)); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestParseFlagBeatsEnvironment(t *testing.T) {
	env := []string{"CALLFLOWD_LISTEN=127.0.0.1:1", "CALLFLOWD_LOG_LEVEL=debug", "CALLFLOWD_MASTER_API_KEY=" + someKey, "CALLFLOWD_DATA_DIR="}
	for _, args := range [][]string{{"--listen", "127.0.0.1:2"}, {"serve", "--listen=127.0.0.1:2"}} {
		opts, err := parse(args, env, new(bytes.Buffer))
		if err != nil {
			t.Fatal(err)
		}
		if opts.Listen != "127.0.0.1:2" || opts.LogLevel != "debug" || opts.MasterAPIKey != someKey || opts.DataDir != "./callflowd-data" {
			t.Errorf("%v: %+v", args, opts)
		}
	}
}

// Several nodes are given by repeating the flag, or with commas between them in
// the environment; a password may hold one. The password file is for all.
func TestParseNodes(t *testing.T) {
	file := writeSecret(t, "s3cret\n")
	opts, err := parse([]string{"--couchdb-url=http://admin@a:5984", "--couchdb-url=https://admin@b", "--couchdb-password-file", file}, nil, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"http://admin:s3cret@a:5984", "https://admin:s3cret@b"}; !slices.Equal(opts.CouchDBURL, want) {
		t.Errorf("nodes %q, want %q", opts.CouchDBURL, want)
	}
	opts, err = parse(nil, []string{"CALLFLOWD_COUCHDB_URL=http://u:a,b@a:5984, http://u:p@b"}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"http://u:a,b@a:5984", "http://u:p@b"}; !slices.Equal(opts.CouchDBURL, want) {
		t.Errorf("nodes %q, want %q", opts.CouchDBURL, want)
	}
}

func TestParseRefuses(t *testing.T) {
	const secret = "s3cret"
	dir := t.TempDir()
	password := writeSecret(t, secret+"\n")
	tests := []struct {
		flag string // the error has to name it
		args string
	}{
		{"--listen", "--listen=8000"},
		{"--listen", "--listen=127.0.0.1:99999"},
		{"--admin-listen", "--admin-listen=nowhere"},
		{"--data-dir", "--data-dir="},
		{"--log-level", "--log-level=loud"},
		{"--log-format", "--log-format=xml"},
		{"--shutdown-timeout", "--shutdown-timeout=0s"},
		{"--shutdown-timeout", "--shutdown-timeout=soon"},
		{"--master-api-key", "--master-api-key=" + secret},
		{"--couchdb-url", "--couchdb-url=ftp://admin:" + secret + "@db:5984"},
		{"--couchdb-url", "--couchdb-url=http://admin:" + secret + "@%zz"},
		{"--couchdb-url", "--couchdb-url=localhost:5984"},
		{"--couchdb-url", "--couchdb-url=http://a:5984 --couchdb-url=b:5984"},
		{"--couchdb-password-file", "--couchdb-password-file=" + password},
		{"--couchdb-password-file", "--couchdb-url=http://db:5984 --couchdb-password-file=" + password},
		{"--couchdb-password-file", "--couchdb-url=http://admin:" + secret + "@db:5984 --couchdb-password-file=" + password},
		{"--couchdb-password-file", "--couchdb-url=http://admin@db:5984 --couchdb-password-file=" + dir + "/none"},
		{"--couchdb-password-file", "--couchdb-url=http://admin@db:5984 --couchdb-password-file=" + writeSecret(t, secret+"\nlines\n")},
		{"--couchdb-listen", "--couchdb-listen=127.0.0.1:5984"},
		{"--couchdb-listen", "--couchdb-url=http://db:5984 --couchdb-listen=127.0.0.1:5984 --couchdb-admin-file=" + password},
		{"--couchdb-admin-file", "--couchdb-admin-file=" + password},
		{"--couchdb-admin-file", "--couchdb-listen=127.0.0.1:5984 --couchdb-admin-file=" + password},
		{"--couchdb-admin-file", "--couchdb-listen=127.0.0.1:5984 --couchdb-admin-file=" + writeSecret(t, "\n")},
		{"chmod o=", "--couchdb-listen=127.0.0.1:5984 --couchdb-admin-file=" + readableByAll(t, "admin:secret\n")},
		{"--history-months", "--history-months=-1"},
		{"--amqp-url", "--amqp-url=http://guest:" + secret + "@mq:5672"},
		{"--amqp-url", "--amqp-url=amqp://guest:" + secret + "@mq:port"},
		{"--max-body", "--max-body=0"},
		{"--max-body", "--max-body=8MB"},
		{"--request-timeout", "--request-timeout=-1s"},
		{"--lookup-patience", "--lookup-patience=0s"},
		{"--page-size", "--page-size=51 --max-page-size=50"},
		{"--rate-burst", "--rate-burst=-1"},
		{"--rate-per-second", "--rate-per-second=0"},
		{"--lookup-burst", "--lookup-burst=-1"},
		{"--lookup-per-second", "--lookup-burst=5 --lookup-per-second=NaN"},
		{"--trusted-proxy", "--trusted-proxy=10.0.0.0"},
		{"--emergency", "--emergency=abc"},
		{"--emergency", "--emergency=112 --emergency=9"},
		{"--emergency", "--emergency=^112$"},
		{"--allow-internal-url", "--allow-internal-url=*"},
		{"--allow-internal-url", "--allow-internal-url=*.example.org"},
		{"--allow-internal-url", "--allow-internal-url=http://pbx.internal/"},
		{"--allow-internal-url", "--allow-internal-url=pbx.internal:80"},
		{"--allow-internal-url", "--allow-internal-url=10.1.0.0/33"},
		{"--allow-internal-url", "--allow-internal-url=0.0.0.0/0"},
		{"--allow-internal-url", "--allow-internal-url=::/0"},
		{"--trusted-proxy", "--trusted-proxy=proxy.example"},
		{"--trusted-proxy", "--trusted-proxy=10.0.0.0/33"},
		{"--trusted-proxy", "--trusted-proxy=0.0.0.0/0"},
		{"--data-dir", "--data-dir=flags_test.go"},
		{"--admin-listen", "--admin-listen=127.0.0.1:8000"},
		{"--couchdb-listen", "--listen=:8000 --couchdb-listen=:8000"},
		{"--allow-internal-url", "--allow-internal-url=10.1.0"},
		{"--allow-internal-url", "--allow-internal-url=."},
		{"--couchdb-url", "--couchdb-url=http://db:99999"},
		{"--couchdb-url", "--couchdb-url=http://db:5984/?q=8"},
		{"--rate-per-second", "--rate-per-second=+Inf"},
		{"--log-lookups", "--log-lookups=-1"},
		{"--unknown", "--unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			_, err := parse(strings.Fields(tt.args), nil, new(bytes.Buffer))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.flag) || strings.Contains(err.Error(), secret) {
				t.Errorf("error %q, want one that names %s and no secret", err, tt.flag)
			}
		})
	}
}

func TestParseSecretFiles(t *testing.T) {
	file := writeSecret(t, "ad:m/in@1\n")
	opts, err := parse([]string{"--couchdb-url=http://admin@db:5984", "--couchdb-password-file", file}, nil, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if want := "http://admin:ad%3Am%2Fin%401@db:5984"; opts.CouchDBURL[0] != want {
		t.Errorf("URL %s, want %s", opts.CouchDBURL, want)
	}
	opts, err = parse([]string{"--couchdb-listen=127.0.0.1:5984", "--couchdb-admin-file", file}, nil, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if want := [2]string{"ad", "m/in@1"}; opts.couchdbAdmin != want {
		t.Errorf("admin %q, want %q", opts.couchdbAdmin, want)
	}
}

func TestParseHelpAndVersion(t *testing.T) {
	for args, want := range map[string]string{
		"--help":       "serve [flags]",
		"serve --help": "$CALLFLOWD_COUCHDB_URL",
		"--version":    version(),
	} {
		var out bytes.Buffer
		opts, err := parse(strings.Fields(args), nil, &out)
		if opts != nil || err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v, %v, %q; want %q printed", args, opts, err, out.String(), want)
		}
	}
}

// writeSecret returns a file that holds content.
// readableByAll returns a secret's file that is none.
func readableByAll(t testing.TB, content string) string {
	t.Helper()
	path := writeSecret(t, content)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeSecret(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOpenSecrets: check-config tells of each file with a secret that every user
// of the machine may read, and accepts it.
func TestOpenSecrets(t *testing.T) {
	open, kept := readableByAll(t, someKey+"\n"), readableByAll(t, "secret\n")
	if err := os.Chmod(kept, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run(t.Context(), []string{"check-config", "--couchdb-url=http://admin@127.0.0.1:5984", "--couchdb-password-file=" + kept, "--master-api-key-file=" + open}, nil, &out, io.Discard)
	if text := out.String(); err != nil || strings.Count(text, "warning: ") != 1 || !strings.Contains(text, "--master-api-key-file: "+open) || !strings.Contains(text, "in order") {
		t.Errorf("%s%v", text, err)
	}
}
