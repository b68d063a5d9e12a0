package payment

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// RefundState is how far a refund has come.
type RefundState string

// The states of a refund.
const (
	Waiting   RefundState = "waiting"   // for the money to be taken, or for the code of an order that ended to open nothing any more
	Refunding RefundState = "refunding" // the provider is asked, or about to be asked
	Refunded  RefundState = "refunded"
	Failed    RefundState = "failed"  // the provider cannot: a person decides
	Dropped   RefundState = "dropped" // the payment was closed and nothing was taken
)

// Bounds of refunds.
const (
	// MaxRefunds of one order. The provider lists so many at once.
	MaxRefunds = 100
	maxText    = 200
)

// Refund is money that goes back, for units of lines.
type Refund struct {
	OrderID    string
	ID         string // chosen by who asks, or "owed/1" and so on for what is owed by itself
	State      RefundState
	AmountYen  int64
	Lines      []RefundLine // empty when it was made at the provider by somebody else
	Reason     string
	AskedBy    string // person, or Nobody
	AskedAt    time.Time
	DoneAt     time.Time // zero until it is refunded or failed
	ProviderID string
	Code       string // the provider's word for why it failed
}

// RefundLine is units of a line of the payment.
type RefundLine struct{ Line, Units int64 }

// Nobody asked for what is owed by itself.
const Nobody = "system"

// counts says whether a refund takes away from what can still be refunded by hand. One that failed may be tried another way.
func (r Refund) counts() bool { return r.State != Failed && r.State != Dropped }

// Bill is a payment with its refunds.
type Bill struct {
	Payment Payment
	Refunds []Refund
	// CodeMayOpen says that a code of the order, which was taken back, may still open a door or has done so: money waits until no
	// lock takes it any more, or until somebody takes the risk.
	CodeMayOpen bool
}

// left is what can still be refunded of each line and in all, where taken says which refunds to take away.
func (b *Bill) left(taken func(Refund) bool) (units map[int64]int64, yen int64) {
	units = map[int64]int64{}
	for _, l := range b.Payment.Lines {
		units[l.Number] = l.Units
	}
	yen = b.Payment.AmountYen
	if b.Payment.State == Captured {
		yen = b.Payment.CapturedYen
	}
	for _, r := range b.Refunds {
		if !taken(r) {
			continue
		}
		yen -= r.AmountYen
		for _, l := range r.Lines {
			units[l.Line] -= l.Units
		}
	}
	return units, yen
}

// Ask is a person's wish to give money back.
type Ask struct {
	ID     string
	Lines  []RefundLine // empty for all that is left
	Reason string
	By     string
}

// AskRefund adds a refund that a person asks for. The same ask again gives the same refund.
//
// Expected errors are *FieldError, ErrNotPaid, ErrTooMuch, ErrNothingLeft and ErrConflict.
func (b *Bill) AskRefund(a Ask, now time.Time) (r Refund, repeated bool, err error) {
	if err := a.check(&b.Payment); err != nil {
		return r, false, err
	}
	if at := slices.IndexFunc(b.Refunds, func(r Refund) bool { return r.ID == a.ID }); at >= 0 {
		r = b.Refunds[at]
		return r, true, b.sameAsk(r, a)
	}
	switch b.Payment.State {
	case Authorised, Capturing, Captured:
	default:
		return r, false, ErrNotPaid
	}
	units, yen := b.left(Refund.counts)
	lines := a.sorted()
	if len(lines) == 0 {
		for _, l := range b.Payment.Lines {
			if units[l.Number] > 0 {
				lines = append(lines, RefundLine{l.Number, units[l.Number]})
			}
		}
	}
	for _, l := range lines {
		if l.Units > units[l.Line] {
			return r, false, fmt.Errorf("line %d: %d of %d units: %w", l.Line, l.Units, units[l.Line], ErrTooMuch)
		}
	}
	r = Refund{OrderID: b.Payment.OrderID, ID: a.ID, Lines: lines, Reason: a.Reason, AskedBy: a.By}
	r.AmountYen = b.worth(lines)
	switch {
	case r.AmountYen <= 0, yen <= 0:
		return r, false, fmt.Errorf("refund %s of order %s: %w", a.ID, r.OrderID, ErrNothingLeft)
	case len(b.Refunds) >= MaxRefunds:
		return r, false, fmt.Errorf("order %s has %d refunds, and no more can be asked for: %w", r.OrderID, len(b.Refunds), ErrTooMuch)
	case r.AmountYen > yen:
		return r, false, fmt.Errorf("refund %s is of %d yen, %d yen of order %s are left: %w", a.ID, r.AmountYen, yen, r.OrderID, ErrTooMuch)
	}
	return b.add(r, now), false, nil
}

// sameAsk refuses an ask whose id belongs to a refund that was asked for otherwise. What was left when that was asked for is not
// kept; but units that no refund has ever been for were left, so it was not for all.
func (b *Bill) sameAsk(r Refund, a Ask) error {
	same := r.AskedBy != Nobody
	if len(a.Lines) > 0 {
		same = same && slices.Equal(r.Lines, a.sorted())
	} else {
		units, _ := b.left(func(Refund) bool { return true })
		for _, n := range units {
			same = same && n <= 0
		}
	}
	if same {
		return nil
	}
	return fmt.Errorf("refund %s of order %s, %d yen%s: %w: choose another refund_id", r.ID, r.OrderID, r.AmountYen, ofLines(r.Lines), ErrConflict)
}

