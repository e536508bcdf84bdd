package libcontainer

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/cgroups/systemd"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

var update = flag.Bool("update", false, "write the golden files anew")

// testFacts is a machine that never changes: version 1 or version 2 by name, with " systemd" behind it for cgroups made by systemd.
func testFacts(t testing.TB, layout string) *hostFacts {
	t.Helper()
	v2 := cgroups.Hierarchy{Version: 2, MountPoint: "/sys/fs/cgroup", Root: "/", Controllers: []string{"cpuset", "cpu", "io", "memory", "pids"}, Own: "/user"}
	var h []cgroups.Hierarchy
	layout, with := strings.CutSuffix(layout, " systemd")
	switch layout {
	case "v1":
		for _, name := range []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"} {
			h = append(h, cgroups.Hierarchy{Version: 1, MountPoint: "/sys/fs/cgroup/" + name, Root: "/", Controllers: []string{name}, Own: "/"})
		}
	case "v2":
		h = append(h, v2)
	default:
		t.Fatalf("unknown layout %q", layout)
	}
	var manager *systemdFacts
	if with {
		manager = &systemdFacts{Facts: systemd.Facts{Version: 257, ControlGroup: "/"}}
	}
	return &hostFacts{
		caps:    1<<41 - 1,
		cgroups: cgroups.NewHost(h...),
		systemd: manager,
		seccomp: func(*specs.LinuxSeccomp, func(string)) (*seccompProgram, error) {
			return &seccompProgram{filter: make([]byte, 64)}, nil
		},
		resctrl: func() (*resctrl.FS, error) { return &resctrl.FS{Dir: "/sys/fs/resctrl"}, nil },
		joined: func(string) (joinedUser, error) {
			ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
			return joinedUser{userMaps: userMaps{uids: ids, gids: ids}}, nil
		},
	}
}

// testSpec is the default configuration with changes.
func testSpec(change func(*specs.Spec)) *specs.Spec {
	s := specs.Default()
	s.Process.Terminal = false
	if change != nil {
		change(s)
	}
	return s
}

func mustCompile(t testing.TB, layout string, s *specs.Spec, o planOptions) *nsenter.Plan {
	t.Helper()
	if o.id == "" {
		o.id, o.bundle = "web", "/bundle"
	}
	c, err := compileCreate(s, testFacts(t, layout), o, func(w string) { t.Log("warning:", w) })
	if err != nil {
		t.Fatal(err)
	}
	return c.plan
}

