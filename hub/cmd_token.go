package main

import (
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"time"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"

	"meguri/hub/live"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/token"
)

// TokenCmd is `hub token`.
type TokenCmd struct {
	Order    TokenOrderCmd    `cmd:"" help:"Print the tokens that open the doors for an order, after its cutoff."`
	Staff    TokenStaffCmd    `cmd:"" help:"Issue a pass to somebody of the staff, and print its tokens."`
	Engineer TokenEngineerCmd `cmd:"" help:"Issue a pass to an engineer, and print its tokens."`
	Courier  TokenCourierCmd  `cmd:"" help:"Issue a pass to a driver who steps in, and print its tokens."`
	Shop     TokenShopCmd     `cmd:"" help:"Issue a code for the fridges of a shop's collection spot."`
	Revoke   TokenRevokeCmd   `cmd:"" help:"Revoke a pass."`
	Rule     TokenRuleCmd     `cmd:"" help:"Say how long locks that are cut off honour grants of a kind of person."`
	Keys     TokenKeysCmd     `cmd:"" help:"List the keys that sign tokens."`
	Rotate   TokenRotateCmd   `cmd:"" help:"Make a new key that signs tokens."`
}

// TokenOrderCmd is `hub token order`.
type TokenOrderCmd struct {
	ID string `arg:"" help:"Order."`
	QR string `name:"qr" help:"Directory for a QR code of each, FRIDGE.png." type:"path" placeholder:"DIR"`
}

// Run prints the tokens.
func (c *TokenOrderCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		texts, err := c.sign(g, s, token.In(g.pkiDir()))
		if err != nil || len(texts) > 0 {
			return err
		}
		_, err = fmt.Fprintf(g.Stdout, "nothing of order %s stands in a fridge\n", c.ID)
		return err
	})
}

func (c *TokenOrderCmd) sign(g *Globals, s *store.Store, signer *token.Signer) (texts []string, err error) {
	err = s.Read(g.Ctx, func(tx *store.Tx) error {
		grant, err := tx.GrantOfOrder(g.Ctx, c.ID)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("order %s has no grant: it is not accepted, or its cutoff is still ahead", c.ID)
		}
		if err != nil {
			return err
		}
		found, err := plan.Tokens(g.Ctx, tx, grant)
		if err != nil {
			return err
		}
		for _, t := range found {
			text, err := signer.Sign(g.Ctx, tx, t, g.Clock.Now())
			if err != nil {
				return err
			}
			texts = append(texts, text)
			fmt.Fprintf(g.Stdout, "%s %s\n", t.Lock, text)
			if c.QR == "" {
				continue
			}
			if err := writeQR(filepath.Join(c.QR, t.Lock+".png"), text); err != nil {
				return err
			}
		}
		return nil
	})
	return texts, err
}

// writeQR draws a QR code with correction level M, as large as a telephone shows it. Whoever has it can open the door.
func writeQR(file, text string) (err error) {
	const pixels = 600
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if code, err = barcode.Scale(code, pixels, pixels); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return png.Encode(f, code)
}

// TokenKeysCmd is `hub token keys`.
type TokenKeysCmd struct{}

// Run lists the keys.
func (c *TokenKeysCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.TokenKeys(g.Ctx, g.Clock.Now())
			for _, k := range all {
				ends := ""
				if !k.Ends.IsZero() {
					ends = ", is taken until " + k.Ends.Format(time.RFC3339)
				}
				fmt.Fprintf(g.Stdout, "%s signs from %s%s\n", k.ID, k.SignsFrom.Format(time.RFC3339), ends)
			}
			return err
		})
	})
}

// TokenRotateCmd is `hub token rotate`.
type TokenRotateCmd struct{}

// Help is shown by hub token rotate --help.
func (*TokenRotateCmd) Help() string {
	return `The new key signs after 31 days, when all locks that count have it, also those that were cut off for long; until then the former ones
sign, and are taken for two weeks more, and as long as a pass is valid that they may have signed. No token that is valid is refused meanwhile. Run it on the machine of the hub: the private key stays there.`
}

// Run makes the key, and the plans that carry it.
func (c *TokenRotateCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		key, err := token.In(g.pkiDir()).Rotate(g.Ctx, s, people.Console, g.Clock.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(g.Stdout, "%s signs from %s\n", key.ID, key.SignsFrom.Format(time.RFC3339))
		return plan.NewMaker(s, live.New(), g.Clock, g.Logger).MakeAll(g.Ctx)
	})
}
