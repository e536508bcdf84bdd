package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// Container is a handle of one container. It holds no resources but, where this program started the container, the process.
type Container struct {
	rt   *Runtime
	id   string
	dir  *stateDir
	init *Process // nil when another program started it

	notify *os.File // socket of a NotifyRelay that Run has made
}

// ID returns the container's id.
func (c *Container) ID() string { return c.id }

// Process returns the container's first process when this program started it, otherwise nil.
func (c *Container) Process() *Process { return c.init }

// Wait waits for the end of the container's first process, which must have been started by this program (ErrNotChild).
func (c *Container) Wait(ctx context.Context) (ExitStatus, error) {
	if c.init == nil {
		return ExitStatus{}, &ContainerError{"wait", c.id, ErrNotChild}
	}
	return c.init.Wait(ctx)
}

// Spec returns the configuration that the container was made from, with the resources that Update has put in force since. Later changes to
// the bundle are not in it.
func (c *Container) Spec() (*specs.Spec, error) {
	spec, _, err := specs.LoadFile(c.dir.path(configFile))
	if err == nil {
		err = c.dir.readInForce(spec)
	}
	if err != nil {
		return nil, &ContainerError{"spec", c.id, err}
	}
	return spec, nil
}

// State looks at the container as it is now. It waits for nothing: while the container is being made the status is "creating".
func (c *Container) State(ctx context.Context) (State, error) {
	rec, err := c.reload()
	if err != nil {
		return State{}, &ContainerError{"state", c.id, err}
	}
	status, err := c.status(rec)
	if err != nil {
		return State{}, &ContainerError{"state", c.id, err}
	}
	pid := rec.Pid
	if status == specs.StateStopped {
		pid = 0
	}
	s := State{State: rec.state(status, pid), Rootfs: rec.Rootfs, Created: rec.Created, OwnerUID: rec.OwnerUID}
	now, err := c.dir.updated()
	if err != nil {
		return State{}, &ContainerError{"state", c.id, err}
	}
	if now != nil {
		s.Resources = now.Resources
	}
	return s, nil
}

// reload reads the state file again: another program may have gone on.
func (c *Container) reload() (*record, error) {
	rec, err := c.dir.readRecord()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotExist
	}
	return rec, err
}

// status is for who holds no lock.
func (c *Container) status(rec *record) (specs.ContainerState, error) {
	status, err := c.look(rec)
	if status == specs.StateRunning && c.dir.has(runningFile) && c.dir.busy() {
		status = specs.StateCreating // a file that a killed runtime has left does not count
	}
	return status, err
}

func (c *Container) look(rec *record) (specs.ContainerState, error) {
	alive, err := rec.alive()
	if err != nil {
		return "", err
	}
	if !alive {
		if rec.Pid == 0 && c.dir.busy() {
			return specs.StateCreating, nil
		}
		return specs.StateStopped, nil
	}
	if rec.Cgroup != nil {
		cg := openCgroup(*rec.Cgroup)
		defer cg.Close()
		if frozen, err := cg.Frozen(); err == nil && frozen { // also one that waits: start would wait for it
			return statusPaused, nil
		}
	}
	switch {
	case c.dir.has(makingFifo):
		return specs.StateCreating, nil
	case c.dir.has(startFifo): // start removes it
		return specs.StateCreated, nil
	}
	return specs.StateRunning, nil
}

// statusLocked is status for who holds the container's lock: nobody else can be making it, so one without a process is what a killed
// runtime has left.
func (c *Container) statusLocked(rec *record) (specs.ContainerState, error) {
	status, err := c.look(rec)
	if status == specs.StateCreating {
		status = specs.StateStopped
	}
	return status, err
}

// Signal sends a signal to the container's first process. ErrNotRunning: there is none any more. A paused container gets it when it is
// resumed; SIGKILL resumes it, so that it ends.
func (c *Container) Signal(ctx context.Context, sig unix.Signal) error {
	rec, err := c.reload()
	if err == nil {
		err = rec.signal(sig)
	}
	if err == nil {
		err = rec.thawKilled(ctx, sig)
	}
	if err != nil {
		return &ContainerError{"kill", c.id, err}
	}
	return nil
}