// planCases are whole configurations whose plans are kept as golden files and held to the rules of order.
var planCases = []struct {
	name   string
	layout string
	opts   planOptions
	change func(*specs.Spec)
}{
	{name: "default-v1", layout: "v1"},
	{name: "default-v2", layout: "v2"},
	{name: "run-v2", layout: "v2", opts: planOptions{id: "web", bundle: "/bundle", run: true}},
	{name: "moved-v2", layout: "v2", opts: planOptions{id: "web", bundle: "/bundle", moved: true}, change: func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}},
	{name: "no-pivot", layout: "v1", opts: planOptions{id: "web", bundle: "/bundle", noPivot: true}},
	{name: "terminal", layout: "v2", change: func(s *specs.Spec) {
		s.Process.Terminal = true
		s.Process.ConsoleSize = &specs.Box{Height: 24, Width: 80}
	}},
	{name: "seccomp-privileged", layout: "v2", change: func(s *specs.Spec) {
		s.Process.NoNewPrivileges = false
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	}},
	{name: "seccomp-nonewprivs", layout: "v2", change: func(s *specs.Spec) {
		s.Process.NoNewPrivileges = true
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}
	}},
	{name: "userns", layout: "v1", change: func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
	}},
	{name: "idmapped", layout: "v2", change: func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
		s.Mounts = append(s.Mounts,
			specs.Mount{Destination: "/mapped", Type: "tmpfs", Source: "tmpfs", Options: []string{"idmap"}},
			specs.Mount{Destination: "/bound", Source: "/srv", Options: []string{"rbind", "ridmap", "rro"}})
	}},
	{name: "delegate", layout: "v2", change: func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace}, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
		s.Process.User.UID = 33
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup"})
	}},
	{name: "joined", layout: "v2", change: func(s *specs.Spec) {
		s.Linux.Namespaces = []specs.LinuxNamespace{
			{Type: specs.UserNamespace, Path: "/ns/user"},
			{Type: specs.PIDNamespace, Path: "/ns/pid"},
			{Type: specs.NetworkNamespace, Path: "/ns/net"},
			{Type: specs.MountNamespace},
			{Type: specs.UTSNamespace, Path: "/ns/uts"},
		}
		s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
	}},
	{name: "systemd-v2", layout: "v2 systemd", change: func(s *specs.Spec) {
		s.Annotations = map[string]string{"org.systemd.property.TimeoutStopSec": "3", "org.systemd.property.Description": "'a shop'"}
	}},
	{name: "systemd-v1", layout: "v1 systemd", change: func(s *specs.Spec) {
		s.Linux.CgroupsPath = "machine-a.slice:libpod:abc"
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: new(int64)}
	}},
	{name: "systemd-userns", layout: "v2 systemd", change: func(s *specs.Spec) { // the fork comes after the cgroup
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
	}},
	{name: "time", layout: "v2", change: func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {Secs: 10}, "boottime": {Secs: -5, Nanosecs: 1}}
	}},
	{name: "hooks", layout: "v1", opts: planOptions{id: "web", bundle: "/bundle", run: true}, change: func(s *specs.Spec) {
		ten := 10
		hook := func(name string) []specs.Hook { return []specs.Hook{{Path: "/hooks/" + name, Timeout: &ten}} }
		s.Hooks = &specs.Hooks{
			Prestart: hook("prestart"), CreateRuntime: hook("createRuntime"), CreateContainer: hook("createContainer"),
			StartContainer: hook("startContainer"), Poststart: hook("poststart"), Poststop: hook("poststop"),
		}
	}},
	{name: "hooks-create", layout: "v2", change: func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/hooks/start"}}, Poststart: []specs.Hook{{Path: "/hooks/post"}}}
	}},
	{name: "net-devices", layout: "v2", change: func(s *specs.Spec) {
		s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"eth1": {Name: "net%d"}, "eth0.100": {}}
		s.Hooks = &specs.Hooks{
			Prestart:      []specs.Hook{{Path: "/hooks/prestart"}}, //nolint:staticcheck // deprecated, but still in use
			CreateRuntime: []specs.Hook{{Path: "/hooks/runtime"}},
		}
	}},
	{name: "notify", layout: "v2", opts: planOptions{id: "web", bundle: "/bundle", run: true, notify: "/run/web/notify"}},
	{name: "memory-policy", layout: "v1", change: func(s *specs.Spec) {
		s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{
			Mode: specs.MpolBind, Nodes: "0-1,64", Flags: []specs.MemoryPolicyFlagType{specs.MpolFStaticNodes},
		}
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 3, Hard: 10}, {Type: "RLIMIT_CORE"}}
		s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "1"} // of exec only
	}},
	{name: "rdt", layout: "v2", change: func(s *specs.Spec) {
		s.Linux.IntelRdt = &specs.LinuxIntelRdt{
			L3CacheSchema: "L3:0=f", MemBwSchema: "MB:0=20", Schemata: []string{"L2:0=f"}, EnableMonitoring: true,
		}
	}},
	{name: "process", layout: "v2", change: func(s *specs.Spec) {
		adj, mask := 500, uint32(0o77)
		s.Process.OOMScoreAdj = &adj
		s.Process.Cwd = "/srv"
		s.Process.User = specs.User{UID: 1000, GID: 100, AdditionalGids: []uint32{4, 20}, Umask: &mask}
		s.Process.Capabilities.Ambient = []string{"CAP_KILL"}
		s.Process.Capabilities.Inheritable = []string{"CAP_KILL"}
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5}
		s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPrioClassBE, Priority: 3}
		s.Domainname = "example.org"
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "65536"}
		s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	}},
}

func text(p *nsenter.Plan) string {
	var b strings.Builder
	for _, it := range p.Items {
		b.WriteString(it.Side() + "\t" + it.Because + "\t" + it.String() + "\n")
	}
	return b.String()
}

