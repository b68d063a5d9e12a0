package pki

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"
)

// AuditName is the common name of the certificate with which a hub signs heads of its audit trail. No device has it.
const AuditName = "_hub audit"

// Audit issues a certificate that signs heads of the audit trail, for nothing else.
func (a *Authority) Audit() (Issued, error) {
	from, to := a.Validity(hubLife)
	return a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: AuditName}, NotBefore: from, NotAfter: to,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{documentSigning}})
}

// AuditSigner gives a function that signs a SHA-256 hash and names the certificate, in DER. The key is kept in memory only.
func (a *Authority) AuditSigner() func(hash []byte) (certificate, signature []byte, err error) {
	give := renewed(a.Audit)
	return func(hash []byte) (certificate, signature []byte, err error) {
		var pair *tls.Certificate
		if pair, err = give(); err != nil {
			return nil, nil, err
		}
		key, cert, err := signerOf(pair)
		if err != nil {
			return nil, nil, err
		}
		own, ok := key.(*ecdsa.PrivateKey)
		if !ok {
			return nil, nil, errors.New("the key of the audit trail is of another kind than ECDSA")
		}
		signature, err = ecdsa.SignASN1(rand.Reader, own, hash)
		return cert.Raw, signature, err
	}
}

// CheckAudit says whether a hub of an authority has signed a hash as a head of its audit trail at a time. ca is as for CheckReport.
func CheckAudit(ca, certificate, hash, signature []byte, at time.Time) error {
	cert, err := x509.ParseCertificate(certificate)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStranger, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return errors.New("there is no certificate of an authority")
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return fmt.Errorf("%w: %w", ErrStranger, err)
	}
	if !slices.ContainsFunc(cert.UnknownExtKeyUsage, documentSigning.Equal) || cert.Subject.CommonName != AuditName {
		return fmt.Errorf("%w: its certificate is for another purpose: %s", ErrStranger, cert.Subject.CommonName)
	}
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || !ecdsa.VerifyASN1(key, hash, signature) {
		return fmt.Errorf("%w: the signature does not fit", ErrStranger)
	}
	return nil
}
