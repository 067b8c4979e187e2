package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
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
