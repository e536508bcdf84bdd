package libcontainer

import (
	"context"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/rootfs"
	"github.com/minirun/minirun/specs"
)

// hostOp is a step of a plan that this process carries out. Each is one small type: its data, its name and arguments for people,
// and run, in the file of its subject.
type hostOp interface {
	nsenter.Op
	run(ctx context.Context, r *runner) error
}

// hostRecordState writes the state file before anything else exists, and makes the fifos that start needs.
type hostRecordState struct{ Start, Result nsenter.Slot }

// OpName implements nsenter.Op.
func (hostRecordState) OpName() string { return "state.record" }

// Fields implements nsenter.Op.
func (o hostRecordState) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "start", Value: o.Start}, {Name: "result", Value: o.Result}}
}

// hostKeepConfig copies the configuration into the state directory.
type hostKeepConfig struct{}

// OpName implements nsenter.Op.
func (hostKeepConfig) OpName() string { return "state.config" }

// Fields implements nsenter.Op.
func (hostKeepConfig) Fields() []nsenter.Field { return nil }

// hostRecordPid adds the process id to the state file: from here on the init may outlive the runtime.
type hostRecordPid struct{}

// OpName implements nsenter.Op.
func (hostRecordPid) OpName() string { return "state.pid" }

// Fields implements nsenter.Op.
func (hostRecordPid) Fields() []nsenter.Field { return nil }

// hostRunning ends the status "creating" of a run.
type hostRunning struct{}

// OpName implements nsenter.Op.
func (hostRunning) OpName() string { return "state.running" }

// Fields implements nsenter.Op.
func (hostRunning) Fields() []nsenter.Field { return nil }

// hostOpenNamespace opens a namespace to join and verifies that it is of the kind that it should be.
type hostOpenNamespace struct {
	Path string
	Kind specs.LinuxNamespaceType
	Flag uint64
	Slot nsenter.Slot
}

// OpName implements nsenter.Op.
func (hostOpenNamespace) OpName() string { return "ns.open" }

// Fields implements nsenter.Op.
func (o hostOpenNamespace) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "path", Value: o.Path}, {Name: "kind", Value: string(o.Kind)}, {Name: "slot", Value: o.Slot}}
}

// hostOpenSource clones the source of a bind mount for the init.
type hostOpenSource struct{ rootfs.Source }

// OpName implements nsenter.Op.
func (hostOpenSource) OpName() string { return "mount.source" }

// Fields implements nsenter.Op.
func (o hostOpenSource) Fields() []nsenter.Field {
	return []nsenter.Field{
		{Name: "base", Value: o.Base},
		{Name: "path", Value: o.Path},
		{Name: "recursive", Value: o.Recursive},
		{Name: "slot", Value: o.Slot},
	}
}

// hostMakeUserns makes a user namespace that only holds the id mappings of a mount.
type hostMakeUserns struct {
	Slot     nsenter.Slot
	UID, GID []specs.LinuxIDMapping
}

// OpName implements nsenter.Op.
func (hostMakeUserns) OpName() string { return "mount.userns" }

// Fields implements nsenter.Op.
func (o hostMakeUserns) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "uid", Value: o.UID}, {Name: "gid", Value: o.GID}, {Name: "slot", Value: o.Slot}}
}

// hostMakeCgroup begins the cgroup: its version 2 directory, where there is one.
type hostMakeCgroup struct{ Record cgroups.Record }

// OpName implements nsenter.Op.
func (hostMakeCgroup) OpName() string { return "cgroup.make" }

// Fields implements nsenter.Op.
func (o hostMakeCgroup) Fields() []nsenter.Field {
	f := make([]nsenter.Field, 0, len(o.Record.Dirs))
	for _, d := range o.Record.Dirs {
		f = append(f, nsenter.Field{Name: "dir", Value: d.Abs()})
	}
	return f
}

// hostLimitCgroup makes the rest of the cgroup and writes its limits.
type hostLimitCgroup struct{ Writes []cgroups.Write }

// OpName implements nsenter.Op.
func (hostLimitCgroup) OpName() string { return "cgroup.limit" }

// Fields implements nsenter.Op.
func (o hostLimitCgroup) Fields() []nsenter.Field {
	f := make([]nsenter.Field, 0, len(o.Writes))
	for _, w := range o.Writes {
		f = append(f, nsenter.Field{Name: w.Field, Value: w.String()})
	}
	return f
}

// hostOpenCgroup opens the files by which the init moves itself into the version 1 directories: for the slots from First on before the
// spawn, or without First to go with the next sync.ack.
type hostOpenCgroup struct {
	First nsenter.Slot
	Count int
}

// OpName implements nsenter.Op.
func (hostOpenCgroup) OpName() string { return "cgroup.open" }

