package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The shell lines that the first start prints are pasted, as they are, and do
// what they say. README shows the same lines.
func TestE2EGreetingWorksAsPasted(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl on this machine")
	}
	p := start(t, "--data-dir="+t.TempDir())
	lines := shellLines(p.greeting())
	cmd := exec.CommandContext(t.Context(), "sh", "-e")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	cmd.Env = append(os.Environ(), "no_proxy=*") // curl would ask a proxy for 127.0.0.1
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	want := []string{"201", "200", "200", "200", "200", "404"}
	answers := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(answers) != len(want) {
		t.Fatalf("%d answers, want %d:\n%s", len(answers), len(want), out)
	}
	for i, answer := range answers {
		var env struct {
			Status, Error string
			Data          struct {
				Numbers    []string
				CallflowID string `json:"callflow_id"`
			}
		}
		if err := json.Unmarshal(answer, &env); err != nil {
			t.Fatalf("answer %d is %s", i, answer)
		}
		if (env.Status == "success") != (want[i] < "300") || want[i] >= "300" && env.Error != want[i] {
			t.Errorf("answer %d is %s, want a %s", i, answer, want[i])
		}
		if i == 2 && len(env.Data.Numbers) != 2 || i == 3 && env.Data.CallflowID != "hello" {
			t.Errorf("answer %d is %s", i, answer)
		}
	}
}

func TestReadmeShowsTheGreeting(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range shellLines(firstGreeting) {
		line = strings.NewReplacer("{BASE}", "http://127.0.0.1:8000", "{ACCOUNT}", "ACCOUNT_ID", "{KEY}", "API_KEY").Replace(line)
		if !bytes.Contains(readme, []byte(line+"\n")) {
			t.Errorf("README lacks the line\n%s", line)
		}
	}
}

// shellLines are the lines of a greeting that are meant for a shell.
func shellLines(greeting string) []string {
	var lines []string
	for line := range strings.Lines(greeting) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "curl ") || strings.Contains(strings.SplitN(line, " ", 2)[0], "=") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestReachable(t *testing.T) {
	for listening, want := range map[string]string{
		"127.0.0.1:8000": "127.0.0.1:8000",
		"0.0.0.0:80":     "127.0.0.1:80",
		"[::]:8000":      "127.0.0.1:8000",
		"[::1]:8000":     "[::1]:8000",
		"192.0.2.7:8000": "192.0.2.7:8000",
	} {
		addr, err := net.ResolveTCPAddr("tcp", listening)
		if err != nil {
			t.Fatal(err)
		}
		if got := reachable(addr); got != want {
			t.Errorf("%s is reached at %s, want %s", listening, got, want)
		}
	}
}
