package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// execTarget is the running container that an exec goes into.
type execTarget struct {
	namespaces uint64
	ids        userMaps
}

// Exec starts another program in a running container, in all its namespaces and in its cgroup. It returns when the program has been
// executed. ErrNotRunning, ErrPaused.
func (c *Container) Exec(ctx context.Context, o ExecOptions) (*Process, error) {
	p, err := c.exec(ctx, o)
	if err != nil {
		return nil, &ContainerError{"exec", c.id, err}
	}
	return p, nil
}

func (c *Container) exec(ctx context.Context, o ExecOptions) (*Process, error) {
	if o.Process == nil {
		return nil, errors.New("process: it is needed")
	}
	p, stillborn, err := c.execIn(ctx, o, false)
	if stillborn {
		p, _, err = c.execIn(ctx, o, true)
	}
	return p, err
}

// execIn is an exec whose init moves itself into the container's cgroup, or is born there.
func (c *Container) execIn(ctx context.Context, o ExecOptions, moved bool) (p *Process, stillborn bool, err error) {
	rec, err := c.reload()
	if err != nil {
		return nil, false, err
	}
	if err := c.mayExec(rec, o.IgnorePaused); err != nil {
		return nil, false, err
	}
	spec, err := c.Spec()
	if err != nil {
		return nil, false, err
	}
	target, err := openProcess(rec)
	if err != nil {
		return nil, false, err
	}
	m, err := c.execRunner(ctx, rec, spec, o, target, moved)
	if err != nil {
		target.Close()
		return nil, false, err
	}
	defer m.close()
	if err := m.run(ctx); err != nil {
		perr := m.removePidFile()
		return nil, m.stillborn && perr == nil, errors.Join(err, perr)
	}
	return &Process{child: m.child}, false, nil
}

func (c *Container) mayExec(rec *record, ignorePaused bool) error {
	status, err := c.status(rec)
	switch {
	case err != nil:
		return err
	case status == statusPaused && !ignorePaused:
		return fmt.Errorf("cannot exec in a paused container (use --ignore-paused to override): %w", ErrPaused)
	case status == specs.StateStopped || status == specs.StateCreating:
		return fmt.Errorf("cannot exec in a %s container: %w", status, ErrNotRunning)
	}
	return nil
}

// openProcess returns a pidfd of the container's first process.
func openProcess(rec *record) (*os.File, error) {
	fd, err := unix.PidfdOpen(rec.Pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open of process %d: %w", rec.Pid, errors.Join(ErrNotRunning, err))
	}
	f := os.NewFile(uintptr(fd), "container's init")
	if alive, err := rec.alive(); !alive {
		f.Close()
		return nil, errors.Join(ErrNotRunning, err)
	}
	return f, nil
}

func (c *Container) execRunner(ctx context.Context, rec *record, spec *specs.Spec, o ExecOptions, target *os.File, moved bool) (*runner, error) {
	facts, err := c.rt.facts(ctx, c.rt.seccompCache())
	if err != nil {
		return nil, err
	}
	po := planOptions{
		id: c.id, bundle: rec.Bundle, root: c.rt.root, run: true, noNewKeyring: rec.NoNewKeyring, preserve: len(o.PreserveFiles),
		pidFile: o.PidFile, pidFDSocket: o.PidFDSocket, moved: moved,
	}
	if rec.Cgroup != nil {
		if u := rec.Cgroup.Unit; u != nil && u.User && !facts.caller.hostRoot() {
			po.attach = u
		}
	}
	if rec.Cgroup, err = subCgroups(rec.Cgroup, o.SubCgroups); err != nil {
		return nil, err
	}
	po.ids = facts.caller.maps()
	if rec.Namespaces&unix.CLONE_NEWUSER != 0 {
		if po.ids, err = readUserMaps(strconv.Itoa(rec.Pid)); err != nil {
			return nil, err
		}
	}
	warn := c.rt.warn
	if moved { // what there is to warn of was said
		warn = func(string) {}
	}
	comp, err := compileExec(spec, o.Process, rec, facts, po, warn)
	if err == nil {
		err = checkOptions(o.Process, o.Stdio, o.PidFile)
	}
	if err != nil {
		return nil, err
	}
	m := &runner{
		rt: c.rt, c: comp, stdio: o.Stdio, keep: o.PreserveFiles, dir: c.dir, rec: rec,
		slots: map[nsenter.Slot]*os.File{comp.containerFD: target},
	}
	if rec.Cgroup != nil {
		m.cgroup = cgroups.Open(*rec.Cgroup)
	}
	return m, nil
}

// compileExec validates p and makes the plan of an exec; all that is wrong is told at once, as by Runtime.compile. What of the configuration
// concerns any program in the container (seccomp, mappings) is taken from spec, the rest from p.
func compileExec(spec *specs.Spec, p *specs.Process, rec *record, facts *hostFacts, o planOptions, warn func(string)) (*compiler, error) {
	report := specs.ValidateProcess(p)
	var warnings []string
	c := newCompiler(spec, p, facts, o, func(text string) { warnings = append(warnings, text) })
	c.exec = &execTarget{namespaces: rec.Namespaces, ids: o.ids}
	c.rdt = rec.Rdt
	c.containerFD = c.slot()
	c.compileJoin()
	if rec.Cgroup != nil {
		c.cgroup = cgroupPlan{record: *rec.Cgroup}
	}
	c.cgroup.attach = o.attach
	c.compileProcess()
	switch {
	case len(report.Errors) > 0:
		warnings = nil // they may come from what is wrong
	case len(c.errs) == 0:
		c.planExec()
	}
	for _, text := range mergeWarnings(report, warnings) {
		warn(text)
	}
	return c, mergeProblems(report, errors.Join(c.errs...))
}
