package main

import (
	"fmt"

	"meguri/hub/passkey"
)

// EntryFlags say how people get in, beside passwords and links.
type EntryFlags struct {
	PublicAddress string `help:"Where people reach the hub, https://HOST: passkeys are made for it. Without it they are taken only by a hub that listens on loopback, at http://localhost:PORT." env:"MEGURI_PUBLIC_ADDRESS" placeholder:"URL"`
}

func (f EntryFlags) check() error {
	if f.PublicAddress == "" {
		return nil
	}
	if err := passkey.CheckAddress(f.PublicAddress); err != nil {
		return fmt.Errorf("--public-address %w", err)
	}
	return nil
}