// signal goes through a pidfd, so that a process id that is used again gets nothing.
func (r *record) signal(sig unix.Signal) error {
	if r.Pid == 0 {
		return ErrNotRunning
	}
	fd, err := unix.PidfdOpen(r.Pid, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) { // EINVAL: the id is a thread's by now
		return ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("pidfd_open of process %d: %w", r.Pid, err)
	}
	defer unix.Close(fd)
	if alive, err := r.alive(); !alive {
		return errors.Join(ErrNotRunning, err)
	}
	err = unix.PidfdSendSignal(fd, sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("send %s to process %d: %w", unix.SignalName(sig), r.Pid, err)
	}
	return nil
}

// SignalAll sends a signal to every process in the container's cgroup. That there is none is no error.
func (c *Container) SignalAll(ctx context.Context, sig unix.Signal) error {
	rec, err := c.reload()
	if err == nil {
		err = rec.signalAll(ctx, sig)
	}
	if err != nil {
		return &ContainerError{"kill", c.id, err}
	}
	return nil
}

func (r *record) signalAll(ctx context.Context, sig unix.Signal) error {
	if r.Cgroup == nil {
		return r.signalMembers(sig)
	}
	if r.Cgroup.Pending() { // nothing of the container is there yet
		return nil
	}
	cg := openCgroup(*r.Cgroup)
	defer cg.Close()
	if sig == unix.SIGKILL {
		return cg.Kill(ctx)
	}
	return cg.Signal(sig)
}

// Processes returns the ids of all processes in the container's cgroup, in the caller's pid namespace, ascending.
func (c *Container) Processes(ctx context.Context) ([]int, error) {
	rec, err := c.reload()
	if err != nil {
		return nil, &ContainerError{"ps", c.id, err}
	}
	if rec.Cgroup == nil {
		pids, err := rec.members()
		if err != nil {
			return nil, &ContainerError{"ps", c.id, err}
		}
		return pids, nil
	}
	if rec.Cgroup.Pending() { // nothing of the container is there yet
		return nil, nil
	}
	cg := openCgroup(*rec.Cgroup)
	defer cg.Close()
	pids, err := cg.Processes()
	if err != nil {
		return nil, &ContainerError{"ps", c.id, err}
	}
	return pids, nil
}

// locked runs f with the container's lock held and its state read anew. Both are of this call alone: other goroutines may use the same
// handle.
func (c *Container) locked(ctx context.Context, op string, f func(rec *record) error) error {
	dir := &stateDir{dir: c.dir.dir}
	err := dir.lock(ctx)
	if err == nil {
		defer dir.unlock()
		var rec *record
		if rec, err = c.reload(); err == nil {
			err = f(rec)
		}
	}
	if err != nil {
		return &ContainerError{op, c.id, err}
	}
	return nil
}

// newRecord is the state of a container that is about to be made.
func newRecord(id string, o planOptions, spec *specs.Spec, c *compiler) *record {
	rec := &record{
		Version: stateVersion, ID: id, OCIVersion: spec.Version, Bundle: o.bundle, Rootfs: rootPath(o.bundle, spec),
		Created: time.Now().UTC(), OwnerUID: os.Geteuid(), Namespaces: c.ns.all(), Annotations: spec.Annotations,
		NoPivot: o.noPivot, NoNewKeyring: o.noNewKeyring, Preserve: o.preserve, Notify: o.notify != "", Moved: o.moved,
		Poststop: spec.Hooks != nil && len(spec.Hooks.Poststop) > 0, NoPoststart: spec.Hooks == nil || len(spec.Hooks.Poststart) == 0,
	}
	if len(c.cgroup.record.Dirs) > 0 {
		cg := c.cgroup.record
		rec.Cgroup = &cg
	}
	rec.Rdt = c.rdt
	return rec
}
