// Package passkey judges passkeys (Web Authentication, W3C Level 3) for hub/people: what browsers are told, and what authenticators
// answer. What follows from an answer is hub/people's.
package passkey

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"meguri/hub/people"
)

// maxAnswer bounds an answer in bytes: the largest, with an RSA key and an attestation that nobody asked for, has some 4 KiB.
const maxAnswer = 16 << 10

// maxID bounds the id of a credential in characters: 1023 bytes (section 4, credential ID).
const maxID = 1364

// Keys judges passkeys of one hub.
type Keys struct {
	address string
	rp      *webauthn.WebAuthn
}

// Address says where a hub is reached, given what whoever runs it says of that and where it listens: what was said; else, for a hub
// that listens on loopback only, http://localhost with its port, the one address without TLS at which browsers make passkeys; else
// nothing. The error says what is wrong with what was said.
func Address(said, listens string, tls bool) (string, error) {
	if said != "" {
		return said, CheckAddress(said)
	}
	host, port, err := net.SplitHostPort(listens)
	if err != nil {
		return "", fmt.Errorf("listens at %q: want HOST:PORT", listens)
	}
	ip, err := netip.ParseAddr(host)
	if host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return "", nil
	}
	if tls {
		return "https://localhost:" + port, nil
	}
	return "http://localhost:" + port, nil
}

// CheckAddress says what is wrong with the address at which people are said to reach a hub.
func CheckAddress(said string) error {
	u, err := url.Parse(said)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("%q: want https://HOST or https://HOST:PORT, and nothing behind it", said)
	case u.Host != strings.ToLower(u.Host):
		return fmt.Errorf("%q: want small letters, as browsers say it", said)
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80":
		return fmt.Errorf("%q: want it without :%s, as browsers say it", said, u.Port())
	case u.Scheme == "http" && u.Hostname() != "localhost":
		return fmt.Errorf("%q: want https://; browsers take http:// for localhost only", said)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q: want https://HOST", said)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return fmt.Errorf("%q: want a host name; passkeys are not made for addresses in numbers", said)
	}
	return nil
}

// New makes what judges passkeys of the hub at an address that CheckAddress finds nothing wrong with.
func New(address string) (*Keys, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	yes := true
	rp, err := webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: "Meguri", RPOrigins: []string{address},
		AttestationPreference: protocol.PreferNoAttestation, // which make it is, is nothing to us
		AuthenticatorSelection: protocol.AuthenticatorSelection{RequireResidentKey: &yes, ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired},
		// Some password managers say more than they are asked; it is not looked at.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore})
	if err != nil {
		return nil, fmt.Errorf("passkeys at %s: %w", address, err)
	}
	return &Keys{address, rp}, nil
}

// Address is where people reach the hub.
func (k *Keys) Address() string { return k.address }

// person is a person as the library knows one.
type person struct {
	id, name string
	have     []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return []byte(p.id) }
func (p person) WebAuthnName() string                       { return p.name }
func (p person) WebAuthnDisplayName() string                { return p.name }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.have }

// CreateOptions is what a browser is told, as JSON, to make a new passkey.
func (k *Keys) CreateOptions(challenge []byte, who people.Person, have []people.Passkey) ([]byte, error) {
	not, err := descriptors(have)
	if err != nil {
		return nil, err
	}
	made, _, err := k.rp.BeginRegistration(person{id: who.ID, name: who.Name}, webauthn.WithExclusions(not),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge = challenge
			return nil
		})
	if err != nil {
		return nil, err
	}
	return json.Marshal(made.Response)
}

