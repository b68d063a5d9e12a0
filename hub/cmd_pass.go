package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/live"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/token"
	"meguri/internal/config"
	"meguri/protocol"
)

// PassFlags are common to all passes. Each is an act, with the name of whoever it is for and the reason.
type PassFlags struct {
	Place  string        `help:"Location or collection spot whose doors it opens." required:"" placeholder:"ID"`
	Fridge string        `help:"Only this door; else each of the place." placeholder:"ID"`
	Name   string        `help:"Who it is for." required:""`
	Reason string        `help:"Why." required:""`
	From   time.Time     `help:"When it begins, RFC 3339; else now." format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME"`
	For    time.Duration `help:"How long it holds." default:"2h"`
	Uses   uint32        `help:"How often each door opens." default:"4"`
	QR     string        `name:"qr" help:"Directory for a QR code of each, FRIDGE.png." type:"path" placeholder:"DIR"`
}

// TokenStaffCmd is `hub token staff`.
type TokenStaffCmd struct{ PassFlags }

// Run issues the pass.
func (c *TokenStaffCmd) Run(g *Globals) error { return c.issue(g, dispatch.Staff) }

// TokenEngineerCmd is `hub token engineer`.
type TokenEngineerCmd struct{ PassFlags }

// Run issues the pass.
func (c *TokenEngineerCmd) Run(g *Globals) error { return c.issue(g, dispatch.Engineer) }

// TokenCourierCmd is `hub token courier`.
type TokenCourierCmd struct{ PassFlags }

// Run issues the pass.
func (c *TokenCourierCmd) Run(g *Globals) error { return c.issue(g, dispatch.Courier) }

func (c *PassFlags) issue(g *Globals, holder dispatch.Holder) error {
	now := g.Clock.Now().Truncate(time.Second) // a token has whole seconds
	p := dispatch.Pass{ID: people.NewID("pass"), PlaceID: c.Place, FridgeID: c.Fridge, Holder: holder, Name: c.Name, Reason: c.Reason,
		Uses: c.Uses, From: c.From, IssuedAt: g.Clock.Now()}
	if p.From.IsZero() {
		p.From = now
	}
	p.Until = p.From.Add(c.For)
	if err := p.Check(); err != nil {
		return config.Usage(err)
	}
	return withNames(g, func(s *store.Store) error {
		texts, err := c.store(g, s, p)
		if err != nil {
			return err
		}
		fmt.Fprintf(g.Stdout, "pass %s for %s: %s to %s, each door %d times\n", p.ID, p.Name, p.From.Format(time.RFC3339), p.Until.Format(time.RFC3339), p.Uses)
		for _, t := range texts {
			fmt.Fprintf(g.Stdout, "%s %s\n", t.lock, t.text)
			if c.QR == "" {
				continue
			}
			if err := writeQR(filepath.Join(c.QR, t.lock+".png"), t.text); err != nil {
				return err
			}
		}
		return plan.NewMaker(s, live.New(), g.Clock, g.Logger).Make(g.Ctx, p.PlaceID)
	})
}

// signed is the token of one lock.
type signed struct{ lock, text string }

// store stores a pass with its act, and signs its tokens; all of it or nothing.
func (c *PassFlags) store(g *Globals, s *store.Store, p dispatch.Pass) (texts []signed, err error) {
	signer := token.In(g.pkiDir())
	err = s.Change(g.Ctx, func(tx *store.Tx) error {
		texts = nil
		tokens, err := plan.PassTokens(g.Ctx, tx, p)
		if err == nil && len(tokens) == 0 {
			err = fmt.Errorf("place %q, fridge %q: the network has no such door", p.PlaceID, p.FridgeID)
		}
		if err != nil {
			return err
		}
		for _, t := range tokens {
			text, err := signer.Sign(g.Ctx, tx, t, g.Clock.Now())
			if err != nil {
				return err
			}
			texts = append(texts, signed{t.Lock, text})
		}
		if err := tx.AddPass(g.Ctx, p); err != nil {
			return err
		}
		detail := fmt.Sprintf("%s: %s; %s to %s, %d uses", p.Holder, p.Reason, p.From.Format(time.RFC3339), p.Until.Format(time.RFC3339), p.Uses)
		return tx.RecordAct(g.Ctx, people.NewAct(g.Clock.Now(), people.Console, "pass.issue", p.ID, detail))
	})
	return texts, err
}

// TokenShopCmd is `hub token shop`.
type TokenShopCmd struct {
	ID     string        `arg:"" help:"Shop."`
	Reason string        `help:"Why." required:""`
	From   time.Time     `help:"When it begins, RFC 3339; else now." format:"2006-01-02T15:04:05Z07:00" placeholder:"TIME"`
	For    time.Duration `help:"How long it holds." default:"168h"`
}

// Help is shown by hub token shop --help.
func (*TokenShopCmd) Help() string {
	return `The code opens the doors of the shop's collection spot, where its device has locks. It is shown once.`
}

