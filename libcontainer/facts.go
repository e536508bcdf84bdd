package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/libcontainer/internal/seccomp"
	"github.com/minirun/minirun/specs"
)

// seccompCache is the directory of compiled filters in the root directory. No container can have this name.
const seccompCache = "@seccomp"

func (r *Runtime) seccompCache() string { return filepath.Join(r.root, seccompCache) }

// facts asks the machine what compiling must know.
func (r *Runtime) facts(ctx context.Context, cache string) (*hostFacts, error) {
	caps, err := ownCapabilities()
	if err != nil {
		return nil, err
	}
	host, err := cgroups.Detect("/")
	if err != nil {
		return nil, err
	}
	f := &hostFacts{caps: caps, cgroups: host, apparmor: apparmorEnabled(), selinux: exists("/sys/fs/selinux/enforce")}
	if f.caller, err = thisCaller(caps); err != nil {
		return nil, err
	}
	f.rootless = f.caller.uid != 0 || f.caller.nested
	if r.rootless != nil {
		f.rootless = *r.rootless
	}
	f.joined = func(path string) (joinedUser, error) { return r.joinedUser(ctx, path) }
	f.noCgroup = host.Denied
	f.resctrl = r.resctrl
	f.seccomp = func(s *specs.LinuxSeccomp, warn func(string)) (*seccompProgram, error) {
		p, warnings, err := seccomp.Compile(s, cache)
		if err != nil {
			return nil, err
		}
		for _, w := range warnings {
			if !w.Routine {
				warn(w.String())
			}
		}
		return &seccompProgram{filter: p.Filter, flags: p.Flags, listener: p.Listener}, nil
	}
	return f, nil
}

// ownCapabilities are those that this process can grant: permitted, and in the bounding set.
func ownCapabilities() (uint64, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, fmt.Errorf("capget: %w", err)
	}
	permitted := uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32
	var bounding uint64
	for n := range 64 {
		v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break
		}
		if err == nil && v == 1 {
			bounding |= 1 << n
		}
	}
	return permitted & bounding, nil
}

func apparmorEnabled() bool {
	b, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	return err == nil && len(b) > 0 && b[0] == 'Y'
}

func exists(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil
}
