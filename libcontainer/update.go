package libcontainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/specs"
)

// resourcesFile is in the state directory of a container whose resources were changed after it was made.
const resourcesFile = "resources.json"

// inForce is the content of resourcesFile: what takes the place of the configuration's.
type inForce struct {
	Resources *specs.LinuxResources `json:"resources,omitempty"`
	IntelRdt  *specs.LinuxIntelRdt  `json:"intelRdt,omitempty"`
	// Change is what the last update asked for. It is needed when that one never ended: see finishUpdate.
	Change *inForce `json:"change,omitempty"`
}

// UpdateOptions say what of a container's resources changes.
type UpdateOptions struct {
	// Resources are new values of linux.resources, in its units; what is not set stays as it is. 0 counts as not set for limits of memory,
	// for shares, quotas, periods and weights, and -1 takes a limit away. A quota without a period keeps the period, and the other way
	// round. Lists of devices, page sizes and files are merged entry by entry; device rules replace the old ones.
	Resources *specs.LinuxResources
	// IntelRdt are new schemata of linux.intelRdt, for a container that was made with it; its other fields must not be set.
	IntelRdt *specs.LinuxIntelRdt
}

// Update changes the resources of a container that has not ended, all of them or none: when a value is refused, those of before are in
// force again, and the error (a *cgroups.FieldError) names the field, the file and the value. Spec tells the new ones from then on. An update
// whose program was killed is finished first.
// ErrNotRunning: the container has ended.
func (c *Container) Update(ctx context.Context, o UpdateOptions) error {
	return c.locked(ctx, "update", func(rec *record) error {
		status, err := c.statusLocked(rec)
		if err != nil {
			return err
		}
		if status == specs.StateStopped {
			return ErrNotRunning
		}
		if err := c.finishUpdate(ctx, rec); err != nil {
			return err
		}
		return c.update(ctx, rec, o)
	})
}

// finishUpdate does what an update was about to do when its program was killed: the staged file is still there, and any of the changes may
// have reached the kernel. To do them all once more is what brings kernel and state together; what was there before is not known. One that
// is refused is given up.
func (c *Container) finishUpdate(ctx context.Context, rec *record) error {
	text, err := os.ReadFile(c.dir.staged(resourcesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var next inForce
	if json.Unmarshal(text, &next) != nil || next.Change == nil {
		return nil // it was killed while it wrote this: nothing is changed yet, and the next one overwrites it
	}
	err = c.update(ctx, rec, UpdateOptions{Resources: next.Change.Resources, IntelRdt: next.Change.IntelRdt})
	if err != nil && ctx.Err() != nil {
		return errors.Join(err, c.dir.stageFile(resourcesFile, text))
	}
	if err != nil {
		c.rt.warn("update: an earlier one was interrupted and cannot be finished; some of its limits may be in force: " + err.Error())
	}
	return nil
}

// update prepares the new state before it touches the cgroup, so that all that can fail afterwards is a rename.
func (c *Container) update(ctx context.Context, rec *record, o UpdateOptions) error {
	spec, err := c.Spec()
	if err != nil {
		return err
	}
	var old inForce
	if l := spec.Linux; l != nil {
		old = inForce{Resources: l.Resources, IntelRdt: l.IntelRdt}
	}
	if err := checkRdtUpdate(rec, o.IntelRdt); err != nil {
		return err
	}
	next := inForce{
		Resources: mergeResources(old.Resources, o.Resources), IntelRdt: old.IntelRdt,
		Change: &inForce{Resources: o.Resources, IntelRdt: o.IntelRdt},
	}
	if o.IntelRdt != nil {
		next.IntelRdt = mergeRdt(old.IntelRdt, o.IntelRdt)
	}
	writes, before, err := c.compileUpdate(ctx, rec, old.Resources, next.Resources, o.Resources)
	if err != nil {
		return err
	}
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := c.dir.stageFile(resourcesFile, text); err != nil {
		return err
	}
	undoRdt, err := c.rt.setSchemata(rec, o.IntelRdt)
	if err != nil {
		return errors.Join(err, c.dir.dropStaged(resourcesFile))
	}
	undo, err := rec.setLimits(ctx, writes, before)
	if err != nil {
		return errors.Join(err, undoRdt(), c.dir.dropStaged(resourcesFile))
	}
	if err := c.dir.commitFile(resourcesFile); err != nil {
		return errors.Join(err, undo(), undoRdt(), c.dir.dropStaged(resourcesFile))
	}
	return nil
}

// compileUpdate returns the writes of a change, and the writes of device rules that are in force.
func (c *Container) compileUpdate(ctx context.Context, rec *record, old, merged, change *specs.LinuxResources) (writes, before []cgroups.Write, err error) {
	if change == nil {
		return nil, nil, nil
	}
	if err := specs.ValidateResources(change).Err(); err != nil {
		return nil, nil, err
	}
	if err := specs.ValidateResources(merged).Err(); err != nil { // a value that does not fit one that is in force
		return nil, nil, err
	}
	facts, err := c.rt.facts(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	writes, warnings, err := cgroups.Compile(withDefaultDevices(changeOf(change, merged)), facts.cgroups)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range warnings {
		c.rt.warn(w.String())
	}
	if facts.rootless || rec.Cgroup != nil && rec.Cgroup.Unit != nil && rec.Cgroup.Unit.User { // as when it was made
		writes = facts.permittedWrites(writes)
	}
	if old != nil {
		before, _, err = cgroups.Compile(withDefaultDevices(&specs.LinuxResources{Devices: old.Devices}), facts.cgroups)
	}
	return writes, before, err
}

// setLimits does the writes in the container's cgroup, all or none, and returns how to take them back.
func (r *record) setLimits(ctx context.Context, writes, before []cgroups.Write) (undo func() error, err error) {
	if len(writes) == 0 {
		return func() error { return nil }, nil
	}
	if r.Cgroup == nil {
		return nil, fmt.Errorf("%s: the container has no cgroup", writes[0].Field)
	}
	cg := openCgroup(*r.Cgroup)
	defer cg.Close()
	u, err := cg.Update(ctx, writes, before)
	if err != nil {
		return nil, err
	}
	return func() error {
		defer cg.Close()
		return u.Do(context.WithoutCancel(ctx))
	}, nil
}

// updated returns what updates have put in force, nil before the first.
func (d *stateDir) updated() (*inForce, error) {
	path := d.path(resourcesFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // that is no error
	}
	now := &inForce{}
	if err == nil {
		err = json.Unmarshal(text, now)
	}
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", path, err)
	}
	return now, nil
}

// readInForce puts what an update has changed into the configuration.
func (d *stateDir) readInForce(spec *specs.Spec) error {
	now, err := d.updated()
	if err != nil || now == nil {
		return err
	}
	if spec.Linux == nil {
		spec.Linux = &specs.Linux{}
	}
	spec.Linux.Resources, spec.Linux.IntelRdt = now.Resources, now.IntelRdt
	return nil
}
