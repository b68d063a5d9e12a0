package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/pki"
)

func open(t testing.TB, dir string) *pki.Authority {
	t.Helper()
	a, err := pki.Open(dir)
	require.NoError(t, err)
	return a
}

func leaf(t testing.TB, i pki.Issued) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(i.Certificate)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

func device(t testing.TB, a *pki.Authority, id string) pki.Issued {
	t.Helper()
	from, to := a.Validity(time.Hour)
	i, err := a.Device(id, from, to)
	require.NoError(t, err)
	return i
}

func TestAnAuthorityIsMadeOnceAndKeptForItsOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "pki")
	all := make([]*pki.Authority, 8)
	var at sync.WaitGroup
	for i := range all { // at once, as by several processes
		at.Go(func() {
			var err error
			all[i], err = pki.Open(dir)
			require.NoError(t, err)
		})
	}
	at.Wait()
	for _, a := range all {
		require.Equal(t, all[0].CA(), a.CA())
		_, err := leaf(t, device(t, a, "dev-1")).Verify(x509.VerifyOptions{Roots: all[0].Roots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		require.NoError(t, err)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, pki.KeyFile: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing half written")
}

func TestADamagedAuthorityIsNotReplaced(t *testing.T) {
	for want, damage := range map[string]func(dir string) error{
		"no such file":       func(dir string) error { return os.Remove(filepath.Join(dir, pki.KeyFile)) },
		"no PEM block":       func(dir string) error { return os.WriteFile(filepath.Join(dir, pki.KeyFile), nil, 0o600) },
		"want a certificate": func(dir string) error { return os.WriteFile(filepath.Join(dir, pki.CAFile), nil, 0o600) },
		"not of a CA with the key": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, pki.CAFile), open(t, t.TempDir()).CA(), 0o600)
		},
	} {
		dir := t.TempDir()
		open(t, dir)
		require.NoError(t, damage(dir))
		_, err := pki.Open(dir)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "certificate authority")
	}
}

// What a crash between the two files of a new authority leaves.
func TestAKeyWithoutItsCertificateGetsANewOneThatIsAsGood(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, pki.CAFile)))
	a := open(t, dir)
	_, err := leaf(t, device(t, a, "dev-1")).Verify(x509.VerifyOptions{Roots: a.Roots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	require.NoError(t, err)
}

func TestACertificateSaysWhoMayUseItForWhat(t *testing.T) {
	a := open(t, t.TempDir())
	hub, err := a.Hub()
	require.NoError(t, err)
	broker, err := a.Broker([]string{"hub.example", "127.0.0.1", "::1"})
	require.NoError(t, err)
	dev := device(t, a, "dev-1")
	for _, c := range []struct {
		issued pki.Issued
		name   string
		client bool
	}{{dev, "dev-1", true}, {hub, pki.HubName, true}, {broker, "broker", false}} {
		l := leaf(t, c.issued)
		require.Equal(t, c.name, l.Subject.CommonName)
		require.Equal(t, pki.Fingerprint(l), c.issued.Fingerprint)
		require.Equal(t, l.SerialNumber.Text(16), c.issued.Serial)
		for usage, want := range map[x509.ExtKeyUsage]bool{x509.ExtKeyUsageClientAuth: c.client, x509.ExtKeyUsageServerAuth: !c.client} {
			_, err := l.Verify(x509.VerifyOptions{Roots: a.Roots(), KeyUsages: []x509.ExtKeyUsage{usage}})
			require.Equal(t, want, err == nil, "%s: %v", c.name, err)
		}
		require.False(t, l.IsCA)
	}
	id, err := pki.DeviceOf(leaf(t, dev))
	require.NoError(t, err)
	require.Equal(t, "dev-1", id)
	_, err = pki.DeviceOf(leaf(t, hub))
	require.Error(t, err)
	other := leaf(t, dev)
	other.URIs[0] = pki.DeviceURI("dev-2")
	_, err = pki.DeviceOf(other)
	require.ErrorContains(t, err, "urn:meguri:device:dev-2")
	for _, name := range []string{"hub.example", "127.0.0.1", "::1"} {
		require.NoError(t, leaf(t, broker).VerifyHostname(name))
	}
	require.Error(t, leaf(t, broker).VerifyHostname("elsewhere"))

	from, to := a.Validity(time.Hour)
	_, err = a.Device("_hub", from, to)
	require.Error(t, err, "no device is the hub")
	_, err = a.Broker([]string{""})
	require.ErrorContains(t, err, "at least one")
}

func TestABrokersCertificateIsRenewedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, t.TempDir())
		give, err := a.BrokerCertificate([]string{"localhost"})
		require.NoError(t, err)
		certificate := func() *tls.Certificate {
			c, err := give(nil)
			require.NoError(t, err)
			return c
		}
		first := certificate()
		require.Same(t, first, certificate())
		for range 100 { // ten years
			time.Sleep(37 * 24 * time.Hour)
			l := certificate().Leaf
			_, err := l.Verify(x509.VerifyOptions{Roots: a.Roots(), DNSName: "localhost"})
			require.NoError(t, err)
			require.Greater(t, time.Until(l.NotAfter), 300*24*time.Hour, "also for a device whose clock is ahead")
			_, err = l.Verify(x509.VerifyOptions{Roots: a.Roots(), CurrentTime: leaf(t, device(t, a, "dev-1")).NotBefore})
			require.NoError(t, err, "and for one whose clock stands at the beginning of its own certificate")
		}
		require.NotSame(t, first, certificate())
	})
}