func TestPlanGolden(t *testing.T) {
	for _, c := range planCases {
		t.Run(c.name, func(t *testing.T) {
			got := text(mustCompile(t, c.layout, testSpec(c.change), c.opts))
			golden(t, filepath.Join("testdata", "plans", c.name+".plan"), got)
		})
	}
}

func TestExecPlanGolden(t *testing.T) {
	s := testSpec(func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow} })
	rec := &record{Namespaces: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET, Rdt: &resctrl.Group{Name: "web"}}
	o := planOptions{id: "web", bundle: "/bundle", run: true}
	c, err := compileExec(s, s.Process, rec, testFacts(t, "v2"), o, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "plans", "exec.plan"), text(c.plan))
}

// TestExecAffinityGolden is an exec that begins on processors which the container's cgroup may not have.
func TestExecAffinityGolden(t *testing.T) {
	s := testSpec(nil)
	s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0-1", Final: "2,1100"}
	for _, layout := range []string{"v1", "v2"} {
		facts := testFacts(t, layout)
		at, err := cgroups.Place(facts.cgroups, "/web", "web")
		if err != nil {
			t.Fatal(err)
		}
		rec := &record{Namespaces: unix.CLONE_NEWNS, Cgroup: &at}
		c, err := compileExec(s, s.Process, rec, facts, planOptions{id: "web", bundle: "/bundle", run: true}, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "plans", "exec-affinity-"+layout+".plan"), text(c.plan))
	}
}

// TestExecUnitGolden is an exec into a container of a user's systemd, which has to move it there.
func TestExecUnitGolden(t *testing.T) {
	s := testSpec(nil)
	facts := testFacts(t, "v2")
	at, err := cgroups.Place(facts.cgroups, "/user.slice/user@1000.service/user.slice/p-n.scope", "")
	if err != nil {
		t.Fatal(err)
	}
	rec := &record{Namespaces: unix.CLONE_NEWNS | unix.CLONE_NEWPID, Cgroup: &at}
	o := planOptions{id: "web", bundle: "/bundle", run: true, attach: &cgroups.Unit{Name: "p-n.scope", User: true}}
	c, err := compileExec(s, s.Process, rec, facts, o, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "plans", "exec-unit.plan"), text(c.plan))
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the plan differs from %s (go test ./libcontainer -update):\n%s", path, diff(string(want), got))
	}
}

// diff shows the lines that only one side has.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for _, l := range w {
		if !slices.Contains(g, l) {
			b.WriteString("- " + l + "\n")
		}
	}
	for _, l := range g {
		if !slices.Contains(w, l) {
			b.WriteString("+ " + l + "\n")
		}
	}
	return b.String()
}

func TestPlanIsPure(t *testing.T) {
	for _, c := range planCases {
		s := testSpec(c.change)
		if a, b := text(mustCompile(t, c.layout, s, c.opts)), text(mustCompile(t, c.layout, s, c.opts)); a != b {
			t.Errorf("%s: two compilations differ:\n%s", c.name, diff(a, b))
		}
	}
}

// A unit is known to be the container's by its description, whatever text an annotation gives to it.
func TestUnitDescription(t *testing.T) {
	compile := func(id, value string) (*compiler, error) {
		s := testSpec(func(s *specs.Spec) { s.Annotations = map[string]string{"org.systemd.property.Description": value} })
		o := planOptions{id: id, bundle: "/bundle", root: "/run/minirun"}
		return compileCreate(s, testFacts(t, "v2 systemd"), o, func(string) {})
	}
	for _, id := range []string{"web", "db"} {
		c, err := compile(id, "'minirun container /run/minirun/web'")
		if err != nil {
			t.Fatal(err)
		}
		want := "minirun container /run/minirun/web (minirun container /run/minirun/" + id + ")"
		if got := c.cgroup.record.Unit.Description; got != want {
			t.Errorf("the record has %q, want %q", got, want)
		}
		if !slices.Contains(c.cgroup.properties, systemd.Property{Name: "Description", Value: want}) {
			t.Errorf("the unit has %v", c.cgroup.properties)
		}
	}
	if _, err := compile("web", "uint32 5"); err == nil || err.Error() != "annotations[org.systemd.property.Description]: it is a text, in quotes" {
		t.Errorf("a number: %v", err)
	}
}
