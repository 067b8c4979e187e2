package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// lab is two sites in network namespaces of their own: a line between them that
// can be cut, and to each a network for its clients that stays.
type lab struct {
	t     *testing.T
	names [2]string
}

// newLab makes the namespaces. Where that is not allowed, the test is skipped.
func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no ip command (iproute2)")
	}
	for i := range l.names {
		l.names[i] = fmt.Sprintf("cfd%d-%c", os.Getpid(), 'a'+i)
		if out, err := exec.Command("ip", "netns", "add", l.names[i]).CombinedOutput(); err != nil {
			t.Skipf("network namespaces cannot be made here: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", l.names[i]).Run() })
	}
	a, b := l.names[0], l.names[1]
	if out, err := exec.Command("ip", "link", "add", "line", "netns", a, "type", "veth", "peer", "name", "line", "netns", b).CombinedOutput(); err != nil {
		t.Skipf("network devices cannot be made here: %v: %s", err, out)
	}
	for i, ns := range l.names {
		outside := fmt.Sprintf("cf%d%c", os.Getpid()%100_000_000, 'a'+i)
		l.ip("link", "add", outside, "type", "veth", "peer", "name", "clients", "netns", ns)
		l.ip("addr", "add", fmt.Sprintf("10.213.%d.1/30", i+1), "dev", outside)
		l.ip("link", "set", outside, "up")
		l.ip("-n", ns, "addr", "add", fmt.Sprintf("10.213.%d.2/30", i+1), "dev", "clients")
		l.ip("-n", ns, "addr", "add", fmt.Sprintf("10.213.9.%d/24", i+1), "dev", "line")
		for _, device := range []string{"lo", "clients", "line"} {
			l.ip("-n", ns, "link", "set", device, "up")
		}
	}
	return l
}

func (l *lab) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// cut and heal take the line down and up.
func (l *lab) cut()  { l.ip("-n", l.names[0], "link", "set", "line", "down") }
func (l *lab) heal() { l.ip("-n", l.names[0], "link", "set", "line", "up") }

// start runs a site: its API is for its clients, its CouchDB for the line.
func (l *lab) start(i int, args ...string) *program {
	l.t.Helper()
	p, logs := spawnCommand(l.t, "ip", append([]string{
		"netns", "exec", l.names[i], os.Args[0], "serve", "--log-format=json", "--lookup-patience=1m", "--auto-merge",
		fmt.Sprintf("--listen=10.213.%d.2:0", i+1), fmt.Sprintf("--couchdb-listen=10.213.9.%d:6984", i+1),
		"--couchdb-admin-file=" + writeSecret(l.t, "admin:s3cret\n"),
	}, args...)...)
	p.await(logs, "started")
	return p
}

// shown is what a site tells of its conflicts.
type shown struct {
	Documents []struct {
		ID, Winner string
		Losers     []string
	}
	Numbers []struct {
		Number string
		IDs    []string `json:"callflow_ids"`
	}
	raw string
}

func (c caller) conflicts(account string) (s shown) {
	c.t.Helper()
	env := c.must(http.StatusOK, "GET", account+"/conflicts", nil)
	env.decode(c.t, &s)
	s.raw = string(env.Data)
	return s
}

