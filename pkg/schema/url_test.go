package schema

import (
	"strings"
	"testing"
)

func TestURLsAllowed(t *testing.T) {
	for _, url := range []string{
		"http://example.com", "HTTPS://Example.com:8443/x?y=1#z", "http://user:pw@example.com/", "http://例え.jp/",
		"http://xn--r8jz45g.jp", "http://8.8.8.8/", "http://[2a00:1::1]/", "http://a.b:/x", "http://localhosts.com/",
		"http://127.example.com/", "http://0xf.example/", "http://[::ffff:8.8.8.8]/",
	} {
		if reason := (URLPolicy{}).Check(url); reason != "" {
			t.Errorf("%s: %s", url, reason)
		}
	}
}

func TestURLsRefused(t *testing.T) {
	tests := map[string][]string{
		"malformed": {
			"", "example.com", "//example.com", "ftp://example.com/", "http:", "http:/x", "http:///path", "https://?q", "http://.",
			"http://example.com:99999/", "http://a:b/", "http://ex.com/%zz", "http://example.com /", "\nhttp://example.com",
			`http://example.com\@localhost/`,
			"http://" + strings.Repeat("a", 1025) + "/", "http://" + strings.Repeat("u", 1025) + ":p@example.com/",
		},
		"names and user information": {
			"http://localhost", "http://LOCALHOST./", "http://x.localhost/", "http://ｌｏｃａｌｈｏｓｔ/", "http://user:pw@localhost/", "http://local\u00adhost/", "http://local\u200bhost/",
			"http://user@example.com/", "http://localhost:80@example.com/", "http://127.0.0.1:80@example.com/",
			"http://a:b@c@localhost/", "http://localhost..", "http://..", "http://.example.com/", "http://127.0.0.1../",
		},
		"addresses": {
			"http://127.0.0.1", "http://127.0.0.2:99/x", "http://127.0.0.1./", "http://127.1/", "http://127.0.1",
			"http://2130706433/", "http://0x7f.1/", "http://0x7f000001/", "http://0X7F.0.0.1/", "http://0177.0.0.1/",
			"http://017700000001/", "http://010.0.0.1/", "http://127。0。0。1/", "http://１２７.0.0.1/", "http://0/", "http://0.0.0.0/",
			"http://10.1.2.3/", "http://172.31.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest", "http://256.1.1.1/",
			"http://1.2.3.4.5/", "http://4294967297/", "http://99999999999999999999/", "http://example.123/", "http://[::1]/",
			"http://[::1]:80/", "http://[::]/", "http://::1/", "http://[fe80::1%25eth0]/", "http://[fd00::1]/",
			"http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
			"http://[2002:7f00:1::]/", "http://[::ffff:0:7f00:1]/", "http://[fec0::1]/", "http://[64:ff9b:1::7f00:1]/",
		},
	}
	for group, urls := range tests {
		for _, url := range urls {
			if reason := (URLPolicy{}).Check(url); reason == "" {
				t.Errorf("%s: %s is allowed", group, url)
			}
		}
	}
}

func TestURLAllowList(t *testing.T) {
	policy := URLPolicy{Allow: []string{"10.1.0.0/16", "127.0.0.1", "Pivot.localhost", ".hooks.localhost", "fd00::/8"}}
	tests := []struct {
		url     string
		allowed bool
	}{
		{"http://10.1.2.3/", true},
		{"http://10.2.2.3/", false},
		{"http://127.1:8080/", true},
		{"http://[::ffff:127.0.0.1]/", true},
		{"http://127.0.0.2/", false},
		{"http://[fd12::1]/", true},
		{"http://pivot.localhost/", true},
		{"http://a.hooks.localhost./", true},
		{"http://hooks.localhost/", false},
		{"http://user@10.1.2.3/", false},
		{"ftp://10.1.2.3/", false},
	}
	for _, tt := range tests {
		if reason := policy.Check(tt.url); (reason == "") != tt.allowed {
			t.Errorf("%s: refused for %q, want allowed %v", tt.url, reason, tt.allowed)
		}
	}
}
