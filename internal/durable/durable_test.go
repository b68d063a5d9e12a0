package durable_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/internal/durable"
)

var errTorn = errors.New("torn")

// torn writes a part and fails.
func torn(w io.Writer) error {
	_, err := io.WriteString(w, "half")
	return errors.Join(err, errTorn)
}

// files are the names in a directory, the hidden ones too.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range all {
		names = append(names, f.Name())
	}
	return names
}

func content(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

func TestReplaceWritesWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "list")
	require.NoError(t, durable.Replace(name, 0o644, durable.Bytes("one")))
	require.ErrorIs(t, durable.Replace(name, 0o644, torn), errTorn)
	require.Equal(t, "one", content(t, name), "the old one stays when the new one cannot be written")
	require.NoError(t, durable.Replace(name, 0o600, durable.Bytes([]byte("two"))))
	require.Equal(t, "two", content(t, name))
	require.Equal(t, []string{"list"}, files(t, dir), "nothing half is left behind")
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestReplaceThatCannotGetItsNameLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "taken")
	require.NoError(t, os.MkdirAll(filepath.Join(name, "by a directory"), 0o700))
	require.Error(t, durable.Replace(name, 0o600, durable.Bytes("x")))
	require.Equal(t, []string{"taken"}, files(t, dir))
}

func TestCreateLeavesAFileThatIsThereAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	require.NoError(t, durable.Create(name, 0o600, durable.Bytes("one")))
	err := durable.Create(name, 0o600, durable.Bytes("two"))
	require.ErrorIs(t, err, os.ErrExist)
	require.ErrorContains(t, err, name)
	require.Equal(t, "one", content(t, name))
}

func TestCreateThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	require.ErrorIs(t, durable.Create(filepath.Join(dir, "key"), 0o600, torn), errTorn)
	require.Empty(t, files(t, dir))
	require.Error(t, durable.Create(filepath.Join(dir, "no", "key"), 0o600, durable.Bytes("x")), "no such directory")
}

func TestCopyAndRename(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	require.NoError(t, durable.Create(a, 0o600, durable.Bytes("text")))
	require.NoError(t, durable.Copy(a, b, 0o600))
	require.ErrorIs(t, durable.Copy(a, b, 0o600), os.ErrExist)
	require.NoError(t, durable.Rename(b, c))
	require.NoError(t, durable.Sync(c))
	require.Equal(t, "text", content(t, c))
	require.Error(t, durable.Copy(b, a, 0o600), "it has another name now")
	require.Error(t, durable.Rename(b, a))
	require.Error(t, durable.Sync(b))
	require.Equal(t, []string{"a", "c"}, files(t, dir))
}
