package report

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"
)

// A signature is CMS SignedData (RFC 5652) without its content, as PDF readers know it: one signer with ECDSA on P-256 and SHA-256, its
// certificate, and the signed attributes content type, signing time and message digest. There is one way to write it, so that a verifier
// makes it again from what it says and compares: not a bit of it can be another and still pass.

var (
	oidSignedData    = oid(1, 2, 840, 113549, 1, 7, 2)
	oidData          = oid(1, 2, 840, 113549, 1, 7, 1)
	oidContentType   = oid(1, 2, 840, 113549, 1, 9, 3)
	oidMessageDigest = oid(1, 2, 840, 113549, 1, 9, 4)
	oidSigningTime   = oid(1, 2, 840, 113549, 1, 9, 5)
	algSHA256        = der(0x30, oid(2, 16, 840, 1, 101, 3, 4, 2, 1))
	algECDSA         = der(0x30, oid(1, 2, 840, 10045, 4, 3, 2))
)

func oid(numbers ...int) []byte {
	b, err := asn1.Marshal(asn1.ObjectIdentifier(numbers))
	if err != nil {
		return nil // the numbers are ours; tests read them back
	}
	return b
}

// der is a value in DER: tag, length and content.
func der(tag byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := []byte{tag}
	switch {
	case n < 1<<7:
		out = append(out, byte(n))
	case n < 1<<8:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// attributes are what is signed, without their tag: of which content, when, and by this digest. They stand in DER's order.
func attributes(digest [sha256.Size]byte, at time.Time) []byte {
	attribute := func(name, value []byte) []byte { return der(0x30, name, der(0x31, value)) }
	all := attribute(oidContentType, oidData)
	all = append(all, attribute(oidSigningTime, der(0x17, []byte(at.UTC().Format("060102150405Z"))))...)
	return append(all, attribute(oidMessageDigest, der(0x04, digest[:]))...)
}

// signedData is the whole structure.
func signedData(cert *x509.Certificate, digest [sha256.Size]byte, at time.Time, signature []byte) ([]byte, error) {
	serial, err := asn1.Marshal(cert.SerialNumber)
	if err != nil {
		return nil, err
	}
	version := []byte{0x02, 0x01, 0x01}
	signer := der(0x30, version, der(0x30, cert.RawIssuer, serial), algSHA256, der(0xa0, attributes(digest, at)), algECDSA, der(0x04, signature))
	data := der(0x30, version, der(0x31, algSHA256), der(0x30, oidData), der(0xa0, cert.Raw), der(0x31, signer))
	return der(0x30, oidSignedData, der(0xa0, data)), nil
}

// sign makes the signature of a digest.
func sign(key crypto.Signer, cert *x509.Certificate, digest [sha256.Size]byte, at time.Time) ([]byte, error) {
	hash := sha256.Sum256(der(0x31, attributes(digest, at)))
	signature, err := key.Sign(rand.Reader, hash[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signedData(cert, digest, at, signature)
}

var errSignature = errors.New("the signature is not one that a hub makes")

// check reads a signature of a digest, and says by which certificate and when it was made. Whether that certificate is to be trusted, and
// for this, is another matter.
func check(cms []byte, digest [sha256.Size]byte) (cert *x509.Certificate, at time.Time, err error) {
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content struct {
			Version    int
			Algorithms asn1.RawValue
			Inner      asn1.RawValue
			Certs      asn1.RawValue `asn1:"tag:0"`
			Signers    asn1.RawValue
		} `asn1:"explicit,tag:0"`
	}
	if rest, err := asn1.Unmarshal(cms, &outer); err != nil || len(rest) > 0 {
		return nil, at, fmt.Errorf("%w: CMS", errSignature)
	}
	var signer struct {
		Version               int
		Issuer, Digest        asn1.RawValue
		Attributes            asn1.RawValue `asn1:"tag:0"`
		Algorithm, Signature0 asn1.RawValue
	}
	if rest, err := asn1.Unmarshal(outer.Content.Signers.Bytes, &signer); err != nil || len(rest) > 0 {
		return nil, at, fmt.Errorf("%w: signer", errSignature)
	}
	if cert, err = x509.ParseCertificate(outer.Content.Certs.Bytes); err != nil {
		return nil, at, fmt.Errorf("%w: its certificate: %w", errSignature, err)
	}
	if at, err = signingTime(signer.Attributes.Bytes); err != nil {
		return nil, at, err
	}
	again, err := signedData(cert, digest, at, signer.Signature0.Bytes)
	if err != nil || string(again) != string(cms) {
		return nil, at, fmt.Errorf("%w, or it is of another content", errSignature)
	}
	public, ok := cert.PublicKey.(*ecdsa.PublicKey)
	hash := sha256.Sum256(der(0x31, attributes(digest, at)))
	if !ok || !ecdsa.VerifyASN1(public, hash[:], signer.Signature0.Bytes) {
		return nil, at, fmt.Errorf("%w: it does not fit the key of its certificate", errSignature)
	}
	return cert, at, nil
}

// signingTime finds the time among signed attributes: the second one.
func signingTime(attributes []byte) (at time.Time, err error) {
	var a struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	for range 2 {
		if attributes, err = asn1.Unmarshal(attributes, &a); err != nil {
			return at, fmt.Errorf("%w: attributes", errSignature)
		}
	}
	if _, err := asn1.Unmarshal(a.Value.Bytes, &at); err != nil {
		return at, fmt.Errorf("%w: signing time", errSignature)
	}
	return at, nil
}
