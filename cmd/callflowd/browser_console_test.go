package main

import (
	"fmt"
	"net/http"
	"testing"
)

// consoleFlows is how many callflows the console of the test has to list.
const consoleFlows = 200

// TestBrowserConsole does in Chromium what an operator does with a web console,
// on a page of our own that uses the API's answers as a console does.
func TestBrowserConsole(t *testing.T) {
	needsBrowser(t)
	p := start(t, "--data-dir="+t.TempDir(), "--app=name=voip", "--app=name=callflows", "--realm-suffix=pbx.example")
	_, key := masterOf(t, p.greeting())
	c, _ := login(t, p, key)
	const name = "Harbourside"
	account := c.createAccount(map[string]any{"name": name})
	c.must(http.StatusCreated, "PUT", account+"/users", map[string]any{
		"first_name": "Ines", "last_name": "Dahl", "username": "ines", "password": "secret-2", "priv_level": "admin",
	})
	c.must(http.StatusCreated, "PUT", account+"/phone_numbers/collection", map[string]any{"numbers": []string{"+14158867900", "+14158867901"}})
	for i := range consoleFlows {
		c.must(http.StatusCreated, "PUT", account+"/callflows", map[string]any{"name": fmt.Sprintf("Desk %d", i), "numbers": []string{fmt.Sprint(2000 + i)}})
	}
	inBrowser(t, "console.mjs", map[string]any{"base": p.api, "account": name, "flows": consoleFlows})
	p.stop()
}
