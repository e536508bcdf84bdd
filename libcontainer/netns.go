package libcontainer

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer/internal/thread"
	"github.com/minirun/minirun/nsenter"
)

// makeNetworkAside has the host side make the network namespace on a thread of its own, while the init is prepared and started: to make one takes as
// long as all mounts of a container. The init makes it itself where it is in a user namespace, and where its memory counts in the container's cgroup
// from birth on, as that of the namespace then does too.
func (c *compiler) makeNetworkAside() {
	if c.ns.made&unix.CLONE_NEWNET == 0 || !c.mayAnswerAhead() || c.cgroup.joined() == 0 {
		return
	}
	if d, ok := c.cgroup.record.Dir("memory"); ok && d.Version == 2 {
		return
	}
	c.netAside = true
	c.add("linux.namespaces", hostMakeNetwork{})
}

// handNetwork answers what enterNetwork asks.
func (c *compiler) handNetwork() {
	if c.netAside {
		c.add("linux.namespaces", hostHandNetwork{}, hostAck{})
	}
}

func (c *compiler) enterNetwork() {
	slot := c.slot()
	c.answered("linux.namespaces", pointNetwork, slot)
	c.add("linux.namespaces", nsenter.NsSetns{Ns: slot, Flags: unix.CLONE_NEWNET})
}

// hostMakeNetwork begins to make a network namespace with its loopback device up.
type hostMakeNetwork struct{}

// OpName implements nsenter.Op.
func (hostMakeNetwork) OpName() string { return "net.make" }

// Fields implements nsenter.Op.
func (hostMakeNetwork) Fields() []nsenter.Field { return nil }

// hostHandNetwork hands it over with the next acknowledgement.
type hostHandNetwork struct{}

// OpName implements nsenter.Op.
func (hostHandNetwork) OpName() string { return "net.hand" }

// Fields implements nsenter.Op.
func (hostHandNetwork) Fields() []nsenter.Field { return nil }

// madeNetwork is what came of hostMakeNetwork.
type madeNetwork struct {
	ns  *os.File
	err error
}

func (hostMakeNetwork) run(_ context.Context, r *runner) error {
	made := make(chan madeNetwork, 1)
	r.network = made
	go thread.Aside(func() {
		var m madeNetwork
		m.ns, m.err = newNetwork()
		made <- m
	})
	return nil
}

func (hostHandNetwork) run(_ context.Context, r *runner) error {
	m := <-r.network // the kernel needs less than a millisecond, and nobody has to be waited for
	r.network = nil
	if m.err != nil {
		return m.err
	}
	r.ack = append(r.ack, m.ns)
	return nil
}

// dropNetwork closes a namespace that was not handed over.
func (r *runner) dropNetwork() {
	if r.network == nil {
		return
	}
	if m := <-r.network; m.err == nil {
		m.ns.Close()
	}
}

// newNetwork leaves its thread in the new namespace.
func newNetwork() (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("unshare network namespace: %w", err)
	}
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the new network namespace: %w", err)
	}
	ns := os.NewFile(uintptr(fd), "network namespace")
	if err := setLoopbackUp(); err != nil {
		ns.Close()
		return nil, fmt.Errorf("loopback device: %w", err)
	}
	return ns, nil
}
