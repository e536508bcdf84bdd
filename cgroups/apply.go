package cgroups

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Apply does the writes in the given order, those with Retry that failed once
// more at the end. It stops at the first failure, a *FieldError around a
// *WriteError. For a cgroup of a unit, the unit's manager comes first.
func (c *Cgroup) Apply(ctx context.Context, writes []Write) error {
	if c.record.Unit != nil {
		return c.applyUnit(ctx, writes)
	}
	return c.write(ctx, writes)
}

// write does the writes.
func (c *Cgroup) write(ctx context.Context, writes []Write) error {
	a := applier{c: c, fd: -1}
	defer a.close()
	var later []Write
	for _, w := range writes {
		if err := ctx.Err(); err != nil {
			return &FieldError{Field: w.Field, Err: err}
		}
		err := a.do(w)
		if w.Retry && errors.Is(err, unix.EINVAL) {
			later = append(later, w)
			continue
		}
		if err != nil {
			return &FieldError{Field: w.Field, Err: err}
		}
	}
	for _, w := range later {
		if err := a.do(w); err != nil {
			return &FieldError{Field: w.Field, Err: err}
		}
	}
	return nil
}

// applier does writes and keeps the last file open, because device rules are
// many lines for one file.
type applier struct {
	c    *Cgroup
	fd   int
	dir  int
	file string
}

func (a *applier) close() {
	if a.fd >= 0 {
		unix.Close(a.fd)
		a.fd = -1
	}
}

// open opens the file in the directory with the index, or keeps it.
func (a *applier) open(i int, file string) error {
	if a.fd >= 0 && a.dir == i && a.file == file {
		return nil
	}
	a.close()
	dir, err := a.c.dir(i)
	if err != nil {
		return err
	}
	a.fd, err = openAt(dir, file, unix.O_WRONLY)
	if err != nil {
		a.fd = -1
		return err
	}
	a.dir, a.file = i, file
	return nil
}

// do does one write.
func (a *applier) do(w Write) error {
	i := a.c.record.index(w.Controller)
	if i < 0 {
		return fmt.Errorf("the cgroup is in no hierarchy with the %s controller", w.Controller)
	}
	d := a.c.record.Dirs[i]
	if w.Program != nil {
		if err := a.c.attachProgram(i, w.Program); err != nil {
			return &WriteError{Value: "device program", File: "bpf", Path: d.Path, Err: err}
		}
		return nil
	}
	if err := a.checkUsage(i, w); err != nil {
		return err
	}
	file := d.fileName(w.File)
	err := a.open(i, file)
	if errors.Is(err, unix.ENOENT) {
		switch {
		case w.Else != nil:
			return a.do(*w.Else)
		case w.OnMissing == Skip:
			return nil
		}
		return &WriteError{Value: w.Value, File: file, Path: d.Path, Hint: "the kernel does not offer this file", Err: err}
	}
	value := w.Value
	if err == nil && w.Keep && !(a.c.fresh && d.Made > 0) {
		value, err = keepFirst(a.c.fds[i], file, value)
	}
	if err == nil {
		err = writeFD(a.fd, value)
	}
	if err != nil {
		return &WriteError{Value: value, File: file, Path: d.Path, Hint: a.hint(i, w.File, err), Err: err}
	}
	return nil
}

// keepFirst returns the value with the first word that the file has now.
func keepFirst(dir int, file, value string) (string, error) {
	now, err := readAt(dir, file)
	if err != nil {
		return value, err
	}
	first, _, _ := strings.Cut(now, " ")
	_, rest, _ := strings.Cut(value, " ")
	return first + " " + rest, nil
}

// hint explains the error of a write: with the usage that is in a limit's way, or
// as the table says.
func (a *applier) hint(i int, file string, err error) string {
	if usage, ok := usageOf[file]; ok && errors.Is(err, unix.EBUSY) {
		if n, err := readAt(a.c.fds[i], a.c.record.Dirs[i].fileName(usage)); err == nil {
			return "usage is " + n + " bytes"
		}
	}
	return hint(file, err)
}

// usageOf are the files with what the version 1 limits count.
var usageOf = map[string]string{
	"memory.limit_in_bytes":       "memory.usage_in_bytes",
	"memory.memsw.limit_in_bytes": "memory.memsw.usage_in_bytes",
}

