package password

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"meguri/hub/people"
)

// KeyFile is the name of the key of people's secrets in the hub's directory of keys.
const KeyFile = "people.key"

// Vault opens the vault of people's secrets: with the key given as base64 text, or else with that of KeyFile in dir, which is made when
// there is none. sealed says whether secrets exist already: then a key that is gone is not made anew, for no secret would open.
func Vault(given, dir string, sealed bool) (*people.Vault, error) {
	if given != "" {
		key, err := decode([]byte(given))
		if err != nil {
			return nil, err
		}
		return people.NewVault(key)
	}
	file := filepath.Join(dir, KeyFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		if sealed {
			return nil, fmt.Errorf("%s is gone, with which the secrets of authenticators are sealed: put it back from where the directory is kept, or reset the persons concerned", file)
		}
		text, err = makeKey(file)
	}
	if err != nil {
		return nil, fmt.Errorf("key of people's secrets: %w", err)
	}
	key, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return people.NewVault(key)
}

func decode(text []byte) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != people.VaultKey {
		return nil, fmt.Errorf("key of people's secrets: want base64 of %d random bytes", people.VaultKey) // and never what it is
	}
	return key, nil
}

// makeKey makes the file whole or not at all. Of two hubs that start at once one makes it and both read it.
func makeKey(file string) ([]byte, error) {
	key := make([]byte, people.VaultKey)
	_, _ = rand.Read(key) // never fails, crypto/rand
	text := []byte(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	part, err := os.CreateTemp(filepath.Dir(file), KeyFile+".*") // readable for its owner only
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(part.Name()) }()
	_, err = part.Write(text)
	if err = errors.Join(err, part.Sync(), part.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(part.Name(), file); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return os.ReadFile(file)
}
