package main

import (
	"errors"
	"fmt"
	"os"

	"meguri/hub/oidc"
	"meguri/hub/passkey"
)

// EntryFlags say how people get in, beside passwords and links.
type EntryFlags struct {
	PublicAddress string `help:"Where people reach the hub, https://HOST: passkeys are made for it. Without it they are taken only by a hub that listens on loopback, at http://localhost:PORT." env:"MEGURI_PUBLIC_ADDRESS" placeholder:"URL"`

	OIDCIssuer       string   `help:"Let people in by a company's own login (OpenID Connect): its issuer, https://HOST. It sends people back to PUBLIC-ADDRESS/login/company/back." name:"oidc-issuer" env:"MEGURI_OIDC_ISSUER" placeholder:"URL"`
	OIDCClient       string   `help:"Id of the hub at the issuer. Its secret is in --oidc-secret-file or MEGURI_OIDC_SECRET." name:"oidc-client" env:"MEGURI_OIDC_CLIENT" placeholder:"ID"`
	OIDCSecretFile   string   `help:"File with the secret of the client." name:"oidc-secret-file" env:"MEGURI_OIDC_SECRET_FILE" type:"existingfile"`
	OIDCName         string   `help:"What people call the company's login; for the button." name:"oidc-name" env:"MEGURI_OIDC_NAME" default:"company login"`
	OIDCRoles        string   `help:"CSV file with the columns group, role, place and business, the last two if needed: what a company's groups are here. Of several the first row of a business counts." name:"oidc-roles" env:"MEGURI_OIDC_ROLES" type:"existingfile"`
	OIDCGroupsClaim  string   `help:"Claim of the id token that lists somebody's groups." name:"oidc-groups-claim" env:"MEGURI_OIDC_GROUPS_CLAIM" default:"groups"`
	OIDCScopes       []string `help:"Scopes to ask for beside openid." name:"oidc-scopes" env:"MEGURI_OIDC_SCOPES" default:"profile"`
	OIDCSecondClaim  string   `help:"Claim that says how somebody has signed in at the company." name:"oidc-second-claim" env:"MEGURI_OIDC_SECOND_CLAIM" default:"amr"`
	OIDCSecondValues []string `help:"Values of that claim that count for both factors; with none the hub asks for a second factor of its own." name:"oidc-second-values" env:"MEGURI_OIDC_SECOND_VALUES" default:"mfa"`
}

func (f EntryFlags) check() error {
	if f.PublicAddress != "" {
		if err := passkey.CheckAddress(f.PublicAddress); err != nil {
			return fmt.Errorf("--public-address %w", err)
		}
	}
	if f.OIDCIssuer == "" {
		if f.OIDCClient != "" || f.OIDCRoles != "" || f.OIDCSecretFile != "" {
			return errors.New("--oidc-client, --oidc-roles and --oidc-secret-file go with --oidc-issuer")
		}
		return nil
	}
	if err := oidc.CheckIssuer(f.OIDCIssuer); err != nil {
		return fmt.Errorf("--oidc-issuer %w", err)
	}
	if f.OIDCClient == "" || f.OIDCRoles == "" {
		return errors.New("--oidc-issuer needs --oidc-client and --oidc-roles")
	}
	return nil
}

// company is the configuration of the company's own login; nil for none.
func (f EntryFlags) company() (*oidc.Config, error) {
	if f.OIDCIssuer == "" {
		return nil, nil
	}
	hidden, err := secret(f.OIDCSecretFile, "MEGURI_OIDC_SECRET")
	if err != nil {
		return nil, err
	}
	file, err := os.Open(f.OIDCRoles)
	if err != nil {
		return nil, fmt.Errorf("--oidc-roles: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	roles, err := oidc.ReadRoles(file)
	if err != nil {
		return nil, fmt.Errorf("--oidc-roles %s: %w", f.OIDCRoles, err)
	}
	return &oidc.Config{Issuer: f.OIDCIssuer, Client: f.OIDCClient, Secret: hidden, Name: f.OIDCName, Scopes: f.OIDCScopes,
		GroupsClaim: f.OIDCGroupsClaim, Roles: roles, SecondClaim: f.OIDCSecondClaim, SecondValues: f.OIDCSecondValues}, nil
}
