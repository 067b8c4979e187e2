package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

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
