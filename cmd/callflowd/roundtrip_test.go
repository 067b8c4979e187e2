package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// traveller types client commands about one account.
type traveller struct {
	t   *testing.T
	env []string
}

func travel(t *testing.T, c caller, account string) traveller {
	return traveller{t, []string{
		"CALLFLOWD_URL=" + c.base, "CALLFLOWD_TOKEN=" + c.token, "CALLFLOWD_ACCOUNT=" + account, "XDG_CONFIG_HOME=" + t.TempDir(),
	}}
}

func (v traveller) types(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := run(ctx, args, v.env, &out, io.Discard)
	return out.String(), err
}

func (v traveller) must(args ...string) string {
	v.t.Helper()
	out, err := v.types(v.t.Context(), args...)
	if err != nil {
		v.t.Fatalf("%v: %v", args, err)
	}
	return out
}

// withoutHeader is an export's documents.
func withoutHeader(export string) string {
	_, rest, _ := strings.Cut(export, "\n")
	return rest
}

// randomExport makes so many callflows that refer to each other.
func randomExport(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	id := func(i int) string { return fmt.Sprintf("%032x", i) }
	var b strings.Builder
	b.WriteString(`{"callflowd_export":1,"account":"random","at":"2026-01-01T00:00:00Z"}` + "\n")
	for i := range n {
		data := map[string]any{
			"name": fmt.Sprint("Callflow ", i), "numbers": []string{fmt.Sprintf("+1415%07d", i), fmt.Sprint(20000 + i)}, "patterns": []string{},
			"flow": map[string]any{"module": "callflow", "data": map[string]any{"id": id(r.IntN(n))}},
		}
		if i%10 == 0 {
			data["patterns"] = []string{fmt.Sprintf(`^\*%d(\d*)$`, i)}
		}
		line, err := json.Marshal(map[string]any{"id": id(i), "type": "callflow", "data": data})
		if err != nil {
			panic(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// newAccountOf makes an account below another.
func newAccountOf(c caller, parent, name string) string {
	c.t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	got := c.must(http.StatusCreated, "PUT", "/v2/accounts/"+parent, map[string]any{"name": name})
	got.decode(c.t, &made)
	return made.ID
}

// TestRoundTrip takes callflows out and in again elsewhere: the same as they
// are, the same up to ids with new ones, and the same where the import was
// interrupted. CALLFLOWD_TRANSFER_CALLFLOWS asks for more of them.
func TestRoundTrip(t *testing.T) {
	n := 600
	if v := os.Getenv("CALLFLOWD_TRANSFER_CALLFLOWS"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, "--data-dir="+t.TempDir())
	_, key := masterOf(t, p.greeting())
	c, top := login(t, p, key)
	file := filepath.Join(t.TempDir(), "one.jsonl")
	if err := os.WriteFile(file, []byte(randomExport(n)), 0o600); err != nil {
		t.Fatal(err)
	}
	first := travel(t, c, newAccountOf(c, top, "First"))
	first.must("import", file)
	exported := first.must("export")
	if got := strings.Count(exported, "\n"); got != n+1 {
		t.Fatalf("%d lines of %d callflows", got, n)
	}
	if err := os.WriteFile(file, []byte(exported), 0o600); err != nil {
		t.Fatal(err)
	}
	second := travel(t, c, newAccountOf(c, top, "Second"))
	second.must("import", file)
	if again := second.must("export"); withoutHeader(again) != withoutHeader(exported) {
		t.Error("exported elsewhere it is something else")
	}
	t.Run("new ids", func(t *testing.T) { renamedTrip(t, travel(t, c, newAccountOf(c, top, "Third")), file, exported) })
	t.Run("interrupted", func(t *testing.T) { interruptedTrip(t, travel(t, c, newAccountOf(c, top, "Fourth")), file, exported) })
}

// renamedTrip imports with new ids and puts the old ones back by the names.
func renamedTrip(t *testing.T, v traveller, file, exported string) {
	v.must("import", file, "--new-ids")
	type line struct {
		ID   string `json:"id"`
		Data struct {
			Name string `json:"name"`
			Flow struct {
				Data struct {
					ID string `json:"id"`
				} `json:"data"`
			} `json:"flow"`
		} `json:"data"`
	}
	read := func(export string) (refers map[string]string, names map[string]string) {
		refers, names = map[string]string{}, map[string]string{}
		var all []line
		for text := range strings.Lines(withoutHeader(export)) {
			var l line
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				t.Fatal(err)
			}
			names[l.ID] = l.Data.Name
			all = append(all, l)
		}
		for _, l := range all {
			refers[l.Data.Name] = names[l.Data.Flow.Data.ID]
		}
		return refers, names
	}
	want, old := read(exported)
	got, ids := read(v.must("export"))
	for id := range ids {
		if old[id] != "" {
			t.Fatalf("%s is an old id", id)
		}
	}
	for name, target := range want {
		if got[name] != target || target == "" {
			t.Fatalf("%s refers to %q, not to %q", name, got[name], target)
		}
	}
}

// interruptedTrip stops imports at any moment until one gets through.
func interruptedTrip(t *testing.T, v traveller, file, exported string) {
	stopped := 0
	for wait := time.Millisecond; ; wait += wait / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		_, err := v.types(ctx, "import", file)
		cancel()
		if err == nil {
			break
		}
		stopped++
	}
	if stopped < 2 {
		t.Errorf("it was stopped %d times", stopped)
	}
	if again := v.must("export"); withoutHeader(again) != withoutHeader(exported) {
		t.Error("after interruptions it is something else")
	}
}
