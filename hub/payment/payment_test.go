package payment_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/payment"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// ordered is a held order of two lines of milk and one of bread, for 2 × 300 + 1 × 300 + 3 × 200 = 1500 yen.
func ordered() payment.Order {
	return payment.Order{ID: "o-1", Held: true, Holds: true, Units: map[string]int64{"milk": 3, "bread": 3}, Lines: []payment.Line{
		{Number: 1, ProductID: "milk", Units: 2, UnitPriceYen: 300}, {Number: 2, ProductID: "milk", Units: 1, UnitPriceYen: 300},
		{Number: 3, ProductID: "bread", Units: 3, UnitPriceYen: 200}}}
}

func begun(t require.TestingT) payment.Payment {
	p, err := payment.New(ordered(), "ref", "pm_1", now)
	require.NoError(t, err)
	return p
}

// in is a payment in a state.
func in(t require.TestingT, s payment.State) payment.Payment {
	p := begun(t)
	way := map[payment.State][]func() error{
		payment.Authorising: {func() error { return p.Open("pi", now) }},
		payment.Voiding:     {func() error { return p.GiveUp(payment.CauseEnded, "", now) }},
	}
	way[payment.Authorised] = append(way[payment.Authorising], func() error { return p.Authorise(now) })
	way[payment.Capturing] = append(slices.Clone(way[payment.Authorised]), func() error { return p.Confirm(now) })
	way[payment.Captured] = append(slices.Clone(way[payment.Capturing]), func() error { return p.Capture(p.AmountYen, now) })
	way[payment.Voided] = append(slices.Clone(way[payment.Voiding]), func() error { return p.Close(now) })
	way[payment.Declined] = []func() error{func() error { return p.GiveUp(payment.CauseDeclined, "no", now) }, func() error { return p.Close(now) }}
	way[payment.Uncollected] = []func() error{func() error { return p.GiveUp(payment.CauseLost, "gone", now) }, func() error { return p.Strand() },
		func() error { return p.Close(now) }}
	for _, step := range way[s] {
		require.NoError(t, step())
	}
	require.Equal(t, s, p.State)
	return p
}

func TestVerbsRefuseIllegalMoves(t *testing.T) {
	verbs := map[string]func(*payment.Payment) error{
		"open":      func(p *payment.Payment) error { return p.Open("pi", now) },
		"authorise": func(p *payment.Payment) error { return p.Authorise(now) },
		"confirm":   func(p *payment.Payment) error { return p.Confirm(now) },
		"capture":   func(p *payment.Payment) error { return p.Capture(1500, now) },
		"give up":   func(p *payment.Payment) error { return p.GiveUp(payment.CauseEnded, "", now) },
		"close":     func(p *payment.Payment) error { return p.Close(now) },
	}
	legal := map[payment.State]string{
		payment.Opening: "give up, open", payment.Authorising: "authorise, give up", payment.Authorised: "confirm, give up",
		payment.Capturing: "capture, give up", payment.Captured: "", payment.Voiding: "capture, close, open", payment.Voided: "",
		payment.Declined: "", payment.Uncollected: "",
	}
	for state, want := range legal {
		var may []string
		for name, verb := range verbs {
			p := in(t, state)
			before := p
			if err := verb(&p); err == nil {
				may = append(may, name)
				continue
			} else {
				require.ErrorAs(t, err, new(*payment.IllegalMove))
			}
			require.Equal(t, before, p, "%s of %s changes nothing", name, state)
		}
		slices.Sort(may)
		require.Equal(t, want, strings.Join(may, ", "), state)
	}
}

func TestNoMoreIsTakenThanWasAskedFor(t *testing.T) {
	p := in(t, payment.Capturing)
	require.ErrorContains(t, p.Capture(1501, now), "1501 yen of 1500")
	require.Error(t, p.Capture(0, now))
	require.Equal(t, payment.Capturing, p.State)
}

func TestAnOrderForNothingOrTooMuchIsNotPaidHere(t *testing.T) {
	o := ordered()
	o.Lines = []payment.Line{{Number: 1, ProductID: "milk", Units: 1}}
	_, err := payment.New(o, "ref", "pm", now)
	require.ErrorAs(t, err, new(*payment.FieldError))
	o.Lines[0].UnitPriceYen = payment.MaxAmountYen + 1
	_, err = payment.New(o, "ref", "pm", now)
	require.ErrorAs(t, err, new(*payment.FieldError))
}

