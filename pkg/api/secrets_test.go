package api

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/callflowd/callflowd/pkg/api/web"
)

// log is what was logged, safe for concurrent use.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) logger() *zap.Logger {
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(l), zap.DebugLevel))
}

// TestSecretsStayHere sends credentials of every kind, right, wrong and in the
// wrong place, and looks for them in the log and in what comes back to others.
func TestSecretsStayHere(t *testing.T) {
	var out log
	w := newWorld(t, func(cfg *Config) {
		cfg.Log, cfg.Auth.Log, cfg.Accounts.Log = out.logger(), out.logger(), out.logger()
	})
	w.undescribed = true
	id, mine := w.newAccount("one")
	base := "/v2/accounts/" + id
	ann := mine.newUser(id, "ann", "")
	key, _ := mine.send(get, base+"/api_key", "").data("api_key").(string)
	hash, wrong := md5Hex("ann:pw"), strings.Repeat("c0ffee", 8)
	basic := base64.StdEncoding.EncodeToString([]byte(id + ":" + hash))
	secrets := []string{masterKey, w.token, mine.token, ann.token, key, hash, basic, wrong, "hunter2"}
	none := w.as("")
	answers := []response{
		mine.send(patch, base+"/users/ann", `{"data":{"password":"hunter2"}}`),
		mine.send(patch, base+"/users/ann", `{"data":{"username":"x","credentials":"`+hash+`"}}`),
		mine.send(put, base+"/users", `{"data":{"first_name":"A","last_name":"B","username":"ann","password":"hunter2"}}`),
		mine.send(get, base+"/users/ann", ""), mine.send(get, base+"/users", ""), mine.send(get, base+"/changes", ""),
		mine.send(get, base, ""), w.send(get, base+"/tree", ""), w.send(get, "/v2/accounts/"+w.master+"/descendants", ""),
		none.send(put, "/v2/api_auth", `{"data":{"api_key":"`+key+`x"}}`),
		none.send(put, "/v2/user_auth", `{"data":{"credentials":"`+hash+`","account_name":"nobody"}}`),
		none.send(put, "/v2/user_auth", `{"data":{"credentials":"`+hash+`","method":"x"}}`),
		none.send(put, "/v2/user_auth", `{"data":{"credentials":"`+hash+hash+hash+`"}}`),
		none.send(put, "/v2/user_auth", `{"data":{"credentials":"`+hash+`"`),
		none.send(get, base, "", "X-Auth-Token", wrong), none.send(get, base, "", "Authorization", "Bearer "+wrong),
		none.send(get, base, "", "Authorization", "Basic "+wrong), none.send(get, base, "", "Authorization", "Digest "+wrong),
		none.send(get, base+"?auth_token="+wrong, ""), none.send(get, base+"?authorization=Basic%20"+wrong, ""),
		none.send(get, "/v2/user_auth/"+wrong, ""), w.send(get, "/v2/user_auth/"+wrong, ""), w.send(get, "/v2/user_auth/"+ann.token, ""),
		none.send(post, "/v2/auth/tokeninfo", `{"data":{"token":"`+ann.token+`"}}`),
		none.send(post, "/v2/auth/tokeninfo", `{"data":{"token":"`+wrong+`"}}`),
		none.send(get, "/v2/auth/tokeninfo?token="+ann.token, ""), none.send(get, "/v2/auth/tokeninfo", "", "Authorization", "Basic "+basic),
		none.send(get, base, "", "Authorization", "Basic "+basic), w.send(get, "/v2/nothing/"+key, ""),
		ann.send(remove, "/v2/token_auth", ""), ann.send(get, base, ""),
	}
	for _, secret := range secrets {
		if strings.Contains(out.text.String(), secret) {
			t.Errorf("%s is in the log", secret)
		}
		for i, got := range answers {
			sent := secret == mine.token || secret == w.token // echoed to whoever sent it, as Kazoo does
			if !sent && strings.Contains(got.body, secret) {
				t.Errorf("%s is in answer %d: %s", secret, i, got.body)
			}
		}
	}
	if got := out.text.String(); !strings.Contains(got, "user_auth") || strings.Contains(got, "pvt_md5_auth") {
		t.Errorf("the log: %s", got)
	}
}

// TestSameAnswer: a caller without a token is told the same whether an
// account, a user or a key exists (contract 9.16).
func TestSameAnswer(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.Limits.Rate.Burst = -1 })
	w.undescribed = true
	id, mine := w.newAccount("one")
	disabled, theirs := w.newAccount("two")
	mine.newUser(id, "ann", "")
	theirs.newUser(disabled, "bob", "")
	w.send(patch, "/v2/accounts/"+disabled, `{"data":{"enabled":false}}`).want(http.StatusOK)
	nobody, hash := strings.Repeat("f", 32), strings.Repeat("b", 32)
	basic := func(user string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+hash))}
	}
	same := func(name string, answers ...response) {
		t.Helper()
		for _, got := range answers {
			delete(got.env, "request_id")
			delete(got.header, "X-Request-Id")
		}
		first := answers[0]
		for i, got := range answers[1:] {
			if got.status != first.status || got.env["message"] != first.env["message"] || got.header.Get("WWW-Authenticate") != first.header.Get("WWW-Authenticate") ||
				len(got.body) != len(first.body) {
				t.Errorf("%s: %d %s, and %d: %d %s", name, first.status, first.body, i+1, got.status, got.body)
			}
		}
	}
	none := w.as("")
	login := func(account string) response {
		return none.send(put, "/v2/user_auth", `{"data":{"credentials":"`+hash+`","account_name":"`+account+`"}}`)
	}
	same("log in", login("one"), login("two"), login("nil"), login("!!!"))
	for _, path := range []string{"", "/callflows", "/callflows/x", "/users/ann", "/api_key", "/routes/100", "/changes", "/nothing"} {
		for _, headers := range [][]string{nil, {"X-Auth-Token", "bad"}, basic(id), basic(disabled), basic(nobody), basic("x")} {
			ask := func(account string) response { return none.send(get, "/v2/accounts/"+account+path, "", headers...) }
			same("read "+path, ask(id), ask(disabled), ask(nobody))
		}
	}
	same("Basic", none.send(get, "/v2/token_auth", "", basic(id)...), none.send(get, "/v2/token_auth", "", basic(nobody)...),
		none.send(get, "/v2/token_auth", "", basic(disabled)...))
}

