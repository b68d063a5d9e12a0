package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/audit"
	"meguri/hub/audit/mark"
	"meguri/hub/people"
	"meguri/hub/pki"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func TestTheAuditTrailIsShownExportedAndVerified(t *testing.T) {
	dir, out := t.TempDir(), &bytes.Buffer{}
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"), Clock: clock.Real(),
		Logger: slog.New(slog.DiscardHandler), Stdout: out}
	authority, err := pki.Open(g.pkiDir())
	require.NoError(t, err)
	require.NoError(t, (&PersonAddCmd{address: address{"http://hub"}, Name: "佐藤 花", Role: "dispatcher"}).Run(g))
	link := strings.TrimSpace(out.String())
	sign := authority.AuditSigner()
	require.NoError(t, withStore(g, func(s *store.Store) error {
		if err := s.Change(g.Ctx, func(tx *store.Tx) error {
			return tx.RecordAct(g.Ctx, people.NewAct(time.Now(), "p-1", "order.cancel", "o-1", "").From("accepted", "cancelled"))
		}); err != nil {
			return err
		}
		head, err := s.SealAudit(g.Ctx, func(h audit.Hash) ([]byte, []byte, error) { return sign(h[:]) }, time.Now())
		if err != nil {
			return err
		}
		return mark.Keep(g.pkiDir(), audit.Known{Number: head.Number, Hash: head.Hash})
	}))
	out.Reset()
	require.NoError(t, (&AuditShowCmd{Most: 10, TimeZone: "UTC", Of: "o-1", By: "p-1", From: "2020-01-01"}).Run(g))
	require.Contains(t, out.String(), "order.cancel")
	require.Contains(t, out.String(), "cancelled")
	require.NotContains(t, out.String(), "person.add")
	require.ErrorContains(t, (&AuditShowCmd{TimeZone: "UTC", To: "soon"}).Run(g), "--to")

	file := filepath.Join(t.TempDir(), "trail.jsonl")
	require.NoError(t, (&AuditExportCmd{File: file}).Run(g))
	require.ErrorIs(t, (&AuditExportCmd{File: file}).Run(g), os.ErrExist)
	out.Reset()
	require.NoError(t, (&AuditVerifyCmd{}).Run(g))
	require.Contains(t, out.String(), "whole: ")
	require.NoError(t, (&AuditVerifyCmd{File: file}).Run(g))

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	_, code, _ := strings.Cut(link, "code=")
	require.NotEmpty(t, code)
	require.NotContains(t, string(text), code, "a code that lets somebody in")
	require.NotContains(t, string(text), "佐藤", "a name")
	for want, change := range map[string]func([]byte) []byte{
		"was changed": func(b []byte) []byte { return bytes.Replace(b, []byte("o-1"), []byte("o-2"), 1) },
		"line 1":      func([]byte) []byte { return []byte("{}") },
		"comes after": func(b []byte) []byte { return append(b, b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]...) },
		"is missing":  func(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')+1] },
		"does not fit": func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"signature":"ME`), []byte(`"signature":"MF`), 1)
		},
		"invalid chara": func([]byte) []byte { return []byte("what?") },
	} {
		broken := filepath.Join(t.TempDir(), "broken.jsonl")
		require.NoError(t, os.WriteFile(broken, change(bytes.Clone(text)), 0o600))
		require.ErrorContains(t, (&AuditVerifyCmd{File: broken}).Run(g), want)
	}
	other := t.TempDir()
	_, err = pki.Open(other)
	require.NoError(t, err)
	require.ErrorIs(t, (&AuditVerifyCmd{File: file, CA: other}).Run(g), pki.ErrStranger)

	_, told, ok := strings.Cut(out.String(), "Z: ")
	require.True(t, ok, out.String())
	told, _, _ = strings.Cut(told, ";")
	require.NoError(t, (&AuditVerifyCmd{File: file, Head: []string{told}}).Run(g))
	forged := strings.Replace(told, told[2:6], "0000", 1)
	require.ErrorContains(t, (&AuditVerifyCmd{File: file, Head: []string{forged}}).Run(g), "head 1 is not the one that was seen before")
	require.ErrorContains(t, (&AuditVerifyCmd{File: file, Head: []string{"2" + told[1:]}}).Run(g), "head 2, which was seen before, is missing")
	for _, text := range []string{"", "1", "0:" + told[2:], "x:" + told[2:], told + "0"} {
		require.ErrorContains(t, (&AuditVerifyCmd{Head: []string{text}}).Run(g), "want NUMBER:HASH", text)
	}

	// Whoever deletes the whole trail leaves nothing that is broken in itself.
	storetest.Break(t, g.Database, "DELETE FROM audit_heads", "DELETE FROM audit_tips", "DELETE FROM acts")
	require.ErrorContains(t, (&AuditVerifyCmd{}).Run(g), "head 1, which was seen before, is missing")
	require.NoError(t, mark.Forget(g.pkiDir()))
	require.NoError(t, mark.Forget(g.pkiDir()))
	require.NoError(t, (&AuditVerifyCmd{}).Run(g), "nobody has kept it")
	require.NoError(t, os.WriteFile(filepath.Join(g.pkiDir(), mark.File), []byte("1:"), 0o600))
	require.ErrorContains(t, (&AuditVerifyCmd{}).Run(g), mark.File)
	require.NoError(t, (&AuditVerifyCmd{CA: filepath.Join(g.pkiDir(), pki.CAFile)}).Run(g), "a certificate alone has nothing beside it")
}
