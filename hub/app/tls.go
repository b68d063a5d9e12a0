package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateEvery is how often the files of the certificate are looked at. It is by content, and not by what the file system tells:
// who renews certificates may move files, or turn a link elsewhere.
const certificateEvery = 5 * time.Second

// keyPair is the certificate of HTTPS. When its files change new connections get the new one; one that cannot be used is said in the
// log, and the former stays.
type keyPair struct {
	certFile, keyFile string
	logger            *slog.Logger
	looked            [2][]byte // the files as they were looked at last, good or bad; of the watching goroutine only
	now               atomic.Pointer[tls.Certificate]
}

// certificate reads the certificate before anything is opened; nil for plain HTTP.
func certificate(c Config) (*keyPair, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	k := &keyPair{certFile: c.TLSCert, keyFile: c.TLSKey, logger: c.Logger}
	_, err := k.look()
	return k, err
}

// look reads the files, and uses them when they are others than before. It is an error when others cannot be used.
func (k *keyPair) look() (changed bool, err error) {
	cert, err := os.ReadFile(k.certFile)
	key, keyErr := os.ReadFile(k.keyFile)
	if err := errors.Join(err, keyErr); err != nil {
		cert, key = nil, []byte(err.Error()) // so that it is said once
	}
	if bytes.Equal(cert, k.looked[0]) && bytes.Equal(key, k.looked[1]) {
		return false, nil
	}
	k.looked = [2][]byte{cert, key}
	if err := errors.Join(err, keyErr); err != nil {
		return false, fmt.Errorf("TLS: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("TLS: certificate %s with key %s: %w", k.certFile, k.keyFile, err)
	}
	k.now.Store(&pair)
	return true, nil
}

// watch looks at the files until ctx ends.
func (k *keyPair) watch(ctx context.Context) error {
	tick := time.NewTicker(certificateEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			k.renew()
		}
	}
}

func (k *keyPair) renew() {
	changed, err := k.look()
	switch {
	case err != nil:
		k.logger.Error("the new certificate cannot be used: HTTPS goes on with the former, which ends", "error", err, "former_ends", k.ends())
	case changed:
		k.logger.Info("HTTPS uses a new certificate", "certificate", k.certFile, "ends", k.ends())
	}
}

// ends is when the certificate in use does.
func (k *keyPair) ends() time.Time {
	if leaf := k.now.Load().Leaf; leaf != nil {
		return leaf.NotAfter
	}
	return time.Time{}
}

// config is what connections are made with: TLS 1.2 with forward secrecy and authenticated encryption, and 1.3.
func (k *keyPair) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.now.Load(), nil },
		MinVersion:     tls.VersionTLS12,
		CipherSuites: []uint16{ // of 1.2; Go's own list has some with CBC
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
}