// GetOptions is what a browser is told, as JSON, to ask for a passkey.
func (k *Keys) GetOptions(challenge []byte, of []people.Passkey) ([]byte, error) {
	may, err := descriptors(of)
	if err != nil {
		return nil, err
	}
	made, _, err := k.rp.BeginDiscoverableLogin(webauthn.WithAllowedCredentials(may), func(o *protocol.PublicKeyCredentialRequestOptions) error {
		o.Challenge = challenge
		return nil
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(made.Response)
}

func descriptors(of []people.Passkey) ([]protocol.CredentialDescriptor, error) {
	var all []protocol.CredentialDescriptor
	for _, k := range of {
		c, err := credential(k)
		if err != nil {
			return nil, err
		}
		all = append(all, c.Descriptor())
	}
	return all, nil
}

// credential is a stored passkey as the library knows one.
func credential(k people.Passkey) (webauthn.Credential, error) {
	id, err := base64.RawURLEncoding.DecodeString(k.ID)
	if err != nil {
		return webauthn.Credential{}, fmt.Errorf("id of passkey %q: %w", k.ID, err)
	}
	c := webauthn.Credential{ID: id, PublicKey: k.PublicKey, AttestationFormat: "none",
		Flags: webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(k.Flags)), Authenticator: webauthn.Authenticator{SignCount: uint32(k.Count)}}
	for _, t := range strings.Fields(k.Transports) {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	return c, nil
}

// refused wraps people.ErrPasskey, with what the library says of an answer: the log is told, the person is not.
func refused(err error) error {
	var said *protocol.Error
	if errors.As(err, &said) {
		return fmt.Errorf("%w (%s: %s)", people.ErrPasskey, said.Details, said.DevInfo)
	}
	return fmt.Errorf("%w (%w)", people.ErrPasskey, err)
}

// Answered says what an answer says of itself.
func (k *Keys) Answered(answer string) (says people.Answered, err error) {
	var a struct {
		ID       string `json:"id"`
		Response struct {
			Data byteText `json:"clientDataJSON"`
			User byteText `json:"userHandle"`
		} `json:"response"`
	}
	if len(answer) > maxAnswer {
		return says, refused(fmt.Errorf("%d bytes: want at most %d", len(answer), maxAnswer))
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		return says, refused(err)
	}
	var data struct {
		Challenge byteText `json:"challenge"`
	}
	if err := json.Unmarshal(a.Response.Data, &data); err != nil {
		return says, refused(err)
	}
	if a.ID == "" || len(a.ID) > maxID {
		return says, refused(errors.New("id: want that of a credential"))
	}
	return people.Answered{Challenge: data.Challenge, Passkey: a.ID, Person: string(a.Response.User)}, nil
}

// byteText is bytes as browsers write them, in base64url without padding.
type byteText []byte

// UnmarshalText reads them.
func (b *byteText) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.DecodeString(string(text))
	return err
}

// Created is the passkey of a browser's answer, if it answers the challenge.
func (k *Keys) Created(answer string, challenge []byte) (people.Passkey, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return people.Passkey{}, refused(err)
	}
	c, err := k.rp.CreateCredential(person{id: "new"}, webauthn.SessionData{Challenge: base64.RawURLEncoding.EncodeToString(challenge),
		UserID: []byte("new"), UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault()}, parsed)
	if err != nil {
		return people.Passkey{}, refused(err)
	}
	var transports []string
	for _, t := range c.Transport {
		if len(transports) < 8 && len(t) < 20 { // there are six today, the longest of ten characters
			transports = append(transports, string(t))
		}
	}
	return people.Passkey{ID: base64.RawURLEncoding.EncodeToString(c.ID), PublicKey: c.PublicKey, Flags: int64(c.Flags.ProtocolValue()),
		Transports: strings.Join(transports, " "), Count: int64(c.Authenticator.SignCount)}, nil
}

// Check says whether an answer is right.
func (k *Keys) Check(answer string, challenge []byte, key people.Passkey) (count, flags int64, err error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return 0, 0, refused(err)
	}
	c, err := credential(key)
	if err != nil {
		return 0, 0, err
	}
	// Whose it is was looked at before: the id is the key's.
	_, err = k.rp.ValidateLogin(person{id: key.Person, have: []webauthn.Credential{c}}, webauthn.SessionData{
		Challenge: base64.RawURLEncoding.EncodeToString(challenge), UserID: []byte(key.Person), UserVerification: protocol.VerificationRequired}, parsed)
	if err != nil {
		return 0, 0, refused(err)
	}
	data := parsed.Response.AuthenticatorData
	return int64(data.Counter), int64(data.Flags), nil
}
