package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/callflowd/callflowd/pkg/cli"
)

// healthCommand asks the program on this machine whether it works. It is for
// images that have the binary alone and no curl.
type healthCommand struct {
	Listen      address       `default:"127.0.0.1:8000" help:"Where the API listens."`
	AdminListen address       `placeholder:"HOST:PORT" help:"Where health listens, by default on the API's listener."`
	TLSCert     string        `name:"tls-cert" placeholder:"FILE" help:"Set if the API speaks HTTPS. The certificate is not checked."`
	For         string        `default:"lookups" enum:"life,lookups,reads,writes" help:"What has to work, one of ${enum}."`
	Timeout     time.Duration `default:"4s" help:"How long the answer may take."`
}

// Run implements [cli.Command]. An error means that it does not work.
func (h *healthCommand) Run(ctx context.Context, e *cli.Env) error {
	at, scheme := h.AdminListen, "http"
	if at == "" {
		at = h.Listen
		if h.TLSCert != "" {
			scheme = "https"
		}
	}
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	url := scheme + "://" + onThisMachine(string(at)) + map[string]string{"life": "/healthz", "lookups": "/readyz", "reads": "/readyz?for=reads", "writes": "/readyz?for=writes"}[h.For]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // it names a host, and this is the loopback
	}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, res.Status, body)
	}
	_, err = fmt.Fprintln(e.Stdout, strings.TrimSpace(string(body)))
	return err
}

// onThisMachine is the address that reaches a listener from here.
func onThisMachine(at string) string {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return at
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// passwordCommand refuses what CouchDB would not read back.
type passwordCommand struct {
	CouchDBPasswordFile string `name:"couchdb-password-file" required:"" placeholder:"FILE" help:"File with the password."`
}

// Run implements [cli.Command].
func (p *passwordCommand) Run(_ context.Context, e *cli.Env) error {
	password, err := readSecret(p.CouchDBPasswordFile)
	if err == nil {
		err = keptByINI(password)
	}
	if err != nil {
		return fmt.Errorf("--couchdb-password-file: %w", err)
	}
	_, err = fmt.Fprintln(e.Stdout, "the password is in order")
	return err
}

// keptByINI refuses a password that CouchDB reads back as another one from its
// configuration file, into which its image and many a script write the admin's
// (config.erl, parse_ini). Its API takes any.
func keptByINI(password string) error {
	const tells = "the password %s, so that CouchDB reads a different one from its configuration file; choose another"
	switch {
	case password == "":
		return errors.New("the password is empty")
	case strings.TrimSpace(password) != password:
		return fmt.Errorf(tells, "begins or ends with a space")
	case strings.HasPrefix(password, ";"):
		return fmt.Errorf(tells, "begins with a semicolon, which begins a comment there")
	case strings.Contains(password, " ;"), strings.Contains(password, "\t;"):
		return fmt.Errorf(tells, "has a space before a semicolon, which begins a comment there")
	case strings.Contains(password, " ="), strings.Contains(password, "= "):
		return fmt.Errorf(tells, "has a space beside an equals sign, which some versions drop")
	case strings.ContainsAny(password, "\r\n\x1a"):
		return fmt.Errorf(tells, "has a character that ends a line there")
	case strings.HasPrefix(password, "-pbkdf2"), strings.HasPrefix(password, "-hashed-"):
		return fmt.Errorf(tells, "begins like a hash, which is taken for one")
	}
	return nil
}