// Run issues the code.
func (c *TokenShopCmd) Run(g *Globals) error {
	p := dispatch.Pass{ID: people.NewID("pass"), Holder: dispatch.Shop, ShopID: c.ID, Name: "shop " + c.ID, Reason: c.Reason, From: c.From,
		IssuedAt: g.Clock.Now()}
	if p.From.IsZero() {
		p.From = g.Clock.Now()
	}
	if p.Until = p.From.Add(c.For); p.Check() != nil {
		return config.Usage(p.Check())
	}
	return withNames(g, func(s *store.Store) error {
		err := s.Change(g.Ctx, func(tx *store.Tx) (err error) {
			if p.PlaceID, err = tx.SpotOfShop(g.Ctx, c.ID); err != nil {
				return err
			}
			others, err := tx.PassesAt(g.Ctx, p.PlaceID, g.Clock.Now())
			if err != nil {
				return err
			}
			taken := map[string]bool{}
			for _, o := range others {
				taken[o.PIN] = o.PIN != ""
			}
			delete(taken, "")
			p.PIN = dispatch.DrawPIN(taken)
			if err := tx.AddPass(g.Ctx, p); err != nil {
				return err
			}
			detail := fmt.Sprintf("shop: %s; %s to %s", p.Reason, p.From.Format(time.RFC3339), p.Until.Format(time.RFC3339))
			return tx.RecordAct(g.Ctx, people.NewAct(g.Clock.Now(), people.Console, "pass.issue", p.ID, detail))
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(g.Stdout, "pass %s for %s at %s: %s to %s\ncode %s\n", p.ID, p.Name, p.PlaceID, p.From.Format(time.RFC3339), p.Until.Format(time.RFC3339), p.PIN)
		return plan.NewMaker(s, live.New(), g.Clock, g.Logger).Make(g.Ctx, p.PlaceID)
	})
}

// TokenRevokeCmd is `hub token revoke`.
type TokenRevokeCmd struct {
	ID     string `arg:"" help:"Pass, as printed when it was issued."`
	Reason string `help:"Why." required:""`
}

// Run revokes a pass. A lock that is offline opens for it until it is over, or until its plan is too old.
func (c *TokenRevokeCmd) Run(g *Globals) error {
	return withNames(g, func(s *store.Store) error {
		var p dispatch.Pass
		err := s.Change(g.Ctx, func(tx *store.Tx) (err error) {
			if p, err = tx.RevokePass(g.Ctx, c.ID, g.Clock.Now()); err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(g.Clock.Now(), people.Console, "pass.revoke", p.ID, c.Reason))
		})
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("pass %s: there is none of this id, or it is revoked already", c.ID)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(g.Stdout, "pass %s of %s is revoked\n", p.ID, p.Name)
		return plan.NewMaker(s, live.New(), g.Clock, g.Logger).Make(g.Ctx, p.PlaceID)
	})
}

// ruleText is how a rule stands in the audit trail.
func ruleText(r store.PersonRule) string {
	unproven := map[uint8]string{uint8(protocol.UnprovenNothing): "nothing", uint8(protocol.UnprovenWithin): "within", uint8(protocol.UnprovenNotOver): "not-over"}
	return fmt.Sprintf("age %v, unproven %s", r.PlanAge, unproven[r.Unproven])
}

// TokenRuleCmd is `hub token rule`.
type TokenRuleCmd struct {
	Holder   string        `arg:"" help:"customer, courier, shop, staff or engineer." enum:"customer,courier,shop,staff,engineer"`
	Age      time.Duration `help:"How long a lock that is cut off honours a grant after it last heard that it holds." required:""`
	Unproven string        `help:"What opens while the lock does not know the time: nothing, within (its window holds the last moment that was known) or not-over." enum:"nothing,within,not-over" default:"within"`
}

// Run sets the rule, and makes the plans that carry it.
func (c *TokenRuleCmd) Run(g *Globals) error {
	if c.Age < time.Hour || c.Age > dispatch.MostPlanAge {
		return config.Usage(fmt.Errorf("--age %v: want 1h to 744h", c.Age))
	}
	policy := map[string]protocol.Unproven{"nothing": protocol.UnprovenNothing, "within": protocol.UnprovenWithin, "not-over": protocol.UnprovenNotOver}
	r := store.PersonRule{Holder: dispatch.Holder(c.Holder), PlanAge: c.Age, Unproven: uint8(policy[c.Unproven])}
	return withStore(g, func(s *store.Store) error {
		err := s.Change(g.Ctx, func(tx *store.Tx) error {
			rules, err := tx.PersonRules(g.Ctx)
			if err != nil {
				return err
			}
			was := "" // what comes with the program
			for _, other := range rules {
				if other.Holder == r.Holder {
					was = ruleText(other)
				}
			}
			act := people.NewAct(g.Clock.Now(), people.Console, "pass.rule", c.Holder, "").From(was, ruleText(r))
			return errors.Join(tx.SetPersonRule(g.Ctx, r), tx.RecordAct(g.Ctx, act))
		})
		if err != nil {
			return err
		}
		return plan.NewMaker(s, live.New(), g.Clock, g.Logger).MakeAll(g.Ctx)
	})
}
