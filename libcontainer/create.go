package libcontainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/systemd"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// undoTimeout bounds the removal of what a failed or a deleted container leaves.
const undoTimeout = 10 * time.Second

// orphanTimeout is how long an init whose runtime was killed is waited for.
const orphanTimeout = 5 * time.Second

// Create makes a container and leaves its process waiting for Start: everything but the program itself is done. On an error nothing
// is left behind. Errors: ErrInvalidID, ErrExist, and whatever is wrong with the configuration, all at once and each with the path of
// its field.
func (r *Runtime) Create(ctx context.Context, id string, o CreateOptions) (*Container, error) {
	return r.make(ctx, "create", id, o, false)
}

// Run makes a container and starts its program. It returns when the program has been executed and the poststart hooks have run. When ctx
// ends before that, everything is taken back, and the error is ctx's; a program that begins in that very moment runs, without an error.
func (r *Runtime) Run(ctx context.Context, id string, o CreateOptions) (*Container, error) {
	return r.make(ctx, "run", id, o, true)
}

// Plan returns what Create would do, without doing any of it. Only files of the bundle and of /proc are read.
func (r *Runtime) Plan(id string, o CreateOptions) (*Plan, error) {
	p, err := r.load(id, o, false)
	if err == nil {
		defer p.close()
		err = r.decide(context.Background(), p, o, "")
	}
	if err != nil {
		return nil, &ContainerError{"plan", id, err}
	}
	return p.compiler.plan, nil
}

// prepared is everything that is decided before anything is made.
type prepared struct {
	spec     *specs.Spec
	raw      []byte
	opts     planOptions
	facts    *hostFacts
	compiler *compiler
	systemd  *systemd.Manager // nil: cgroups are made one by one
	network  newNetwork       // begun before it was known for sure that it is needed
}

