package auth_test

import (
	"testing"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/couch/couchtest"
	"github.com/callflowd/callflowd/pkg/document"
)

// BenchmarkKnownToken is what every request pays: a token that is known, of a
// reseller, for an account below it.
func BenchmarkKnownToken(b *testing.B) {
	client := couchtest.New(b)
	accounts := &account.Service{Couch: client}
	s := &auth.Service{Couch: client, Accounts: accounts}
	ctx := b.Context()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	master, err := accounts.EnsureMaster(ctx, "")
	must(err)
	must(s.Start(ctx))
	go accounts.Follow(ctx)
	go s.Follow(ctx)
	reseller, err := accounts.Create(ctx, master.ID, document.Doc{"name": "Reseller"}, account.Actor{})
	must(err)
	customer, err := accounts.Create(ctx, reseller.ID(), document.Doc{"name": "Customer"}, account.Actor{})
	must(err)
	session, err := s.APIAuth(ctx, document.Doc{"api_key": reseller.String("pvt_api_key")})
	must(err)
	credentials := auth.Credentials{Scheme: "token", Value: session.Token}
	b.ReportAllocs()
	for b.Loop() {
		identity, err := s.Authenticate(ctx, credentials)
		must(err)
		must(s.Authorize(ctx, identity, customer.ID()))
	}
}
