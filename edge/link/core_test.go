package link

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/protocol"
)

// settle lets everything through and waits until nothing is left to do.
func (p *pair) settle() {
	for range 20 {
		p.flow()
		p.sleep(answerMost)
	}
	p.flow()
	require.NoError(p.t, p.err)
}

// settleFor lets everything through for a while.
func (p *pair) settleFor(d time.Duration) {
	for end := p.now.Add(d); p.now.Before(end); {
		p.flow()
		require.NoError(p.t, p.err)
		p.sleep(max(min(p.next.Sub(p.now), end.Sub(p.now)), time.Millisecond))
	}
	p.flow()
}

// linger makes readings wait so long for company.
func (p *pair) linger(d time.Duration) { p.core.config.Linger = d }

func (p *pair) addEvents(from, to int) {
	for n := from; n < to; n++ {
		add(p.t, p.log, event(n))
	}
	p.advance()
}

func TestRecordsGoUpAndOnlySafeOnesAreDeleted(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	p.addEvents(0, 5)
	p.hub.makeBackup() // of nothing
	p.settle()
	require.Equal(t, upTo(5), p.values(protocol.Events))
	require.Equal(t, uint64(1), p.position(protocol.Events).First, "applied, but in no backup")

	p.hub.makeBackup()
	p.addEvents(5, 6)
	p.settle()
	require.Equal(t, uint64(6), p.position(protocol.Events).First)
	require.Equal(t, upTo(6), p.values(protocol.Events))
	require.NotEmpty(t, p.agent.times)
	require.NotEmpty(t, p.agent.planned, "a welcome names the newest plan")
}

func TestNothingIsSentBeforeTheWelcome(t *testing.T) {
	p := newPair(t, openLog(t))
	p.addEvents(0, 5)
	p.sleep(time.Hour)
	require.Empty(t, p.sent())
	require.Greater(t, len(p.up), 20, "hello is said again")
	require.Less(t, len(p.up), 100, "and backs off")
}

func TestAWelcomeOfAnotherNonceIncarnationOrASecondOneIsIgnored(t *testing.T) {
	p := newPair(t, openLog(t))
	p.addEvents(0, 3)
	good := protocol.Welcome{Nonce: p.core.nonce, Incarnation: p.log.Incarnation(), Epoch: 1, Window: 4,
		Expect: []protocol.Expect{{Log: protocol.Events, Next: 1}}}
	p.up = nil
	for name, change := range map[string]func(*protocol.Welcome){
		"nonce":       func(w *protocol.Welcome) { w.Nonce++ },
		"no nonce":    func(w *protocol.Welcome) { w.Nonce = 0 },
		"incarnation": func(w *protocol.Welcome) { w.Incarnation[0]++ },
	} {
		w := good
		change(&w)
		require.NoError(t, p.core.welcome(p.now, w), name)
		p.advance()
		require.Empty(t, p.sent(), name)
	}
	require.NoError(t, p.core.welcome(p.now, good))
	p.advance()
	require.Len(t, p.sent(), 1)
	require.NoError(t, p.core.welcome(p.now, good))
	p.advance()
	require.Len(t, p.sent(), 1, "a repeated welcome does not send again")
	unasked := good
	unasked.Nonce = 0
	require.NoError(t, p.core.welcome(p.now, unasked))
	p.advance()
	require.Len(t, p.sent(), 1, "nor does one without a nonce")
}

func TestAcksOfOtherEpochsIncarnationsAndNumbersDeleteNothing(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	p.addEvents(0, 5)
	good := protocol.Ack{Epoch: p.hub.epoch, Incarnation: p.log.Incarnation(), Log: protocol.Events, Applied: 5, Safe: 5, Window: 4}
	for name, change := range map[string]func(*protocol.Ack){
		"epoch":              func(a *protocol.Ack) { a.Epoch++ },
		"incarnation":        func(a *protocol.Ack) { a.Incarnation[0]++ },
		"not yet given out":  func(a *protocol.Ack) { a.Applied, a.Safe = 6, 6 },
		"safe, not applied":  func(a *protocol.Ack) { a.Applied, a.Safe = 0, 5 },
		"of the other log":   func(a *protocol.Ack) { a.Log = protocol.Readings },
		"huge":               func(a *protocol.Ack) { a.Applied, a.Safe = 1<<63, 1<<63 },
		"applied, none safe": func(a *protocol.Ack) { a.Applied, a.Safe = 3, 0 },
	} {
		a := good
		change(&a)
		require.NoError(t, p.core.ack(p.now, a), name)
		p.sleep(time.Minute)
		require.NoError(t, p.err)
		require.Equal(t, uint64(1), p.position(protocol.Events).First, name)
	}
	require.NoError(t, p.core.ack(p.now, good))
	p.sleep(time.Minute)
	require.Equal(t, uint64(6), p.position(protocol.Events).First)
}

