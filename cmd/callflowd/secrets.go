package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// tlsFiles are the certificate that the API and --couchdb-listen show; without
// one they speak plain HTTP.
type tlsFiles struct {
	TLSCert string `name:"tls-cert" placeholder:"FILE" help:"Certificate chain in PEM; the API and --couchdb-listen then speak HTTPS. Read again on SIGHUP and when the file has changed."`
	TLSKey  string `name:"tls-key" placeholder:"FILE" help:"Private key of --tls-cert in PEM."`
}

func (t *tlsFiles) check() error {
	switch {
	case t.TLSCert == "" && t.TLSKey == "":
		return nil
	case t.TLSCert == "":
		return errors.New("--tls-key: needs --tls-cert")
	case t.TLSKey == "":
		return errors.New("--tls-cert: needs --tls-key")
	}
	if _, err := tls.LoadX509KeyPair(t.TLSCert, t.TLSKey); err != nil {
		return fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	return nil
}

// readSecrets puts what the files of secrets hold into its place.
func (o *options) readSecrets() (mistakes []error) {
	if o.MasterAPIKeyFile != "" {
		key, err := readSecret(o.MasterAPIKeyFile)
		switch {
		case err == nil && o.MasterAPIKey != "":
			err = errors.New("--master-api-key names a key already")
		case err == nil:
			err = o.MasterAPIKey.UnmarshalText([]byte(key))
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("--master-api-key-file: %w", err))
		}
	}
	if o.AMQPPasswordFile != "" {
		if err := o.readAMQPPassword(); err != nil {
			mistakes = append(mistakes, fmt.Errorf("--amqp-password-file: %w", err))
		}
	}
	return mistakes
}

func (o *options) readAMQPPassword() error {
	password, err := readSecret(o.AMQPPasswordFile)
	if err != nil {
		return err
	}
	used := false
	for i, address := range o.AMQPURL {
		u, err := url.Parse(address)
		if err != nil || u.User.Username() == "" {
			continue // --amqp-url is checked by itself
		}
		if _, has := u.User.Password(); !has {
			u.User = url.UserPassword(u.User.Username(), password)
			o.AMQPURL[i], used = u.String(), true
		}
	}
	if !used {
		return errors.New("no --amqp-url names a user without a password, amqp://user@host:5672")
	}
	return nil
}

// private refuses a file that every user of the machine may read or write.
func private(file string) error {
	const others = 0o007
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&others != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%s: every user of this machine may use it (mode %04o): chmod o= %s", file, mode, file)
	}
	return nil
}

// openSecrets are the files of secrets that every user of the machine may use.
// They are told of and not refused: in a container there is nobody else, and
// the files that it is given may have such a mode.
func (o *options) openSecrets() (told []string) {
	for _, named := range [][2]string{
		{"--couchdb-password-file", o.CouchDBPasswordFile},
		{"--master-api-key-file", o.MasterAPIKeyFile},
		{"--amqp-password-file", o.AMQPPasswordFile},
		{"--tls-key", o.TLS.TLSKey},
	} {
		if named[1] == "" {
			continue
		}
		if err := private(named[1]); err != nil {
			told = append(told, named[0]+": "+err.Error())
		}
	}
	return told
}

// readSecret returns a file's only line.
func readSecret(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	secret := strings.TrimRight(string(raw), "\r\n")
	if secret == "" || strings.ContainsAny(secret, "\r\n") {
		return "", fmt.Errorf("%s: must hold exactly one line", file)
	}
	return secret, nil
}

func (o *common) check() error {
	if o.DataDir == "" {
		return errors.New("--data-dir: must name a directory")
	}
	o.CouchDBURL = splitURLs(o.CouchDBURL)
	if len(o.CouchDBURL) == 0 {
		if o.CouchDBPasswordFile != "" {
			return errors.New("--couchdb-password-file: needs --couchdb-url")
		}
		return nil
	}
	password := ""
	if o.CouchDBPasswordFile != "" {
		var err error
		if password, err = readSecret(o.CouchDBPasswordFile); err != nil {
			return fmt.Errorf("--couchdb-password-file: %w", err)
		}
	}
	for i, address := range o.CouchDBURL {
		checked, err := checkCouchDBURL(address, password)
		if err != nil {
			return err
		}
		o.CouchDBURL[i] = checked
	}
	return nil
}

// splitURLs takes apart what the environment and the file give as one text. A
// password may hold a comma, but no URL begins behind it.
func splitURLs(given []string) []string {
	var urls []string
	for _, text := range given {
		for _, part := range strings.Split(text, ",") {
			part = strings.TrimSpace(part)
			begins := strings.HasPrefix(part, "http://") || strings.HasPrefix(part, "https://")
			if len(urls) == 0 || begins || text == part {
				urls = append(urls, part)
			} else {
				urls[len(urls)-1] += "," + part
			}
		}
	}
	return urls
}

// checkCouchDBURL checks the form of a URL and puts the password in.
func checkCouchDBURL(address, password string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("--couchdb-url: must have the form http://user:password@host:5984")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", errors.New("--couchdb-url: the port must be from 1 to 65535")
		}
	}
	if password == "" {
		return address, nil
	}
	if u.User.Username() == "" {
		return "", errors.New("--couchdb-password-file: --couchdb-url must name the user, http://user@host:5984")
	}
	if _, twice := u.User.Password(); twice {
		return "", errors.New("--couchdb-password-file: --couchdb-url holds a password already")
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String(), nil
}
