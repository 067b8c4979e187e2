package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/callflowd/callflowd/pkg/couch/couchtest"
)

// storageProxy stands between a program and its database. With the toxics that
// hang adds, connections stay open and nothing comes through.
func storageProxy(t *testing.T, address string) (through string, hang, heal func()) {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "storage", "127.0.0.1:0", target.Host)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	hang = func() {
		for _, toxic := range []string{
			`{"name":"up","type":"timeout","stream":"upstream","attributes":{"timeout":0}}`,
			`{"name":"down","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`,
		} {
			if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
				t.Error(err)
			}
		}
	}
	heal = func() { proxy.Toxics.ResetToxics(t.Context()) }
	target.Host = proxy.Listen
	return target.String(), hang, heal
}

const (
	hangs = 7 * time.Second // longer than anything about an account is trusted without a look
	// stalled is less than anything waits for storage, and more than a busy
	// machine needs to answer from memory.
	stalled = 2 * time.Second
)

// While storage takes requests and answers none, every lookup is answered from
// what is known, with a write under way and whatever is looked up.
func TestE2ELookupsWhileStorageHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("lets storage hang for seconds")
	}
	secret := writeSecret(t, "admin:s3cret\n")
	database := start(t, "--data-dir="+t.TempDir(), "--couchdb-listen=127.0.0.1:0", "--couchdb-admin-file="+secret, "--master-api-key="+someKey)
	through, hang, heal := storageProxy(t, database.couchdb)
	p := start(t, "--data-dir="+t.TempDir(), "--couchdb-url="+strings.Replace(through, "http://", "http://admin:s3cret@", 1), "--lookup-patience=100ms")
	c, id := login(t, p, someKey)
	account := "/v2/accounts/" + id
	c.must(http.StatusCreated, "PUT", account+"/callflows", callflowOf(sent{"known", "2600"}))
	couchtest.Eventually(t, "the callflow is read", func() bool {
		r, status := c.lookup(account, "2600")
		return status == http.StatusOK && r.Callflow.Name == "known"
	})

	hang()
	var group sync.WaitGroup
	group.Go(func() { _, _ = c.try("PUT", account+"/callflows", callflowOf(sent{"stuck", "2700"})) })
	end := time.Now().Add(hangs)
	for range 4 {
		group.Go(func() {
			for time.Now().Before(end) {
				for number, want := range map[string]int{"2600": http.StatusOK, "2800": http.StatusNotFound} {
					began := time.Now()
					env, err := c.try("GET", account+"/routes/"+number, nil)
					took := time.Since(began)
					if err != nil || took > stalled || env.Status != want || want == http.StatusOK && !strings.Contains(string(env.Data), `"known"`) {
						t.Errorf("%s: %d, %s, %v after %v", number, env.Status, env.Data, err, took)
						return
					}
				}
			}
		})
	}
	time.Sleep(time.Until(end))
	heal()
	group.Wait()
	couchtest.Eventually(t, "writes go on", func() bool {
		env, err := c.try("PUT", account+"/callflows", callflowOf(sent{"later", "2900"}))
		return err == nil && env.Status == http.StatusCreated
	})
}
