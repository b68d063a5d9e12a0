package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// network is a network namespace with the agents in it, joined to the hub's by a pair of virtual interfaces. nftables cuts it
// and makes it lossy; this needs no support for emulated delay in the kernel.
type network struct {
	t         *testing.T
	namespace string
	hub       string // the hub's address as the agents see it
}

// newNetwork makes the namespace, which needs root and Debian's iproute2 and nftables.
func newNetwork(t *testing.T) *network {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("network namespaces need root")
	}
	id := os.Getpid() % 250
	n := &network{t: t, namespace: fmt.Sprintf("meguri%d", os.Getpid()), hub: fmt.Sprintf("10.213.%d.1", id)}
	near, far := fmt.Sprintf("mgh%d", os.Getpid()), fmt.Sprintf("mga%d", os.Getpid())
	n.run("ip", "netns", "add", n.namespace)
	t.Cleanup(func() { n.run("ip", "netns", "del", n.namespace) }) // and the interfaces with it
	n.run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", n.namespace)
	n.run("ip", "address", "add", n.hub+"/24", "dev", near)
	n.run("ip", "link", "set", near, "up")
	n.inside("ip", "address", "add", fmt.Sprintf("10.213.%d.2/24", id), "dev", far)
	n.inside("ip", "link", "set", far, "up")
	n.inside("ip", "link", "set", "lo", "up")
	n.heal()
	return n
}

// under is the prefix of a command that is to run in the namespace.
func (n *network) under() []string { return []string{"ip", "netns", "exec", n.namespace} }

func (n *network) run(argv ...string) {
	n.t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	require.NoError(n.t, err, "%s: %s", strings.Join(argv, " "), out)
}

func (n *network) inside(argv ...string) { n.t.Helper(); n.run(append(n.under(), argv...)...) }

// drop has so many of a hundred packets dropped on the way to the agents, and from them.
func (n *network) drop(in, out int) {
	n.t.Helper()
	chain := func(hook string, percent int) string {
		rule := ""
		switch {
		case percent >= 100:
			rule = "drop;"
		case percent > 0:
			rule = fmt.Sprintf("numgen random mod 100 < %d drop;", percent)
		}
		return fmt.Sprintf("chain %s { type filter hook %s priority 0; %s }\n", hook, hook, rule)
	}
	rules := exec.Command("ip", append(n.under()[1:], "nft", "-f", "-")...)
	rules.Stdin = strings.NewReader("flush ruleset\ntable inet chaos {\n" + chain("input", in) + chain("output", out) + "}\n")
	said, err := rules.CombinedOutput()
	require.NoError(n.t, err, "%s", said)
}

func (n *network) heal() { n.t.Helper(); n.drop(0, 0) }
