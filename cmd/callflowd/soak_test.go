package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Defaults of the soak, and the shares of its load in percent.
const (
	soakAccounts  = 1_000
	soakCallflows = 100
	soakFaultEach = 10 * time.Second
	soakFaultLong = 3 * time.Second
	soakLogin     = 20 * time.Minute // a token lasts an hour
	soakLookups   = 90
	soakReads     = 8
)

// mixed is the load of the soak.
func mixed(l *underLoad) {
	switch n := rand.N(100); {
	case n < soakLookups:
		l.lookup()
	case n < soakLookups+soakReads:
		l.read()
	default:
		l.write()
	}
}

// setting is a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		t.Fatalf("%s must be a positive number", name)
	}
	return n
}

// fill makes accounts with callflows, and returns the accounts' paths and the
// numbers that each of them has.
func fill(t *testing.T, c caller, accounts, callflows int) (paths, numbers []string) {
	t.Helper()
	for n := range callflows {
		numbers = append(numbers, fmt.Sprint(20_000+n))
	}
	for n := range accounts {
		paths = append(paths, c.createAccount(map[string]any{"name": fmt.Sprint("Soak ", n)}))
	}
	todo := make(chan string)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for path := range todo {
				for _, number := range numbers {
					env, err := c.try("PUT", path+"/callflows", callflowOf(sent{"known " + number, number}))
					if err != nil || env.Status != http.StatusCreated {
						t.Errorf("fill %s: %d %v", path, env.Status, err)
						return
					}
				}
			}
		})
	}
	for _, path := range paths {
		todo <- path
	}
	close(todo)
	group.Wait()
	return paths, numbers
}

// soakFaults are what befalls the soak, one after the other.
func soakFaults() []faultRow {
	var faults []faultRow
	for _, row := range faultRows() {
		switch row.name {
		case "latency", "reset", "truncation", "garbage", "5xx storm", "black hole", "disk full (507)", "no quorum (202)", "kill -9 under load":
			faults = append(faults, row)
		}
	}
	return faults
}

// Mixed load with a fault every ten seconds for as long as SOAK says: nothing
// that was acknowledged is lost.
func TestE2ESoak(t *testing.T) {
	long, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil || long <= 0 {
		t.Skip("SOAK names no time")
	}
	b := newFaultBench(t, soakFaultLong)
	c, _ := login(t, b.p, someKey)
	began := time.Now()
	accounts, callflows := setting(t, "ACCOUNTS", soakAccounts), setting(t, "CALLFLOWS", soakCallflows)
	b.load.accounts, b.load.known = fill(t, c, accounts, callflows)
	t.Logf("%d accounts with %d callflows each made in %s", accounts, callflows, time.Since(began).Round(time.Second))
	c, _ = login(t, b.p, someKey)
	loggedIn := time.Now()
	b.load.token.Store(&c.token)
	before := b.holds()
	b.begun = before // a full program, of which a fault must leave no more
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	wait := b.load.run(ctx, 16, mixed)
	faults, inflicted := soakFaults(), 0
	total := figures{}
	for ; sleep(ctx, soakFaultEach-soakFaultLong); inflicted++ {
		heal := faults[inflicted%len(faults)].inflict(b)
		sleep(ctx, soakFaultLong)
		heal()
		total = total.add(b.load.figures())
		if time.Since(loggedIn) > soakLogin {
			loggedIn = time.Now()
			c, _ = login(t, b.p, someKey)
			b.load.token.Store(&c.token)
		}
	}
	wait()
	back := b.load.recovers(time.Minute)
	total = total.add(b.load.figures())
	gone := b.load.lost()
	now, settled := b.settles(before)
	t.Logf("\nsoak of %s, %d accounts × %d callflows, %d faults\nlookups       %d, %d failed, p99 of the worst stretch %s; %d more found nobody listening\nreads failed  %d\nwrites        %d acknowledged, %d there afterwards, %d refused\ngoroutines    %d → %d\ndescriptors   %d → %d\nmemory        %d → %d MB",
		long, accounts, callflows, inflicted, total.lookups, total.wrong, total.p99.Round(100*time.Microsecond), total.unheard, total.failed, total.acknowledged, total.acknowledged-len(gone), total.refused,
		before.goroutines, now.goroutines, before.descriptors, now.descriptors, before.megabytes, now.megabytes)
	if len(gone) > 0 || !back {
		t.Errorf("lost %v; writes came back: %v", gone, back)
	}
	if !settled {
		t.Error("the program holds more than before")
	}
}

// add joins the figures of two stretches; acknowledged is counted throughout.
func (f figures) add(g figures) figures {
	return figures{g.acknowledged, f.refused + g.refused, f.lookups + g.lookups, f.wrong + g.wrong, f.unheard + g.unheard, f.failed + g.failed, max(f.p99, g.p99)}
}
