package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"github.com/callflowd/callflowd/pkg/bench/load"
	"github.com/callflowd/callflowd/pkg/cli"
	"github.com/callflowd/callflowd/pkg/notice"
	"github.com/callflowd/callflowd/pkg/number"
	"github.com/callflowd/callflowd/pkg/trace"
)

// commandLine is what kong parses; serve is the default command.
type commandLine struct {
	Version       kong.VersionFlag `help:"Print the version and stop."`
	Config        string           `placeholder:"FILE" help:"YAML file of settings, flag: value; the environment and the command line go before it."`
	Serve         options          `cmd:"" default:"withargs" help:"Serve the API (the default command)."`
	CheckConfig   options          `cmd:"" help:"Check the settings that serve would run with, name every mistake, and stop."`
	RotateKey     common           `cmd:"" help:"Make a new key for signing tokens, and stop."`
	ResetKey      common           `cmd:"" help:"Give the master account a new API key, print it, and stop: the way back if it was lost."`
	Backup        backupOptions    `cmd:"" set:"target=Where it goes: a directory, or a file whose name ends in .tar. It must not exist." help:"Write every embedded database, as all of them were at one moment, to a directory or a file. The program may run."`
	Restore       backupOptions    `cmd:"" set:"target=The backup: a directory or a file." help:"Fill an empty data directory from a backup."`
	Accept        backupOptions    `cmd:"" set:"target=Name of the database." help:"Go on with what is left of an embedded database that is refused as a mixed, old or incomplete copy. The program has to be stopped."`
	Replicate     replicateOptions `cmd:"" help:"Copy accounts from one server to another, with all their revisions."`
	Health        healthCommand    `cmd:"" help:"Ask the program that runs on this machine whether it works."`
	CheckPassword passwordCommand  `cmd:"" help:"Refuse a password for CouchDB's admin that CouchDB would not read back from its configuration file."`
	Bench         benchCommands    `cmd:"" help:"Measure a server, or this program beside what it is compared with."`

	Doctor examination `cmd:"" help:"Examine the databases of a Kazoo cluster, without writing anything."`

	Uninstall uninstallCommand `cmd:"" help:"Remove from a CouchDB what only callflowd needs, after showing it. Kazoo goes on as before."`

	cli.Commands
	Completion completion `cmd:"" help:"Print what makes a shell complete this program's commands and flags."`
}

// The commands, as kong names them.
const (
	serveCommand  = "serve"
	checkCommand  = "check-config"
	rotateCommand = "rotate-key"
	resetCommand  = "reset-key"

	backupCommand  = "backup"
	restoreCommand = "restore"
	acceptCommand  = "accept"

	replicateCommand = "replicate"
)

