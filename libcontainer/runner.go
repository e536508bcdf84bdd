package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/systemd"
	"github.com/minirun/minirun/nsenter"
)

// runner carries a plan out: host steps in order, and at each operation of the init that reports, the report. It holds what
// exists so far, so that a failure at any step can be undone.
type runner struct {
	rt    *Runtime
	c     *compiler
	stdio Stdio
	keep  []*os.File // preserved files

	dir *stateDir
	rec *record
	raw []byte // the configuration as it was read

	slots     map[nsenter.Slot]*os.File // filled before spawn
	child     *nsenter.Child
	cgroup    *cgroups.Cgroup
	systemd   *systemd.Manager // nil: cgroups are made one by one
	nullFile  *os.File
	notify    *os.File      // socket of the container's program for sd_notify(3)
	event     nsenter.Event // the report that the host is answering
	ack       []*os.File    // descriptors for the next acknowledgement
	announced bool          // the pid file is written
	waiting   bool          // the init waits to be started
	foreign   bool          // the cgroup is somebody else's: nobody in it is to be killed
	undoRdt   func() error  // takes the resctrl group back
	heard     bool          // the init has reported something
	stillborn bool          // see diedAtBirth
	network   newNetwork    // until it is handed over
	hooks     bool          // a hook has been reached: poststop hooks belong to the undoing
}

// run carries out the whole plan. On an error the init is dead and reaped; the rest is left to undo.
func (r *runner) run(ctx context.Context) error {
	for i, it := range r.c.plan.Items {
		var err error
		if r.rt.debug != nil {
			r.rt.debug(fmt.Sprintf("step %d, %s side, because of %s: %s", i, it.Side(), it.Because, it))
		}
		switch op := it.Op.(type) {
		case hostOp:
			if err = op.run(ctx, r); errors.Is(err, errInitEnded) {
				err = r.lastWords(ctx)
			} else if err != nil {
				err = fieldError(it.Because, err)
			}
		case nsenter.InitOp:
			if reports(op) {
				err = r.next(ctx, i)
			}
		}
		if err != nil {
			return r.failed(err)
		}
	}
	return nil
}

// errInitEnded is the error of a host step that finds the init's end. What the init has reported of it says more.
var errInitEnded = errors.New("init ended unexpectedly")

// lastWords reads what the init, which has ended, reported before.
func (r *runner) lastWords(ctx context.Context) error {
	for {
		e, err := r.child.Next(ctx)
		if err != nil {
			return err
		}
		closeFiles(e.Files)
		if r.heard = true; e.Kind == nsenter.EventDone || e.Kind == nsenter.EventCreated {
			return errInitEnded // nothing more is reported
		}
	}
}

// failed words the failure of a step and ends the init.
func (r *runner) failed(err error) error {
	oom := r.outOfMemory(err)
	r.stillborn = r.diedAtBirth(err) && !(oom && r.ownMemory())
	filtered := !oom && r.filtered(err)
	switch err = r.c.explain(err); {
	case oom:
		err = fmt.Errorf("linux.resources.memory.limit: too little memory for the container to start: %w", err)
	case filtered:
		err = fmt.Errorf("linux.seccomp: the filter may deny what is needed to start a program: %w", err)
	}
	return errors.Join(err, r.killChild())
}

// filtered tells whether the init has ended as it does below a filter that denies its last steps: by the filter, by the fault that it ends
// with when it may not even exit, or without a word because it may not write.
func (r *runner) filtered(err error) bool {
	var death *nsenter.DeathError
	if r.c.linux().Seccomp == nil || !errors.As(err, &death) {
		return false
	}
	switch s := death.Status; {
	case s.Signaled():
		return s.Signal() == unix.SIGSYS || s.Signal() == unix.SIGILL
	default:
		return s.ExitStatus() == 1
	}
}

// statusNoExec is how a child of the Go runtime ends that could not be executed. That normally comes with the errno; in a cgroup without any memory
// there is not even a pipe's buffer to send it through.
const statusNoExec = 253

// outOfMemory tells whether it was the kernel's memory killer that ended the init, or, for one that is born in the limited cgroup, whether there
// was not even enough to execute it.
func (r *runner) outOfMemory(err error) bool {
	res := r.c.linux().Resources
	if r.cgroup == nil || res == nil || res.Memory == nil || res.Memory.Limit == nil {
		return false
	}
	var death *nsenter.DeathError
	if !errors.As(err, &death) {
		return r.child == nil && errors.Is(err, unix.ENOMEM)
	}
	if death.Status.ExitStatus() == statusNoExec {
		return true
	}
	n, oerr := r.cgroup.OOMKills()
	return death.Status.Signal() == unix.SIGKILL && oerr == nil && n > 0
}

// reports tells whether the init sends a report for an operation that succeeds.
func reports(op nsenter.InitOp) bool {
	switch o := op.(type) {
	case nsenter.SyncWait, nsenter.SyncSend, nsenter.SyncCreated, nsenter.SyncFinal, nsenter.ConsoleOpen, nsenter.ProcExec:
		return true
	case nsenter.SeccompLoad:
		return o.Flags&flagNewListener != 0
	}
	return false
}

