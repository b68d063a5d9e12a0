package plan

import (
	"context"
	"slices"

	"meguri/hub/dispatch"
	"meguri/hub/store"
	"meguri/protocol"
)

// peopleRules is the revision since which locks know shops, staff and engineers, and are told what to do in doubt.
const peopleRules = 4

var holders = map[dispatch.Holder]protocol.Holder{dispatch.Customer: protocol.HolderCustomer, dispatch.Courier: protocol.HolderCourier,
	dispatch.Shop: protocol.HolderShop, dispatch.Staff: protocol.HolderStaff, dispatch.Engineer: protocol.HolderEngineer}

// passes adds those who open doors of a place for no order and no run. They stand in the plan although they have tokens: a token that a
// newer plan leaves out is revoked.
func (b *builder) passes(place string, locks map[string]*protocol.LockPlan) error {
	all, err := b.tx.PassesAt(b.ctx, place, b.now)
	if err != nil {
		return err
	}
	for _, p := range all {
		if b.revision < peopleRules && p.Holder != dispatch.Courier {
			continue
		}
		for id, lock := range locks {
			if p.FridgeID != "" && p.FridgeID != id {
				continue
			}
			g := passGrant(p, id)
			if p.PIN != "" {
				g = b.withCode(g, dispatch.Grant{ID: p.ID, PIN: p.PIN})
			}
			lock.Grants = append(lock.Grants, g)
		}
	}
	return nil
}

// passGrant is a pass at one lock, without its code.
func passGrant(p dispatch.Pass, fridge string) protocol.Grant {
	return protocol.Grant{ID: GrantID(p.ID, fridge), Holder: holders[p.Holder], From: p.From.UnixMilli(), Until: p.Until.UnixMilli(), Uses: p.Uses}
}

// people are the rules for those in doubt: the hub's own, and the defaults for all others.
func (b *builder) people() ([]protocol.PersonRule, error) {
	own, err := b.tx.PersonRules(b.ctx)
	rules := protocol.DefaultPeople()
	for _, r := range own {
		i := slices.IndexFunc(rules, func(d protocol.PersonRule) bool { return d.Holder == holders[r.Holder] })
		if i >= 0 {
			rules[i].PlanAgeMS, rules[i].Unproven = r.PlanAge.Milliseconds(), protocol.Unproven(r.Unproven)
		}
	}
	return rules, err
}

// PassTokens are what the holder of a pass carries, to be signed: one for each door.
func PassTokens(ctx context.Context, tx *store.Tx, p dispatch.Pass) ([]protocol.Token, error) {
	fridges, err := tx.FridgesAt(ctx, p.PlaceID)
	var all []protocol.Token
	for _, f := range fridges {
		if p.FridgeID == "" || p.FridgeID == f.ID {
			all = append(all, protocol.Token{Lock: f.ID, Issued: p.IssuedAt.UnixMilli(), Grant: passGrant(p, f.ID)})
		}
	}
	return all, err
}
