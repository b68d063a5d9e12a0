// Package pki is the hub's own certificate authority: from it every device, the broker and the hub have the certificates by
// which they know each other. DESIGN.md says what they hold and what happens when they end.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"meguri/protocol"
)

// Lives of certificates, in the machine's own time.
const (
	DeviceLife = 5 * 365 * 24 * time.Hour // of a device's, unless told otherwise
	MaxLife    = 20 * 365 * 24 * time.Hour

	caLife     = 30 * 365 * 24 * time.Hour
	brokerLife = 2 * 365 * 24 * time.Hour // renewed when half of it is over
	hubLife    = brokerLife
	before     = time.Hour // that a certificate is valid before it was made: clocks differ
)

// Names of the files in an authority's directory.
const (
	CAFile  = "ca.pem"
	KeyFile = "ca.key"
	CRLFile = "crl.pem"
)

// HubName is the common name of the hub's own certificate. No device has it: it is no device id.
const HubName = "_hub"

// Authority signs certificates. Several hubs on one database share one, by a copy of its directory.
type Authority struct {
	dir   string
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	roots *x509.CertPool
	pem   []byte // of ca.pem
}

// Open gives the authority of a directory, and makes one where there is none: two processes that do so at once get the same.
// The directory and its key are for their owner only.
func Open(dir string) (_ *Authority, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	lock, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("certificate authority: lock %s: %w", dir, err)
	}
	a := &Authority{dir: dir}
	if err := a.load(); err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return a, nil
}