func TestTheWindowIsRespected(t *testing.T) {
	p := newPair(t, openLog(t))
	p.hub.window = 3
	p.flow()
	big := protocol.Booted{Software: string(make([]byte, 10_000))}
	for range 200 {
		add(t, p.log, big)
	}
	p.advance()
	require.Len(t, p.sent(), 3)
	for _, b := range p.sent() {
		require.Len(t, b.Records, 6, "64 KiB a batch")
	}
	p.deliverUp(0)
	p.up = p.up[1:]
	p.deliverDown(0)
	p.down = nil
	require.Len(t, p.sent(), 3, "one came home, one goes out")
	p.hub.window = 0
	p.settle()
	require.Len(t, p.values(protocol.Events), 200, "no window at all would stop everything")
}

func TestTheHubMayAskForAPause(t *testing.T) {
	p := newPair(t, openLog(t))
	p.hub.waitMS = 10_000
	p.flow()
	p.addEvents(0, 1)
	p.flow()
	p.addEvents(1, 2)
	p.sleep(9 * time.Second)
	require.Empty(t, p.sent())
	p.sleep(time.Second)
	require.Len(t, p.sent(), 1)
	require.Equal(t, uint64(2), p.sent()[0].First)
}

func TestEventsGoBeforeReadings(t *testing.T) {
	p := newPair(t, openLog(t))
	p.hub.window = 1
	p.flow()
	for n := range 60 {
		add(t, p.log, reading(n), protocol.Booted{Software: string(make([]byte, 4000))})
	}
	p.advance()
	logs := []protocol.LogID{}
	for len(p.up) > 0 {
		for _, b := range p.sent() {
			logs = append(logs, b.Log)
		}
		for ; len(p.up) > 0; p.up = p.up[1:] {
			p.deliverUp(0)
		}
		for ; len(p.down) > 0; p.down = p.down[1:] {
			p.deliverDown(0)
		}
	}
	require.Equal(t, []protocol.LogID{1, 1, 1, 1, 2}, logs)
	require.Equal(t, upTo(60), p.values(protocol.Readings))
}

func TestFewReadingsWaitForCompany(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	for n := range 10 {
		add(t, p.log, reading(n))
		p.advance()
		p.sleep(10 * time.Millisecond)
	}
	require.Empty(t, p.sent())
	p.sleep(shortLinger)
	require.Len(t, p.sent(), 1)
	require.Len(t, p.sent()[0].Records, 10)
}

func TestLostBatchesAreSentAgainFromWhatTheHubHas(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	p.addEvents(0, 3)
	p.up = nil // lost
	p.addEvents(3, 4)
	require.Equal(t, uint64(4), p.sent()[0].First)
	p.flow()
	require.Empty(t, p.values(protocol.Events), "the hub takes nothing out of order")
	p.sleep(answerAfter)
	require.Equal(t, uint64(1), p.sent()[0].First)
	p.settle()
	require.Equal(t, upTo(4), p.values(protocol.Events))
}

func TestALateAcknowledgementSparesTheRest(t *testing.T) {
	p := newPair(t, openLog(t))
	p.hub.window = 1
	p.flow()
	for range 40 {
		add(t, p.log, protocol.Booted{Software: string(make([]byte, 10_000))})
	}
	p.advance()
	first := p.sent()[0]
	p.deliverUp(0)
	late := p.down
	p.up, p.down = nil, nil
	p.sleep(answerAfter)
	require.Equal(t, uint64(1), p.sent()[0].First, "repeated")
	p.up, p.down = nil, late
	p.deliverDown(0)
	require.Equal(t, first.First+uint64(len(first.Records)), p.sent()[0].First)

	// One for more than was sent on this connection: another carried it.
	require.NoError(t, p.core.ack(p.now, protocol.Ack{Epoch: p.core.epoch, Incarnation: p.log.Incarnation(), Log: protocol.Events,
		Applied: 30, Window: 1}))
	p.up = nil
	p.advance()
	require.Equal(t, uint64(31), p.sent()[0].First)
}

