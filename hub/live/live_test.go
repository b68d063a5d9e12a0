package live

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestManyChangesAreOneSignal(t *testing.T) {
	f := New()
	c := f.Subscribe(t.Context())
	for range 100 {
		f.Changed()
	}
	<-c
	select {
	case <-c:
		t.Fatal("a second signal")
	default:
	}
	f.Changed()
	<-c
}

func TestASubscriberLeavesWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New()
		ctx, cancel := context.WithCancel(t.Context())
		require.NotNil(t, f.Subscribe(ctx))
		cancel()
		synctest.Wait()
		require.Empty(t, f.subscribers)
	})
}

func TestSubscribersAreBounded(t *testing.T) {
	f := New()
	for range maxSubscribers {
		require.NotNil(t, f.Subscribe(t.Context()))
	}
	require.Nil(t, f.Subscribe(t.Context()))
	f.Changed()
}

func TestANilFeedTakesChanges(*testing.T) {
	var f *Feed
	f.Changed()
}
