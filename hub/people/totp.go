package people

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // RFC 6238's default, and all that authenticators agree on; it is a MAC here, for which SHA-1 is not broken
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	totpStep   = 30 * time.Second
	totpDigits = 6
	totpSecret = 20 // bytes, RFC 4226 section 4
	// totpSkew is how many steps a code may be off: a telephone's clock, and the time of typing.
	totpSkew = 1
)

// stepAt is the time step of RFC 6238.
func stepAt(t time.Time) int64 { return t.Unix() / int64(totpStep/time.Second) }

// LastStep is the newest time step a code of which is taken at a time.
func LastStep(at time.Time) int64 { return stepAt(at) + totpSkew }

// totpCode is the code of a step (RFC 4226, section 5.3).
func totpCode(secret []byte, step int64, digits int) string {
	m := hmac.New(sha1.New, secret)
	_ = binary.Write(m, binary.BigEndian, step)
	sum := m.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	modulus := uint32(1)
	for range digits {
		modulus *= 10
	}
	return fmt.Sprintf("%0*d", digits, n%modulus)
}

// totpMatch gives the step that a code is of, as far as it may be off at now; 0 for none. It always looks at all of them.
func totpMatch(secret []byte, code string, now time.Time) (step int64) {
	for d := int64(-totpSkew); d <= totpSkew; d++ {
		if hmac.Equal([]byte(totpCode(secret, stepAt(now)+d, totpDigits)), []byte(code)) {
			step = stepAt(now) + d
		}
	}
	return step
}

func newTOTPSecret() []byte {
	secret := make([]byte, totpSecret)
	_, _ = rand.Read(secret) // never fails, crypto/rand
	return secret
}

var base32NoPad = base32.StdEncoding.WithPadding(base32.NoPadding)

// totpURI is what authenticators read as a QR code: the key URI format.
func totpURI(secret []byte, name string) string {
	q := url.Values{"secret": {base32NoPad.EncodeToString(secret)}, "issuer": {totpIssuer}}
	return "otpauth://totp/" + url.PathEscape(totpIssuer+":"+name) + "?" + q.Encode()
}

const totpIssuer = "Meguri"

// recoveryCodes is how many a person gets, and how many characters of base 32 each has: 80 random bits, so that a plain hash will do.
const (
	recoveryCodes  = 10
	recoveryLength = 16
)

func newRecoveryCode() string {
	var b [recoveryLength * 5 / 8]byte
	_, _ = rand.Read(b[:])
	text := strings.ToLower(base32NoPad.EncodeToString(b[:]))
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

// normalCode is a code without what people type around it. A recovery code has its letters small.
func normalCode(code string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "\u3000", "").Replace(strings.TrimSpace(code)))
}

// AuthenticatorCode is what an authenticator with a secret, as Enrolment has it, shows at a time: for whoever plays one.
func AuthenticatorCode(secret string, at time.Time) (string, error) {
	key, err := base32NoPad.DecodeString(secret)
	if err != nil {
		return "", fmt.Errorf("secret of an authenticator: %w", err)
	}
	return totpCode(key, stepAt(at), totpDigits), nil
}
