package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

func (o hostIDMap) run(ctx context.Context, r *runner) error {
	if err := writeGIDMap(ctx, r.child.Pid(), o.GID, r.c.facts); err != nil {
		return &otherFieldError{"linux.gidMappings", err}
	}
	return writeUIDMap(ctx, r.child.Pid(), o.UID, r.c.facts)
}

// writeUIDMap and writeGIDMap give a new user namespace its maps, user_namespaces(7). Who has CAP_SETUID and CAP_SETGID writes any; others only their own
// id, and need newuidmap(1) and newgidmap(1) for more.
func writeUIDMap(ctx context.Context, pid int, uid []specs.LinuxIDMapping, f *hostFacts) error {
	if f.caps&(1<<unix.CAP_SETUID) != 0 || ownID(uid, f.caller.uid) {
		return writeIDMap(pid, "uid_map", uid)
	}
	return mapHelper(ctx, "newuidmap", pid, uid)
}

func writeGIDMap(ctx context.Context, pid int, gid []specs.LinuxIDMapping, f *hostFacts) error {
	switch {
	case f.caps&(1<<unix.CAP_SETGID) != 0:
		return writeIDMap(pid, "gid_map", gid)
	case ownID(gid, f.caller.gid):
		if err := writeProc("/proc/"+strconv.Itoa(pid)+"/setgroups", "deny"); err != nil {
			return err
		}
		return writeIDMap(pid, "gid_map", gid)
	}
	return mapHelper(ctx, "newgidmap", pid, gid)
}

// writeIDMap writes one of the two maps, which the kernel takes in one piece of less than a page.
func writeIDMap(pid int, name string, m []specs.LinuxIDMapping) error {
	text := idMapLines(m)
	err := writeProc("/proc/"+strconv.Itoa(pid)+"/"+name, text)
	if page := os.Getpagesize(); errors.Is(err, unix.EINVAL) && len(text) >= page {
		return fmt.Errorf("%w (the kernel takes less than %d bytes)", err, page)
	}
	return err
}

// ownID tells whether a map holds one id only, the caller's.
func ownID(m []specs.LinuxIDMapping, id int) bool {
	return len(m) == 1 && m[0].Size == 1 && int(m[0].HostID) == id
}

func idMapLines(m []specs.LinuxIDMapping) string {
	var b strings.Builder
	for _, e := range m {
		fmt.Fprintf(&b, "%d %d %d\n", e.ContainerID, e.HostID, e.Size)
	}
	return b.String()
}

// mapHelper calls newuidmap or newgidmap, which may give a user the ranges that /etc/subuid and /etc/subgid grant.
func mapHelper(ctx context.Context, name string, pid int, m []specs.LinuxIDMapping) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("%s is needed to map more than the caller's own id: %w", name, err)
	}
	args := []string{strconv.Itoa(pid)}
	for _, e := range m {
		args = append(args, strings.Fields(idMapLines([]specs.LinuxIDMapping{e}))...)
	}
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		words := strings.Join(strings.Fields(strings.TrimPrefix(string(out), name+": ")), " ")
		return fmt.Errorf("%s: %w: %s", name, err, words)
	}
	return nil
}

// processOf returns the process in a path of the form /proc/PID/ns/user.
func processOf(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/proc/")
	if !ok {
		return "", false
	}
	process, ok := strings.CutSuffix(rest, "/ns/user")
	return process, ok && !strings.Contains(process, "/")
}

// joinedUser looks at a user namespace that a container is to join. What is wrong with the path itself is left to the step that opens it.
func (r *Runtime) joinedUser(ctx context.Context, path string) (joinedUser, error) {
	var theirs, ours unix.Stat_t
	if unix.Stat(path, &theirs) != nil || unix.Stat("/proc/self/ns/user", &ours) != nil {
		return joinedUser{}, nil
	}
	if theirs.Ino == ours.Ino && theirs.Dev == ours.Dev {
		return joinedUser{callers: true}, nil
	}
	if process, ok := processOf(path); ok {
		maps, err := readUserMaps(process)
		return joinedUser{userMaps: maps}, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return joinedUser{}, nil
	}
	defer f.Close()
	if kind, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWUSER {
		return joinedUser{}, nil
	}
	maps, err := r.mapsOf(ctx, f)
	return joinedUser{userMaps: maps}, err
}

// mapsOf reads the maps of a user namespace that no process is known to be in: an init goes there for the while.
func (r *Runtime) mapsOf(ctx context.Context, ns *os.File) (userMaps, error) {
	plan := &nsenter.Plan{}
	plan.Add("user namespace", nsenter.NsSetns{Ns: 0, Flags: unix.CLONE_NEWUSER},
		nsenter.SyncWait{Point: pointIDMap, Into: nsenter.NoSlot})
	var maps userMaps
	err := r.aside(ctx, plan, map[nsenter.Slot]*os.File{0: ns}, func(pid int) (err error) {
		maps, err = readUserMaps(strconv.Itoa(pid))
		return err
	})
	return maps, err
}

// aside starts an init of its own for a short plan that ends at a synchronisation point, calls f while it waits there, and ends it.
func (r *Runtime) aside(ctx context.Context, plan *nsenter.Plan, slots map[nsenter.Slot]*os.File, f func(pid int) error) error {
	exe, err := r.executable()
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	l := nsenter.Launch{Plan: plan, Executable: exe, Slots: slots, Stdio: [3]*os.File{null, null, null}}
	child, err := l.Start()
	if err != nil {
		return err
	}
	defer child.Release()
	defer child.Kill()
	var ie *nsenter.InitError
	if _, err := child.Next(ctx); errors.As(err, &ie) {
		return fmt.Errorf("%s: %w", ie.Step, ie.Errno) // its index is of this plan, not of the container's
	} else if err != nil {
		return err
	}
	return f(child.Pid())
}
