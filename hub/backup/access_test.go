package backup_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/backup"
	"meguri/hub/bearer"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

func TestARestoreLetsNobodyInWhoWasShutOutSince(t *testing.T) {
	ctx, url := t.Context(), storetest.SQLite(t)
	s, err := store.Open(ctx, url)
	require.NoError(t, err)
	svc := people.New(s.People())
	svc.Vault, err = people.NewVault(bytes.Repeat([]byte{1}, people.VaultKey))
	require.NoError(t, err)
	require.NoError(t, s.SealNames(ctx, svc.Vault))
	p, code, err := svc.AddWhole(ctx, people.Person{Name: "Mallory", Role: people.Admin}, now)
	require.NoError(t, err)
	in, err := svc.Login(ctx, code, people.From{}, now)
	require.NoError(t, err)
	enrolled, err := svc.BeginTOTP(ctx, in.Token, now)
	require.NoError(t, err)
	first, err := people.AuthenticatorCode(enrolled.Secret, now)
	require.NoError(t, err)
	recovery, _, err := svc.ConfirmTOTP(ctx, in.Token, first, now)
	require.NoError(t, err)
	_, err = svc.AddClient(ctx, people.Console, people.Client{ID: "cafe", Role: people.System, Scopes: []people.Scope{"orders:read"}, PerMinute: 60}, now)
	require.NoError(t, err)
	client, err := svc.LivingClient(ctx, "cafe")
	require.NoError(t, err)
	_, _, err = (&bearer.Own{URL: "https://hub.example", Store: s, People: svc}).Issue(ctx, client, "", now)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "b")
	_, err = backup.Take(ctx, target(s, url), file)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	at := now.Add(time.Hour)
	_, err = backup.Restore(ctx, url, file, true, at)
	require.NoError(t, err)
	s, err = store.Open(ctx, url)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	vault := svc.Vault
	require.NoError(t, s.SealNames(ctx, vault))
	svc = people.New(s.People())
	svc.Vault = vault
	_, _, err = svc.Session(ctx, in.Token, at)
	require.ErrorIs(t, err, people.ErrNoSession)
	code, err = svc.LinkWhole(ctx, p.ID, at)
	require.NoError(t, err)
	in, err = svc.Login(ctx, code, people.From{}, at)
	require.NoError(t, err)
	now, err := people.AuthenticatorCode(enrolled.Secret, at)
	require.NoError(t, err)
	for name, used := range map[string]string{"recovery code": recovery[0], "code of the authenticator": now} {
		_, err = svc.Confirm(ctx, in.Token, people.Proof{Code: used}, at)
		require.ErrorIs(t, err, people.ErrCode, "%s: it may have been used since", name)
	}
	next, err := people.AuthenticatorCode(enrolled.Secret, at.Add(2*time.Minute))
	require.NoError(t, err)
	_, err = svc.Confirm(ctx, in.Token, people.Proof{Code: next}, at.Add(2*time.Minute))
	require.NoError(t, err)
	require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
		keys, err := tx.SigningKeys(ctx, at)
		require.NoError(t, err)
		require.Empty(t, keys)
		work, err := tx.Work(ctx, false, 10)
		require.Len(t, work, 1)
		require.Contains(t, work[0].Detail, p.ID)
		require.Contains(t, work[0].Detail, "cafe")
		return err
	}))
}
