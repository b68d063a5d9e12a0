package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// memoryLimit is a control group that holds its processes to so many bytes.
type memoryLimit struct {
	t         *testing.T
	dir, kind string // kind is the file that counts kills
}

// newMemoryLimit makes the group, with version 2 of control groups or version 1, whichever the machine has.
func newMemoryLimit(t *testing.T, bytes int) *memoryLimit {
	t.Helper()
	for _, version := range []struct{ root, has, limit, events string }{
		{"/sys/fs/cgroup", "cgroup.controllers", "memory.max", "memory.events"},
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.limit_in_bytes", "memory.oom_control"},
	} {
		if _, err := os.Stat(filepath.Join(version.root, version.has)); err != nil {
			continue
		}
		dir := filepath.Join(version.root, fmt.Sprintf("meguri-chaos-%d", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		if os.WriteFile(filepath.Join(dir, version.limit), []byte(strconv.Itoa(bytes)), 0o600) == nil {
			return &memoryLimit{t: t, dir: dir, kind: version.events}
		}
	}
	t.Skip("no memory control group can be made here: it needs root and the memory controller")
	return nil
}

// hold puts a process into the group.
func (m *memoryLimit) hold(p *process) {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, "cgroup.procs"), []byte(strconv.Itoa(p.cmd.Process.Pid)), 0o600))
}

var kernelKills = regexp.MustCompile(`(?m)^oom_kill (\d+)$`)

// killed is how many processes of the group the kernel has killed for want of memory.
func (m *memoryLimit) killed() int {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, m.kind))
	require.NoError(m.t, err)
	found := kernelKills.FindSubmatch(text)
	require.NotNil(m.t, found, "%s", text)
	n, err := strconv.Atoi(string(found[1]))
	require.NoError(m.t, err)
	return n
}
