package cgroups

import (
	"context"
	"errors"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const insnSize = 8

// Compile turns linux.resources into the ordered writes that bring it about on
// the host. It is pure: no file is read, and the same arguments give the same
// writes. A nil resources gives none.
//
// Every field is either written, or satisfied without a write because the
// kernel behaves so anyway, or reported as a Warning where the spec allows it
// to be ignored (kernel memory), or an error: FieldErrors with every field
// that is wrong or that the host's hierarchies cannot express.
//
// Devices starts from "nothing is allowed"; if it is empty, device access is
// not touched.
func Compile(r *specs.LinuxResources, h *Host) ([]Write, []Warning, error) {
	return nil, nil, errors.ErrUnsupported
}

// DefaultDeviceRules returns the device rules that every container gets after
// those of its configuration: creating (not opening) any device node, and the
// use of null, zero, full, random, urandom, tty, console, ptmx, pseudo
// terminals and net/tun.
func DefaultDeviceRules() []specs.LinuxDeviceCgroup { return nil }

// Cgroup is a cgroup in every hierarchy of a host. Its methods may not be used
// concurrently. Close it when done; that does not destroy it.
type Cgroup struct {
	record Record
}

// Create makes the directories of the record, enables controllers (version 2),
// gives cpusets their parents' values (version 1) and applies the writes, before
// any process is inside. On failure it removes what it made.
//
// A directory that exists already is used, with a Warning if there are processes
// inside, and is an error if it is frozen (ErrFrozen). The record of the
// returned Cgroup tells what was made.
func Create(ctx context.Context, r Record, writes []Write) (*Cgroup, []Warning, error) {
	return nil, nil, errors.ErrUnsupported
}

// Open returns the cgroup of a record that Create or Place made, maybe in
// another process. It does not touch the file system: directories that do not
// exist (any more) count as empty and destroyed.
func Open(r Record) *Cgroup { return &Cgroup{record: r.clone()} }

// Record returns where the cgroup is and what of it was made.
func (c *Cgroup) Record() Record { return c.record.clone() }

// Close closes the descriptors that the Cgroup holds. It may be used again
// afterwards.
func (c *Cgroup) Close() error { return nil }

// Apply does the writes in the given order, those with Retry that failed once
// more at the end. It stops at the first failure, a *FieldError around a
// *WriteError.
func (c *Cgroup) Apply(ctx context.Context, writes []Write) error { return errors.ErrUnsupported }

// FD returns a descriptor of the version 2 directory for clone3(2) with
// CLONE_INTO_CGROUP, and false if there is no version 2 hierarchy. It belongs to
// the Cgroup and is valid until Close. A process cloned into it still has to join
// version 1 by AttachV1 on a hybrid host.
func (c *Cgroup) FD() (int, bool, error) { return -1, false, errors.ErrUnsupported }

// Attach moves a process with all its threads into the cgroup, in every
// hierarchy. pid is in the caller's pid namespace; 0 is the caller.
func (c *Cgroup) Attach(pid int) error { return errors.ErrUnsupported }

// AttachV1 moves a process into the cgroup in the version 1 hierarchies only,
// for one that was cloned into FD. It does nothing on a Unified host.
func (c *Cgroup) AttachV1(pid int) error { return errors.ErrUnsupported }

// Processes returns the ids, in the caller's pid namespace and ascending, of
// the processes in the cgroup and in all cgroups below it.
func (c *Cgroup) Processes() ([]int, error) { return nil, errors.ErrUnsupported }

// Kill sends SIGKILL to every process in the cgroup and below and waits until
// all are gone. It works on a frozen cgroup and against one that forks, and
// leaves it thawed. Without a deadline in ctx it gives up after 10 s.
func (c *Cgroup) Kill(ctx context.Context) error { return errors.ErrUnsupported }

// Freeze stops all processes in the cgroup and below and waits until they
// stand still. On failure the cgroup is thawed again. Without a deadline in ctx
// it gives up after 10 s.
func (c *Cgroup) Freeze(ctx context.Context) error { return errors.ErrUnsupported }

// Thaw lets the processes of a frozen cgroup run again. It is no error if the
// cgroup is not frozen.
func (c *Cgroup) Thaw(ctx context.Context) error { return errors.ErrUnsupported }

// Frozen tells whether the cgroup, or one above it, is frozen or being frozen.
// A cgroup that does not exist, or has no freezer, is not.
func (c *Cgroup) Frozen() (bool, error) { return false, errors.ErrUnsupported }

// Destroy removes the directories that Create made, and all below, bottom-up;
// then those ancestors that Create made and that are empty. There must be no
// process inside; the kernel's short delay after the last one is waited out.
// Without a deadline in ctx it gives up after 5 s. It is no error if nothing is
// there.
func (c *Cgroup) Destroy(ctx context.Context) error { return errors.ErrUnsupported }