// TestGuessedTokens: neither another account id in each path, nor what a
// client says of its address, gives it another bucket; another network does.
func TestGuessedTokens(t *testing.T) {
	w := newWorld(t, func(cfg *Config) {
		cfg.Limits.Rate = web.Rate{Burst: 40, PerSecond: 1}
		cfg.Proxies = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	})
	w.undescribed = true
	guess := func(peer string, n int, headers ...string) int {
		id := strings.Repeat("0", 30) + string("0123456789"[n/10]) + string("0123456789"[n%10])
		r := httptest.NewRequestWithContext(t.Context(), get, "/v2/accounts/"+id+"/routes/100", http.NoBody)
		r.RemoteAddr = peer
		r.Header.Set("X-Auth-Token", "guess")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		return w.do(r, "").status
	}
	tests := []struct {
		name  string
		peer  func(n int) string
		hops  func(n int) string // X-Forwarded-For
		still int                // the status of the 41st guess
	}{
		{"one address", func(int) string { return "192.0.2.1:1" }, nil, 429},
		{"many ports", func(n int) string { return "192.0.2.2:" + string(rune('1'+n%9)) }, nil, 429},
		{"lies about its address", func(int) string { return "192.0.2.3:1" }, func(n int) string { return "203.0.113." + string(rune('1'+n%9)) }, 429},
		{"lies about the loopback", func(int) string { return "192.0.2.4:1" }, func(int) string { return "127.0.0.1" }, 429},
		{"lies to the proxy", func(int) string { return "198.51.100.1:1" }, func(n int) string { return "127.0.0." + string(rune('1'+n%9)) + ", 203.0.113.50" }, 429},
		{"one network", func(n int) string { return "[2001:db8:0:1::" + string(rune('1'+n%9)) + "]:1" }, nil, 429},
		{"mapped", func(n int) string { return []string{"[::ffff:192.0.2.6]:1", "192.0.2.6:1"}[n%2] }, nil, 429},
		{"clients of a proxy", func(int) string { return "198.51.100.2:1" }, func(n int) string { return "203.0.113." + string(rune('1'+n%9)) }, 401},
		{"many networks", func(n int) string { return "[2001:db8:0:" + string(rune('1'+n%9)) + "0::1]:1" }, nil, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hops := func(n int) []string {
				if tt.hops == nil {
					return nil
				}
				return []string{"X-Forwarded-For", tt.hops(n)}
			}
			for n := range 40 {
				guess(tt.peer(n), n, hops(n)...)
			}
			if got := guess(tt.peer(40), 40, hops(40)...); got != tt.still {
				t.Errorf("the 41st guess: %d, want %d", got, tt.still)
			}
		})
	}
	if got := w.send(get, "/v2/accounts/"+w.master+"/callflows", "").status; got != http.StatusOK {
		t.Errorf("a known token on the loopback: %d", got)
	}
}

// TestLoopbackIsLimited: whoever hides behind a local proxy guesses no
// passwords for free, and an address that cannot be read is no local one.
func TestLoopbackIsLimited(t *testing.T) {
	tests := []struct {
		name    string
		method  string
		path    string
		body    string
		headers []string
		want    int // of the 31st request
	}{
		{"a request", get, "/v2/token_auth", "", nil, 401},
		{"a login", put, "/v2/user_auth", `{"data":{"credentials":"0a","account_name":"x"}}`, nil, 429},
		{"an API key", put, "/v2/api_auth", `{"data":{"api_key":"` + strings.Repeat("0", 64) + `"}}`, nil, 429},
		{"Basic", get, "/v2/token_auth", "", []string{"Authorization", "Basic YTpi"}, 429},
		{"behind a proxy", get, "/v2/token_auth", "", []string{"X-Forwarded-For", "9.9.9.5, unknown"}, 429},
		{"behind it, with an address", get, "/v2/token_auth", "", []string{"X-Forwarded-For", "9.9.9.5"}, 429},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(cfg *Config) {
				cfg.Limits.Rate = web.Rate{Burst: 3, PerSecond: 0.001}
				cfg.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			})
			w.undescribed = true
			got := 0
			for range 31 {
				r := httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader(tt.body))
				r.RemoteAddr = "127.0.0.1:4711"
				for i := 0; i+1 < len(tt.headers); i += 2 {
					r.Header.Set(tt.headers[i], tt.headers[i+1])
				}
				got = w.do(r, "").status
			}
			if got != tt.want {
				t.Errorf("the 31st request: %d, want %d", got, tt.want)
			}
		})
	}
}
