package people

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// A challenge is known again by its tag, and is not stored: who asks for a million of them takes no room, and pushes nobody's out. It says
// itself when it ends, is bound to what it is for and to one session or browser, and holds for every hub with the same key. That none is
// taken twice is in the store: there, one is noted once it was answered rightly.

// challengeFor is how long a challenge may be answered.
const challengeFor = 5 * time.Minute

// What challenges are for.
const (
	toLogin   = "login"
	toConfirm = "confirm"
	toCreate  = "create"
)

// bound is what a challenge is bound to.
type bound struct {
	purpose string
	holder  string // the secret of the session, or of the browser
}

const (
	challengeNonce = 16
	challengeTime  = 8
	challengeTag   = 32
)

// challenge draws a challenge.
func (v *Vault) challenge(purpose, holder string, now time.Time) []byte {
	c := make([]byte, challengeNonce, challengeNonce+challengeTime+challengeTag)
	_, _ = rand.Read(c) // never fails, crypto/rand
	c = binary.BigEndian.AppendUint64(c, uint64(now.Add(challengeFor).UnixMilli()))
	return append(c, v.challengeTag(c, bound{purpose, holder})...)
}

// challenged says whether a challenge is one of this key's, for that, and may still be answered; and when it ends.
func (v *Vault) challenged(c []byte, to bound, now time.Time) (ends time.Time, ok bool) {
	const said = challengeNonce + challengeTime
	if len(c) != said+challengeTag || to.holder == "" || !hmac.Equal(c[said:], v.challengeTag(c[:said], to)) {
		return time.Time{}, false
	}
	ends = time.UnixMilli(int64(binary.BigEndian.Uint64(c[challengeNonce:said])))
	return ends, now.Before(ends)
}

func (v *Vault) challengeTag(said []byte, to bound) []byte {
	m := hmac.New(sha256.New, v.keys[0].challenges)
	m.Write([]byte(to.purpose + "\x00" + to.holder + "\x00"))
	m.Write(said)
	return m.Sum(nil)
}

// NewBrowser draws the secret by which challenges are bound to a browser that has no session yet.
func NewBrowser() string { return newToken() }