// Fields implements nsenter.Op.
func (o hostOpenCgroup) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "first", Value: o.First}, {Name: "count", Value: o.Count}}
}

// hostOpenUnified opens the file by which the init moves itself into the version 2 cgroup, when it is not born there.
type hostOpenUnified struct{ Slot nsenter.Slot }

// OpName implements nsenter.Op.
func (hostOpenUnified) OpName() string { return "cgroup.openunified" }

// Fields implements nsenter.Op.
func (o hostOpenUnified) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "slot", Value: o.Slot}}
}

// hostSpawn starts the init with the rest of the plan.
type hostSpawn struct {
	Namespaces uint64 // CLONE_NEW*
	Cgroup     bool   // CLONE_INTO_CGROUP
	CPUs       string // list of processors that it begins on; empty: those of the caller
}

// OpName implements nsenter.Op.
func (hostSpawn) OpName() string { return "spawn" }

// Fields implements nsenter.Op.
func (o hostSpawn) Fields() []nsenter.Field {
	f := []nsenter.Field{{Name: "namespaces", Value: namespaceNames(o.Namespaces)}, {Name: "into_cgroup", Value: o.Cgroup}}
	if o.CPUs != "" {
		f = append(f, nsenter.Field{Name: "cpus", Value: o.CPUs})
	}
	return f
}

func namespaceNames(flags uint64) []string {
	var names []string
	for _, n := range namespaceFlags {
		if flags&n.flag != 0 {
			names = append(names, string(n.kind))
		}
	}
	return names
}

// hostIDMap writes the maps of the new user namespace.
type hostIDMap struct{ UID, GID []specs.LinuxIDMapping }

// OpName implements nsenter.Op.
func (hostIDMap) OpName() string { return "idmap.write" }

// Fields implements nsenter.Op.
func (o hostIDMap) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "uid", Value: o.UID}, {Name: "gid", Value: o.GID}}
}

// hostAck lets the init go on after a synchronisation point.
type hostAck struct{}

// OpName implements nsenter.Op.
func (hostAck) OpName() string { return "sync.ack" }

// Fields implements nsenter.Op.
func (hostAck) Fields() []nsenter.Field { return nil }

// hostOOMScore writes oom_score_adj of the process.
type hostOOMScore struct{ Value int }

// OpName implements nsenter.Op.
func (hostOOMScore) OpName() string { return "process.oomscore" }

// Fields implements nsenter.Op.
func (o hostOOMScore) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "value", Value: o.Value}}
}

// hostRlimit raises a hard limit where the init has no right to.
type hostRlimit struct{ specs.POSIXRlimit }

// OpName implements nsenter.Op.
func (hostRlimit) OpName() string { return "process.rlimit" }

// Fields implements nsenter.Op.
func (o hostRlimit) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "type", Value: o.Type}, {Name: "soft", Value: o.Soft}, {Name: "hard", Value: o.Hard}}
}

// hostHook runs a hook in the runtime's namespaces.
type hostHook struct {
	Kind string
	specs.Hook
}

// OpName implements nsenter.Op.
func (hostHook) OpName() string { return "hook" }

// Fields implements nsenter.Op.
func (o hostHook) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "kind", Value: o.Kind}, {Name: "path", Value: o.Path}, {Name: "args", Value: o.Args}}
}

// hostHookState makes the document that hooks inside the container get on their standard input, to go with the next sync.ack.
type hostHookState struct{ Status specs.ContainerState }

// OpName implements nsenter.Op.
func (hostHookState) OpName() string { return "hook.state" }

// Fields implements nsenter.Op.
func (o hostHookState) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "status", Value: string(o.Status)}}
}

// hostAnnounce tells the caller's files and sockets about the process.
type hostAnnounce struct{ PidFile, PidFDSocket string }

// OpName implements nsenter.Op.
func (hostAnnounce) OpName() string { return "announce" }

// Fields implements nsenter.Op.
func (o hostAnnounce) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "pid_file", Value: o.PidFile}, {Name: "pidfd_socket", Value: o.PidFDSocket}}
}

// hostDeliverConsole hands the terminal's controlling side to the caller.
type hostDeliverConsole struct{}

// OpName implements nsenter.Op.
func (hostDeliverConsole) OpName() string { return "console.deliver" }

// Fields implements nsenter.Op.
func (hostDeliverConsole) Fields() []nsenter.Field { return nil }

// hostDeliverListener hands the listener of a seccomp filter to the agent.
type hostDeliverListener struct{ Path, Metadata string }

// OpName implements nsenter.Op.
func (hostDeliverListener) OpName() string { return "seccomp.deliver" }

// Fields implements nsenter.Op.
func (o hostDeliverListener) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "path", Value: o.Path}, {Name: "metadata", Value: o.Metadata}}
}
