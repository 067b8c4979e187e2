package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// writeConfig returns a configuration file that holds content.
func writeConfig(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "callflowd.yml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfigPrecedence: the command line goes before the environment, and that
// before the file.
func TestConfigPrecedence(t *testing.T) {
	file := writeConfig(t, "# settings\nlisten: 127.0.0.1:1\nlog-level: debug\nmax-body: 1000\nemergency: [0911, \"112\"]\nlog-format: json\n")
	env := []string{"CALLFLOWD_LOG_LEVEL=warn", "CALLFLOWD_LISTEN=127.0.0.1:2", "CALLFLOWD_DATA_DIR="}
	for _, args := range [][]string{{"--config", file, "--listen=127.0.0.1:3"}, {"serve", "--config=" + file, "--listen=127.0.0.1:3"}, {"--listen=127.0.0.1:3"}} {
		opts, err := parse(args, append(env, "CALLFLOWD_CONFIG="+file), new(bytes.Buffer))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{string(opts.Listen), opts.LogLevel, opts.LogFormat, strings.Join(opts.Emergency, " ")}
		if want := "127.0.0.1:3 warn json 0911 112"; strings.Join(got, " ") != want || opts.Limits.MaxBody != 1000 {
			t.Errorf("%v: %v, want %s", args, got, want)
		}
	}
	opts, err := parse([]string{"rotate-key", "--config", file}, nil, new(bytes.Buffer))
	if err != nil || opts.LogLevel != "debug" {
		t.Errorf("rotate-key: %+v, %v", opts, err)
	}
}

func TestConfigRefuses(t *testing.T) {
	for content, want := range map[string]string{
		"lissten: 127.0.0.1:1":           `line 1: there is no flag "lissten"; the nearest is "listen"`,
		"help: true":                     `no flag "help"`,
		"config: other.yml":              `no flag "config"`,
		"listen:":                        "line 1: listen: has no value",
		"limits:\n  max-body: 1":         "no flag \"limits\"",
		"listen: {host: x}":              "listen: must be a plain value",
		"emergency: [[112]]":             "items must be plain",
		"- listen":                       "flag: value",
		"listen: a:1\nlisten: b:1":       "already defined",
		"listen: [":                      "--config",
		"master-api-key: s3cret":         "--master-api-key",
		"log-level: loud":                "--log-level",
		"master-api-key: [s3cret, more}": "--config",
	} {
		_, err := parse([]string{"--config", writeConfig(t, content)}, nil, new(bytes.Buffer))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v, want %s and no secret", content, err, want)
		}
	}
	if _, err := parse([]string{"--config=/nowhere"}, nil, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "--config") {
		t.Errorf("a file that is not there: %v", err)
	}
	for _, content := range []string{"", "# nothing\n", "---\n"} {
		if _, err := parse([]string{"--config", writeConfig(t, content)}, nil, new(bytes.Buffer)); err != nil {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// TestCheckConfigNamesEveryMistake has mistakes of every kind at once: in the
// file, in the environment, and such as only flags together make.
func TestCheckConfigNamesEveryMistake(t *testing.T) {
	file := writeConfig(t, "lissten: x\npage-sizes: 5\nlog-format: xml\nlisten: nowhere\nmax-lookups: 0\n")
	env := []string{"CALLFLOWD_LOG_LEVEL=loud", "CALLFLOWD_RATE_BURST=-1", "CALLFLOWD_TRUSTED_PROXY=x"}
	_, err := parse([]string{"check-config", "--config", file, "--history-months=-1", "--couchdb-url=ftp://x"}, env, new(bytes.Buffer))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"lissten", "page-sizes", "--log-format", "--listen", "--max-lookups", "--log-level", "--rate-burst", "--trusted-proxy", "--history-months", "--couchdb-url",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in\n%v", want, err)
		}
	}
}

func TestCheckConfigSaysYes(t *testing.T) {
	var out, logs bytes.Buffer
	err := run(t.Context(), []string{"check-config", "--config", writeConfig(t, "max-body: 5\n")}, nil, &out, &logs)
	if err != nil || !strings.Contains(out.String(), "in order") {
		t.Errorf("%v, %q", err, out.String())
	}
}

// TestExampleConfig: README's example works, and leaves no flag out.
func TestExampleConfig(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```yaml\n")
	example, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("README has no example")
	}
	flags, err := flagNames(serveCommand)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse([]string{"--config", writeConfig(t, example)}, nil, new(bytes.Buffer)); err != nil {
		t.Errorf("as it is: %v", err)
	}
	line := regexp.MustCompile(`(?m)^#?([a-z-]+): \S`)
	named := map[string]bool{}
	for _, m := range line.FindAllStringSubmatch(example, -1) {
		named[m[1]] = true
	}
	for _, flag := range flags {
		if !named[flag] && !onlyTyped(flag) {
			t.Errorf("--%s is not in it", flag)
		}
		delete(named, flag)
	}
	for key := range named {
		t.Errorf("%s is no flag", key)
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{{"", ""}: 0, {"a", ""}: 1, {"lissten", "listen"}: 1, {"kitten", "sitting"}: 3, {"ab", "ba"}: 2} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%v: %d, want %d", pair, got, want)
		}
	}
}

// TestEveryMistakeTyped: each value on the command line that is malformed is
// named, also beside those of the environment.
func TestEveryMistakeTyped(t *testing.T) {
	for _, command := range [][]string{nil, {"serve"}, {"check-config"}} {
		args := append(command, "--page-size=many", "--shutdown-timeout", "soon", "--listen=nowhere", "--no-such-flag", "--log-level=loud", "--log-lookups=5")
		_, err := parse(args, []string{"CALLFLOWD_MAX_BODY=big"}, &buffer{})
		if err == nil {
			t.Fatal("taken")
		}
		for _, want := range []string{"--page-size", "--shutdown-timeout", "--listen", "--no-such-flag", "--log-level", "--max-body"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %s is not named in %v", command, want, err)
			}
		}
		if strings.Contains(err.Error(), "--log-lookups") {
			t.Errorf("%v: named what is right: %v", command, err)
		}
	}
	if _, err := parse([]string{"serve", "--page-size=many", "--master-api-key=secret"}, nil, &buffer{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a secret is repeated: %v", err)
	}
}
