package hostcheck

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/rootfs"
	"github.com/minirun/minirun/specs"
)

// asked are the filesystems that tell of a wrong option at once, without a device and without a module to be loaded.
var asked = [...]string{"devpts", "mqueue", "proc", "sysfs", "tmpfs"}

// options asks the kernel whether the filesystem takes the options of its own. Lists in one option, and labels, are left to the create.
func (c *checker) options(field string, m *specs.Mount) {
	if !slices.Contains(asked[:], m.Type) {
		return
	}
	known := rootfs.MountOptions()
	for i, o := range m.Options {
		key, _, _ := strings.Cut(o, "=")
		if o == "" || strings.ContainsAny(o, `,"\`) || slices.Contains(known, key) || strings.HasSuffix(key, "context") {
			continue
		}
		if refused(m.Type, o) {
			c.fail(index(field+".options", i), o, "%s does not take it", m.Type)
		}
	}
}

// refused fills in a context of fsopen(2) and throws it away: no filesystem is made. Where the caller may not ask, nothing is known.
func refused(fstype, option string) bool {
	fd, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if key, value, some := strings.Cut(option, "="); some {
		err = unix.FsconfigSetString(fd, key, value)
	} else {
		err = unix.FsconfigSetFlag(fd, key)
	}
	return errors.Is(err, unix.EINVAL)
}