func TestResendingBacksOffAndAsksTheHubAgain(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	p.addEvents(0, 1)
	p.sleep(time.Hour)
	require.Less(t, len(p.sent()), 80)
	require.Greater(t, len(p.sent()), 10)
	require.Greater(t, len(p.up), len(p.sent()), "with a hello among them")
}

func TestARestartedHubIsGreetedAgain(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	p.addEvents(0, 3)
	p.hub.restart()
	p.flow()
	require.Equal(t, p.hub.epoch, p.core.epoch)
	p.addEvents(3, 4)
	p.settle()
	require.Equal(t, upTo(4), p.values(protocol.Events))
	require.Equal(t, uint64(5), p.position(protocol.Events).First)
}

func TestAHubRestoredFromABackupGetsTheRestAgain(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	p.addEvents(0, 3)
	p.flow()
	p.hub.makeBackup()
	p.addEvents(3, 10)
	p.settle()
	require.Equal(t, upTo(10), p.values(protocol.Events))
	p.hub.restore()
	require.Equal(t, upTo(3), p.values(protocol.Events))
	p.sleep(helloEvery) // nothing new is recorded
	p.settle()
	require.Equal(t, upTo(10), p.values(protocol.Events))
}

func TestNumbersThatWereDeletedBecomeAGapAndTheRestGoesOn(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	p.addEvents(0, 5)
	p.settle()
	require.Equal(t, uint64(6), p.position(protocol.Events).First)
	p.hub.logs = map[logKey]*hubLog{} // it lost everything
	p.hub.restart()
	p.addEvents(5, 7)
	p.settle()
	require.Equal(t, []int{-1, -1, -1, -1, -1, 5, 6}, p.values(protocol.Events))
}

// The simulator's seed 167: the link called itself again at once, for ever, until the next welcome came.
func TestAWelcomeThatAnAcknowledgementOvertookLeavesTheLinkAtRest(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	p.core.sayHelloAgain()
	add(t, p.log, reading(0))
	p.advance()
	p.sleep(shortLinger)
	p.deliverUp(0) // the hello, whose welcome expects record 1
	p.deliverUp(1) // record 1
	p.up = nil
	p.deliverDown(1) // its acknowledgement comes first
	p.sleep(deleteAfter - shortLinger/2)
	p.deliverDown(0) // and now the record waits for company again
	p.down = nil
	for p.now = p.now.Add(shortLinger); p.position(protocol.Readings).First == 1 || p.core.nonce == 0; {
		p.advance() // record 1 is deleted, and the hub told so
	}
	p.advance()
	require.True(t, p.next.After(p.now), "nothing is left to send while the welcome is on its way")
	p.settle()
	require.Equal(t, upTo(1), p.values(protocol.Readings))
}

func TestReadingsThinnedSinceTheHelloAreToldBeforeWhatFollows(t *testing.T) {
	log, err := edgelog.Open(filepath.Join(t.TempDir(), "edge.db"), edgelog.Options{MaxBytes: 1 << 20})
	require.NoError(t, err)
	defer func() { require.NoError(t, log.Close()) }()
	p := newPair(t, log)
	p.flow()
	for range 100 {
		bodies := make([]protocol.Body, 100)
		for i := range bodies {
			bodies[i] = reading(i)
		}
		add(t, log, bodies...)
	}
	require.Greater(t, p.position(protocol.Readings).First, uint64(1))
	p.advance()
	p.sleep(shortLinger)
	p.flow() // without waiting for an answer that would not come
	require.NoError(t, p.err)
	values := p.values(protocol.Readings)
	require.Len(t, values, int(p.position(protocol.Readings).Next-1))
	require.Equal(t, -1, values[0])
	require.NotEqual(t, -1, values[len(values)-1])
}

