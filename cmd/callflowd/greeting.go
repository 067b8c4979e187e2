package main

import (
	"io"
	"net"
	"strings"

	"github.com/callflowd/callflowd/pkg/account"
)

// firstGreeting is what the first start prints, once: how to reach the master
// account, and a tour of shell lines that work as pasted.
const firstGreeting = `
The master account was created. This is shown only once:

  account id  {ACCOUNT}
  API key     {SHOWN}

Paste this into another terminal for a token; it lasts an hour:

API={BASE}/v2/accounts/{ACCOUNT}
JSON='Content-Type: application/json'
TOKEN=$(curl -s -X PUT {BASE}/v2/api_auth -H "$JSON" -d '{"data":{"api_key":"{KEY}"}}' | sed 's/.*"auth_token":"\([^"]*\)".*/\1/')

and then create a callflow, fetch it, change it, look its number up, delete it, look again:

curl -sw '\n' -X PUT $API/callflows -H "X-Auth-Token: $TOKEN" -H "$JSON" -d '{"data":{"id":"hello","name":"Hello","numbers":["2600"],"flow":{"module":"play","data":{"id":"hello.mp3"}}}}'
curl -sw '\n' $API/callflows/hello -H "X-Auth-Token: $TOKEN"
curl -sw '\n' -X PATCH $API/callflows/hello -H "X-Auth-Token: $TOKEN" -H "$JSON" -d '{"data":{"numbers":["2600","+14155550100"]}}'
curl -sw '\n' $API/routes/4155550100 -H "X-Auth-Token: $TOKEN"
curl -sw '\n' -X DELETE $API/callflows/hello -H "X-Auth-Token: $TOKEN"
curl -sw '\n' $API/routes/4155550100 -H "X-Auth-Token: $TOKEN"

`

// laterGreeting is what every other start prints.
const laterGreeting = `
Serving {BASE}/v2 with the accounts that are already there. A line to try, which needs no token:

curl -sw '\n' {BASE}/v2/schemas/callflows

`

// greet prints to out where the API is and, if the master account was just
// created, its credentials. It does not print a key that the operator chose.
func greet(out io.Writer, base string, master account.Master, chosen bool) error {
	text := laterGreeting
	if master.Created {
		text = firstGreeting
	}
	shown, key := master.APIKey, master.APIKey
	if chosen {
		shown, key = "the one that --master-api-key names", `'"$CALLFLOWD_MASTER_API_KEY"'`
	}
	fill := strings.NewReplacer("{BASE}", base, "{ACCOUNT}", master.ID, "{SHOWN}", shown, "{KEY}", key)
	_, err := fill.WriteString(out, text)
	return err
}

// base is where clients on this machine find the API.
func (o *options) base(api net.Addr) string {
	if o.TLS.TLSCert != "" {
		return "https://" + reachable(api)
	}
	return "http://" + reachable(api)
}

// reachable is addr as a client on this machine writes it.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
