package app

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/pkitest"
)

// identity writes a device's files, with a certificate that is valid from a time on.
func identity(t *testing.T, ca *pkitest.CA, device string, from time.Time) Identity {
	dir := t.TempDir()
	var i Identity
	cert, key := ca.Issue(t, device, from)
	i.Certificate, i.Key = pkitest.Write(t, dir, device, cert, key)
	i.CA = filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(i.CA, ca.PEM, 0o600))
	return i
}

// shows is the certificate that a device shows.
func shows(t *testing.T, c *tls.Config) *x509.Certificate {
	pair, err := c.GetClientCertificate(&tls.CertificateRequestInfo{})
	require.NoError(t, err)
	return pair.Leaf
}

func TestARenewedCertificateIsShownWithoutARestart(t *testing.T) {
	ca := pkitest.New(t)
	i := identity(t, ca, "dev-1", time.Now())
	c, err := i.TLS("dev-1")
	require.NoError(t, err)
	first := shows(t, c)
	require.Equal(t, "dev-1", first.Subject.CommonName)

	cert, key := ca.Issue(t, "dev-1", time.Now())
	require.NoError(t, os.WriteFile(i.Key, key, 0o600))
	require.Equal(t, first, shows(t, c), "between the two files")
	require.NoError(t, os.WriteFile(i.Certificate, cert, 0o600))
	require.NotEqual(t, first, shows(t, c))
	second := shows(t, c)
	others, othersKey := ca.Issue(t, "dev-2", time.Now())
	require.NoError(t, os.WriteFile(i.Certificate, others, 0o600))
	require.NoError(t, os.WriteFile(i.Key, othersKey, 0o600))
	require.Equal(t, second, shows(t, c), "another device's is not shown")
}

func TestADeviceWhoseClockStandsInThePastKnowsTheBroker(t *testing.T) {
	ca := pkitest.New(t)
	i := identity(t, ca, "dev-1", time.Now())
	broker := ca.Pair(t, "broker")
	synctest.Test(t, func(t *testing.T) { // where it is the year 2000
		c, err := i.TLS("dev-1")
		require.NoError(t, err)
		require.Less(t, time.Now().Year(), 2001)
		_, err = broker.Leaf.Verify(x509.VerifyOptions{Roots: c.RootCAs, CurrentTime: c.Time()})
		require.NoError(t, err)
		_, err = broker.Leaf.Verify(x509.VerifyOptions{Roots: c.RootCAs, CurrentTime: time.Now()})
		require.ErrorContains(t, err, "not yet valid", "by its own clock it would not")
	})
}

func TestFilesThatAreNoIdentityAreNamed(t *testing.T) {
	ca := pkitest.New(t)
	good, strange := identity(t, ca, "dev-1", time.Now()), identity(t, ca, "dev-1", time.Now())
	for want, change := range map[string]func(*Identity){
		"no such file":                            func(i *Identity) { i.CA += "x" },
		"want a certificate in PEM":               func(i *Identity) { i.CA = i.Key },
		"certificate: open":                       func(i *Identity) { i.Certificate += "x" },
		"private key does not match public key":   func(i *Identity) { i.Key = strange.Key },
		`it is of device "dev-2", not of "dev-1"`: func(i *Identity) { *i = identity(t, ca, "dev-2", time.Now()) },
	} {
		i := good
		change(&i)
		_, err := i.TLS("dev-1")
		require.ErrorContains(t, err, want)
	}
}