func TestADamagedRecordDoesNotStopTheOthers(t *testing.T) {
	dir := t.TempDir()
	log, err := edgelog.Open(filepath.Join(dir, "edge.db"), edgelog.Options{})
	require.NoError(t, err)
	for n := range 5 {
		add(t, log, protocol.ScanRefused{Step: "mark", Scan: fmt.Sprint("scan-", n)})
	}
	require.NoError(t, log.Close())
	file, err := os.ReadFile(filepath.Join(dir, "edge.db"))
	require.NoError(t, err)
	for i := range len(file) - 6 {
		if string(file[i:i+6]) == "scan-3" {
			file[i] ^= 1
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "edge.db"), file, 0o600))
	log, err = edgelog.Open(filepath.Join(dir, "edge.db"), edgelog.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, log.Close()) }()

	p := newPair(t, log)
	p.settle()
	records := p.hub.log(logKey{log.Incarnation(), protocol.Events}).records
	require.Len(t, records, 5)
	r, err := protocol.DecodeRecord(records[3])
	require.NoError(t, err)
	require.Equal(t, protocol.KindDamaged, r.Kind)
}

func TestAForkedLogGoesOnUnderANewIncarnation(t *testing.T) {
	dir := t.TempDir()
	log, err := edgelog.Open(filepath.Join(dir, "a.db"), edgelog.Options{})
	require.NoError(t, err)
	p := newPair(t, log)
	p.hub.makeBackup()
	p.addEvents(0, 5)
	p.flow()
	require.NoError(t, log.Close())
	image, err := os.ReadFile(filepath.Join(dir, "a.db"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b.db"), image, 0o600))

	for name, recordsOfClone := range map[string]int{"clone behind": 1, "clone ahead": 9} {
		t.Run(name, func(t *testing.T) {
			hub := newHub()
			hub.makeBackup()
			first := openPair(t, filepath.Join(dir, "a.db"), hub)
			first.addEvents(100, 105)
			first.settle()
			clone := openPair(t, filepath.Join(dir, "b.db"), hub)
			clone.addEvents(200, 200+recordsOfClone)
			clone.flow()
			old := first.log.Incarnation()
			require.ErrorIs(t, clone.err, errRenewed)
			require.NotEqual(t, old, clone.log.Incarnation())
			require.Equal(t, old, clone.log.Parent().Incarnation)
			clone.connect()
			clone.settle()
			values := clone.values(protocol.Events)
			require.Equal(t, 200+recordsOfClone-1, values[len(values)-1])
			require.Equal(t, 104, first.values(protocol.Events)[9], "the branch seen first goes on")
		})
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a.db"), image, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "b.db"), image, 0o600))
	}
}

func openPair(t *testing.T, path string, h *hub) *pair {
	log, err := edgelog.Open(path, edgelog.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	p := newPair(t, log)
	p.hub = h
	return p
}

func TestAStorageOlderThanWhatTheHubHasIsAFork(t *testing.T) {
	p := newPair(t, openLog(t))
	require.NoError(t, p.core.receive(p.now, encode(t, protocol.Welcome{Nonce: p.core.nonce, Incarnation: p.log.Incarnation(),
		Epoch: 1, Expect: []protocol.Expect{{Log: protocol.Readings, Next: 1}}})), "nothing yet is no fork")
	p.connect()
	require.ErrorIs(t, p.core.receive(p.now, encode(t, protocol.Welcome{Nonce: p.core.nonce, Incarnation: p.log.Incarnation(),
		Epoch: 1, Expect: []protocol.Expect{{Log: protocol.Readings, Next: 2}}})), errRenewed)
	require.NotNil(t, p.log.Parent())
}

func encode(t require.TestingT, m protocol.Message) []byte {
	payload, err := protocol.Encode(m)
	require.NoError(t, err)
	return payload
}

func TestGarbageAndMessagesOfDevicesAreDropped(t *testing.T) {
	p := newPair(t, openLog(t))
	p.flow()
	for _, payload := range [][]byte{nil, []byte("hello"), encode(t, protocol.Gone{}), encode(t, protocol.Want{})} {
		require.NoError(t, p.core.receive(p.now, payload))
	}
	require.Empty(t, p.up)
}

func TestCommandsForThisIncarnationArePassedOn(t *testing.T) {
	p := newPair(t, openLog(t))
	c := protocol.Command{ID: "c1", Incarnation: p.log.Incarnation(), Counter: 1, Kind: protocol.CommandIdentify}
	require.NoError(t, p.core.receive(p.now, encode(t, c)))
	require.Empty(t, p.agent.commands, "before the welcome it may be from another life of the hub")
	p.flow()
	p.fromHub(c)
	other := c
	other.Incarnation[0]++
	p.fromHub(other)
	p.core.verdict = protocol.Superseded
	p.fromHub(c)
	require.Equal(t, []protocol.Command{c}, p.agent.commands)
}
