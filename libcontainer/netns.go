package libcontainer

import (
	"context"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer/internal/thread"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// makeNetworkAside has the host side make the network namespace on a thread of its own, while the init is prepared and started, or sooner
// (wantsNetwork): to make one takes as long as all mounts of a container. The init makes it itself where it is in a user namespace, and where its
// memory counts in the container's cgroup from birth on, as that of the namespace then does too.
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

// hostMakeNetwork begins to make a network namespace with its loopback device up, if that was not begun before.
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

// newNetwork is a network namespace with its loopback device up that is being made. Nil is none.
type newNetwork <-chan madeNetwork

type madeNetwork struct {
	ns  *os.File
	err error
}

func beginNetwork() newNetwork {
	made := make(chan madeNetwork, 1)
	go thread.Aside(func() {
		var m madeNetwork
		m.ns, m.err = makeNetwork()
		made <- m
	})
	return made
}

// wait needs no context: the kernel takes less than a millisecond, and waits for nobody.
func (n newNetwork) wait() (*os.File, error) {
	m := <-n
	return m.ns, m.err
}

// drop closes a namespace that nobody wants.
func (n newNetwork) drop() {
	if n == nil {
		return
	}
	if ns, err := n.wait(); err == nil {
		ns.Close()
	}
}

// wantsNetwork tells whether hostMakeNetwork is likely to be in the plan. It looks only at what costs nothing, since the namespace then comes into
// being while the host is looked at and the plan is made; one too many is dropped.
func wantsNetwork(s *specs.Spec, o CreateOptions) bool {
	if s.Linux == nil || o.SystemdCgroup || o.NoCgroup || os.Geteuid() != 0 {
		return false
	}
	if !slices.Contains(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace}) ||
		slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.UserNamespace }) {
		return false
	}
	var fs unix.Statfs_t
	return unix.Statfs("/sys/fs/cgroup", &fs) == nil && fs.Type != unix.CGROUP2_SUPER_MAGIC
}

func (hostMakeNetwork) run(_ context.Context, r *runner) error {
	if r.network == nil {
		r.network = beginNetwork()
	}
	return nil
}

func (hostHandNetwork) run(_ context.Context, r *runner) error {
	ns, err := r.network.wait()
	r.network = nil
	if err != nil {
		return err
	}
	r.ack = append(r.ack, ns)
	return nil
}

// makeNetwork leaves its thread in the new namespace.
func makeNetwork() (*os.File, error) {
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
