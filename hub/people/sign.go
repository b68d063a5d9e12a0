package people

import (
	"context"
	"time"
)

// Signature is a person's word for an act that needs somebody to answer for it: who, and by what they showed last that it is they.
type Signature struct {
	By Means
	At time.Time
}

// String is how a signature is kept with its act: "totp 2026-12-01T09:00:00Z".
func (s Signature) String() string { return string(s.By) + " " + s.At.UTC().Format(time.RFC3339) }

type signatureKey struct{}

// WithSignature lets whatever is recorded in ctx be kept with the signature. It goes by the context so that no act of a signed
// request can be recorded without it, whichever service does that.
func WithSignature(ctx context.Context, s Signature) context.Context {
	return context.WithValue(ctx, signatureKey{}, s)
}

// SignatureOf is the text of the signature that acts of ctx are kept with; empty for those of a request that nobody signs.
func SignatureOf(ctx context.Context) string {
	if s, ok := ctx.Value(signatureKey{}).(Signature); ok {
		return s.String()
	}
	return ""
}
