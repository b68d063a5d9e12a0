package people

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// throttle slows down guessing. It is a fixed number of buckets, found by a hash with a key of this process: whatever strangers send
// takes no memory, and nobody can aim at another's bucket but by their name or address. An attempt pours one into each bucket that it
// belongs to and a right one takes it out again, so that a thousand at once are no more than a thousand one by one. Buckets leak.
//
// A hub that starts anew has forgotten, and several hubs count each for itself: what bounds the guessing then is the price of a hash.
type throttle struct {
	seed maphash.Seed

	mu      sync.Mutex
	buckets [kindsOfLimit][bucketsOfLimit]bucket
}

const bucketsOfLimit = 4096

type bucket struct {
	tries float64
	at    time.Time
}

// limitKind is what a limit is about.
type limitKind int

const (
	// byAddress is all attempts from one address, for any account.
	byAddress limitKind = iota
	// byAddress6 is the same for IPv6, in buckets apart: whoever has a network of it has more addresses than there are buckets, and
	// could fill those of everybody.
	byAddress6
	// bySite is all attempts from the 48 bits of an IPv6 address that one customer of a provider may have.
	bySite
	// byAccount is the attempts at one account from browsers that never logged in to it: a stranger can fill only this one.
	byAccount
	// byDevice is the attempts of one browser that has logged in to the account before. Its owner gets in while strangers guess.
	byDevice
	// byCode is the codes of a second factor given for one person: who gets so far has the password already.
	byCode
	kindsOfLimit
)

// limits are how many attempts may come at once, and how long one takes to be forgotten.
var limits = [kindsOfLimit]struct {
	burst float64
	each  time.Duration
}{
	byAddress:  {60, 5 * time.Second}, // a whole office has one
	byAddress6: {60, 5 * time.Second},
	bySite:     {600, time.Second / 2}, // or many telephones: more than one address, and far fewer than fill the buckets
	byAccount:  {10, time.Minute},
	byDevice:   {10, time.Minute},
	byCode:     {8, 5 * time.Minute}, // three codes of a million are right at any time: about one chance in a thousand a day
}

// attempt is one bucket of one attempt.
type attempt struct {
	kind limitKind
	key  string
}

// ThrottledError says how long to wait before the next attempt.
type ThrottledError struct{ Wait time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many attempts: try again in %s", e.Wait.Round(time.Second))
}

// take counts an attempt in all its buckets, or in none when one of them is full: then the error is a *ThrottledError.
func (t *throttle) take(now time.Time, attempts ...attempt) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range attempts {
		b, l := t.leaked(a, now), limits[a.kind]
		if over := b.tries + 1 - l.burst; over > 0 {
			return &ThrottledError{max(time.Second, time.Duration(over*float64(l.each)))}
		}
	}
	for _, a := range attempts {
		t.leaked(a, now).tries++
	}
	return nil
}

// giveBack takes a right attempt out again.
func (t *throttle) giveBack(now time.Time, attempts ...attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range attempts {
		b := t.leaked(a, now)
		b.tries = max(0, b.tries-1)
	}
}

// leaked is the bucket of an attempt as it stands at now.
func (t *throttle) leaked(a attempt, now time.Time) *bucket {
	b := &t.buckets[a.kind][maphash.String(t.seed, a.key)%bucketsOfLimit]
	if gone := now.Sub(b.at); gone > 0 { // a clock that was set back forgives nothing
		b.tries = max(0, b.tries-float64(gone)/float64(limits[a.kind].each))
		b.at = now
	}
	return b
}

// addressed are the buckets of an attempt by where it comes from. Of IPv6 what counts as one address is the 64 bits that one line has for
// itself.
func addressed(address string) []attempt {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return []attempt{{byAddress, address}}
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return []attempt{{byAddress, ip.String()}}
	}
	line, _ := ip.Prefix(64) // there are so many bits
	site, _ := ip.Prefix(48)
	return []attempt{{byAddress6, line.String()}, {bySite, site.String()}}
}