func TestCardNumbersAndNonsenseAreNoTokens(t *testing.T) {
	for _, method := range []string{"", "4242424242424242", "a b", "pm_\n", strings.Repeat("x", 256), "日本"} {
		require.ErrorAs(t, payment.CheckMethod(method), new(*payment.FieldError), "%q", method)
	}
	require.NoError(t, payment.CheckMethod("pm_1NxY0z"))
}

func bill(t require.TestingT, s payment.State) payment.Bill { return payment.Bill{Payment: in(t, s)} }

func TestARefundIsOfUnitsAndTheSameAskGivesTheSame(t *testing.T) {
	b := bill(t, payment.Captured)
	ask := payment.Ask{ID: "r-1", Lines: []payment.RefundLine{{Line: 3, Units: 1}, {Line: 1, Units: 1}, {Line: 3, Units: 1}}, By: "p-1"}
	r, repeated, err := b.AskRefund(ask, now)
	require.NoError(t, err)
	require.False(t, repeated)
	require.Equal(t, int64(300+2*200), r.AmountYen)
	require.Equal(t, payment.Refunding, r.State)
	again, repeated, err := b.AskRefund(ask, now)
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, r, again)
	require.Len(t, b.Refunds, 1)

	other := ask
	other.Lines = other.Lines[:1]
	_, _, err = b.AskRefund(other, now)
	require.ErrorIs(t, err, payment.ErrConflict)
	_, _, err = b.AskRefund(payment.Ask{ID: "r-1"}, now)
	require.ErrorIs(t, err, payment.ErrConflict, "the id is not that of a refund of all")
	require.ErrorContains(t, err, "refund r-1 of order o-1, 700 yen, 1 of line 1, 2 of line 3: it was asked for otherwise before: choose another refund_id")

	_, _, err = b.AskRefund(payment.Ask{ID: "r-2", Lines: []payment.RefundLine{{Line: 3, Units: 2}}}, now)
	require.ErrorIs(t, err, payment.ErrTooMuch, "one is left of line 3")
	rest, _, err := b.AskRefund(payment.Ask{ID: "r-3"}, now)
	require.NoError(t, err)
	require.Equal(t, int64(1500-700), rest.AmountYen, "whole is what is left")
	same, repeated, err := b.AskRefund(payment.Ask{ID: "r-3"}, now)
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, rest, same)
	_, _, err = b.AskRefund(payment.Ask{ID: "r-4"}, now)
	require.EqualError(t, err, "refund r-4 of order o-1: nothing is left to be refunded")
}

func TestRefundsAreCheckedOnTheirFace(t *testing.T) {
	for want, ask := range map[string]payment.Ask{
		"refund_id": {ID: "owed/1"}, "reason": {ID: "r", Reason: strings.Repeat("x", 201)},
		"lines[0]": {ID: "r", Lines: []payment.RefundLine{{Line: 4, Units: 1}}}, "lines[1]": {ID: "r", Lines: []payment.RefundLine{{Line: 1, Units: 1}, {Line: 1, Units: 0}}},
	} {
		b := bill(t, payment.Captured)
		_, _, err := b.AskRefund(ask, now)
		var wrong *payment.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, want, wrong.Field)
	}
}

func TestWhatIsNotTakenCannotBeRefundedAndWhatIsBeingTakenWaits(t *testing.T) {
	for _, s := range []payment.State{payment.Opening, payment.Authorising, payment.Voiding, payment.Voided, payment.Declined, payment.Uncollected} {
		b := bill(t, s)
		_, _, err := b.AskRefund(payment.Ask{ID: "r"}, now)
		require.ErrorIs(t, err, payment.ErrNotPaid, s)
	}
	b := bill(t, payment.Capturing)
	r, _, err := b.AskRefund(payment.Ask{ID: "r"}, now)
	require.NoError(t, err)
	require.Equal(t, payment.Waiting, r.State)
}

