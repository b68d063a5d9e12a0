package link

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// batches are the payloads of batches on their way up, as sent.
func (p *pair) payloads() (packed, plain int) {
	for _, payload := range p.up {
		if payload[1] != 2 { // type batch
			continue
		}
		if payload[2] == 0xa6 { // six keys: Packed is the sixth
			packed++
		} else {
			plain++
		}
	}
	return packed, plain
}

func TestBatchesArePackedForAHubThatUnpacksThem(t *testing.T) {
	for revision, want := range map[uint64][2]int{0: {0, 1}, 1: {0, 1}, 2: {1, 0}, 3: {1, 0}} {
		p := newPair(t, openLog(t))
		p.hub.revision = revision
		p.flow()
		for n := range 20 {
			add(t, p.log, event(n))
		}
		p.advance()
		packed, plain := p.payloads()
		require.Equal(t, want, [2]int{packed, plain}, "revision %d", revision)
		p.settle()
		require.Equal(t, upTo(20), p.values(protocol.Events))
	}
}

// TestAHubOfRevisionOneIsUnderstood takes a welcome and an acknowledgement as such a hub has sent them, byte for byte, but for
// what names this device and this hello.
func TestAHubOfRevisionOneIsUnderstood(t *testing.T) {
	golden := func(name string) protocol.Message {
		text, err := os.ReadFile("../../protocol/testdata/v1/" + name + ".hex")
		require.NoError(t, err)
		b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
		require.NoError(t, err)
		m, err := protocol.Decode(b)
		require.NoError(t, err)
		return m
	}
	p := newPair(t, openLog(t))
	for n := range 20 {
		add(t, p.log, event(n))
	}
	w := golden("message-welcome").(protocol.Welcome)
	require.Zero(t, w.Revision)
	w.Nonce, w.Incarnation, w.Verdict = p.core.nonce, p.log.Incarnation(), protocol.Current
	w.Expect = []protocol.Expect{{Log: protocol.Events, Next: 1}}
	p.up = nil
	require.NoError(t, p.core.receive(p.now, encode(t, w)))
	p.advance()
	packed, plain := p.payloads()
	require.Equal(t, [2]int{0, 1}, [2]int{packed, plain})
	a := golden("message-ack").(protocol.Ack)
	require.Zero(t, a.Hash)
	a.Incarnation, a.Epoch, a.Log, a.Applied, a.Safe, a.Verdict, a.WaitMS = p.log.Incarnation(), w.Epoch, protocol.Events, 20, 20, protocol.Current, 0
	require.NoError(t, p.core.receive(p.now, encode(t, a)))
	p.sleep(time.Minute)
	require.NoError(t, p.err)
	require.Equal(t, uint64(21), p.position(protocol.Events).First)
}

func TestAWelcomeMayAskForAPauseOfEachLog(t *testing.T) {
	p := newPair(t, openLog(t))
	p.hub.expectWait = map[protocol.LogID]uint32{protocol.Readings: 30_000}
	for n := range 60 {
		add(t, p.log, event(n), reading(n))
	}
	p.settleFor(29 * time.Second)
	require.Equal(t, upTo(60), p.values(protocol.Events), "live ones do not wait")
	require.Empty(t, p.values(protocol.Readings))
	p.settleFor(2 * time.Second)
	require.Equal(t, upTo(60), p.values(protocol.Readings))
}

func TestReadingsLingerAndEventsTakeThemAlong(t *testing.T) {
	p := newPair(t, openLog(t))
	p.linger(time.Hour)
	p.flow()
	sent := func() int { return len(p.values(protocol.Readings)) }
	add(t, p.log, reading(0))
	p.advance()
	p.settleFor(59 * time.Minute)
	require.Zero(t, sent())
	p.settleFor(2 * time.Minute)
	require.Equal(t, 1, sent())

	add(t, p.log, reading(1))
	p.advance()
	p.settleFor(time.Minute)
	p.addEvents(0, 1)
	p.flow()
	p.settleFor(time.Second)
	require.Equal(t, 2, sent(), "what was measured then is wanted now")

	add(t, p.log, reading(2))
	p.advance()
	p.settleFor(time.Minute)
	require.Equal(t, 2, sent(), "the next one lingers again")
	p.connect()
	p.settleFor(time.Second)
	require.Equal(t, 3, sent(), "who was away has waited enough")
}
