package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm/notify"
	"meguri/hub/bulk"
	"meguri/hub/live"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

// A receiver of notices that takes a call and never answers: promises run out all the same.
func TestAReceiverThatDoesNotAnswerHoldsUpNoPromise(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	start := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	keeper := &rental.Keeper{}
	done, err := keeper.Import(t.Context(), s, bulk.ReadRental(fstest.MapFS{
		bulk.WarehousesFile:   {Data: []byte("id,gln,name,swap_garment\nw-1,9520001000058,Koto,true\n")},
		bulk.ShelvesFile:      {Data: []byte("id,warehouse_id,walk,room\nA-0,w-1,1,50\n")},
		bulk.GarmentsFile:     {Data: []byte("gtin,name,size,colour,price_yen\n09520001000010,Dress,M,navy,24000\n")},
		bulk.RentalItemsFile:  {Data: []byte("item,warehouse_id,shelf_id,grade\n(01)09520001000010(21)P0,w-1,A-0,A\n")},
		bulk.RentalOrdersFile: {Data: []byte("order_id,customer_id,warehouse_id,ship_date,gtin,item\no-0,c-0,w-1,2026-12-02,09520001000010,\n")},
	}), "test", start)
	require.NoError(t, err)
	require.Zero(t, done.Refuse, done.Outcomes)

	called, let := make(chan struct{}, 1), make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case called <- struct{}{}:
		default:
		}
		<-let
	}))
	defer dead.Close()
	defer close(let)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.AddReturnNotice(t.Context(), "o-0", start, start) }))
	quiet := slog.New(slog.DiscardHandler)
	r := &rentals{store: s, keeper: keeper, feed: live.New(), clock: clock.New(time.Now(), start.Add(time.Hour), 1000), logger: quiet,
		tell: rental.NewTeller(s, rental.Webhook{URL: dead.URL, Hook: notify.Hook{Secret: "0123456789abcdef"}}, quiet)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx) }()
	<-called
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { // it runs out while the receiver is waited for
		_, err := keeper.AllocateOrder(t.Context(), tx, "o-0", start.Add(2*time.Minute), "test", start.Add(time.Minute))
		return err
	}))
	require.Eventually(t, func() bool {
		var piece store.RentalItem
		require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
			piece, err = tx.RentalItem(t.Context(), "(01)09520001000010(21)P0")
			return err
		}))
		return piece.Commitment.Order == ""
	}, 8*time.Second, 10*time.Millisecond, "the receiver has not answered yet, and is waited for at least 10 s")
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}