func TestTheListOfRevokedCertificatesIsSigned(t *testing.T) {
	a := open(t, t.TempDir())
	dev := device(t, a, "dev-1")
	for _, revoked := range [][]pki.Revoked{nil, {{Serial: dev.Serial, At: time.Now()}}} {
		require.NoError(t, a.WriteCRL(revoked))
		text, err := os.ReadFile(a.CRLPath())
		require.NoError(t, err)
		block, _ := pem.Decode(text)
		list, err := x509.ParseRevocationList(block.Bytes)
		require.NoError(t, err)
		ca, _ := pem.Decode(a.CA())
		signer, err := x509.ParseCertificate(ca.Bytes)
		require.NoError(t, err)
		require.NoError(t, list.CheckSignatureFrom(signer))
		require.Len(t, list.RevokedCertificateEntries, len(revoked))
		if len(revoked) > 0 {
			require.Equal(t, leaf(t, dev).SerialNumber, list.RevokedCertificateEntries[0].SerialNumber)
		}
		require.Greater(t, time.Until(list.NextUpdate), 20*365*24*time.Hour, "a list that ends shuts everybody out")
	}
	require.ErrorContains(t, a.WriteCRL([]pki.Revoked{{Serial: "xyz"}}), "xyz")
}

func TestACertificateThatIsThereIsLeftAlone(t *testing.T) {
	a, dir := open(t, t.TempDir()), t.TempDir()
	dev := device(t, a, "dev-1")
	require.NoError(t, a.Save(dir, "dev-1", dev))
	key, cert := pki.Files(dir, "dev-1")
	info, err := os.Stat(key)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)

	require.ErrorIs(t, a.Save(dir, "dev-1", device(t, a, "dev-1")), os.ErrExist)
	require.NoError(t, os.Remove(key))
	require.ErrorIs(t, a.Save(dir, "dev-1", device(t, a, "dev-1")), os.ErrExist)
	require.NoFileExists(t, key, "no key without its certificate")
	text, err := os.ReadFile(cert)
	require.NoError(t, err)
	require.Equal(t, dev.Certificate, text)
}

// A device may have any id. Its certificate must not be written where ca.pem goes, which it needs as well.
func TestNoCertificateIsWrittenInThePlaceOfTheAuthoritys(t *testing.T) {
	a, dir := open(t, t.TempDir()), t.TempDir()
	require.ErrorContains(t, a.Save(dir, "ca", device(t, a, "ca")), "ca.pem")
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, all)
}
