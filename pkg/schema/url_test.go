package schema

import "testing"

func TestURLPolicy(t *testing.T) {
	tests := []struct {
		url     string
		allowed bool
	}{
		{"http://example.com", true},
		{"HTTPS://Example.com:8443/x?y=1#z", true},
		{"http://user:pw@example.com/", true},
		{"http://例え.jp/", true},
		{"http://xn--r8jz45g.jp", true},
		{"http://8.8.8.8/", true},
		{"http://[2001:db8::1]/", true},
		{"http://a:/x", true},
		{"http://localhosts/", true},
		{"http://127.example.com/", true},
		{"http://0xf.example/", true},

		{"", false},
		{"example.com", false},
		{"//example.com", false},
		{"ftp://example.com/", false},
		{"http:", false},
		{"http:/x", false},
		{"http:///path", false},
		{"https://?q", false},
		{"http://.", false},
		{"http://example.com:99999/", false},
		{"http://a:b/", false},
		{"http://ex.com/%zz", false},
		{"http://example.com /", false},
		{"\nhttp://example.com", false},
		{`http://example.com\@localhost/`, false},

		{"http://localhost", false},
		{"http://LOCALHOST./", false},
		{"http://x.localhost/", false},
		{"http://ｌｏｃａｌｈｏｓｔ/", false},
		{"http://user:pw@localhost/", false},
		{"http://user@example.com/", false},
		{"http://localhost:80@example.com/", false},
		{"http://127.0.0.1:80@example.com/", false},
		{"http://a:b@c@localhost/", false},

		{"http://127.0.0.1", false},
		{"http://127.0.0.2:99/x", false},
		{"http://127.0.0.1./", false},
		{"http://127.1/", false},
		{"http://127.0.1", false},
		{"http://2130706433/", false},
		{"http://0x7f.1/", false},
		{"http://0x7f000001/", false},
		{"http://0X7F.0.0.1/", false},
		{"http://0177.0.0.1/", false},
		{"http://017700000001/", false},
		{"http://010.0.0.1/", false},
		{"http://127。0。0。1/", false},
		{"http://１２７.0.0.1/", false},
		{"http://0/", false},
		{"http://0.0.0.0/", false},
		{"http://10.1.2.3/", false},
		{"http://172.31.0.1/", false},
		{"http://192.168.1.1/", false},
		{"http://169.254.169.254/latest", false},
		{"http://256.1.1.1/", false},
		{"http://1.2.3.4.5/", false},
		{"http://4294967297/", false},
		{"http://99999999999999999999/", false},
		{"http://example.123/", false},

		{"http://[::1]/", false},
		{"http://[::1]:80/", false},
		{"http://[::]/", false},
		{"http://::1/", false},
		{"http://[fe80::1%25eth0]/", false},
		{"http://[fd00::1]/", false},
		{"http://[::ffff:127.0.0.1]/", false},
		{"http://[::ffff:7f00:1]/", false},
		{"http://[::127.0.0.1]/", false},
		{"http://[64:ff9b::7f00:1]/", false},
		{"http://[2002:7f00:1::]/", false},
		{"http://[::ffff:8.8.8.8]/", true},
	}
	for _, tt := range tests {
		if reason := (URLPolicy{}).Check(tt.url); (reason == "") != tt.allowed {
			t.Errorf("%s: refused for %q, want allowed %v", tt.url, reason, tt.allowed)
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
