package api

import (
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/account"
	"github.com/callflowd/callflowd/pkg/api/health"
	"github.com/callflowd/callflowd/pkg/api/web"
	"github.com/callflowd/callflowd/pkg/auth"
	"github.com/callflowd/callflowd/pkg/callflow"
	"github.com/callflowd/callflowd/pkg/couch"
	"github.com/callflowd/callflowd/pkg/phone"
	"github.com/callflowd/callflowd/pkg/replication/sites"
	"github.com/callflowd/callflowd/pkg/resource"
	"github.com/callflowd/callflowd/pkg/route"
	"github.com/callflowd/callflowd/pkg/schema"
	"github.com/callflowd/callflowd/pkg/trace"
)

// Config is what a [Server] is made of. The services and Couch must be set;
// the rest has usable zero values.
type Config struct {
	Callflows *callflow.Service
	Accounts  *account.Service
	Auth      *auth.Service
	Resources *resource.Service
	Phones    *phone.Service
	Routes    *route.Indexes
	Schemas   *schema.Live
	Couch     *couch.Client
	Sites     *sites.Service

	Log *zap.Logger
	// LogLookups of N logs one in N lookups that went well and fast; 0 logs
	// each, -1 none.
	LogLookups int
	// Tracer makes a span for each request; nil makes none.
	Tracer  *trace.Tracer
	Node    string           // the envelope's node: an opaque name of this process
	Version string           // the envelope's version
	Now     func() time.Time // the clock of timestamps and rate limits
	Limits  web.Limits
	Proxies []netip.Prefix // peers whose X-Forwarded-For is believed
	Apps    []App          // what apps_store lists; nil lists this server's callflows

	MediaFormats []string // of audio that may be uploaded: mp3, wav, ogg; nil = all

	Emergency []string // numbers that route_analysis guards; nil = Kazoo's

	// ReadOnly is why requests that change something are refused, as a sentence
	// for the client; "" lets them through.
	ReadOnly string

	AdminElsewhere bool // health and metrics are served by [Server.Admin] alone
	Collectors     []prometheus.Collector
	Probes         []health.Probe // of parts that the API does not know, for /readyz

	// Pages makes the rows of what stands beside the API: the pages, which do
	// what the server's own handlers do. It may be nil.
	Pages func(*Server) []web.Row

	// Spool is the directory for the temporary files of imports and exports; "" is
	// the system's.
	Spool string

	Phase web.Phase // the first one, see [Server.Enter]; zero is Serving
}

// App is one item of a web console's app store.
type App struct {
	ID     string `json:"id"`      // "" is the name
	Name   string `json:"name"`    // by which the console loads it: callflows, voip, accounts, …
	APIURL string `json:"api_url"` // absolute, ending in a slash; "" is this server
	Label  string `json:"label,omitempty"`
	Icon   string `json:"icon,omitempty"`

	AllowedUsers  string             `json:"allowed_users"` // all or admins; "" is all
	Masqueradable bool               `json:"masqueradable"` // opens for accounts below the user's
	I18n          map[string]AppText `json:"i18n"`          // by language; nil is Label in en-US
}

// AppText is what a console shows of an app in one language.
type AppText struct {
	Label string `json:"label"`
}
