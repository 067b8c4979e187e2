package couch

import (
	"testing"
	"time"
)

const testAccount = "abcdef0123456789abcdef0123456789"

func TestNames(t *testing.T) {
	tests := []struct{ name, got, want string }{
		{"account", AccountDB(testAccount), "account/ab/cd/ef0123456789abcdef0123456789"},
		{"short id", AccountDB("abc"), "account/abc"},
		{
			"month", MonthDB(testAccount, time.Date(2024, 1, 31, 23, 0, 0, 0, time.FixedZone("", -7200))),
			"account/ab/cd/ef0123456789abcdef0123456789-202402",
		},
		{"encoded", EncodedDB("account/ab/cd/ef"), "account%2Fab%2Fcd%2Fef"},
		{"number", NumberDB("+14158867900"), "numbers/+1415"},
		{"as long as a prefix", NumberDB("+1415"), "numbers/+1415"},
		{"too short", NumberDB("+141"), ""},
		{"encoded plus", EncodedDB("numbers/+1415"), "numbers%2F%2B1415"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

func TestAccountOf(t *testing.T) {
	tests := []struct {
		db, id, month string
		ok            bool
	}{
		{AccountDB(testAccount), testAccount, "", true},
		{AccountDB(testAccount) + "-202411", testAccount, "202411", true},
		{AccountDB(testAccount) + "-2024", "", "", false},
		{AccountDB(testAccount) + "x", "", "", false},
		{"account/ab/cd/short", "", "", false},
		{"account/abxcd/ef0123456789abcdef0123456789", "", "", false},
		{"account/ab/cd/EF0123456789abcdef0123456789", "", "", false},
		{"accounts", "", "", false},
		{"", "", "", false},
	}
	for _, tt := range tests {
		id, month, ok := AccountOf(tt.db)
		if id != tt.id || month != tt.month || ok != tt.ok {
			t.Errorf("AccountOf(%q) = %q, %q, %v", tt.db, id, month, ok)
		}
	}
}

func TestIsAccountID(t *testing.T) {
	for id, want := range map[string]bool{
		testAccount:                        true,
		"account0000000000000000000000001": true,
		"ABCDEF0123456789abcdef0123456789": false,
		"abcd/../0123456789abcdef01234567": false,
		"abcdef0123456789abcdef012345678":  false,
		"":                                 false,
	} {
		if got := IsAccountID(id); got != want {
			t.Errorf("IsAccountID(%q) = %v", id, got)
		}
	}
}