// ofLines tells what a refund is for.
func ofLines(lines []RefundLine) string {
	var text strings.Builder
	for _, l := range lines[:min(len(lines), 5)] {
		fmt.Fprintf(&text, ", %d of line %d", l.Units, l.Line)
	}
	if len(lines) > 5 {
		text.WriteString(", …")
	}
	return text.String()
}

// sorted are the lines in the order of the payment's, each once.
func (a Ask) sorted() []RefundLine {
	sum := map[int64]int64{}
	for _, l := range a.Lines {
		sum[l.Line] += l.Units
	}
	var lines []RefundLine
	for line, units := range sum {
		lines = append(lines, RefundLine{line, units})
	}
	slices.SortFunc(lines, func(x, y RefundLine) int { return int(x.Line - y.Line) })
	return lines
}

func (a Ask) check(p *Payment) error {
	if !validID(a.ID) {
		return &FieldError{"refund_id", clip(a.ID), "an id of 1 to 64 letters, digits, '-', '_' and '.', beginning with a letter or digit"}
	}
	if len(a.Reason) > maxText {
		return &FieldError{"reason", clip(a.Reason), fmt.Sprintf("at most %d bytes", maxText)}
	}
	for i, l := range a.Lines {
		if !slices.ContainsFunc(p.Lines, func(of Line) bool { return of.Number == l.Line && l.Units <= of.Units }) || l.Units < 1 {
			return &FieldError{fmt.Sprintf("lines[%d]", i), fmt.Sprintf("line %d, units %d", l.Line, l.Units), "a line of the order and at most its units"}
		}
	}
	return nil
}

func (b *Bill) worth(lines []RefundLine) (yen int64) {
	for _, r := range lines {
		for _, l := range b.Payment.Lines {
			if l.Number == r.Line {
				yen += r.Units * l.UnitPriceYen
			}
		}
	}
	return yen
}

// add adds a refund, which waits until the money is taken.
func (b *Bill) add(r Refund, now time.Time) Refund {
	r.State, r.AskedAt = Waiting, now
	if b.Payment.State == Captured && !b.CodeMayOpen {
		r.State = Refunding
	}
	b.Refunds = append(b.Refunds, r)
	return r
}

// OwedBack finds what is owed back as the order now stands, and makes it so: a payment of which nothing is taken is given up
// when the order has ended, and units that were taken off the order, or of which it has fewer, are refunded. It says whether it
// changed anything. Asking again changes nothing, so whoever ends or changes an order asks.
//
// Units refunded by hand before count as given back. So does a refund that failed: a person was told, and trying it again by
// itself would never end.
func (b *Bill) OwedBack(o Order, now time.Time) (changed bool) {
	if !o.Holds && b.Payment.GiveUp(CauseEnded, "", now) == nil {
		return true
	}
	switch b.Payment.State {
	case Authorised, Capturing, Captured:
	default:
		return false // nothing is taken, or what will be taken is looked at then
	}
	units, yen := b.left(func(r Refund) bool { return r.State != Dropped })
	lines := surplus(b.Payment.Lines, units, o)
	r := Refund{OrderID: b.Payment.OrderID, Lines: lines, Reason: o.Reason, AskedBy: Nobody}
	r.AmountYen = min(b.worth(lines), yen)
	if r.AmountYen <= 0 {
		return false
	}
	r.ID = fmt.Sprintf("owed/%d", len(b.Refunds)+1) // no person's id has a slash
	b.add(r, now)
	return true
}

// surplus are the units paid for, and not refunded, that the order has no more; from its last lines, for a line that was changed
// may have another number.
func surplus(paid []Line, left map[int64]int64, o Order) (lines []RefundLine) {
	too := map[string]int64{}
	for _, l := range paid {
		too[l.ProductID] += left[l.Number]
	}
	for product, units := range o.Units {
		too[product] -= units
	}
	for _, l := range slices.Backward(paid) {
		if n := min(too[l.ProductID], left[l.Number]); n > 0 {
			too[l.ProductID] -= n
			lines = append(lines, RefundLine{l.Number, n})
		}
	}
	slices.Reverse(lines)
	return lines
}

// Covers says whether the payment covers an order with these units of products: whoever changes a paid order asks first, for
// what was reserved cannot grow, and what was given back, or is about to be, is not paid for any more. An order that was not paid here
// covers any.
func (b *Bill) Covers(units map[string]int64) bool {
	left, _ := b.left(func(r Refund) bool { return r.State != Dropped })
	paid := map[string]int64{}
	for _, l := range b.Payment.Lines {
		paid[l.ProductID] += left[l.Number]
	}
	for product, n := range units {
		if n > paid[product] {
			return false
		}
	}
	return true
}

// validID keeps ids to what goes unchanged into URLs and keys.
func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i, c := range []byte(id) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return true
}

func clip(s string) string { return s[:min(len(s), 64)] }
