package libcontainer

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// caller is what the calling process may do about user namespaces, user_namespaces(7). The zero value is root on the host.
type caller struct {
	uid, gid int // effective ids
	// nested: it is in another user namespace than the host's first one. Then no device node can be made, and no device program loaded,
	// whatever its capabilities.
	nested bool
	// noMounts: it may not change, or clone, the mounts that it sees. The init can, in a mount namespace of its own.
	noMounts bool
	// noGroups: setgroups(2) is forbidden in its user namespace, and so in those below.
	noGroups bool
	// uids and gids are the ids that exist in its user namespace; empty: all.
	uids, gids []specs.LinuxIDMapping
}

// firstUserNamespace is what the link of a namespace says that the kernel has made itself (PROC_USER_INIT_INO, the same number in every kernel).
// The map of ids does not tell it: another namespace may map every id to itself.
const firstUserNamespace = "user:[4026531837]"

// inUserNamespace tells whether this process is in a user namespace other than the first one.
func inUserNamespace() bool {
	link, err := os.Readlink("/proc/self/ns/user")
	return err == nil && link != firstUserNamespace
}

// thisCaller looks at the calling process. For root on the host that is one system call.
func thisCaller(caps uint64) (caller, error) {
	c := caller{uid: os.Geteuid(), gid: os.Getegid(), nested: inUserNamespace()}
	if !c.nested {
		c.noMounts = caps&(1<<unix.CAP_SYS_ADMIN) == 0
		return c, nil
	}
	m, err := readUserMaps("self")
	if err != nil {
		return c, err
	}
	c.uids, c.gids, c.noGroups = m.uids, m.gids, m.noGroups
	c.noMounts = !mayMount()
	return c, nil
}

// mayMount tries what the host side would do with a bind source. The clone is gone with its descriptor.
func mayMount() bool {
	fd, err := unix.OpenTree(unix.AT_FDCWD, os.DevNull, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// maps are those of the caller's own user namespace.
func (c *caller) maps() userMaps { return userMaps{uids: c.uids, gids: c.gids, noGroups: c.noGroups} }

// userMaps is what procfs tells of a user namespace.
type userMaps struct {
	uids, gids []specs.LinuxIDMapping
	noGroups   bool
}

// readUserMaps reads the maps of a process's user namespace. The numbers on the host's side are those of the caller's namespace.
func readUserMaps(process string) (userMaps, error) {
	var m userMaps
	dir := "/proc/" + process
	var err error
	if m.uids, err = readIDMap(dir + "/uid_map"); err != nil {
		return m, err
	}
	if m.gids, err = readIDMap(dir + "/gid_map"); err != nil {
		return m, err
	}
	b, err := os.ReadFile(dir + "/setgroups")
	if err != nil {
		return m, err
	}
	m.noGroups = strings.TrimSpace(string(b)) == "deny"
	return m, nil
}

func readIDMap(path string) ([]specs.LinuxIDMapping, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := parseIDMap(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// parseIDMap reads lines of three numbers: the first id inside, the first id outside, how many.
func parseIDMap(text string) ([]specs.LinuxIDMapping, error) {
	var m []specs.LinuxIDMapping
	for line := range strings.Lines(text) {
		var n [3]uint32
		fields := strings.Fields(line)
		if len(fields) != len(n) {
			return nil, fmt.Errorf("%q is no line of an id map", line)
		}
		for i, f := range fields {
			v, err := strconv.ParseUint(f, 10, 32)
			if err != nil {
				return nil, err
			}
			n[i] = uint32(v)
		}
		m = append(m, specs.LinuxIDMapping{ContainerID: n[0], HostID: n[1], Size: n[2]})
	}
	return m, nil
}

// sameIDMap tells whether two maps map the same, whatever the order of their entries.
func sameIDMap(a, b []specs.LinuxIDMapping) bool {
	byID := func(x, y specs.LinuxIDMapping) int { return int(int64(x.ContainerID) - int64(y.ContainerID)) }
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, byID)
	slices.SortFunc(b, byID)
	return slices.Equal(joinIDMap(a), joinIDMap(b))
}

// joinIDMap makes one entry of those that follow each other, on both sides, as the kernel has it when they were written as one.
func joinIDMap(m []specs.LinuxIDMapping) []specs.LinuxIDMapping {
	var out []specs.LinuxIDMapping
	for _, e := range m {
		if n := len(out) - 1; n >= 0 {
			last := &out[n]
			follows := uint64(last.ContainerID)+uint64(last.Size) == uint64(e.ContainerID) &&
				uint64(last.HostID)+uint64(last.Size) == uint64(e.HostID)
			if follows && uint64(last.Size)+uint64(e.Size) <= math.MaxUint32 {
				last.Size += e.Size
				continue
			}
		}
		out = append(out, e)
	}
	return out
}

// DefaultRoot is where callers of runtimes expect the state of containers: /run/runc for root of the host, and for everybody else
// runc in the user's runtime directory, $XDG_RUNTIME_DIR. Root of a user namespace counts as root of the host only where USER=root says so.
func DefaultRoot() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && ownRuntimeDir() {
		return filepath.Join(dir, "runc")
	}
	return hostRoot
}

const hostRoot = "/run/runc"

func ownRuntimeDir() bool {
	return os.Geteuid() != 0 || os.Getenv("USER") != "root" && inUserNamespace()
}

// hintRoot tells an ordinary user who got root's directory why.
func (r *Runtime) hintRoot(err error) error {
	if r.root == hostRoot && errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%w (XDG_RUNTIME_DIR is not set, or --root is needed)", err)
	}
	return err
}

// makeRoot makes the root directory of an ordinary user. What is in a user's runtime directory may be removed when it was not used for
// some hours, but for what has the sticky bit (XDG Base Directory Specification).
func (r *Runtime) makeRoot() error {
	if !r.userRoot {
		return nil
	}
	if err := os.MkdirAll(r.root, 0o700); err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	if err := os.Chmod(r.root, 0o700|os.ModeSticky); err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	return nil
}
