//go:build linux

package couchlite

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// The environment of a child process that [TestFewDescriptors] starts: where
// it keeps its files, how many accounts it has, and how many files it may
// open. The last two may be set for the test too.
const (
	crowdDir      = "COUCHLITE_CROWD_DIR"
	crowdAccounts = "COUCHLITE_CROWD_ACCOUNTS"
	crowdLimit    = "COUCHLITE_CROWD_LIMIT"
)

// TestMain makes the test binary the program with few descriptors, when it is
// started by [TestFewDescriptors].
func TestMain(m *testing.M) {
	if dir := os.Getenv(crowdDir); dir != "" {
		if err := crowd(dir, number(crowdAccounts, 60), number(crowdLimit, 100)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func number(name string, otherwise int) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return otherwise
	}
	return n
}

// crowd uses many databases and their views with few descriptors, pass after
// pass, and prints after each how many descriptors and how much memory the
// process has.
func crowd(dir string, accounts, limit int) error {
	few := syscall.Rlimit{Cur: uint64(limit), Max: uint64(limit)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		return err
	}
	s, err := Open(Options{Dir: dir})
	if err != nil {
		return err
	}
	const design = `{"views":{"v":{"map":"function(d){ emit(d.n, null) }"}}}`
	steps := [][3]string{{"PUT", "", ""}, {"PUT", "/_design/d", design}, {"PUT", "/a", `{"n":1}`}}
	read := [][3]string{{"GET", "/_design/d/_view/v", ""}, {"GET", "/a", ""}, {"POST", "", `{"n":2}`}}
	for range 4 {
		if err := crowdPass(s, accounts, steps); err != nil {
			return err
		}
		steps = read
		debug.FreeOSMemory()
		fmt.Println(descriptors(), resident())
	}
	return s.Close()
}

// crowdPass sends the steps to every account's database, by four clients.
func crowdPass(s *Server, accounts int, steps [][3]string) error {
	var wg sync.WaitGroup
	var failed error
	var mu sync.Mutex
	for client := range 4 {
		wg.Go(func() {
			for n := client; n < accounts; n += 4 {
				for _, step := range steps {
					r := httptest.NewRequest(step[0], fmt.Sprintf("/account%%2F%d%s", n, step[1]), strings.NewReader(step[2]))
					r.Header.Set("Content-Type", "application/json")
					w := httptest.NewRecorder()
					if s.ServeHTTP(w, r); w.Code >= 300 {
						mu.Lock()
						failed = fmt.Errorf("%v of account %d: %d %s", step, n, w.Code, w.Body)
						mu.Unlock()
						return
					}
				}
			}
		})
	}
	wg.Wait()
	return failed
}

func descriptors() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// resident is the memory of the process in pages.
func resident() int {
	raw, _ := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(raw))
	n, _ := strconv.Atoi(fields[1])
	return n
}

// TestFewDescriptors uses more databases than a process with few descriptors
// can have open: every request is answered, descriptors and memory stay the
// same from pass to pass, and after the stop no log is left.
func TestFewDescriptors(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crowdDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var files, pages []int
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		var f, p int
		if _, err := fmt.Sscan(lines.Text(), &f, &p); err != nil {
			t.Fatal(err)
		}
		files, pages = append(files, f), append(pages, p)
	}
	t.Logf("descriptors %v, pages %v", files, pages)
	if last := len(files) - 1; files[last] > files[1]+files[1]/4 || pages[last] > pages[1]+pages[1]/4 {
		t.Errorf("descriptors %v, pages of memory %v", files, pages)
	}
	for _, pattern := range []string{"databases/*-wal", "databases/*-shm", "views/*/*-wal"} {
		if left, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left over: %v %v", left, err)
		}
	}
}
