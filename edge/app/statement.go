package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"

	"meguri/edge/phrase"
	"meguri/edge/shipper"
	"meguri/edge/station"
	"meguri/protocol"
)

// signing is the key with which a shipper signs its statements. It is drawn here and leaves the device never; the hub hears of the public
// one through the log, as it hears of all else. A storage that is lost takes it along, and the next one draws another.
type signing struct {
	Seed []byte `cbor:"1,keyasint,omitempty"`
}

func (s signing) key() ed25519.PrivateKey {
	if len(s.Seed) != ed25519.SeedSize {
		return nil
	}
	return ed25519.NewKeyFromSeed(s.Seed)
}

// states says whether the device makes statements: a shipper that has something to show them on.
func (a *agent) states() bool { return a.cfg.Kit.Shipper != nil && a.cfg.Kit.Shipper.Display != "" }

// signingWord is what a boot has to say of its key: which one it is, each time, for a hub that was set back to a backup has forgotten it, and
// what was told while the device served elsewhere was not applied. It is drawn here where there is none.
func (a *agent) signingWord() ([]protocol.Body, map[string]any) {
	switch {
	case !a.states():
		return nil, nil
	case a.signing.key() != nil:
		return []protocol.Body{a.signingKey()}, nil
	}
	a.signing.Seed = make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(a.signing.Seed) // never fails, crypto/rand
	return []protocol.Body{a.signingKey()}, map[string]any{keySigning: a.signing}
}

func (a *agent) signingKey() protocol.Body {
	return protocol.SigningKey{Public: a.signing.key().Public().(ed25519.PublicKey)}
}

// rode takes a round of the box's probes, and shows the statement that it makes: nobody has to ask for it, and it is never older than a
// round. What it remembers is stored with the readings.
func (a *agent) rode(samples []protocol.Sample) {
	if !a.states() {
		return
	}
	position := a.cfg.Kit.Shipper.Position
	limits, ok := a.plan.temperatures[position]
	if !ok {
		return // nothing says what its goods may bear
	}
	now, proven := a.now(), a.wall.quality != protocol.WallUnset
	a.shipper = shipper.Read(a.shipper, limits, samples, now, proven)
	said, ok := shipper.Say(a.shipper, position, a.log.Boot(), proven)
	if !ok {
		return
	}
	text, err := protocol.SignStatement(said, a.signing.key())
	if err != nil {
		a.logger.Error("no statement can be made of the readings", "error", err)
		return
	}
	a.hardware.code(position, text)
}

// carried shows a shipper's statement that was scanned at the driver's device, for the station's reader. Whether it is a good one the
// station says, which has the keys.
func (a *agent) carried(scan string) bool {
	text := strings.ToUpper(station.Plain(scan)) // a reader that types may have lost the capitals
	if !protocol.IsStatement(text) {
		return false
	}
	position := a.cfg.Kit.Driver.Position
	if _, err := protocol.OpenStatement(text, nil); errors.Is(err, protocol.ErrMalformed) {
		a.hardware.show(position, phrase.New(phrase.StatementBroken), true)
		return true
	}
	a.hardware.code(position, text)
	return true
}