// load checks what the caller says and reads the configuration.
func (r *Runtime) load(id string, o CreateOptions, run bool) (*prepared, error) {
	if err := ValidateID(id); err != nil {
		return nil, err
	}
	bundle, err := absoluteBundle(o.Bundle)
	if err != nil {
		return nil, err
	}
	p := &prepared{spec: o.Spec, raw: o.SpecJSON, opts: planOptions{
		id: id, bundle: bundle, root: r.root, run: run, noPivot: o.NoPivot, noNewKeyring: o.NoNewKeyring, preserve: len(o.PreserveFiles),
		pidFile: o.PidFile, pidFDSocket: o.PidFDSocket,
	}}
	if o.NotifySocket {
		p.opts.notify = filepath.Join(r.root, id, notifyDir)
	}
	switch {
	case p.spec == nil:
		p.spec, p.raw, err = specs.LoadBundle(bundle, "")
	case p.raw == nil:
		p.raw, err = json.Marshal(p.spec)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// decide looks at the host and compiles. cache is where compiled seccomp filters are kept, empty for nowhere.
func (r *Runtime) decide(ctx context.Context, p *prepared, o CreateOptions, cache string) error {
	facts, err := r.facts(ctx, cache)
	if err != nil {
		return err
	}
	if o.NoCgroup {
		facts.withoutCgroup()
	}
	if o.SystemdCgroup {
		if facts.systemd, p.systemd, err = askSystemd(ctx); err != nil {
			return fmt.Errorf("systemd cgroup: %w", err)
		}
	}
	p.facts = facts
	return r.compile(p, facts)
}

// move makes the plan anew, for an init that moves into its cgroup. What there is to warn of was said.
func (p *prepared) move() error {
	p.opts.moved = true
	c, err := compileCreate(p.spec, p.facts, p.opts, func(string) {})
	p.compiler = c
	return err
}

// close gives back what deciding needed.
func (p *prepared) close() {
	if p.systemd != nil {
		p.systemd.Close()
	}
	p.network.drop()
}

// takeNetwork returns the network namespace that was begun, nil if there is none.
func (p *prepared) takeNetwork() newNetwork {
	n := p.network
	p.network = nil
	return n
}

// compile validates and compiles, both in any case, so that everything that is wrong is told at once. The plan is made only of what is right.
func (r *Runtime) compile(p *prepared, facts *hostFacts) error {
	report := specs.Validate(p.spec)
	var warnings []string
	c := newCompiler(p.spec, p.spec.Process, facts, p.opts, func(text string) { warnings = append(warnings, text) })
	c.compileAll()
	switch {
	case len(report.Errors) > 0:
		warnings = nil // they may come from what is wrong
	case len(c.errs) == 0:
		c.planCreate()
	}
	for _, text := range mergeWarnings(report, warnings) {
		r.warn(text)
	}
	p.compiler = c
	return mergeProblems(report, errors.Join(c.errs...))
}

func (r *Runtime) make(ctx context.Context, op, id string, o CreateOptions, run bool) (*Container, error) {
	c, err := r.makeContainer(ctx, id, o, run)
	if err != nil {
		return nil, &ContainerError{op, id, err}
	}
	return c, nil
}

func (r *Runtime) makeContainer(ctx context.Context, id string, o CreateOptions, run bool) (*Container, error) {
	p, err := r.load(id, o, run)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if wantsNetwork(p.spec, o) {
		p.network = beginNetwork()
	}
	if err := r.decide(ctx, p, o, r.seccompCache()); err != nil {
		return nil, err
	}
	if err := checkOptions(p.spec.Process, o.Stdio, o.PidFile); err != nil {
		return nil, err
	}
	if err := o.beforeMaking(); err != nil {
		return nil, err
	}
	if err := r.makeRoot(); err != nil {
		return nil, err
	}
	c, stillborn, err := r.carryOut(ctx, id, p, o)
	if !stillborn {
		return c, err
	}
	if err := p.move(); err != nil {
		return nil, err
	}
	c, _, err = r.carryOut(ctx, id, p, o)
	return c, err
}

// carryOut makes the container of a plan, or takes back what was made.
func (r *Runtime) carryOut(ctx context.Context, id string, p *prepared, o CreateOptions) (c *Container, stillborn bool, err error) {
	dir, err := makeStateDir(r.root, id)
	if err != nil {
		return nil, false, r.hintRoot(err)
	}
	defer dir.unlock()
	m := &runner{
		rt: r, c: p.compiler, systemd: p.systemd, stdio: o.Stdio, keep: o.PreserveFiles, dir: dir, raw: p.raw,
		rec: newRecord(id, p.opts, p.spec, p.compiler), slots: map[nsenter.Slot]*os.File{},
		network: p.takeNetwork(),
	}
	defer m.close()
	err = m.run(ctx)
	if err == nil && !p.opts.run {
		err = os.Rename(dir.path(makingFifo), dir.path(startFifo))
	}
	if err != nil {
		uerr := m.undo(ctx, p.spec)
		return nil, m.stillborn && uerr == nil, errors.Join(err, uerr)
	}
	return &Container{rt: r, id: id, dir: &stateDir{dir: dir.dir}, init: &Process{child: m.child}, notify: m.takeNotify()}, false, nil
}

// undo removes what a failed plan has made. It does so even when ctx has ended.
func (m *runner) undo(ctx context.Context, spec *specs.Spec) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	var errs []error
	if m.cgroup != nil && !m.foreign {
		errs = append(errs, m.cgroup.Kill(ctx))
	}
	if m.cgroup != nil {
		errs = append(errs, m.cgroup.Destroy(ctx))
	}
	if m.undoRdt != nil {
		errs = append(errs, m.undoRdt())
	}
	if m.hooks {
		m.rt.poststop(ctx, spec, m.rec)
	}
	return errors.Join(append(errs, m.dir.remove(), m.removePidFile())...)
}

// Remove removes whatever is left of a container, half-made ones included, killing what is still alive: `delete --force`. An id
// that does not exist is no error.
func (r *Runtime) Remove(ctx context.Context, id string) error {
	if err := ValidateID(id); err != nil {
		return &ContainerError{"delete", id, err}
	}
	dir := &stateDir{dir: filepath.Join(r.root, id)}
	err := r.removeDir(ctx, dir)
	if err != nil && !errors.Is(err, ErrNotExist) {
		return &ContainerError{"delete", id, err}
	}
	return nil
}

func (r *Runtime) removeDir(ctx context.Context, dir *stateDir) error {
	if err := dir.lock(ctx); err != nil {
		return err
	}
	defer dir.unlock()
	rec, err := dir.readRecord()
	if errors.Is(err, fs.ErrNotExist) {
		return dir.removeUnwritten()
	}
	if err != nil {
		// What the file said has to be stopped and removed first. To guess the cgroup from the configuration, and kill all in it, could hit
		// another container that has the place by now.
		return fmt.Errorf("%w; to give the container up, end its processes, remove its cgroup, then the directory %s", err, dir.dir)
	}
	return r.removeLocked(ctx, dir, rec, true)
}

// removeLocked removes a container, with its lock held.
func (r *Runtime) removeLocked(ctx context.Context, dir *stateDir, rec *record, force bool) error {
	ctx, cancel := context.WithTimeout(ctx, undoTimeout)
	defer cancel()
	if force {
		if err := rec.end(); err != nil && !errors.Is(err, ErrNotRunning) {
			return err
		}
	}
	if err := r.removeCgroup(ctx, rec); err != nil {
		return err
	}
	if err := r.removeRdt(rec); err != nil {
		return err
	}
	var spec *specs.Spec
	if rec.Poststop {
		var err error
		if spec, _, err = specs.LoadFile(dir.path(configFile)); err != nil {
			r.warn("hooks.poststop: " + err.Error())
		}
	}
	if err := dir.remove(); err != nil {
		return err
	}
	r.poststop(ctx, spec, rec)
	return nil
}

// removeCgroup ends what is in the container's cgroup, and removes it.
func (r *Runtime) removeCgroup(ctx context.Context, rec *record) error {
	if rec.Cgroup == nil {
		return waitDead(ctx, rec)
	}
	cg := openCgroup(*rec.Cgroup)
	defer cg.Close()
	if rec.Cgroup.Pending() {
		// The runtime was killed before the state said what it had made. An init that was there already ends by itself, since nobody answers
		// it; other processes are not the container's.
		ctx, cancel := context.WithTimeout(ctx, orphanTimeout)
		defer cancel()
		err := cg.Destroy(ctx)
		if errors.Is(err, cgroups.ErrInUse) {
			r.warn(err.Error())
			return nil
		}
		return err
	}
	if err := cg.Kill(ctx); err != nil {
		return fmt.Errorf("kill what is left: %w", err)
	}
	if err := waitDead(ctx, rec); err != nil {
		return err
	}
	if err := cg.Destroy(ctx); err != nil {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	return nil
}

// waitDead waits until the container's first process is gone.
func waitDead(ctx context.Context, rec *record) error {
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		alive, err := rec.alive()
		if err != nil || !alive {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("process %d does not end: %w", rec.Pid, context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

// Delete removes a container whose process has ended, or was never started. One that runs is ErrRunning unless Force is set. Where this
// program started the process, Delete reaps it; Wait can still be called.
func (c *Container) Delete(ctx context.Context, o DeleteOptions) error {
	if err := c.delete(ctx, o.Force); err != nil {
		return err
	}
	if c.init == nil {
		return nil
	}
	if _, err := c.init.Wait(ctx); err != nil && !errors.Is(err, ErrStatusTaken) {
		return &ContainerError{"delete", c.id, err}
	}
	return nil
}

func (c *Container) delete(ctx context.Context, force bool) error {
	if force {
		return c.rt.Remove(ctx, c.id)
	}
	return c.locked(ctx, "delete", func(rec *record) error {
		status, err := c.statusLocked(rec)
		if err != nil {
			return err
		}
		if status != specs.StateStopped && status != specs.StateCreated {
			return fmt.Errorf("cannot delete container %s that is not stopped: %s: %w", c.id, status, ErrRunning)
		}
		return c.rt.removeLocked(ctx, c.dir, rec, status == specs.StateCreated)
	})
}
