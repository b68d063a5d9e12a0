package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ReportName is the common name of the certificate with which a hub signs reports. No device has it.
const ReportName = "_hub reports"

// documentSigning is the purpose of a certificate that signs documents and nothing else (RFC 9336).
var documentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36}

// Report issues a certificate that signs reports, for nothing else.
func (a *Authority) Report() (Issued, error) {
	from, to := a.Validity(hubLife)
	return a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: ReportName}, NotBefore: from, NotAfter: to,
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{documentSigning}})
}

// ReportSigner gives a function for a key that signs reports, with its certificate. Both are kept in memory only and renewed in good
// time: a report names its certificate, and stays valid when the key is long forgotten.
func (a *Authority) ReportSigner() func() (crypto.Signer, *x509.Certificate, error) {
	give := renewed(a.Report)
	return func() (crypto.Signer, *x509.Certificate, error) {
		pair, err := give()
		if err != nil {
			return nil, nil, err
		}
		return signerOf(pair)
	}
}

func signerOf(pair *tls.Certificate) (crypto.Signer, *x509.Certificate, error) {
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, nil, errors.New("a certificate without a key that signs")
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	return key, cert, err
}

// ErrStranger is a report that was signed by somebody else than a hub of the authority.
var ErrStranger = errors.New("not signed by a hub of this authority")

// CheckReport says whether a certificate is one with which a hub of an authority signs reports, at a time. ca is the PEM text of the
// authority's certificate; others in it are trusted as well. by is the one that holds for it.
func CheckReport(ca []byte, cert *x509.Certificate, at time.Time) (by *x509.Certificate, err error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("there is no certificate of an authority")
	}
	chains, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStranger, err)
	}
	if !slices.ContainsFunc(cert.UnknownExtKeyUsage, documentSigning.Equal) || cert.Subject.CommonName != ReportName {
		return nil, fmt.Errorf("%w: its certificate is for another purpose: %s", ErrStranger, cert.Subject.CommonName)
	}
	return chains[0][len(chains[0])-1], nil
}

// ReadCA reads the certificate of an authority: a PEM file, or the directory that it is in.
func ReadCA(path string) ([]byte, error) {
	if f, err := os.Stat(path); err == nil && f.IsDir() {
		path = filepath.Join(path, CAFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(text); block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%s: want a certificate as PEM", path)
	}
	return text, nil
}
