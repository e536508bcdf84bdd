package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer/internal/hostcheck"
)

func (o hostOpenNamespace) run(_ context.Context, r *runner) error {
	f, err := o.open(r)
	if err != nil {
		return err
	}
	r.slots[o.Slot] = f
	return nil
}

// open opens without waiting (the path may be a FIFO) and asks the descriptor itself what it is: the name proves nothing.
func (o hostOpenNamespace) open(r *runner) (*os.File, error) {
	fd, err := unix.Open(o.Path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	f := os.NewFile(uintptr(fd), o.Path)
	flag, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s is not a %s namespace: %w", o.Path, o.Kind, err)
	}
	if uint64(flag) != o.Flag {
		f.Close()
		return nil, fmt.Errorf("%s is a %s namespace, not a %s namespace: %w", o.Path,
			strings.Join(namespaceNames(uint64(flag)), ""), o.Kind, unix.EINVAL)
	}
	if err := r.ownNamespace(o, fd); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// ownNamespace refuses the caller's own namespace where the configuration changes something of it: that would change the host.
func (r *runner) ownNamespace(o hostOpenNamespace, fd int) error {
	change := hostcheck.Changes(r.c.spec, o.Kind)
	if change == "" {
		return nil
	}
	switch own, err := hostcheck.Own(fd, o.Kind); {
	case err != nil:
		return fmt.Errorf("stat of %s namespaces: %w", o.Kind, err)
	case own:
		return fmt.Errorf("%s is the %s namespace of the host, which %s would change: %w", o.Path, o.Kind, change, unix.EINVAL)
	}
	return nil
}

func writeProc(path, value string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(value)); err != nil {
		return fmt.Errorf("write %s to %s: %w", shortened(value), path, err)
	}
	return nil
}

// shortened quotes a value for an error: a map of ids can be as long as the kernel takes, 4096 bytes, or too long for it.
func shortened(value string) string {
	const most = 64
	if len(value) > most {
		return fmt.Sprintf("%q... (%d bytes)", value[:most], len(value))
	}
	return strconv.Quote(value)
}

func (o hostOOMScore) run(_ context.Context, r *runner) error {
	return hintOOM(writeProc("/proc/"+strconv.Itoa(r.child.Pid())+"/oom_score_adj", strconv.Itoa(o.Value)))
}

// run leaves to the init what this process may not do: a limit that is not raised needs no right.
func (o hostRlimit) run(_ context.Context, r *runner) error {
	limit := unix.Rlimit{Cur: o.Soft, Max: o.Hard}
	err := unix.Prlimit(r.child.Pid(), int(rlimitNumber(o.Type)), &limit, nil)
	if err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("prlimit %s: %w", o.Type, err)
	}
	return nil
}
