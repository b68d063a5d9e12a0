package people

import (
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func newThrottle() *throttle { return &throttle{seed: maphash.MakeSeed()} }

func TestGuessesAreSlowedDownAndForgottenOneByOne(t *testing.T) {
	th := newThrottle()
	try := attempt{byAccount, "aoki"}
	for range 10 {
		require.NoError(t, th.take(noon, try))
	}
	err := th.take(noon, try)
	var throttled *ThrottledError
	require.ErrorAs(t, err, &throttled)
	require.Equal(t, time.Minute, throttled.Wait)
	require.Error(t, th.take(noon.Add(59*time.Second), try))
	require.NoError(t, th.take(noon.Add(60*time.Second), try))
	require.Error(t, th.take(noon.Add(60*time.Second), try), "one a minute")
	require.Error(t, th.take(noon.Add(-time.Hour), try), "a clock that is set back forgives nothing")
	require.NoError(t, th.take(noon.Add(time.Hour), try))
}

func TestARightAttemptCountsForNothing(t *testing.T) {
	th := newThrottle()
	try := attempt{byCode, "p"}
	for range 1000 {
		require.NoError(t, th.take(noon, try))
		th.giveBack(noon, try)
	}
	th.giveBack(noon, try)
	for range 8 {
		require.NoError(t, th.take(noon, try), "and what is given back twice is no credit")
	}
	require.Error(t, th.take(noon, try))
}

func TestAnAttemptThatIsRefusedFillsNoOtherBucket(t *testing.T) {
	th := newThrottle()
	account, address := attempt{byAccount, "aoki"}, attempt{byAddress, "192.0.2.1"}
	for range 10 {
		require.NoError(t, th.take(noon, address, account))
	}
	for range 1000 {
		require.Error(t, th.take(noon, address, account))
	}
	for range 50 {
		require.NoError(t, th.take(noon, address))
	}
	require.Error(t, th.take(noon, address), "sixty from one address, for whatever account")
}

func TestAThousandGuessesAtOnceAreNoMoreThanOneByOne(t *testing.T) {
	th := newThrottle()
	var let atomic.Int64
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if th.take(noon, attempt{byAccount, "aoki"}) == nil {
				let.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 10, let.Load())
}

func TestStrangersNamesTakeNoMemory(t *testing.T) {
	th := newThrottle()
	grown := testing.AllocsPerRun(10_000, func() { _ = th.take(noon, attempt{byAddress, "198.51.100.7"}) })
	require.LessOrEqual(t, grown, 1.0, "the error, and nothing that stays")
	for i := range 100_000 { // every bucket is full, and leaks as any
		_ = th.take(noon, attempt{byAccount, fmt.Sprint("name", i)})
	}
	require.Error(t, th.take(noon, attempt{byAccount, "aoki"}))
	require.NoError(t, th.take(noon.Add(10*time.Minute), attempt{byAccount, "aoki"}))
}

func TestAnAddressIsALineAndNotAMachine(t *testing.T) {
	for address, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "nonsense": "nonsense"} {
		require.Equal(t, want, addressed(address)[0].key, address)
	}
}

func TestOneSiteKeepsNobodyElseOut(t *testing.T) {
	th := newThrottle()
	taken := 0
	for n := range 100_000 {
		if th.take(noon, addressed(fmt.Sprintf("2001:db8:1:%x::%x", n%65536, n/65536+1))...) == nil {
			taken++
		}
	}
	require.Equal(t, int(limits[bySite].burst), taken)
	for n := range 1000 {
		require.NoError(t, th.take(noon, addressed(fmt.Sprintf("198.51.%d.%d", n/250, n%250))...), "IPv4 has buckets of its own")
	}
	refused := 0
	for n := range 1000 {
		if th.take(noon, addressed(fmt.Sprintf("2001:db8:%x::1", n+2))...) != nil {
			refused++
		}
	}
	require.Less(t, refused, 5, "nor another site, but for one whose bucket is the same")
}