// load reads key and certificate. A key alone gets a new certificate, which is as good: it is what a crash between the two
// leaves. A certificate alone is an error: with another key all devices would be shut out.
func (a *Authority) load() error {
	file := filepath.Join(a.dir, CAFile)
	text, err := os.ReadFile(file)
	missing := errors.Is(err, os.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	if a.key, err = a.loadKey(missing); err != nil {
		return err
	}
	if missing {
		if text, err = a.selfSigned(time.Now()); err == nil {
			err = writeFile(file, text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	a.pem, a.roots = text, x509.NewCertPool()
	a.roots.AppendCertsFromPEM(text) // those of a former key, too: what they have signed stays valid
	if a.cert, err = firstCertificate(text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if !a.cert.IsCA || !a.key.PublicKey.Equal(a.cert.PublicKey) {
		return fmt.Errorf("%s: its first certificate is not of a CA with the key of %s", file, KeyFile)
	}
	return nil
}

func (a *Authority) loadKey(mayMake bool) (*ecdsa.PrivateKey, error) {
	file := filepath.Join(a.dir, KeyFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && mayMake {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if text, err = keyPEM(key); err != nil {
			return nil, err
		}
		return key, writeFile(file, text, 0o600)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if key, ok := key.(*ecdsa.PrivateKey); ok {
		return key, nil
	}
	return nil, fmt.Errorf("%s: want an ECDSA key", file)
}

func (a *Authority) selfSigned(now time.Time) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Meguri hub CA " + serial.Text(16)[:8]},
		NotBefore: now.Add(-before), NotAfter: now.Add(caLife), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

// CA is the PEM text of the authority's certificate, for those who are to trust it.
func (a *Authority) CA() []byte { return a.pem }

// Roots are what the hub trusts: the authority's certificate, and those that were added to its file by hand.
func (a *Authority) Roots() *x509.CertPool { return a.roots }

// Issued is a new certificate with its key.
type Issued struct {
	Certificate, Key []byte // PEM
	Fingerprint      string // SHA-256 of the certificate, hexadecimal
	Serial           string // hexadecimal
	From, To         time.Time
}

// TLS is the certificate as crypto/tls wants it.
func (i Issued) TLS() (tls.Certificate, error) { return tls.X509KeyPair(i.Certificate, i.Key) }

// Device issues a device's certificate, valid from one time to another: for clients only, with the id as common name and in
// its URI.
func (a *Authority) Device(id string, from, to time.Time) (Issued, error) {
	if err := protocol.CheckDeviceID(id); err != nil {
		return Issued{}, err
	}
	return a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: id}, URIs: []*url.URL{DeviceURI(id)}, NotBefore: from, NotAfter: to,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// DeviceURI is what a device's certificate calls it besides its common name.
func DeviceURI(id string) *url.URL { return &url.URL{Scheme: "urn", Opaque: "meguri:device:" + id} }

// Validity is a life that begins now. It begins an hour earlier, for clocks differ, but not before the authority's own.
func (a *Authority) Validity(life time.Duration) (from, to time.Time) {
	now := time.Now()
	if from = now.Add(-before); from.Before(a.cert.NotBefore) {
		from = a.cert.NotBefore
	}
	return from, now.Add(life)
}

// Hub issues the hub's own certificate for a broker that is not its own.
func (a *Authority) Hub() (Issued, error) {
	from, to := a.Validity(hubLife)
	return a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: HubName}, NotBefore: from, NotAfter: to,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// Broker issues a broker's certificate for host names and addresses. It is valid from the beginning of the authority on: a
// device whose clock stands in 1970 takes the beginning of its own certificate for the time, which is later.
func (a *Authority) Broker(names []string) (Issued, error) {
	_, to := a.Validity(brokerLife)
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "broker"}, NotBefore: a.cert.NotBefore, NotAfter: to,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, name := range names {
		if name == "" {
			continue
		}
		if err := CheckHost(name); err != nil {
			return Issued{}, fmt.Errorf("broker's certificate: %w", err)
		}
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if len(template.IPAddresses)+len(template.DNSNames) == 0 {
		return Issued{}, errors.New("broker's certificate: want at least one host name or address")
	}
	return a.issue(template)
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

// CheckHost says what is wrong with a host name or address: devices dial it, and compare it with the broker's certificate.
func CheckHost(name string) error {
	ip := net.ParseIP(name)
	switch {
	case ip != nil && ip.IsUnspecified():
		return fmt.Errorf("%q: want an address by which others reach it", name)
	case ip == nil && (len(name) > 253 || !hostName.MatchString(name)):
		return fmt.Errorf("%q: want a host name or an address, without a port", name)
	}
	return nil
}

func (a *Authority) issue(template *x509.Certificate) (i Issued, err error) {
	if template.NotAfter.After(a.cert.NotAfter) {
		template.NotAfter = a.cert.NotAfter
	}
	if template.SerialNumber, err = newSerial(); err != nil {
		return i, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return i, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return i, fmt.Errorf("certificate for %s: %w", template.Subject.CommonName, err)
	}
	i = Issued{Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), Fingerprint: fingerprint(der),
		Serial: template.SerialNumber.Text(16), From: template.NotBefore, To: template.NotAfter}
	i.Key, err = keyPEM(key)
	return i, err
}

// Fingerprint names a certificate: SHA-256 of its DER bytes, hexadecimal.
func Fingerprint(c *x509.Certificate) string { return fingerprint(c.Raw) }

func fingerprint(der []byte) string {
	h := sha256.Sum256(der)
	return hex.EncodeToString(h[:])
}

// BrokerCertificate gives a function for tls.Config.GetCertificate: a certificate for names that is kept in memory only and
// renewed in good time, so that a broker that is never started again does not end with it.
func (a *Authority) BrokerCertificate(names []string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	give := renewed(func() (Issued, error) { return a.Broker(names) })
	_, err := give() // what is wrong with the names is said at once
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return give() }, err
}

// HubCertificate gives a function for tls.Config.GetClientCertificate, likewise.
func (a *Authority) HubCertificate() func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	give := renewed(a.Hub)
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return give() }
}

// HubTLS is how the hub joins a broker that is not its own.
func (a *Authority) HubTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: a.roots, GetClientCertificate: a.HubCertificate()}
}

// renewed keeps what issue gives until half of its time to come is over.
func renewed(issue func() (Issued, error)) func() (*tls.Certificate, error) {
	var mu sync.Mutex
	var held *tls.Certificate
	var until time.Time
	return func() (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if held != nil && now.Before(until) {
			return held, nil
		}
		i, err := issue()
		if err != nil {
			return nil, err
		}
		pair, err := i.TLS()
		if err != nil {
			return nil, err
		}
		held, until = &pair, now.Add(i.To.Sub(now)/2)
		return held, nil
	}
}

func firstCertificate(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("want a certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// newSerial draws a serial number: positive, 127 random bits.
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return n.SetBit(n, 126, 1), nil
}

// DeviceOf gives the device that a certificate is of. The certificate's chain, purpose and time are checked elsewhere, by TLS.
func DeviceOf(c *x509.Certificate) (id string, err error) {
	id = c.Subject.CommonName
	if err := protocol.CheckDeviceID(id); err != nil {
		return "", fmt.Errorf("common name: %w", err)
	}
	for _, u := range c.URIs {
		if *u != *DeviceURI(id) {
			return "", fmt.Errorf("the certificate's URI is %s, its common name %s", u, id)
		}
	}
	return id, nil
}
