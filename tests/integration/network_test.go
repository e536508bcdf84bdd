//go:build integration

package integration

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The loopback interface of a network namespace that the runtime makes is up (IFF_UP|IFF_LOOPBACK), and one that it joins is left alone.
func TestLoopback(t *testing.T) {
	b := newBox(t)
	b.container(namespace(specs.NetworkNamespace, ""), script("cat /sys/class/net/lo/flags")).run().ok().prints("0x9\n")
}

func TestLoopbackInUserNamespace(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""), script("cat /sys/class/net/lo/flags"))
	c.run().ok().prints("0x9\n")
}