// checkUsage refuses a value below the present usage, if the write says so.
func (a *applier) checkUsage(i int, w Write) error {
	if w.Usage == "" {
		return nil
	}
	dir, err := a.c.dir(i)
	if err != nil {
		return err
	}
	text, err := readAt(dir, w.Usage)
	if err != nil {
		return fmt.Errorf("read %s: %w", w.Usage, err)
	}
	usage, err1 := strconv.ParseUint(text, 10, 64)
	value, err2 := strconv.ParseUint(w.Value, 10, 64)
	if err1 == nil && err2 == nil && value < usage {
		return &WriteError{
			Value: w.Value, File: w.File, Path: a.c.record.Dirs[i].Path,
			Hint: fmt.Sprintf("usage is %d bytes, and checkBeforeUpdate is set", usage), Err: unix.EBUSY,
		}
	}
	return nil
}

// hints explain what an errno means for a file, where the errno's own text
// misleads.
var hints = []struct {
	file  string
	errno unix.Errno
	text  string
}{
	{"devices.allow", unix.EPERM, "the parent cgroup does not allow it"},
	{"devices.deny", unix.EPERM, "not permitted outside the initial user namespace"},
	{"cpuset.cpus", unix.EACCES, "not all of these processors belong to the parent cgroup"},
	{"cpuset.mems", unix.EACCES, "not all of these memory nodes belong to the parent cgroup"},
	{"cpuset.cpus", unix.ERANGE, "a number is greater than this kernel can have processors"},
	{"cpuset.mems", unix.ERANGE, "a number is greater than this kernel can have memory nodes"},
	{"cpuset.cpus", unix.EINVAL, "no list of processors that this machine has"},
	{"cpuset.mems", unix.EINVAL, "no list of memory nodes that this machine has"},
	{"memory.limit_in_bytes", unix.EINVAL, "it cannot be more than memory.memsw.limit_in_bytes, the limit of memory and swap"},
	{"memory.memsw.limit_in_bytes", unix.EINVAL, "it cannot be less than memory.limit_in_bytes"},
	{"cpu.cfs_quota_us", unix.EINVAL, "out of the kernel's range, less than the burst, or more than the parent cgroup has"},
	{"cpu.cfs_period_us", unix.EINVAL, "out of the kernel's range, or the quota becomes more than the parent cgroup has"},
	{"cpu.cfs_burst_us", unix.EINVAL, "it cannot be more than the quota"},
	{"cpu.max", unix.EINVAL, "out of the kernel's range, or less than the burst"},
	{"cpu.max.burst", unix.EINVAL, "it cannot be more than the quota"},
	{"cpu.shares", unix.EINVAL, "the cgroup is idle (cpu.idle)"},
	{"cpu.weight", unix.EINVAL, "the cgroup is idle (cpu.idle)"},
	{"rdma.max", unix.ENODEV, "no such RDMA device"},
	{"net_prio.ifpriomap", unix.ENODEV, "no such network interface"},
	{"cpu.rt_runtime_us", unix.EINVAL, "the parent cgroup does not have this much real-time running time to give"},
	{"blkio.throttle.read_bps_device", unix.ENODEV, "no such block device"},
	{"blkio.throttle.write_bps_device", unix.ENODEV, "no such block device"},
	{"blkio.throttle.read_iops_device", unix.ENODEV, "no such block device"},
	{"blkio.throttle.write_iops_device", unix.ENODEV, "no such block device"},
	{"blkio.bfq.weight_device", unix.EOPNOTSUPP, "the device's scheduler is not BFQ"},
	{"io.bfq.weight", unix.EOPNOTSUPP, "the device's scheduler is not BFQ"},
	{"io.weight", unix.EOPNOTSUPP, "the kernel does not weigh the I/O of this device"},
	{"io.max", unix.ENODEV, "no such block device"},
	{procs, unix.ENOSPC, "the cgroup's cpuset has no processors or no memory nodes"},
	{procs, unix.ESRCH, "the process has ended"},
	{procs, unix.EBUSY, "the cgroup gives controllers to its children, so it cannot have processes of its own"},
	{procs, unix.EOPNOTSUPP, "the cgroup is in a threaded subtree, or its parent's limits do not suit the process"},
	{"cgroup.subtree_control", unix.EBUSY, "this cgroup has processes of its own, so it cannot give controllers to its children"},
	{"cgroup.subtree_control", unix.EOPNOTSUPP, "this cgroup is in a threaded subtree"},
	{"cgroup.subtree_control", unix.EINVAL, "the kernel does not know the controller, or real-time processes are in the way of cpu"},
	{"cgroup.subtree_control", unix.ENOENT, "the cgroup above does not give it"},
}

// hint returns the explanation of an error with a file, or "".
func hint(file string, err error) string {
	for _, h := range hints {
		if h.file == file && errors.Is(err, h.errno) {
			return h.text
		}
	}
	return ""
}
