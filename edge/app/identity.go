package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Identity names the files by which a device and the hub's broker know each other, as `hub device add` writes them.
type Identity struct {
	Certificate string // of the device, PEM
	Key         string // of the certificate, PEM
	CA          string // that signs the broker's certificate, PEM
}

// TLS reads the files, for Config.TLS, and checks that they are the device's. Certificate and key are read again for each
// connection, so that a renewal takes no restart.
func (i Identity) TLS(device string) (*tls.Config, error) {
	text, err := os.ReadFile(i.CA)
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("CA %s: want a certificate in PEM", i.CA)
	}
	h := &holder{files: i, device: device}
	if h.held, err = h.read(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Time: h.now,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return h.newest(), nil }}, nil
}

// holder has the newest certificate that is whole.
type holder struct {
	files  Identity
	device string

	mu   sync.Mutex
	held *tls.Certificate
}

func (h *holder) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(h.files.Certificate, h.files.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if pair.Leaf == nil {
		return nil, errors.New("certificate: nothing in it")
	}
	if of := pair.Leaf.Subject.CommonName; of != h.device {
		return nil, fmt.Errorf("certificate %s: it is of device %q, not of %q", h.files.Certificate, of, h.device)
	}
	return &pair, nil
}

// newest reads the files again. Between two that are being replaced, the pair before is still good.
func (h *holder) newest() *tls.Certificate {
	pair, err := h.read()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.held = pair
	}
	return h.held
}

// now is the time by which the broker's certificate is judged: the clock's, but not before the device's own certificate was
// made. A device without a battery clock begins in 1970 and learns the time from the hub only.
func (h *holder) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.After(h.held.Leaf.NotBefore) {
		return now
	}
	return h.held.Leaf.NotBefore
}
