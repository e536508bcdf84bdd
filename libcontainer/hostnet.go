package libcontainer

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer/internal/netdev"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// hostMoveDevice moves a network device of the host into the container's network namespace. It is never moved back: when the namespace ends, the
// kernel gives a physical device back and ends a virtual one (config-linux.md, network devices).
type hostMoveDevice struct{ Host, Name string }

// OpName implements nsenter.Op.
func (hostMoveDevice) OpName() string { return "netdevice.move" }

// Fields implements nsenter.Op.
func (o hostMoveDevice) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "host", Value: o.Host}, {Name: "name", Value: o.Name}}
}

// moveDevices are the steps for linux.netDevices, in the order of the names on the host.
func (c *compiler) moveDevices() []nsenter.Item {
	devices := c.linux().NetDevices
	names := make([]string, 0, len(devices))
	for name := range devices {
		names = append(names, name)
	}
	slices.Sort(names)
	steps := make([]nsenter.Item, 0, len(names))
	for _, name := range names {
		steps = append(steps, step(specs.Member("linux.netDevices", name), hostMoveDevice{Host: name, Name: devices[name].Name}))
	}
	return steps
}

func (o hostMoveDevice) run(_ context.Context, r *runner) error {
	path := "/proc/" + strconv.Itoa(r.child.Pid()) + "/ns/net"
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	namespace := os.NewFile(uintptr(fd), path)
	defer namespace.Close()
	return netdev.Move(namespace, o.Host, o.Name)
}
