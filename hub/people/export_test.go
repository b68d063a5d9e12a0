package people

import "time"

// CodeAt is AuthenticatorCode of a secret that is one.
func CodeAt(secret string, at time.Time) string {
	code, err := AuthenticatorCode(secret, at)
	if err != nil {
		panic(err) // a mistake in a test
	}
	return code
}
