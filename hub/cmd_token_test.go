package main

import (
	"context"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/hub/token"
	"meguri/internal/clock"
	"meguri/protocol"
)

func TestTokensOfAnOrderArePrintedAndDrawn(t *testing.T) {
	g, out := globals(t)
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	g.Clock = clock.New(time.Now(), now, 1)
	s := storetest.Open(t, g.Database)
	storetest.Import(t, s, storetest.Network(t))
	_, err := order.NewService(s.Orders()).Place(t.Context(), order.Request{ID: "o-1", DeliveryDate: "2026-12-01", LocationID: "loc-1",
		CustomerID: "member-1", Lines: []order.Line{{ProductID: "a-rare", Quantity: 1}}}, now, "p")
	require.NoError(t, err)
	require.ErrorContains(t, (&TokenOrderCmd{ID: "o-1"}).Run(g), "order o-1 has no grant: it is not accepted, or its cutoff is still ahead")
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		return tx.AddGrant(t.Context(), dispatch.Grant{ID: "order-o-1", DeliveryDate: "2026-12-01", LocationID: "loc-1", Holder: dispatch.Customer,
			OrderID: "o-1", PIN: "123456", From: now, Until: now.Add(time.Hour), IssuedAt: now})
	}))
	require.ErrorIs(t, (&TokenOrderCmd{ID: "o-1"}).Run(g), token.ErrNoKey, "only a hub that serves makes one")
	_, err = token.Open(t.Context(), s, g.pkiDir(), now)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, (&TokenOrderCmd{ID: "o-1", QR: dir}).Run(g))
	fridge, text, ok := strings.Cut(strings.TrimSpace(out.String()), " ")
	require.True(t, ok)
	got, err := protocol.OpenToken(text, tokenKeys(t, s, now))
	require.NoError(t, err)
	require.Equal(t, fridge, got.Lock)
	f, err := os.Open(filepath.Join(dir, fridge+".png"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	require.Equal(t, 600, picture.Bounds().Dx())
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	require.NoError(t, err)
	read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	require.NoError(t, err)
	require.Equal(t, text, read.GetText(), "a machine reads what it says")

	out.Reset()
	require.NoError(t, (&TokenRotateCmd{}).Run(g))
	require.Len(t, tokenKeys(t, s, now), 2)
	var keys []store.TokenKey // what they say of themselves, for the machine may be slow
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
		keys, err = tx.TokenKeys(t.Context(), now)
		return err
	}))
	old, next := keys[0], keys[1]
	require.Equal(t, 31*24*time.Hour, next.SignsFrom.Sub(next.Made))
	require.Equal(t, 14*24*time.Hour, old.Ends.Sub(next.SignsFrom))
	require.Contains(t, out.String(), "signs from "+next.SignsFrom.Format(time.RFC3339))
	out.Reset()
	require.NoError(t, (&TokenKeysCmd{}).Run(g))
	require.Contains(t, out.String(), "is taken until "+old.Ends.Format(time.RFC3339))
}

func tokenKeys(t *testing.T, s *store.Store, now time.Time) (keys [][]byte) {
	t.Helper()
	require.NoError(t, s.Read(context.Background(), func(tx *store.Tx) error {
		all, err := tx.TokenKeys(context.Background(), now)
		for _, k := range all {
			keys = append(keys, k.Public)
		}
		return err
	}))
	return keys
}