// Two sites in namespaces of their own, as README makes them: the line is cut,
// clients go on at both, the line is back, people settle what is left at either
// site, and both route alike.
func TestE2ENamespaces(t *testing.T) {
	l := newLab(t)
	dir := t.TempDir()
	a := l.start(0, "--data-dir="+t.TempDir(), "--master-api-key="+someKey)
	atA, _ := login(t, a, someKey)
	account := atA.createAccount(map[string]any{"name": "Lab"})
	ids := map[string]string{}
	create := func(c caller, path string, data map[string]any) string {
		var made struct{ ID string }
		c.must(http.StatusCreated, "PUT", account+path, data).decode(t, &made)
		return made.ID
	}
	ids["merged"] = create(atA, "/callflows", callflowOf(sent{"merged", "2600"}))
	ids["deleted"] = create(atA, "/callflows", callflowOf(sent{"deleted", "2700"}))
	ids["device"] = create(atA, "/devices", map[string]any{"name": "phone"})
	fill := exec.Command("ip", "netns", "exec", l.names[1], os.Args[0], "replicate", "http://admin:s3cret@10.213.9.1:6984", dir)
	fill.Env = append(os.Environ(), runAsProgram+"=1")
	if out, err := fill.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b := l.start(1, "--data-dir="+dir)
	atB, _ := login(t, b, someKey)
	atA.must(http.StatusCreated, "PUT", "/v2/replications", map[string]any{
		"remote": "http://10.213.9.2:6984", "user": "admin", "password": "s3cret", "direction": "both", "accounts": "all",
	})
	create(atB, "/callflows", callflowOf(sent{"made at B", "2800"}))
	routes(t, atA, account, "2800", "made at B")
	routes(t, atB, account, "2600", "merged")

	l.cut()
	atA.must(http.StatusOK, "PATCH", account+"/callflows/"+ids["merged"], map[string]any{"name": "renamed at A"})
	atB.must(http.StatusOK, "PATCH", account+"/callflows/"+ids["merged"], map[string]any{"numbers": []string{"2600", "2601"}})
	atA.must(http.StatusOK, "PATCH", account+"/devices/"+ids["device"], map[string]any{"name": "renamed at A"})
	atB.must(http.StatusOK, "PATCH", account+"/devices/"+ids["device"], map[string]any{"enabled": false})
	booked := [2]string{create(atA, "/callflows", callflowOf(sent{"booked at A", "3000"})), create(atB, "/callflows", callflowOf(sent{"booked at B", "3000"}))}
	atA.must(http.StatusOK, "DELETE", account+"/callflows/"+ids["deleted"], nil)
	atB.must(http.StatusOK, "PATCH", account+"/callflows/"+ids["deleted"], map[string]any{"name": "edited at B"})
	routes(t, atA, account, "3000", "booked at A")
	routes(t, atB, account, "3000", "booked at B")
	l.heal()

	alike := func() (shown, bool) {
		at, there := atA.conflicts(account), atB.conflicts(account)
		return at, at.raw == there.raw
	}
	couchtest.Eventually(t, "both list the same: one deletion against an edit, one number booked twice", func() bool {
		s, same := alike()
		return same && len(s.Documents) == 1 && s.Documents[0].ID == ids["deleted"] && len(s.Numbers) == 1 && s.Numbers[0].Number == "3000" && len(s.Numbers[0].IDs) == 2
	})
	for _, c := range []caller{atA, atB} {
		routes(t, c, account, "2601", "renamed at A")
		var device struct {
			Name    string
			Enabled *bool
		}
		c.must(http.StatusOK, "GET", account+"/devices/"+ids["device"], nil).decode(t, &device)
		if device.Name != "renamed at A" || device.Enabled == nil || *device.Enabled {
			t.Errorf("the device is %+v", device)
		}
	}
	left, _ := alike()
	atB.must(http.StatusOK, "POST", account+"/conflicts/"+ids["deleted"], map[string]any{"keep": left.Documents[0].Winner})
	atA.must(http.StatusOK, "PATCH", account+"/callflows/"+booked[1], map[string]any{"numbers": []string{"3001"}})
	couchtest.Eventually(t, "nothing is left at either site", func() bool {
		s, same := alike()
		return same && len(s.Documents)+len(s.Numbers) == 0
	})
	for _, number := range []string{"2600", "2601", "2700", "2800", "3000", "3001"} {
		couchtest.Eventually(t, number+" is routed alike", func() bool {
			one, status := atA.lookup(account, number)
			other, there := atB.lookup(account, number)
			text, _ := json.Marshal(one)
			same, _ := json.Marshal(other)
			return status == there && string(text) == string(same)
		})
	}
	a.stop()
	b.stop()
}
