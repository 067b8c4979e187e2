package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// faultsWanted asks for every row of the table, each for seconds; without it a
// few quick ones run.
const faultsWanted = "FAULTS"

// state is what a process holds.
type state struct{ goroutines, descriptors, megabytes int }

// faultBench is a program on a database that fails at will, or on embedded
// databases on a small disk.
type faultBench struct {
	t       *testing.T
	storage *faultyStorage // nil with embedded databases
	disk    string         // where they are, "" if it is not a disk of their own
	args    []string
	p       *program
	load    *underLoad
	long    time.Duration // how long a fault lasts
	begun   state         // what the program held before the first fault
}

// faultRow is one row of the table. inflict does harm and returns what ends it,
// nil if it cannot be done on this machine.
type faultRow struct {
	name    string
	quick   bool // cheap enough for every run of the tests
	inflict func(b *faultBench) (heal func())
}

func newFaultBench(t *testing.T, long time.Duration) *faultBench {
	t.Helper()
	b := &faultBench{t: t, storage: newFaultyStorage(t, couchtest.URL(t)), long: long}
	b.start("--data-dir="+t.TempDir(), "--couchdb-url="+b.storage.url)
	return b
}

// start starts the program with an account whose routes are known.
func (b *faultBench) start(args ...string) {
	b.t.Helper()
	b.args = append(args, "--admin-listen=127.0.0.1:0", "--rate-burst=0", "--lookup-patience=100ms")
	b.p = startChild(b.t, append(b.args, "--master-api-key="+someKey)...)
	c, _ := login(b.t, b.p, someKey)
	account := c.createAccount(map[string]any{"name": "Faults"})
	known := []string{"2600", "2601", "2602"}
	for _, number := range known {
		c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"known " + number, number}))
	}
	b.load = newLoad(b.t, b.p, c.token, []string{account}, known)
	b.warmUp()
}

// warmUp lets the program fill its caches before what it holds is noted.
func (b *faultBench) warmUp() {
	ctx, cancel := context.WithTimeout(b.t.Context(), b.long/2)
	defer cancel()
	b.load.run(ctx, 4, asked)()
	b.load.client.CloseIdleConnections()
	b.begun = b.holds()
}

// login takes a new token, as clients do whose token is refused.
func (b *faultBench) login() {
	c, _ := login(b.t, b.p, someKey)
	b.load.token.Store(&c.token)
}

// asked is what most clients do while faults come; others look up alone, since
// they would all wait for a write that hangs.
func asked(l *underLoad) {
	switch n := l.next.Load() + time.Now().UnixNano(); {
	case n%10 < 7:
		l.lookup()
	case n%10 < 8:
		l.read()
	default:
		l.write()
	}
}

// holds is what the program holds now; zero where that cannot be told.
func (b *faultBench) holds() state {
	var s state
	if res, err := http.Get(b.p.admin + "/debug/pprof/heap?gc=1"); err == nil { //nolint:noctx // a test's own server
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	if res, err := http.Get(b.p.admin + "/debug/pprof/goroutine?debug=1"); err == nil { //nolint:noctx // a test's own server
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		_, _ = fmt.Sscanf(string(text), "goroutine profile: total %d", &s.goroutines)
	}
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.p.pid)); err == nil {
		s.descriptors = len(open)
	}
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", b.p.pid)); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			pages, _ := strconv.Atoi(fields[1])
			s.megabytes = pages * os.Getpagesize() >> 20
		}
	}
	return s
}

// roomInMemory is how much more than at the beginning the program may hold for
// good, in megabytes: what was written meanwhile is in its caches.
const roomInMemory = 64

// settles waits until the program holds no more goroutines and descriptors
// than before, with room for what a pool of connections keeps, and hardly more
// memory than before the first fault.
func (b *faultBench) settles(before state) (state, bool) {
	now := b.holds()
	for range 120 {
		if now.goroutines <= before.goroutines+60 && now.descriptors <= before.descriptors+40 && now.megabytes <= b.begun.megabytes+roomInMemory {
			return now, true
		}
		b.load.client.CloseIdleConnections()
		time.Sleep(500 * time.Millisecond)
		now = b.holds()
	}
	return now, false
}

// row runs the load through a fault and reports what came of it.
func (b *faultBench) row(row faultRow, out io.Writer) {
	before := b.holds()
	b.load.figures()
	ctx, cancel := context.WithCancel(b.t.Context())
	waits := []func(){b.load.run(ctx, 4, (*underLoad).lookup), b.load.run(ctx, 6, asked)}
	heal := row.inflict(b)
	if heal == nil {
		cancel()
		fmt.Fprintf(out, "%s\tnot run: this machine does not let it happen\n", row.name)
		return
	}
	sleep(ctx, b.long)
	during, at := b.load.figures(), b.holds()
	heal()
	cancel()
	for _, wait := range waits {
		wait()
	}
	back := b.load.recovers(time.Minute)
	after := b.load.figures()
	gone := b.load.lost()
	now, settled := b.settles(before)
	verdict := "ok"
	switch {
	case len(gone) > 0:
		verdict = "LOST"
	case !back:
		verdict = "writes do not come back"
	case !settled:
		verdict = "holds more than before"
	}
	fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%d→%d→%d\t%d→%d→%d\t%d→%d→%d\t%s\n", row.name, after.acknowledged, after.acknowledged-len(gone),
		during.refused, during.lookups, during.wrong, during.unheard, during.p99.Round(100*time.Microsecond),
		before.goroutines, at.goroutines, now.goroutines, before.descriptors, at.descriptors, now.descriptors, before.megabytes, at.megabytes, now.megabytes, verdict)
	if verdict != "ok" {
		b.t.Errorf("%s: %s %v", row.name, verdict, gone)
	}
}

// Whatever happens to storage and to clients, what was acknowledged is there
// afterwards, and the program holds no more than before. Each of the last
// three columns tells what it held before, at the end of the fault, and after.
func TestE2EFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("inflicts faults for seconds")
	}
	all, long := os.Getenv(faultsWanted) != "", 300*time.Millisecond
	if all {
		long = 6 * time.Second
	}
	var table strings.Builder
	out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "fault\tacknowledged\tthere\trefused\tlookups\tfailed\tunheard\tp99\tgoroutines\tdescriptors\tMB\t")
	inflict := func(b *faultBench, rows []faultRow) {
		for _, row := range rows {
			if all || row.quick {
				b.row(row, out)
			}
		}
		b.p.stop()
	}
	inflict(newFaultBench(t, long), faultRows())
	inflict(newEmbeddedBench(t, long), embeddedRows())
	_ = out.Flush()
	fmt.Fprintln(&table, `refused: writes that were not acknowledged. lookups: those that somebody took; failed: of these, without the right answer.
unheard: tries while no program listened (connection refused), from a kill until the next one has started. Clients try again at once,
so that the number says how often they tried, and not how many calls were lost; the time is that of a start.`)
	if all {
		fmt.Fprintln(&table, "10,000 accounts with 1,024 descriptors: see TestFewDescriptors")
		if file := os.Getenv("FAULTS_TABLE"); file != "" {
			if err := os.WriteFile(filepath.Clean(file), []byte(table.String()), 0o644); err != nil { //nolint:gosec // a report
				t.Error(err)
			}
		}
	}
	t.Logf("\n%s", table.String())
}
