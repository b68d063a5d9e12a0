package dispatch

import (
	"strconv"
	"time"
)

// CutoffReason is the reason of the passes that shops get by the clock.
const CutoffReason = "cutoff"

// shopSlack is how long after the last planned collection a shop's code still opens: its run may be late, and the box beside it.
const shopSlack = 2 * time.Hour

// ShopPassID is the id of the pass that a shop gets for a spot and a date: there is one, whoever makes it and how often. again is how often the
// clock has taken one back.
func ShopPassID(shop, spot, date string, again int) string {
	id := "pass-" + shop + "-" + date + "-" + spot
	if again > 0 {
		id += "~" + strconv.Itoa(again)
	}
	return id
}

// NewShopPass is the right of a shop to bring what it has packed for a date to its collection spot: from now on until some time after it is
// to be fetched. taken are the codes at the spot, and is added to.
func NewShopPass(shop, spot, date string, again int, fetched, now time.Time, taken map[string]bool) Pass {
	return Pass{ID: ShopPassID(shop, spot, date, again), Date: date, PlaceID: spot, Holder: Shop, ShopID: shop, Name: "shop " + shop, Reason: CutoffReason,
		PIN: DrawPIN(taken), From: now, Until: fetched.Add(shopSlack), IssuedAt: now}
}

// FetchedBefore is when the last collection was planned of those whose passes are over at now.
func FetchedBefore(now time.Time) time.Time { return now.Add(-shopSlack) }
