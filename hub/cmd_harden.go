package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// ConnectionFlags bound what strangers may hold open.
type ConnectionFlags struct {
	MaxConnections           int `help:"Connections of people and programs that may be open at once." default:"4096" env:"MEGURI_MAX_CONNECTIONS"`
	MaxConnectionsPerAddress int `help:"Those of one address; one of --trust-proxy is not bounded by this." default:"256" env:"MEGURI_MAX_CONNECTIONS_PER_ADDRESS"`
}

func (c ConnectionFlags) check() error {
	if c.MaxConnections < 1 || c.MaxConnectionsPerAddress < 1 {
		return errors.New("--max-connections and --max-connections-per-address: want 1 or more")
	}
	return nil
}

// databaseURL is the address of the database: as given, or the first line of a file. One with a password is refused on the command line,
// which every user of the machine can read.
func databaseURL(given, file string, args []string) (string, error) {
	for i, arg := range args {
		value, ok := strings.CutPrefix(arg, "--database=")
		if arg == "--database" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if ok && hasPassword(value) { // without the text: the error goes to logs
			return "", errors.New("--database: a password on the command line can be read by everybody on this machine: " +
				"put the URL into the file of --database-file, into MEGURI_DATABASE, or into --config; or leave the password out, and put it into PGPASSWORD or the file of PGPASSFILE")
		}
	}
	if file == "" {
		return given, nil
	}
	if given != "" {
		return "", errors.New("--database-file and --database (or MEGURI_DATABASE): want one of them")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--database-file: %w", err)
	}
	line, rest, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if line == "" || strings.TrimSpace(rest) != "" {
		return "", fmt.Errorf("--database-file %s: want one line, the URL", file)
	}
	return line, nil
}

// hasPassword says whether a database's URL carries one. What cannot be read as a URL, but has a place for a password, may.
func hasPassword(address string) bool {
	if strings.HasPrefix(address, "sqlite:") {
		return false
	}
	u, err := url.Parse(address)
	if err != nil {
		return strings.Contains(address, "@")
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password") || u.Query().Has("sslpassword")
}
