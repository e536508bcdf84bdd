package metrics

import (
	"fmt"
	"os"
	"path"
	"slices"

	v1 "github.com/containerd/cgroups/v3/cgroup1/stats"
	"google.golang.org/protobuf/proto"

	"github.com/minirun/minirun/cgroups"
)

// Collect reads the statistics of a cgroup. The message is a *stats.Metrics of
// cgroup2 where version 2 is the only hierarchy, else one of cgroup1: that is
// what containerd expects of the host. Errors are those of [cgroups.Cgroup.Stats].
func Collect(c *cgroups.Cgroup) (proto.Message, error) {
	s, err := c.Stats()
	if err != nil {
		return nil, err
	}
	if unified(c) {
		return V2(s), nil
	}
	m := V1(s)
	nameDevices(m.Blkio)
	return m, nil
}

// unified tells whether the cgroup is in version 2 only.
func unified(c *cgroups.Cgroup) bool {
	return !slices.ContainsFunc(c.Record().Dirs, func(d cgroups.Dir) bool { return d.Version == 1 })
}

// nameDevices adds the names of block devices, as far as this host has any.
func nameDevices(b *v1.BlkIOStat) {
	if b == nil {
		return
	}
	names := map[[2]uint64]string{}
	for _, list := range [][]*v1.BlkIOEntry{
		b.IoServiceBytesRecursive, b.IoServicedRecursive, b.IoQueuedRecursive, b.IoServiceTimeRecursive,
		b.IoWaitTimeRecursive, b.IoMergedRecursive, b.IoTimeRecursive, b.SectorsRecursive,
	} {
		for _, e := range list {
			n := [2]uint64{e.Major, e.Minor}
			name, known := names[n]
			if !known {
				if link, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", e.Major, e.Minor)); err == nil {
					name = "/dev/" + path.Base(link)
				}
				names[n] = name
			}
			e.Device = name
		}
	}
}

func value(p *uint64) uint64 {
	if p == nil {
		return 0
	}
	return *p
}
