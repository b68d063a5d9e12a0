package report

import (
	"crypto"
	"crypto/x509"
	"time"
)

// Printer makes signed reports.
type Printer struct {
	Zone *time.Location // of the times in a report
	// Signer gives the key that signs and its certificate, as pki.Authority.ReportSigner does.
	Signer func() (crypto.Signer, *x509.Certificate, error)
	Now    func() time.Time // the machine's: by it certificates are valid
}

// Print makes the signed report of a journey.
func (p *Printer) Print(j *Journey) ([]byte, error) {
	key, cert, err := p.Signer()
	if err != nil {
		return nil, err
	}
	plain, err := Write(j, p.Zone)
	if err != nil {
		return nil, err
	}
	return Sign(plain, key, cert, p.Now())
}