// common are the settings of every command.
type common struct {
	DataDir string `default:"./callflowd-data" help:"Embedded databases and index snapshots."`

	CouchDBURL          []string `name:"couchdb-url" sep:"none" placeholder:"URL" help:"CouchDB to use, http://user:password@host:5984; may be repeated for the nodes of one cluster, of which the first that answers is used. Without it, databases are embedded."`
	CouchDBPasswordFile string   `name:"couchdb-password-file" placeholder:"FILE" help:"File with the password for --couchdb-url."`

	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"One of ${enum}."`
	LogFormat string `default:"auto" enum:"auto,console,json" help:"One of ${enum}; auto is readable on a terminal and JSON otherwise."`
}

// options are a command and its settings. Every flag can be given in the
// environment too: --couchdb-url as CALLFLOWD_COUCHDB_URL.
type options struct {
	command string // which one, of the above
	bench   benchRun
	client  cli.Command       // to run instead of all else, if not nil
	copies  *backupOptions    // of backup, restore and accept
	copying *replicateOptions // of replicate

	Listen address `default:"127.0.0.1:8000" help:"Where the API listens."`

	common

	CouchDBListen    address `name:"couchdb-listen" placeholder:"HOST:PORT" help:"Serve the embedded databases over CouchDB's protocol; needs --couchdb-admin-file."`
	CouchDBAdminFile string  `name:"couchdb-admin-file" placeholder:"FILE" help:"File with user:password, the admin of --couchdb-listen."`

	AdminListen  address `placeholder:"HOST:PORT" help:"Where /healthz, /readyz and /metrics listen, by default on the API's listener; and /log/level, /debug/pprof/ and /backup, which are nowhere else."`
	ReadOnly     bool    `help:"Refuse requests that change something. Lookups, reads and logins go on."`
	Observe      bool    `help:"With --couchdb-url: write nothing at all into CouchDB, not even design documents and signing keys. Implies --read-only."`
	MasterAPIKey apiKey  `name:"master-api-key" placeholder:"HEX" help:"API key of the master account, 64 hex digits; used once, when the first account is created. Generated by default."`

	MasterAPIKeyFile string `name:"master-api-key-file" placeholder:"FILE" help:"File with the key for --master-api-key."`

	AMQPURL []string `name:"amqp-url" placeholder:"URL" help:"Kazoo's RabbitMQ, amqp://user:password@host:5672, to tell its nodes of changes; once for each zone."`

	AMQPPasswordFile string `name:"amqp-password-file" placeholder:"FILE" help:"File with the password for each --amqp-url that names a user alone."`

	AcceptUnsignedIdentity bool `help:"Take tokens of Kazoo's that lack identity_sig, as Kazoo does: a user's changed secret does not end them."`
	AcceptOpaqueTokens     bool `help:"Look tokens that are not signed up in the database token_auth."`

	HistoryMonths    int      `default:"0" help:"Months of history that are kept besides the newest; a month in which nothing was changed does not count. 0 keeps all."`
	AllowInternalURL []string `name:"allow-internal-url" placeholder:"HOST" help:"Hosts inside the network that callflows may send calls' events to: a name, .suffix, an address or a prefix like 10.1.0.0/16; may be repeated."`

	UI bool `name:"ui" default:"true" negatable:"" help:"Serve the page for browsers at /ui/, beside the API."`

	LogLookups int `default:"100" placeholder:"N" help:"Log one in so many lookups that went well and fast: 1 logs each, 0 none. Slow and failed ones are always logged, and the metrics count all."`

	Emergency []string `default:"${emergency}" placeholder:"NUMBER" help:"Emergency numbers, which no pattern is to take unless it names them; may be repeated."`

	ShutdownTimeout time.Duration `default:"10s" help:"How long requests in flight may take when the program stops."`

	TLS tlsFiles `embed:""`

	AutoMerge bool `help:"Merge what replication leaves in conflict, where the two edits do not overlap."`

	RunReplicatedDesigns bool `help:"Run functions of design documents that replication brought into embedded databases, also those that callflowd does not have itself."`

	Limits  limits  `embed:""`
	Console console `embed:""`

	level        zap.AtomicLevel // of the log, while the program runs
	tracer       *trace.Tracer   // as the environment asks; nil: no traces
	couchdbAdmin [2]string       // user and password from CouchDBAdminFile
}

// parse returns nil options where the command line asked only for help or the
// version. Errors name the flag, and never repeat a secret. The error joins
// every mistake in the environment, the file and between flags.
func parse(args, env []string, stdout io.Writer) (*options, error) {
	flags, err := flagNames(serveCommand)
	if err != nil {
		return nil, err
	}
	all, err := flagNames("")
	if err != nil {
		return nil, err
	}
	given, wrong := readConfig(configFile(args, env), flags)
	if given == nil {
		given = settings{}
	}
	maps.Copy(given, environment(env, all))
	opts, err := parseWith(args, given, stdout)
	if _, refused := errors.AsType[*kong.ParseError](err); !refused {
		return opts, errors.Join(wrong, err)
	}
	args, typed := mistakesOn(args)
	mistakes := append(append([]error{wrong}, typed...), mistakesIn(given)...)
	opts, err = parseWith(args, given, stdout)
	return opts, errors.Join(append(mistakes, err)...)
}

// parseWith parses args, with what the environment and the file give.
func parseWith(args []string, given settings, stdout io.Writer) (*options, error) {
	var line commandLine
	done := false
	parser, err := newParser(&line, given, stdout, func(int) { done = true })
	if err != nil {
		return nil, err
	}
	chosen, err := parser.Parse(args)
	if done {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if name, ok := strings.CutPrefix(chosen.Command(), "bench "); ok {
		return &options{bench: line.Bench.run(name)}, nil
	}
	if command, ok := chosen.Selected().Target.Addr().Interface().(cli.Command); ok {
		if c, ok := command.(*completion); ok {
			c.model = parser.Model
		}
		return &options{client: command}, nil
	}
	for command, settings := range map[string]common{rotateCommand: line.RotateKey, resetCommand: line.ResetKey} {
		if chosen.Command() == command {
			opts := &options{command: command, common: settings}
			return opts, opts.common.check()
		}
	}
	for command, settings := range map[string]*backupOptions{backupCommand: &line.Backup, restoreCommand: &line.Restore, acceptCommand: &line.Accept} {
		if chosen.Command() == command+" <target>" {
			return &options{command: command, copies: settings, common: common{LogLevel: "warn", LogFormat: "auto"}}, nil
		}
	}
	if chosen.Command() == replicateCommand+" <source> <target>" {
		return &options{command: replicateCommand, copying: &line.Replicate, common: common{LogLevel: "warn", LogFormat: "auto"}}, nil
	}
	if chosen.Command() == checkCommand {
		line.CheckConfig.command = checkCommand
		return &line.CheckConfig, line.CheckConfig.check()
	}
	line.Serve.command = serveCommand
	return &line.Serve, line.Serve.check()
}

func newParser(line *commandLine, given settings, stdout io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(line,
		kong.Name("callflowd"),
		kong.Description("Keeps callflows and tells which one takes a dialled number."),
		kong.Vars{"version": version(), "emergency": strings.Join(number.Emergency(), ","), "placeholders": load.Placeholders},
		kong.Writers(stdout, stdout),
		kong.Exit(exit),
		kong.Resolvers(kong.ResolverFunc(given.resolve)),
		kong.ValueFormatter(helpWithVariable),
	)
}

// flagNames are the flags of a command, or of all where it is "".
func flagNames(of string) ([]string, error) {
	parser, err := newParser(&commandLine{}, nil, io.Discard, func(int) {})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, command := range parser.Model.Leaves(true) {
		if of != "" && command.Name != of {
			continue
		}
		for _, group := range command.AllFlags(true) {
			for _, flag := range group {
				if !flag.Tag.Has(typed) {
					names = append(names, flag.Name)
				}
			}
		}
	}
	return names, nil
}

// typed is the tag of flags that only the command line sets.
const typed = "typed"

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "CALLFLOWD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func helpWithVariable(value *kong.Value) string {
	if value.Flag == nil || value.Name == "help" || value.Name == "version" || value.Tag.Has(typed) {
		return value.Help
	}
	return value.Help + " ($" + variable(value.Name) + ")"
}

// check returns every mistake that shows only when flags are seen together, and
// reads the secret files.
func (o *options) check() error {
	var mistakes []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			mistakes = append(mistakes, fmt.Errorf(format, args...))
		}
	}
	wrong(o.ShutdownTimeout <= 0, "--shutdown-timeout: must be positive")
	wrong(o.HistoryMonths < 0, "--history-months: must not be negative")
	wrong(o.LogLookups < 0, "--log-lookups: must not be negative")
	mistakes = append(mistakes, o.readSecrets()...)
	if info, err := os.Stat(o.DataDir); err == nil {
		wrong(!info.IsDir(), "--data-dir: %s is not a directory", o.DataDir)
	}
	wrong(o.AdminListen.same(o.Listen), "--admin-listen: is the same as --listen; without it, health and metrics are there")
	wrong(o.CouchDBListen.same(o.Listen), "--couchdb-listen: is the same as --listen")
	wrong(o.CouchDBListen.same(o.AdminListen), "--couchdb-listen: is the same as --admin-listen")
	wrong(o.Observe && len(o.CouchDBURL) == 0, "--observe: needs --couchdb-url")
	wrong(o.Observe && len(o.AMQPURL) > 0, "--observe: cannot be used with --amqp-url, since nothing is written that could be announced")
	for _, address := range o.AMQPURL {
		err := notice.CheckURL(address)
		wrong(err != nil, "--amqp-url: %w", err)
	}
	for _, n := range o.Emergency {
		wrong(!dialable.MatchString(n), "--emergency: %q is not a number: 2 to 15 digits, with or without a leading plus sign", n)
	}
	for _, host := range o.AllowInternalURL {
		wrong(!namesHost(host), "--allow-internal-url: %q is not a host name, a .suffix of names, an address or a prefix like 10.1.0.0/16", host)
	}
	return errors.Join(append(mistakes, o.Limits.check(), o.Console.check(), o.TLS.check(), o.common.check(), o.checkCouchDBListen())...)
}

// dialable is a number that somebody can dial in an emergency.
var dialable = regexp.MustCompile(`^\+?[0-9]{2,15}$`)

// hostForm is a host name whose last part has a letter, or such a suffix with
// a dot before it.
var hostForm = regexp.MustCompile(`(?i)^\.?(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9-]*[a-z][a-z0-9-]*$`)

// namesHost reports whether an entry is one that [schema.URLPolicy] understands.
func namesHost(entry string) bool {
	_, notAddress := netip.ParseAddr(entry)
	network, notPrefix := netip.ParsePrefix(entry)
	return notAddress == nil || notPrefix == nil && network.Bits() > 0 || len(entry) <= 254 && hostForm.MatchString(entry)
}

func (o *options) checkCouchDBListen() error {
	switch {
	case o.CouchDBListen == "" && o.CouchDBAdminFile != "":
		return errors.New("--couchdb-admin-file: needs --couchdb-listen")
	case o.CouchDBListen == "":
		return nil
	case len(o.CouchDBURL) > 0:
		return errors.New("--couchdb-listen: serves embedded databases; it cannot be used with --couchdb-url")
	case o.CouchDBAdminFile == "":
		return errors.New("--couchdb-listen: needs --couchdb-admin-file")
	}
	if err := private(o.CouchDBAdminFile); err != nil {
		return fmt.Errorf("--couchdb-admin-file: %w", err)
	}
	secret, err := readSecret(o.CouchDBAdminFile)
	if err != nil {
		return fmt.Errorf("--couchdb-admin-file: %w", err)
	}
	user, password, ok := strings.Cut(secret, ":")
	if !ok || user == "" || password == "" {
		return errors.New("--couchdb-admin-file: must hold one line, user:password")
	}
	o.couchdbAdmin = [2]string{user, password}
	return nil
}

// address is a TCP address, host:port. Port 0 takes a free one.
type address string

// same reports whether two listeners would take each other's port.
func (a address) same(other address) bool {
	return a != "" && a == other && !strings.HasSuffix(string(a), ":0")
}

// UnmarshalText refuses what net.Listen would refuse later.
func (a *address) UnmarshalText(text []byte) error {
	*a = address(text)
	if *a == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return fmt.Errorf("%q is not of the form host:port", text)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("%q has no valid port", text)
	}
	return nil
}

// apiKey is 64 hex digits, as Kazoo generates them.
type apiKey string

var apiKeyForm = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// UnmarshalText keeps the key out of the error.
func (k *apiKey) UnmarshalText(text []byte) error {
	if !apiKeyForm.Match(text) {
		return errors.New("must be 64 hex digits")
	}
	*k = apiKey(text)
	return nil
}
