package bench

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/bench/load"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/number"
)

func TestMedian(t *testing.T) {
	if got := median([]time.Duration{3, 1, 2}, itself); got != 2 {
		t.Error(got)
	}
	rounds := []figures{{rate: 1, p50: 30}, {rate: 3, p50: 10}, {rate: 2, p50: 20}}
	if got := medianOf(rounds); got.rate != 2 || got.p50 != 20 {
		t.Errorf("%+v", got)
	}
}

func TestParseMetrics(t *testing.T) {
	const page = "# HELP a b\n# TYPE a gauge\na 12.5\nb{x=\"y\"} 3\nc 1e+06\nbroken\n"
	if got := parseMetrics([]byte(page)); !reflect.DeepEqual(got, map[string]float64{"a": 12.5, "c": 1e6}) {
		t.Errorf("%v", got)
	}
}

func TestChildrenKeepNoSettings(t *testing.T) {
	got := environment([]string{"PATH=x", "CALLFLOWD_DATA_DIR=/precious", "CALLFLOWD_TEST_X=1"})
	if !reflect.DeepEqual(got, []string{"PATH=x", "CALLFLOWD_TEST_X=1"}) {
		t.Errorf("%v", got)
	}
}

// Numbers are such as callflowd completes when ten digits are dialled.
func TestNumbersAreDiallable(t *testing.T) {
	for _, n := range []int{0, 1, 999_999, areaSize - 1, areaSize, 10_000_000} {
		if got := number.Normalize(dialled(n), number.DialPlan{}); got != numberOf(n) || !number.Reconcilable(got) {
			t.Errorf("%s becomes %s, want %s", dialled(n), got, numberOf(n))
		}
	}
}

func TestAccountsAreFilled(t *testing.T) {
	client := couchtest.New(t)
	if err := client.CreateDB(t.Context(), "accounts"); err != nil {
		t.Fatal(err)
	}
	const parent = "0123456789abcdef0123456789abcdef"
	if err := fillAccounts(t.Context(), client, parent, 0, 3, 5); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		id := accountID(n)
		copied, err := client.DB("accounts").Get(t.Context(), id)
		if err != nil || copied.String("pvt_account_id") != id || copied.Type() != "account" {
			t.Fatalf("%v, %v", copied, err)
		}
		rows := 0
		for row, err := range client.Account(id).View(t.Context(), "callflows", "listing_by_number", couch.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if string(row.Key) != `"`+numberOf(5*n+rows)+`"` {
				t.Errorf("a row has the key %s", row.Key)
			}
			rows++
		}
		if rows != 5 {
			t.Errorf("%d numbers", rows)
		}
	}
}

// A refusal ends a race: what is refused is not measured.
func TestRaceRefusesBadAnswers(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	b := &bench{Settings: Settings{Rounds: 2, Round: 10 * time.Millisecond}}
	one := side{name: "one", base: strings.TrimPrefix(server.URL, "http://"), request: load.Request{Path: "/"}, pid: os.Getpid()}
	got, err := b.race(t.Context(), 2, one, one)
	if err != nil || len(got) != 2 || got[0].rate <= 0 || got[0].p50 <= 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	status = http.StatusTooManyRequests
	if _, err := b.race(t.Context(), 2, one); err == nil || !strings.Contains(err.Error(), "× 429") {
		t.Errorf("%v", err)
	}
}

func TestProcessesAreMeasured(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := residentBytes(os.Getpid()); err == nil {
			t.Error("what is not known has no error")
		}
		return
	}
	pid := os.Getpid()
	if err := forgetPeak(pid); err != nil {
		t.Error(err)
	}
	resident, err := residentBytes(pid)
	peak, err2 := peakBytes(pid)
	if err != nil || err2 != nil || resident < 1e6 || peak < 1e6 {
		t.Errorf("%g now, %g at most; %v, %v", resident, peak, err, err2)
	}
	before, err := descriptors(pid)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if after, _ := descriptors(pid); after <= 0 || before <= 0 {
		t.Errorf("%d and %d descriptors", before, after)
	}
	start, err := processorTime(pid)
	for spent := start; err == nil && spent == start; {
		spent, err = processorTime(pid) // reading it takes some
	}
	if err != nil {
		t.Error(err)
	}
}

func TestBaselineAnswersWhatItWasGiven(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte(`{"a":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	handler, err := (&Baseline{Body: file, Header: []string{"X-A: b: c"}}).handler()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, routesPath("x")+"2600", nil))
	if w.Code != http.StatusOK || w.Body.String() != `{"a":1}` || w.Header().Get("X-A") != "b: c" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if _, err := (&Baseline{Body: file, Header: []string{"nonsense"}}).handler(); err == nil {
		t.Error("a header without a value is taken")
	}
}

func TestSettingsAreChecked(t *testing.T) {
	good := Settings{Rounds: 1, Round: 1, Numbers: 1, Listing: 1, Indexed: 1, Accounts: 1, Imported: 1, Hang: 1, Changes: 1}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for flag, spoil := range map[string]func(*Settings){
		"--rounds": func(s *Settings) { s.Rounds = 0 }, "--hang": func(s *Settings) { s.Hang = -1 },
	} {
		bad := good
		spoil(&bad)
		if err := bad.check(); err == nil || !strings.HasPrefix(err.Error(), flag+":") {
			t.Errorf("%s: %v", flag, err)
		}
	}
	only := Settings{Only: []string{"lookup", "nope"}}
	if _, err := only.chosen((&bench{}).sections()); err == nil || !strings.Contains(err.Error(), `"nope" is none of "go", "lookup"`) {
		t.Errorf("%v", err)
	}
	rising := Scaling{Accounts: []int{1, 2}, Callflows: 1, Period: 1, Rate: 1, Changes: 1, Active: 1}
	if err := rising.check(); err != nil {
		t.Error(err)
	}
	rising.Accounts = []int{2, 1}
	if err := rising.check(); err == nil {
		t.Error("numbers that fall are taken")
	}
}

// A server that holds accounts is not touched.
func TestServerWithAccountsIsRefused(t *testing.T) {
	address := couchtest.URL(t)
	c := Common{CouchDB: address}
	restore, err := c.reserveCouchDB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := couchtest.Open(t, address)
	for _, name := range []string{couch.AccountDB(accountID(1)), "others"} {
		if err := client.CreateDB(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.reserveCouchDB(t.Context()); err == nil {
		t.Error("a server with an account is taken")
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	names, err := client.AllDBs(t.Context())
	if err != nil || len(names) != 1 || names[0] != "others" {
		t.Errorf("%v, %v", names, err)
	}
}

func TestUntilGivesUpOnErrors(t *testing.T) {
	broken := errors.New("broken")
	asked := 0
	_, err := until(t.Context(), "x", func(context.Context) (bool, error) {
		if asked++; asked < 3 {
			return false, nil
		}
		return false, broken
	})
	if !errors.Is(err, broken) || asked != 3 {
		t.Errorf("%v after %d", err, asked)
	}
}
