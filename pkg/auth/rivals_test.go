package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// rivalKey is a signing key that another process made at the same time, in a
// revision of one character.
func rivalKey(t *testing.T, hash string) document.Doc {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return document.Doc{
		"_id": "callflowd-key-1", "_rev": "1-" + strings.Repeat(hash, 32), "pvt_type": "system_key", "pvt_created": document.GregorianNumber(time.Now()),
		"_attachments": map[string]any{"private_key.pem": map[string]any{
			"content_type": "application/x-pem-file", "data": base64.StdEncoding.EncodeToString(text),
		}},
	}
}

// withdrawal is the tombstone of a document's revision 1-fff….
func withdrawal(id string) []document.Doc {
	next := strings.Repeat("e", 32)
	return []document.Doc{{
		"_id": id, "_rev": "2-" + next, "_deleted": true, "pvt_callflowd_withdrawn": true,
		"_revisions": map[string]any{"start": 2, "ids": []any{next, strings.Repeat("f", 32)}},
	}}
}

// accepting checks that two processes take each other's tokens.
func accepting(t *testing.T, a, b *world) {
	t.Helper()
	for _, pair := range [][2]*world{{a, b}, {b, a}} {
		_, err := pair[0].authenticate(pair[1].login(t, pair[1].master))
		check(t, err)
	}
}

// late does something before the first request for the file of a key.
type late func()

func (l *late) RoundTrip(r *http.Request) (*http.Response, error) {
	if do := *l; do != nil && strings.HasSuffix(r.URL.Path, "/private_key.pem") {
		*l = nil
		do()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// Another's key that comes between the reading of ours and of its file, and is
// withdrawn later, is not taken for ours.
func TestAKeyAndItsFileBelongTogether(t *testing.T) {
	address := couchtest.URL(t)
	keys := couchtest.Open(t, address).DB("system_auth")
	rival := rivalKey(t, "f")
	transport := late(func() { check(t, keys.BulkRevisions(t.Context(), []document.Doc{rival})) })
	client, err := couch.Open(couch.Config{URL: address, Transport: &transport})
	check(t, err)
	a := process(t, client)
	check(t, keys.BulkRevisions(t.Context(), withdrawal(rival.ID())))
	accepting(t, a, process(t, couchtest.Open(t, address)))
}

// A key and a site's secret that win when this process starts, and are
// withdrawn a moment later, are not used.
func TestOnlyWhatStaysSigns(t *testing.T) {
	address := couchtest.URL(t)
	others := couchtest.Open(t, address)
	accounts := &account.Service{Couch: others}
	master, err := accounts.EnsureMaster(t.Context(), "")
	check(t, err)
	secret := func(hash string) document.Doc {
		return document.Doc{
			"_id": "auth", "_rev": "1-" + strings.Repeat(hash, 32), "pvt_type": "config", "pvt_created": document.GregorianNumber(time.Now()),
			"default": map[string]any{"secret_for_user_signature": "secret " + hash},
		}
	}
	keys, config := others.DB("system_auth"), others.DB("system_config")
	check(t, keys.BulkRevisions(t.Context(), []document.Doc{rivalKey(t, "0"), rivalKey(t, "f")}))
	check(t, config.BulkRevisions(t.Context(), []document.Doc{secret("0"), secret("f")}))
	var ofKey, ofSite atomic.Int32
	client := couchtest.Open(t, couchtest.Cluster(t, address, func(r *http.Request) {
		switch {
		case r.URL.Path == "/system_auth/callflowd-key-1" && ofKey.Add(1) == 3:
			check(t, keys.BulkRevisions(r.Context(), withdrawal("callflowd-key-1")))
		case r.URL.Path == "/system_config/auth" && ofSite.Add(1) == 3:
			check(t, config.BulkRevisions(r.Context(), withdrawal("auth")))
		}
	}))
	a := &world{Service: &auth.Service{Couch: client, Accounts: &account.Service{Couch: client}}, accounts: accounts, master: master.ID}
	check(t, a.Start(t.Context()))
	token := a.login(t, a.master)
	if ofKey.Load() < 3 {
		check(t, keys.BulkRevisions(t.Context(), withdrawal("callflowd-key-1")))
	}
	if ofSite.Load() < 3 {
		check(t, config.BulkRevisions(t.Context(), withdrawal("auth")))
	}
	b := process(t, others)
	_, err = b.authenticate(token)
	check(t, err)
	accepting(t, a, b)
}
