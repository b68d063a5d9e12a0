package link

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// planOf makes a plan with parts of these contents, and gives them to the hub.
func (p *pair) planOf(version uint64, contents ...string) protocol.Manifest {
	m := protocol.Manifest{Incarnation: p.log.Incarnation(), Plan: version}
	p.hub.parts = map[protocol.Hash][]byte{}
	for i, c := range contents {
		h := protocol.HashPart([]byte(c))
		p.hub.parts[h] = []byte(c)
		m.Parts = append(m.Parts, protocol.PartRef{Name: fmt.Sprint("part/", i), Hash: h, Size: uint32(len(c))})
	}
	return m
}

func (p *pair) fromHub(m protocol.Message) {
	p.down = append(p.down, encode(p.t, m))
	p.flow()
}

func TestAPlanIsFetchedAndActivatedOnceAndWhole(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	m := p.planOf(7, "a", "b", "a", "held")
	p.agent.parts = map[protocol.Hash][]byte{protocol.HashPart([]byte("held")): []byte("held")}
	delete(p.hub.parts, protocol.HashPart([]byte("held")))
	p.fromHub(m)
	p.fromHub(m)
	require.Len(t, p.agent.activated, 1)
	require.Equal(t, map[string][]byte{"part/0": []byte("a"), "part/1": []byte("b"), "part/2": []byte("a"), "part/3": []byte("held")},
		p.agent.contents)
	require.Equal(t, 1, p.hub.wants)
	older := p.planOf(6, "x")
	p.fromHub(older)
	require.Len(t, p.agent.activated, 1, "an older plan is no plan")
}

func TestALargePlanIsAskedForInPieces(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	var contents []string
	for i := range 40 {
		contents = append(contents, fmt.Sprint(i, string(make([]byte, 100_000))))
	}
	p.fromHub(p.planOf(1, contents...))
	require.Len(t, p.agent.activated, 1)
	require.Equal(t, 4, p.hub.wants)
}

func TestMissingPartsAreAskedForAgain(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	m := p.planOf(1, "a", "b")
	p.down = append(p.down, encode(t, m))
	p.deliverDown(0)
	p.up, p.down = nil, nil // the request is lost
	p.sleep(answerAfter)
	p.deliverUp(0)
	p.up, p.down = nil, p.down[:1] // the second part is lost
	p.flow()
	require.Empty(t, p.agent.activated)
	p.sleep(2 * answerAfter)
	p.flow()
	require.Len(t, p.agent.activated, 1)
}

func TestPlansThatAreNotForThisDeviceOrCannotBeAreLeft(t *testing.T) {
	for name, change := range map[string]func(*pair, *protocol.Manifest){
		"another incarnation":       func(_ *pair, m *protocol.Manifest) { m.Incarnation[3]++ },
		"not above the active":      func(p *pair, _ *protocol.Manifest) { p.agent.version = 7 },
		"superseded":                func(p *pair, _ *protocol.Manifest) { p.core.verdict = protocol.Superseded },
		"two parts of one name":     func(_ *pair, m *protocol.Manifest) { m.Parts[1].Name = m.Parts[0].Name },
		"two sizes of one content":  func(_ *pair, m *protocol.Manifest) { m.Parts[1].Hash = m.Parts[0].Hash; m.Parts[1].Size++ },
		"a size that is not right":  func(_ *pair, m *protocol.Manifest) { m.Parts[0].Size++ },
		"a hash that is not right":  func(p *pair, m *protocol.Manifest) { p.hub.parts[m.Parts[0].Hash] = []byte("x") },
		"more than a device can do": func(_ *pair, m *protocol.Manifest) { m.Parts = tooMuch() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, openLog(t))
			p.flow()
			m := p.planOf(7, "a", "b")
			change(p, &m)
			p.fromHub(m)
			p.sleep(time.Minute)
			p.flow()
			require.NoError(t, p.err)
			require.Empty(t, p.agent.activated)
		})
	}
}

func tooMuch() (parts []protocol.PartRef) {
	for i := range 100 {
		parts = append(parts, protocol.PartRef{Name: fmt.Sprint(i), Hash: protocol.Hash{byte(i)}, Size: protocol.MaxPart})
	}
	return parts
}

func TestAFailedActivationIsTriedAgainLater(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	m := p.planOf(1, "a")
	p.agent.err = errors.New("storage is full")
	p.fromHub(m)
	p.fromHub(m)
	require.Len(t, p.agent.activated, 1)
	p.sleep(tryAgain)
	p.agent.err = nil
	p.fromHub(m)
	require.Len(t, p.agent.activated, 2)
	require.Equal(t, uint64(1), p.agent.version)
}

func TestANewerPlanTakesOverPartsOnTheirWay(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	p.down = append(p.down, encode(t, p.planOf(1, "a", "b")))
	p.deliverDown(0)
	p.down = nil
	p.deliverUp(0)
	p.up, p.down = nil, p.down[:1] // "a" comes, "b" is lost
	p.flow()
	p.hub.wants = 0
	p.fromHub(p.planOf(2, "a", "c"))
	require.Len(t, p.agent.activated, 1)
	require.Equal(t, uint64(2), p.agent.version)
	require.Equal(t, 1, p.hub.wants)
}
