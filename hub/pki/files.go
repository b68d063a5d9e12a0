package pki

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"meguri/internal/durable"
)

// Revoked is a certificate that is valid no longer, though its time is not over.
type Revoked struct {
	Serial string // hexadecimal
	At     time.Time
}

// WriteCRL writes the list of revoked certificates for brokers other than ours, in the authority's directory. It does not
// end before the authority: brokers refuse everybody when it does.
func (a *Authority) WriteCRL(all []Revoked) error {
	now := time.Now()
	list := &x509.RevocationList{Number: big.NewInt(now.UnixMilli()), ThisUpdate: a.cert.NotBefore, NextUpdate: a.cert.NotAfter}
	for _, r := range all {
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		if !ok {
			return fmt.Errorf("list of revoked certificates: serial number %q: want hexadecimal", r.Serial)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.At})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		return fmt.Errorf("list of revoked certificates: %w", err)
	}
	return writeFile(a.CRLPath(), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), 0o644)
}

// CRLPath is the file of the list of revoked certificates.
func (a *Authority) CRLPath() string { return filepath.Join(a.dir, CRLFile) }

// Save writes a certificate for its holder: DIR/NAME.pem and NAME.key, the latter for its owner only, and DIR/ca.pem. A key
// or certificate that is there is left alone, and named in the error.
func (a *Authority) Save(dir, name string, i Issued) (err error) {
	key, cert := Files(dir, name)
	if filepath.Base(cert) == CAFile {
		return fmt.Errorf("%s: that is where the authority's own certificate goes: want another name", cert)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := writeNew(key, i.Key, 0o600); err != nil {
		return err
	}
	if err := writeNew(cert, i.Certificate, 0o644); err != nil {
		return errors.Join(err, os.Remove(key))
	}
	if err := writeFile(filepath.Join(dir, CAFile), a.pem, 0o644); err != nil {
		return errors.Join(err, Remove(dir, name))
	}
	return nil
}

// Exists says whether a directory has an authority, or a part of one.
func Exists(dir string) (bool, error) {
	for _, name := range []string{CAFile, KeyFile} {
		_, err := os.Lstat(filepath.Join(dir, name))
		if !errors.Is(err, os.ErrNotExist) {
			return err == nil, err
		}
	}
	return false, nil
}

// Files are the paths at which Save puts key and certificate.
func Files(dir, name string) (key, certificate string) {
	return filepath.Join(dir, name+".key"), filepath.Join(dir, name+".pem")
}

// Remove takes back what Save has written for a name.
func Remove(dir, name string) error {
	key, cert := Files(dir, name)
	return errors.Join(os.Remove(key), os.Remove(cert))
}

// writeNew writes a file and refuses to change one that is there.
func writeNew(name string, text []byte, mode os.FileMode) error {
	err := durable.Create(name, mode, durable.Bytes(text))
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: name another directory", err)
	}
	return err
}

// writeFile writes a file whole or not at all: a power cut must not leave a database that knows a certificate without its key, or
// devices without their authority.
func writeFile(name string, text []byte, mode os.FileMode) error {
	return durable.Replace(name, mode, durable.Bytes(text))
}
