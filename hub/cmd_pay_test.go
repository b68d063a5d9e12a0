package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/app"
)

func TestSecretsOfPaymentsComeFromFilesOrTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	t.Setenv("MEGURI_PAYMENTS_KEY", "")
	t.Setenv("MEGURI_PAYMENTS_SECRET", "")
	f := PaymentFlags{Payments: "https://pay.example"}
	require.NoError(t, f.check())
	_, err := f.payments(dir)
	require.ErrorContains(t, err, "--payments-key-file")

	f.PaymentsKeyFile, f.PaymentsSecretFile = file("key", "sk_1\n"), file("secrets", "new\nold\n")
	p, err := f.payments(dir)
	require.NoError(t, err)
	require.Equal(t, app.Payments{Provider: "https://pay.example", Key: "sk_1", Secrets: []string{"new", "old"}}, p)

	t.Setenv("MEGURI_PAYMENTS_KEY", "sk_2")
	f.PaymentsKeyFile, f.PaymentsSecretFile = "", ""
	p, err = f.payments(dir)
	require.NoError(t, err)
	require.Equal(t, app.Payments{Provider: "https://pay.example", Key: "sk_2"}, p)

	require.Error(t, (&PaymentFlags{Payments: "http://pay.example"}).check(), "the key would be read on the way")
	p, err = (&PaymentFlags{Payments: "fake"}).payments(dir)
	require.NoError(t, err)
	require.Empty(t, p.Key)
}

func TestTheFakeProviderListensOnLoopbackOnly(t *testing.T) {
	for address, good := range map[string]bool{"127.0.0.1:0": true, "localhost:1": true, "[::1]:1": true, "0.0.0.0:1": false, ":1": false, "pay.example:1": false, "x": false} {
		require.Equal(t, good, (&PayFakeCmd{Listen: address}).Validate() == nil, address)
	}
}
