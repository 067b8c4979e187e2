package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// settings are what a login leaves behind for the commands after it.
type settings struct {
	Server  string `json:"server"`
	Account string `json:"account"`
	Token   string `json:"token,omitempty"`

	// What a new token is asked for with, when the one above has expired.
	APIKey      string `json:"api_key,omitempty"`
	Credentials string `json:"credentials,omitempty"` // of a user, hashed as Kazoo does
	AccountName string `json:"account_name,omitempty"`
}

// settingsFile is where they are.
func settingsFile(e *Env) (string, error) {
	dir := e.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home := e.Getenv("HOME")
		if home == "" {
			return "", &usageError{"neither XDG_CONFIG_HOME nor HOME is set: there is no place for a login"}
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "callflowd", "login.json"), nil
}

// load reads the settings. Without a login they are empty.
func load(e *Env) (settings, error) {
	var s settings
	file, err := settingsFile(e)
	if err != nil {
		return s, nil // CALLFLOWD_URL and CALLFLOWD_TOKEN may be enough
	}
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read the login: %w", err)
	}
	return s, nil
}

// store writes the settings to a file that nobody else may read. The old ones
// stay until the new ones are whole.
func (s settings) store(e *Env) error {
	const onlyMine, onlyMineDir = 0o600, 0o700
	file, err := settingsFile(e)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), onlyMineDir); err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(file), ".login-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(next.Name())
	_, err = next.Write(append(raw, '\n'))
	if err := errors.Join(err, next.Chmod(onlyMine), next.Close()); err != nil {
		return err
	}
	return os.Rename(next.Name(), file)
}
