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
	"meguri/internal/durable"
)

// KeyFile is the name of the key of people's secrets in the hub's directory of keys.
const KeyFile = "people.key"

// Vault opens the vault of people's secrets: with the keys given as base64 text, or else with those of KeyFile in dir, which is made when
// there is none. Several stand one a line, the newest first. sealed says whether secrets exist already: then a key that is gone is not made
// anew, for no secret would open.
func Vault(given, dir string, sealed bool) (*people.Vault, error) {
	if given != "" {
		return decode([]byte(given))
	}
	file := filepath.Join(dir, KeyFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		if sealed {
			return nil, fmt.Errorf("%s is gone, with which names, contacts and the secrets of authenticators are sealed: put it back from where the directory is kept, or say by --people-key-file or MEGURI_PEOPLE_KEY where the key is. If it is lost for good, give a new one so, and --lost-key with it: then reset the persons concerned, and enter names and contacts again", file)
		}
		text, err = makeKey(file)
	}
	if err != nil {
		return nil, fmt.Errorf("key of people's secrets: %w", err)
	}
	v, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return v, nil
}

// maxKeys bounds how many keys one vault has: one, and a second while it is changed; a third when that was cut off.
const maxKeys = 4

func decode(text []byte) (*people.Vault, error) {
	var keys [][]byte
	for line := range bytes.FieldsSeq(text) {
		key, err := base64.StdEncoding.DecodeString(string(line))
		if err != nil || len(key) != people.VaultKey || len(keys) == maxKeys {
			return nil, errKeys // and never what it is
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errKeys
	}
	return people.NewVault(keys...)
}

var errKeys = fmt.Errorf("key of people's secrets: want base64 of %d random bytes, or up to %d of them, one a line", people.VaultKey, maxKeys)

// AddKey puts a new key before those of KeyFile in dir, from where on it seals. The old ones stay to open what they have sealed.
func AddKey(dir string) error {
	file := filepath.Join(dir, KeyFile)
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if len(bytes.Fields(old)) >= maxKeys {
		return fmt.Errorf("%s has %d keys already: finish what was begun, with --no-new", file, maxKeys)
	}
	return durable.Replace(file, 0o600, durable.Bytes(drawKey()+string(old)))
}

// DropOldKeys keeps only the newest key of KeyFile in dir. Nothing may be sealed with another one any more.
func DropOldKeys(dir string) error {
	file := filepath.Join(dir, KeyFile)
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	keys := bytes.Fields(old)
	if len(keys) < 2 {
		return nil
	}
	return durable.Replace(file, 0o600, durable.Bytes(string(keys[0])+"\n"))
}

func drawKey() string {
	key := make([]byte, people.VaultKey)
	_, _ = rand.Read(key) // never fails, crypto/rand
	return base64.StdEncoding.EncodeToString(key) + "\n"
}

// makeKey makes the file whole or not at all. Of two hubs that start at once one makes it and both read it.
func makeKey(file string) ([]byte, error) {
	text := []byte(drawKey())
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
