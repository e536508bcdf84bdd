package hostcheck

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/minirun/minirun/specs"
)

// mostPids is the kernel's PID_MAX_LIMIT on 64 bits (include/linux/threads.h), above which pids.max takes no number.
const mostPids = 4 << 20

// limits looks at values that the kernel refuses whatever the machine's state.
func (c *checker) limits() {
	if p := c.Spec.Process; p != nil {
		c.strings("process.args", p.Args)
		c.strings("process.env", p.Env)
	}
	r := c.linux.Resources
	if r == nil {
		return
	}
	if r.Pids != nil && r.Pids.Limit != nil && *r.Pids.Limit > mostPids {
		c.fail("linux.resources.pids.limit", fmt.Sprint(*r.Pids.Limit), "above %d, the most that Linux takes", mostPids)
	}
	if r.BlockIO != nil {
		c.blockDevices(r.BlockIO)
	}
}

// strings looks for arguments and variables that execve(2) refuses: it takes 32 pages for each, with the zero at its end.
func (c *checker) strings(field string, list []string) {
	most := 32*os.Getpagesize() - 1
	for i, s := range list {
		if len(s) > most {
			c.fail(index(field, i), "", "%d bytes long, execve(2) takes %d at most", len(s), most)
		}
	}
}

// blockDevices looks for the disks whose use is limited. Of partitions the kernel knows no limits.
func (c *checker) blockDevices(b *specs.LinuxBlockIO) {
	disk := func(field string, major, minor int64) {
		value := fmt.Sprintf("%d:%d", major, minor)
		dir := c.host("/sys/dev/block")
		switch {
		case !exists(dir):
		case !exists(dir + "/" + value):
			c.fail(field, value, "this machine has no such block device")
		case exists(dir + "/" + value + "/partition"):
			c.fail(field, value, "a partition: the kernel limits whole disks only")
		}
	}
	for i := range b.WeightDevice {
		disk(index("linux.resources.blockIO.weightDevice", i), b.WeightDevice[i].Major, b.WeightDevice[i].Minor)
	}
	for _, l := range []struct {
		name string
		list []specs.LinuxThrottleDevice
	}{
		{"throttleReadBpsDevice", b.ThrottleReadBpsDevice},
		{"throttleWriteBpsDevice", b.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", b.ThrottleReadIOPSDevice},
		{"throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice},
	} {
		for i := range l.list {
			disk(index("linux.resources.blockIO."+l.name, i), l.list[i].Major, l.list[i].Minor)
		}
	}
}

// device looks for the source of a filesystem that lies on a device.
func (c *checker) device(field string, m *specs.Mount) {
	if !strings.HasPrefix(m.Source, "/") {
		return
	}
	for line := range strings.Lines(c.read("/proc/filesystems")) {
		if strings.TrimSpace(line) == m.Type { // without "nodev" before it
			c.source(field, m.Source, false)
			return
		}
	}
}

// layers looks for the directories of an overlay. They are the host's, as long as they are not below the root, where an earlier mount may have
// put them.
func (c *checker) layers(field string, m *specs.Mount) {
	if m.Type != "overlay" {
		return
	}
	for i, o := range m.Options {
		key, value, _ := strings.Cut(o, "=")
		var dirs []string
		switch key {
		case "upperdir", "workdir", "lowerdir+", "datadir+":
			dirs = []string{value}
		case "lowerdir":
			dirs = strings.FieldsFunc(value, func(r rune) bool { return r == ':' })
		}
		for _, dir := range dirs {
			if strings.HasPrefix(dir, "/") && !strings.Contains(value, `\`) && !c.belowRoot(dir) {
				c.source(index(field+".options", i), dir, false)
			}
		}
	}
}

func (c *checker) belowRoot(p string) bool {
	root := c.rootPath()
	return root != "" && strings.HasPrefix(path.Clean(p)+"/", root+"/")
}
