package rental

import (
	"context"
	"fmt"

	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// Kinds of work that a rental warehouse makes for people.
const (
	WorkRule         = "rental_rule"         // a scan that a rule is against
	WorkDoubt        = "rental_doubt"        // two scans of which nobody knows which came first
	WorkPickedTwice  = "rental_picked_twice" // two scanners have picked the same piece
	WorkPromise      = "rental_promise"      // a promise was made on a view that does not hold any more, or its piece is gone
	WorkSwap         = "rental_swap"         // a piece was picked for an order that does not want it
	WorkUnregistered = "rental_unregistered" // a piece of a garment of ours that nobody has registered
	WorkForeign      = "rental_foreign"      // another company's garment
	WorkBelongings   = "rental_belongings"   // somebody's belongings in a bag or pocket
	WorkUnlabelled   = "rental_unlabelled"   // a piece without a label
	WorkNoBagLabel   = "rental_bag_unlabelled"
	WorkBagMissing   = "rental_bag_missing" // a piece was packed and did not come out of its bag
	WorkMould        = "rental_mould"
	WorkMissing      = "rental_missing" // a piece is not where it should be
	WorkOverdue      = "rental_overdue" // a piece stands still, and may be lost
	WorkShort        = "rental_short"   // an order has left with lines that no piece was packed for
	WorkCharge       = "rental_charge"  // a piece has come back that its customer was charged for
)

func unregisteredWork(item string) string { return "rental_unregistered/" + item }
func missingWork(item string) string      { return WorkMissing + "/" + item }
func unshippedWork(order string) string   { return "rental_unshipped/" + order }
func shortWork(order string) string       { return WorkShort + "/" + order }
func bagMissingWork(bag, item string) string {
	return WorkBagMissing + "/" + bag + "/" + item
}

// eventWork is the id of the work that an occurrence makes.
func eventWork(e store.RentalEvent) string {
	return fmt.Sprintf("rental/%s/%s/%d", e.Item, e.Device, e.Number)
}

// look makes an occurrence that broke a rule work for a person, unless it only was told to whoever did it.
func (k *Keeper) look(ctx context.Context, tx *store.Tx, item store.RentalItem, e store.RentalEvent, b rental.Breach) error {
	kind := WorkRule
	switch {
	case e.Act != 0:
		kind = WorkPromise
	case b.Rule == rental.OtherOrder && b.Effect == rental.Told: // it is packed for another order than it was promised to
		kind = WorkPromise
	case b.Rule == rental.PickedTwice || b.Rule == rental.OtherOrder && e.Step == protocol.StepPick:
		kind = WorkPickedTwice
	case b.Rule == rental.Promised && b.Effect == rental.Told:
		kind = WorkPromise
	case b.Effect == rental.Told:
		return nil
	}
	detail := say("%s: %s", "%s：%s", stepText(e), whyOf(b))
	if kind == WorkPickedTwice {
		detail = say("%s: %s; it was picked first for order %s: both are in its history", "%s：%s。先に注文 %s のためにピッキングされました。どちらも履歴にあります",
			stepText(e), whyOf(b), item.Order)
	}
	return tx.AgainWork(ctx, eventWork(e), kind, item.ID, detail, e.At)
}