// next waits for the report of an item and remembers it for the host steps that follow.
func (r *runner) next(ctx context.Context, index int) error {
	if r.waiting { // what follows sync.created is reported to whoever starts the container
		return nil
	}
	e, err := r.child.Next(ctx)
	if err != nil {
		return err
	}
	if e.Kind != nsenter.EventDone && e.Index != index {
		return fmt.Errorf("init reports step %d of the plan, expected %d", e.Index, index)
	}
	closeFiles(r.event.Files)
	r.event, r.heard = e, true
	r.waiting = e.Kind == nsenter.EventCreated
	return nil
}

func (r *runner) killChild() error {
	if r.child == nil {
		return nil
	}
	return r.child.Kill()
}

// close gives back what only the making needed.
func (r *runner) close() {
	r.network.drop()
	for _, f := range r.slots {
		f.Close()
	}
	closeFiles(r.event.Files)
	closeFiles(r.ack)
	if r.cgroup != nil {
		r.cgroup.Close()
	}
	if r.nullFile != nil {
		r.nullFile.Close()
	}
	if r.notify != nil {
		r.notify.Close()
	}
}

func (r *runner) takeNotify() *os.File {
	f := r.notify
	r.notify = nil
	return f
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func (o hostAck) run(_ context.Context, r *runner) error {
	files := r.ack
	r.ack = nil
	defer closeFiles(files)
	return r.child.Ack(files...)
}

func (o hostSpawn) run(_ context.Context, r *runner) error {
	exe, err := r.rt.executable()
	if err != nil {
		return err
	}
	l := nsenter.Launch{
		Plan: r.c.plan, Executable: exe, Preserve: r.keep, Slots: r.slots, CloneFlags: uintptr(o.Namespaces),
	}
	if l.Stdio, err = r.standardStreams(); err != nil {
		return err
	}
	if o.Cgroup {
		fd, ok, err := r.cgroup.FD()
		if err != nil || !ok {
			return fmt.Errorf("descriptor of the cgroup: %w", err)
		}
		l.UseCgroup, l.CgroupFD = true, fd
	}
	r.child, err = startOn(o.CPUs, &l)
	if errors.Is(err, unix.EBUSY) && r.c.exec != nil {
		// The container has given its cgroup's controllers to cgroups of its own, as an init system does: no process may be in the
		// container's cgroup itself any more.
		err = r.spawnBesideInit(&l)
	}
	return err
}

// spawnBesideInit starts an exec in the version 2 cgroup of the container's first process, which must be below the container's.
func (r *runner) spawnBesideInit(l *nsenter.Launch) error {
	cg, err := r.cgroupOfInit()
	if err != nil {
		return err
	}
	defer cg.Close()
	if l.CgroupFD, _, err = cg.FD(); err != nil {
		return err
	}
	r.child, err = l.Start()
	return err
}

func (r *runner) cgroupOfInit() (*cgroups.Cgroup, error) {
	at, err := r.c.facts.cgroups.Of(r.rec.Pid)
	if err != nil {
		return nil, err
	}
	own, _ := r.rec.Cgroup.Unified()
	dir, ok := at.Unified()
	if !ok || !strings.HasPrefix(dir.Path, own.Path+"/") {
		return nil, fmt.Errorf("start init in the cgroup %s: %w", own.Abs(), unix.EBUSY)
	}
	return cgroups.Open(at), nil
}

// standardStreams fills in /dev/null where the caller gave nothing, and for a program with a terminal.
func (r *runner) standardStreams() ([3]*os.File, error) {
	std := [3]*os.File{r.stdio.Stdin, r.stdio.Stdout, r.stdio.Stderr}
	for i, f := range std {
		if f != nil && !r.c.process.Terminal {
			continue
		}
		null, err := r.null()
		if err != nil {
			return std, err
		}
		std[i] = null
	}
	return std, nil
}

func (r *runner) null() (*os.File, error) {
	if r.nullFile == nil {
		f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		r.nullFile = f
	}
	return r.nullFile, nil
}

func (o hostMakeCgroup) run(ctx context.Context, r *runner) error {
	cg, err := cgroups.Begin(ctx, o.Record)
	if err != nil {
		return err
	}
	r.cgroup = cg
	return nil
}

func (o hostLimitCgroup) run(ctx context.Context, r *runner) error {
	if err := r.cgroup.Complete(ctx, o.Writes); err != nil {
		r.foreign = errors.Is(err, cgroups.ErrInUse) || errors.Is(err, cgroups.ErrFrozen)
		return err
	}
	rec := r.cgroup.Record() // tells now what was made
	r.rec.Cgroup = &rec
	return nil
}

func (o hostOpenCgroup) run(_ context.Context, r *runner) error {
	files, err := r.cgroup.JoinFiles()
	if err != nil {
		return err
	}
	if len(files) != o.Count {
		closeFiles(files)
		return fmt.Errorf("%d version 1 hierarchies, expected %d", len(files), o.Count)
	}
	if o.First == nsenter.NoSlot {
		r.ack = append(r.ack, files...)
		return nil
	}
	for i, f := range files {
		r.slots[o.First+nsenter.Slot(i)] = f
	}
	return nil
}