func TestWhatIsOwedBackFollowsFromHowTheOrderStands(t *testing.T) {
	o := ordered()
	o.Held = false
	t.Run("nothing while it stands", func(t *testing.T) {
		b := bill(t, payment.Captured)
		require.False(t, b.OwedBack(o, now))
	})
	t.Run("units taken off, once", func(t *testing.T) {
		b, less := bill(t, payment.Captured), o
		less.Units = map[string]int64{"milk": 1, "bread": 3}
		require.True(t, b.OwedBack(less, now))
		require.Equal(t, []payment.RefundLine{{Line: 1, Units: 1}, {Line: 2, Units: 1}}, b.Refunds[0].Lines)
		require.Equal(t, int64(600), b.Refunds[0].AmountYen)
		require.False(t, b.OwedBack(less, now))
		less.Holds, less.Units = false, nil
		require.True(t, b.OwedBack(less, now), "and the rest when it ends")
		require.Equal(t, int64(900), b.Refunds[1].AmountYen)
		require.False(t, b.OwedBack(less, now))
	})
	t.Run("units refunded by hand count as given back", func(t *testing.T) {
		b, less := bill(t, payment.Captured), o
		_, _, err := b.AskRefund(payment.Ask{ID: "r", Lines: []payment.RefundLine{{Line: 3, Units: 1}}}, now)
		require.NoError(t, err)
		less.Units = map[string]int64{"milk": 3, "bread": 2}
		require.False(t, b.OwedBack(less, now))
	})
	t.Run("a refund that failed is not tried again by itself, and can be by hand", func(t *testing.T) {
		b, ended := bill(t, payment.Captured), o
		ended.Holds, ended.Units = false, nil
		require.True(t, b.OwedBack(ended, now))
		b.Refunds[0].State = payment.Failed
		require.False(t, b.OwedBack(ended, now))
		_, _, err := b.AskRefund(payment.Ask{ID: "by-hand"}, now)
		require.NoError(t, err)
	})
	t.Run("a payment of an order that ended is given up", func(t *testing.T) {
		ended := o
		ended.Holds, ended.Units = false, nil
		for _, s := range []payment.State{payment.Opening, payment.Authorising, payment.Authorised, payment.Capturing} {
			b := bill(t, s)
			require.True(t, b.OwedBack(ended, now))
			require.Equal(t, payment.Voiding, b.Payment.State)
			require.Empty(t, b.Payment.Method, "the token is not kept")
		}
		for _, s := range []payment.State{payment.Voiding, payment.Voided, payment.Declined, payment.Uncollected} {
			b := bill(t, s)
			require.False(t, b.OwedBack(ended, now))
		}
	})
}

func TestAPaidOrderIsNotChangedIntoMoreThanIsPaid(t *testing.T) {
	b := bill(t, payment.Captured)
	require.True(t, b.Covers(map[string]int64{"milk": 3}))
	require.False(t, b.Covers(map[string]int64{"milk": 4}))
	require.False(t, b.Covers(map[string]int64{"caviar": 1}))
	require.True(t, (&payment.Bill{}).Covers(nil))
}

// Whatever is asked for and however the order shrinks, never more goes back than was taken, and when it has ended all has.
func TestNeverMoreGoesBackThanWasTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, o := bill(t, payment.Captured), ordered()
		for n := range rapid.IntRange(0, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				product := rapid.SampledFrom([]string{"milk", "bread"}).Draw(t, "product")
				o.Units = maps.Clone(o.Units)
				o.Units[product] = max(0, o.Units[product]-1)
				b.OwedBack(o, now)
			case 1:
				line := payment.RefundLine{Line: rapid.Int64Range(1, 3).Draw(t, "line"), Units: rapid.Int64Range(1, 2).Draw(t, "units")}
				_, _, _ = b.AskRefund(payment.Ask{ID: fmt.Sprint("r-", n), Lines: []payment.RefundLine{line}}, now)
			case 2:
				if i := len(b.Refunds); i > 0 && b.Refunds[i-1].State == payment.Refunding {
					b.Refunds[i-1].State = rapid.SampledFrom([]payment.RefundState{payment.Refunded, payment.Failed}).Draw(t, "came of it")
				}
			}
			require.False(t, b.OwedBack(o, now), "asking again changes nothing")
		}
		o.Holds, o.Units = false, nil
		b.OwedBack(o, now)
		var back, failed int64
		for _, r := range b.Refunds {
			if r.State == payment.Failed {
				failed += r.AmountYen
			} else {
				back += r.AmountYen
			}
		}
		require.LessOrEqual(t, back, b.Payment.CapturedYen)
		require.GreaterOrEqual(t, back+failed, b.Payment.CapturedYen, "all of an ended order goes back, or a person was told")
	})
}
