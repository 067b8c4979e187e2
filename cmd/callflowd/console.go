package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/callflowd/callflowd/pkg/api"
)

// console are the settings of what a web console shows.
type console struct {
	App         []consoleApp `placeholder:"APP" help:"An app that a web console may show, fields separated by semicolons: name=voip;label=SmartPBX;api_url=https://pbx.example/v2/;allowed_users=admins;icon=…; only name is required. May be repeated; without it there is Callflows alone."`
	RealmSuffix string       `default:"sip.local" placeholder:"DOMAIN" help:"Domain below which accounts get a realm, where they are created without one."`

	MediaFormat []string `enum:"mp3,wav,ogg" default:"mp3,wav,ogg" placeholder:"FORMAT" help:"Format of media files that may be uploaded, one of ${enum}; may be repeated."`

	AllowNumberAdditions bool `help:"Let every account add phone numbers that nobody has, and so keep others from using them. Without it only the master account does, and accounts whose pvt_wnm_allow_additions is true."`
}

// apps are the configured apps in the API's terms; nil leaves the choice to it.
func (c *console) apps() []api.App {
	var apps []api.App
	for _, app := range c.App {
		apps = append(apps, api.App(app))
	}
	return apps
}

func (c *console) check() error {
	if !namesDomain(c.RealmSuffix) {
		return fmt.Errorf("--realm-suffix: %q is not a domain name", c.RealmSuffix)
	}
	return nil
}

// namesDomain accepts what can end a realm, which may have 253 characters and
// begins with up to 13 of our own.
func namesDomain(name string) bool {
	return len(name) <= 240 && !strings.HasPrefix(name, ".") && hostForm.MatchString(name)
}

// consoleApp is an app as a flag has it.
type consoleApp api.App

// UnmarshalText reads fields that are separated by semicolons.
func (a *consoleApp) UnmarshalText(text []byte) error {
	*a = consoleApp{Masqueradable: true}
	for _, field := range strings.Split(string(text), ";") {
		name, value, _ := strings.Cut(field, "=")
		if name, value = strings.TrimSpace(name), strings.TrimSpace(value); name == "" && value == "" {
			continue
		}
		if err := a.set(name, value); err != nil {
			return err
		}
	}
	if a.Name == "" {
		return errors.New("an app needs a name: name=callflows")
	}
	return nil
}

func (a *consoleApp) set(name, value string) error {
	switch name {
	case "id":
		a.ID = value
	case "name":
		a.Name = value
	case "label":
		a.Label = value
	case "icon":
		a.Icon = value
	case "api_url":
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || !strings.HasSuffix(u.Path, "/") {
			return fmt.Errorf("api_url %q must be absolute and end in a slash: https://pbx.example/v2/", value)
		}
		a.APIURL = value
	case "allowed_users":
		if value != "all" && value != "admins" {
			return fmt.Errorf("allowed_users %q must be all or admins", value)
		}
		a.AllowedUsers = value
	default:
		return fmt.Errorf("an app has no field %q: it has id, name, label, icon, api_url, allowed_users", name)
	}
	return nil
}
