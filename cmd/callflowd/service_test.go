package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// secretFile holds one line.
func secretFile(t *testing.T, line string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPasswordsCouchDBMangles: which passwords CouchDB's configuration file
// would not give back, after config.erl.
func TestPasswordsCouchDBMangles(t *testing.T) {
	for password, why := range map[string]string{
		"simple": "", "a;b": "", "a;": "", "a=b": "", "#x[y]$%": "", "with space": "", "==": "", "-x": "", "日本": "",
		" lead": "begins or ends", "trail ": "begins or ends", "\ttab": "begins or ends", ";x": "begins with a semicolon",
		"a ;b": "before a semicolon", "a\t;b": "before a semicolon", "a = b": "equals sign", "a= b": "equals sign", "-pbkdf2-abc": "hash", "-hashed-abc": "hash",
	} {
		out, err := command(t, "check-password", "--couchdb-password-file="+secretFile(t, password))
		switch {
		case why == "" && (err != nil || out == ""):
			t.Errorf("%q was refused: %v", password, err)
		case why != "" && (err == nil || !strings.Contains(err.Error(), why)):
			t.Errorf("%q: %v, want %q", password, err, why)
		case why != "" && strings.Contains(err.Error(), strings.TrimSpace(password)):
			t.Errorf("%q is repeated: %v", password, err)
		}
	}
}

// TestSecretsFromFiles: a key and a broker's password may come from files.
func TestSecretsFromFiles(t *testing.T) {
	key := strings.Repeat("ab", 32)
	opts, err := parse([]string{"serve", "--master-api-key-file=" + secretFile(t, key), "--amqp-url=amqp://kazoo@a:5672,amqp://own:pw@b:5672", "--amqp-password-file=" + secretFile(t, "p@ss")}, nil, &buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if string(opts.MasterAPIKey) != key || opts.AMQPURL[0] != "amqp://kazoo:p%40ss@a:5672" || opts.AMQPURL[1] != "amqp://own:pw@b:5672" {
		t.Errorf("key %q, brokers %q", opts.MasterAPIKey, opts.AMQPURL)
	}
	_, err = parse([]string{"serve", "--master-api-key-file=" + secretFile(t, "short"), "--amqp-url=amqp://own:pw@b:5672", "--amqp-password-file=" + secretFile(t, "x")}, nil, &buffer{})
	for _, want := range []string{"--master-api-key-file", "--amqp-password-file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
}

// TestTLS serves the API by HTTPS, and health as a health check asks for it.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	gen := exec.CommandContext(t.Context(), "go", "run", filepath.Join(goroot(t), "src/crypto/tls/generate_cert.go"), "--host=127.0.0.1", "--ecdsa-curve=P256")
	gen.Dir = dir
	if out, err := gen.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := start(t, "--data-dir="+t.TempDir(), "--tls-cert="+cert, "--tls-key="+key, "--admin-listen=127.0.0.1:0")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := client.Get(strings.Replace(p.api, "http:", "https:", 1) + "/v2/schemas/callflows")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.TLS == nil || !strings.Contains(p.greeting(), "https://") {
		t.Errorf("%s, greeting %s", res.Status, p.greeting())
	}
	if got := statusOf(t, p.admin+"/healthz"); got != http.StatusOK {
		t.Errorf("admin: %d", got)
	}
	listen := strings.TrimPrefix(p.api, "http://")
	for _, args := range [][]string{{"--admin-listen=" + strings.TrimPrefix(p.admin, "http://")}, {"--admin-listen=" + strings.TrimPrefix(p.admin, "http://"), "--for=writes"}} {
		if out, err := command(t, append([]string{"health"}, args...)...); err != nil {
			t.Errorf("health %v: %s %v", args, out, err)
		}
	}
	if _, err := command(t, "health", "--listen="+listen, "--tls-cert="+cert, "--for=life"); err == nil {
		t.Error("the API's listener has health beside --admin-listen")
	}
	for _, wrong := range []string{"--tls-cert=" + cert, "--tls-key=" + key, "--tls-cert=" + cert + ",--tls-key=" + cert} {
		if _, err := parse(append([]string{"check-config"}, strings.Split(wrong, ",")...), nil, &buffer{}); err == nil || !strings.Contains(err.Error(), "--tls-") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestHealthOfNothing: a health check of a program that is not there fails.
func TestHealthOfNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := command(t, "health", "--listen="+l.Addr().String()); err == nil {
		t.Error("healthy")
	}
}

// TestE2EServiceManager starts the program as systemd does: it says when it is
// ready, that it lives, takes SIGHUP, and says when it ends.
func TestE2EServiceManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skip("no such sockets here:", err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "20000000")
	heard := &buffer{}
	go func() {
		buf := make([]byte, 1<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			_, _ = heard.Write(append(buf[:n], '\n'))
		}
	}()
	p := startChild(t, "--data-dir="+t.TempDir())
	couchtest.Eventually(t, "the manager hears that it is ready and lives", func() bool {
		return strings.Contains(heard.String(), "READY=1") && strings.Contains(heard.String(), "WATCHDOG=1")
	})
	p.signal(syscall.SIGHUP)
	if got := statusOf(t, p.api+"/healthz"); got != http.StatusOK || p.ended() {
		t.Errorf("after SIGHUP: %d", got)
	}
	p.stop()
	couchtest.Eventually(t, "the manager hears that it ends", func() bool { return strings.Contains(heard.String(), "STOPPING=1") })
}

// TestUnitFile: systemd finds nothing wrong with the unit, but that the program
// is not installed here.
func TestUnitFile(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	raw, err := os.ReadFile("callflowd.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := strings.ReplaceAll(string(raw), "/usr/local/bin/callflowd", "/bin/true")
	unit = strings.Replace(unit, "\n[Service]\n", "\n[Service]\nLoadCredential=couchdb-password:/etc/callflowd/couchdb-password\nEnvironment=CALLFLOWD_COUCHDB_PASSWORD_FILE=%d/couchdb-password\n", 1)
	path := filepath.Join(t.TempDir(), "callflowd.service")
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// TestCompose: the file is YAML, names flags that there are, and starts nothing
// before the password was looked at.
func TestCompose(t *testing.T) {
	raw, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Command     []string
			Environment map[string]string
			DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
			Healthcheck struct{ Test []string }
		}
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	flags, err := flagNames(serveCommand)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, flag := range flags {
		known[variable(flag)] = true
	}
	service := file.Services["callflowd"]
	for name := range service.Environment {
		if !known[name] {
			t.Errorf("there is no flag for %s", name)
		}
	}
	if file.Services["couchdb"].DependsOn["password"].Condition != "service_completed_successfully" || file.Services["password"].Command[0] != "check-password" {
		t.Error("CouchDB starts before its password is looked at")
	}
	if test := service.Healthcheck.Test; len(test) < 3 || test[2] != "health" {
		t.Errorf("health check %q", test)
	}
}
