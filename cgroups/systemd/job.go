package systemd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/minirun/minirun/cgroups"
)

// Names of D-Bus errors of systemd.
const (
	errUnitExists = service + ".UnitExists"
	errNoSuchUnit = service + ".NoSuchUnit"
)

// Start makes the unit with the process inside and waits until it is active,
// without a deadline in ctx for 30 s. The process must be a child of the caller
// that has not been waited for, so that its number stays its own: a
// descriptor of it (PIDFDs, in newer versions of systemd) would say no more. What has the same
// name and has failed or ended is swept away; if it is active the error wraps
// cgroups.ErrInUse. After any other failure the unit is stopped, which ends the
// process too.
func (m *Manager) Start(ctx context.Context, u cgroups.Unit, props []Property, pid int) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	args := []any{u.Name, "replace", append(toWire(props), wire{"PIDs", dbus.MakeVariant([]uint32{uint32(pid)})}), []auxiliary{}}
	for wait := time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := m.job(ctx, "StartTransientUnit", args)
		if err == nil {
			return nil
		}
		if !isError(err, errUnitExists) {
			return errors.Join(fmt.Errorf("start %s: %w", u.Name, err), m.giveUp(ctx, u))
		}
		if err := m.sweep(ctx, u); err != nil {
			return fmt.Errorf("start %s: %w", u.Name, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("start %s: %w", u.Name, err)
		case <-time.After(wait):
		}
	}
}

// auxiliary is the type of StartTransientUnit's last argument.
type auxiliary struct {
	Name  string
	Props []wire
}

// sweep makes systemd forget what is left of a unit. One that is active is an
// error.
func (m *Manager) sweep(ctx context.Context, u cgroups.Unit) error {
	state, err := m.property(ctx, u, "ActiveState")
	if err != nil {
		return err
	}
	if state == "active" || state == "activating" || state == "reloading" {
		return &cgroups.FieldError{Field: "linux.cgroupsPath", Err: fmt.Errorf("systemd has an active unit of this name: %w", cgroups.ErrInUse)}
	}
	return m.resetFailed(ctx, u)
}

// property returns a property of the unit that is a string, empty if there is no
// such unit.
func (m *Manager) property(ctx context.Context, u cgroups.Unit, name string) (string, error) {
	var path dbus.ObjectPath
	err := m.call(ctx, manager+".GetUnit", []any{u.Name}, &path)
	if isError(err, errNoSuchUnit) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	conn, err := m.connection(ctx)
	if err != nil {
		return "", err
	}
	var v dbus.Variant
	c := conn.Object(service, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, service+".Unit", name)
	if err = c.Err; err == nil {
		err = c.Store(&v)
	}
	if err != nil {
		return "", fmt.Errorf("systemd: %s: %w", name, err)
	}
	value, _ := v.Value().(string)
	return value, nil
}

// Owns implements cgroups.Manager.
func (m *Manager) Owns(ctx context.Context, u cgroups.Unit) (bool, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	d, err := m.property(ctx, u, "Description")
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", u.Name, err)
	}
	return d == u.Description, nil
}

// resetFailed forgets the failure of a unit; that there is no such unit is no
// error.
func (m *Manager) resetFailed(ctx context.Context, u cgroups.Unit) error {
	err := m.call(ctx, manager+".ResetFailedUnit", []any{u.Name})
	if isError(err, errNoSuchUnit) {
		return nil
	}
	return err
}

// giveUp stops a unit that could not be started, even when ctx has ended.
func (m *Manager) giveUp(ctx context.Context, u cgroups.Unit) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), jobTimeout)
	defer cancel()
	return m.Stop(ctx, u)
}

// Stop ends the unit and waits until systemd has forgotten it, without a deadline
// in ctx for 30 s. systemd sends SIGTERM to processes that are inside and waits for
// their end. A unit that does not exist is no error.
func (m *Manager) Stop(ctx context.Context, u cgroups.Unit) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	err := m.job(ctx, "StopUnit", []any{u.Name, "replace"})
	if err == nil {
		err = m.resetFailed(ctx, u)
	}
	if err != nil && !isError(err, errNoSuchUnit) {
		return fmt.Errorf("stop %s: %w", u.Name, err)
	}
	return nil
}

// Set implements cgroups.Manager. A value that systemd does not take changes
// nothing.
func (m *Manager) Set(ctx context.Context, u cgroups.Unit, writes []cgroups.Write) ([]cgroups.Write, error) {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	f, err := m.Facts(ctx)
	if err != nil {
		return nil, fmt.Errorf("update %s: %w", u.Name, err)
	}
	all, rest := Convert(writes, f)
	props := all[:0:0]
	for _, p := range all {
		if p.Name != "OOMPolicy" { // for new units only
			props = append(props, p)
		}
	}
	if len(props) == 0 {
		return rest, nil
	}
	if err := m.call(ctx, manager+".SetUnitProperties", []any{u.Name, true, toWire(props)}); err != nil {
		return nil, fmt.Errorf("update %s: %w", u.Name, err)
	}
	return rest, nil
}

// Attach moves processes into the unit, for callers who have no right to do it by
// the file system: systemd asks its own. sub is a cgroup below the unit's, "/" for
// the unit's own.
func (m *Manager) Attach(ctx context.Context, u cgroups.Unit, sub string, pids ...int) error {
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	list := make([]uint32, len(pids))
	for i, pid := range pids {
		list[i] = uint32(pid)
	}
	if err := m.call(ctx, manager+".AttachProcessesToUnit", []any{u.Name, sub, list}); err != nil {
		return fmt.Errorf("attach to %s: %w", u.Name, err)
	}
	return nil
}

// job calls a method that starts a job and waits for the end of the job.
func (m *Manager) job(ctx context.Context, method string, args []any) error {
	conn, err := m.connection(ctx)
	if err != nil {
		return err
	}
	// Before the call: the job may be over before its answer has been looked at.
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	defer conn.RemoveSignal(signals)
	var job dbus.ObjectPath
	if err := m.call(ctx, manager+"."+method, args, &job); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("systemd: %s: the job is not done: %w", method, context.Cause(ctx))
		case s, ok := <-signals:
			if !ok {
				return fmt.Errorf("systemd: %s: the connection was closed before the job was done", method)
			}
			if result, ok := removed(s, job); ok {
				return jobError(method, result)
			}
		}
	}
}

// removed tells whether the signal is the end of the job, and the job's result.
func removed(s *dbus.Signal, job dbus.ObjectPath) (result string, ok bool) {
	if s.Name != manager+".JobRemoved" || len(s.Body) < 4 || s.Body[1] != job {
		return "", false
	}
	result, ok = s.Body[3].(string)
	return result, ok
}

// jobError is nil for the result of a job that did what it should.
func jobError(method, result string) error {
	if result == "done" {
		return nil
	}
	return fmt.Errorf("systemd: %s: the job's result is %q", method, result)
}
