package libcontainer

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/libcontainer/internal/seccomp"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// The features document says what this program does. These tests hold each claim against the code that does it: what is claimed compiles
// and comes out in the plan, what is not claimed is refused.

// attempt validates and compiles a configuration as a create does.
func attempt(t *testing.T, host *hostFacts, change func(*specs.Spec)) (*compiler, []string, error) {
	t.Helper()
	var warnings []string
	p := &prepared{spec: testSpec(change), opts: planOptions{id: "web", bundle: "/bundle", root: "/run/x"}}
	rt := &Runtime{root: "/run/x", warn: func(text string) { warnings = append(warnings, text) }}
	err := rt.compile(p, host)
	return p.compiler, warnings, err
}

// works tells whether a configuration is taken.
func works(t *testing.T, layout string, change func(*specs.Spec)) bool {
	t.Helper()
	_, _, err := attempt(t, testFacts(t, layout), change)
	if err != nil {
		t.Log(err)
	}
	return err == nil
}

// claim compares a claim of the document with what the code does.
func claim(t *testing.T, name string, claimed *bool, does bool) {
	t.Helper()
	if claimed == nil {
		t.Errorf("%s: nothing is claimed, which means that it is not known", name)
	} else if *claimed != does {
		t.Errorf("%s: claimed %v, in truth %v", name, *claimed, does)
	}
}

func TestFeaturesMountOptions(t *testing.T) {
	claimed := Features().MountOptions
	refused := func(option string) bool {
		_, _, err := attempt(t, testFacts(t, "v2"), func(s *specs.Spec) {
			m := specs.Mount{Destination: "/x", Source: "/y", Options: []string{"bind", option}}
			if strings.HasSuffix(option, "idmap") {
				m.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1, Size: 1}}
				m.GIDMappings = m.UIDMappings
			}
			s.Mounts = append(s.Mounts, m)
		})
		return err != nil && strings.Contains(err.Error(), "unknown option")
	}
	var others []string
	for _, o := range claimed {
		if refused(o) {
			t.Errorf("%s is claimed, and unknown", o)
		}
		others = append(others, "r"+o, "no"+o, strings.TrimPrefix(o, "r"), strings.TrimPrefix(o, "no"), strings.ToUpper(o), o+"=1", o+"x")
	}
	for _, o := range others {
		if o != "" && !slices.Contains(claimed, o) && !refused(o) {
			t.Errorf("%s is taken, and not claimed", o)
		}
	}
}

func TestFeaturesNamespaces(t *testing.T) {
	claimed := Features().Linux.Namespaces
	for _, kind := range []string{"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts", "net", "mnt", "syslog", ""} {
		c, _, err := attempt(t, testFacts(t, "v2"), func(s *specs.Spec) {
			s.Hostname = ""
			s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.MountNamespace}}
			if kind != "mount" {
				s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.LinuxNamespaceType(kind)})
			}
			if kind == "user" {
				s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 10}}
				s.Linux.GIDMappings = s.Linux.UIDMappings
			}
		})
		does := err == nil && c.ns.made&namespaceFlag(specs.LinuxNamespaceType(kind)) != 0
		if slices.Contains(claimed, kind) != does {
			t.Errorf("%q: claimed %v, made %v", kind, slices.Contains(claimed, kind), does)
		}
	}
}

func TestFeaturesCapabilities(t *testing.T) {
	claimed := Features().Linux.Capabilities
	if len(claimed) != unix.CAP_LAST_CAP+1 {
		t.Errorf("%d capabilities, the kernel's headers have %d", len(claimed), unix.CAP_LAST_CAP+1)
	}
	for n, name := range claimed {
		c, _, err := attempt(t, testFacts(t, "v2"), func(s *specs.Spec) {
			s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{name}}
		})
		if err != nil || c.caps.bounding != 1<<n {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, warnings, err := attempt(t, testFacts(t, "v2"), func(s *specs.Spec) {
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_NOPE"}}
	}); err != nil || len(warnings) != 1 {
		t.Errorf("a capability that is not claimed: %v, %q", err, warnings)
	}
}

func TestFeaturesHooks(t *testing.T) {
	claimed := Features().Hooks
	kinds := reflect.TypeFor[specs.Hooks]()
	if len(claimed) != kinds.NumField() {
		t.Errorf("%q claimed, the specification has %d", claimed, kinds.NumField())
	}
	for i := range kinds.NumField() {
		name, _, _ := strings.Cut(kinds.Field(i).Tag.Get("json"), ",")
		if !slices.Contains(claimed, name) {
			t.Errorf("%s is not claimed", name)
		}
		s := testSpec(nil)
		s.Hooks = &specs.Hooks{}
		reflect.ValueOf(s.Hooks).Elem().Field(i).Set(reflect.ValueOf([]specs.Hook{{Path: "/hook"}}))
		c, err := compileCreate(s, testFacts(t, "v2"), planOptions{id: "web", bundle: "/bundle", run: true}, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		planned := slices.ContainsFunc(c.plan.Items, func(it nsenter.Item) bool { return it.Because == "hooks."+name+"[0]" })
		if name == "poststop" { // comes with the removal
			planned = newRecord("web", c.opts, s, c).Poststop
		}
		if !planned {
			t.Errorf("%s is run nowhere", name)
		}
	}
}

// profile is a seccomp profile with one rule.
func profile(change func(*specs.LinuxSeccomp)) error {
	p := &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow, ListenerPath: "/agent",
		Syscalls: []specs.LinuxSyscall{{Names: []string{"chmod"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Value: 1, Op: specs.OpEqualTo}}}},
	}
	change(p)
	_, _, err := seccomp.Compile(p, "")
	return err
}

func TestFeaturesSeccomp(t *testing.T) {
	f := Features().Linux.Seccomp
	enabled := !errors.Is(profile(func(*specs.LinuxSeccomp) {}), seccomp.ErrUnsupported)
	claim(t, "seccomp.enabled", f.Enabled, enabled)
	if !enabled {
		if len(f.Actions)+len(f.Operators)+len(f.Archs)+len(f.KnownFlags)+len(f.SupportedFlags) > 0 {
			t.Errorf("claims of a build that cannot do it: %+v", f)
		}
		return
	}
	for _, c := range []struct {
		name    string
		claimed []string
		set     func(p *specs.LinuxSeccomp, word string)
	}{
		{"actions", f.Actions, func(p *specs.LinuxSeccomp, w string) { p.Syscalls[0].Action = specs.LinuxSeccompAction(w) }},
		{"default action", f.Actions, func(p *specs.LinuxSeccomp, w string) { p.DefaultAction = specs.LinuxSeccompAction(w) }},
		{"operators", f.Operators, func(p *specs.LinuxSeccomp, w string) { p.Syscalls[0].Args[0].Op = specs.LinuxSeccompOperator(w) }},
		{"archs", f.Archs, func(p *specs.LinuxSeccomp, w string) { p.Architectures = []specs.Arch{specs.Arch(w)} }},
		{"flags", f.KnownFlags, func(p *specs.LinuxSeccomp, w string) { p.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlag(w)} }},
	} {
		if len(c.claimed) == 0 {
			t.Errorf("no %s", c.name)
		}
		for _, w := range c.claimed {
			if err := profile(func(p *specs.LinuxSeccomp) { c.set(p, w) }); err != nil {
				t.Errorf("%s: %s is claimed: %v", c.name, w, err)
			}
			if profile(func(p *specs.LinuxSeccomp) { c.set(p, w+"X") }) == nil {
				t.Errorf("%s: %sX is taken", c.name, w)
			}
		}
	}
	for _, w := range f.SupportedFlags {
		if !slices.Contains(f.KnownFlags, w) {
			t.Errorf("%s is supported and not known", w)
		}
	}
}

// Every word that the specification has must be claimed or refused, never taken silently.
func TestFeaturesSeccompIsWhole(t *testing.T) {
	f := Features().Linux.Seccomp
	if !*f.Enabled {
		t.Skip("this build has no seccomp support")
	}
	for _, a := range specs.SeccompArchs() {
		err := profile(func(p *specs.LinuxSeccomp) { p.Architectures = []specs.Arch{a} })
		if slices.Contains(f.Archs, string(a)) != (err == nil) {
			t.Errorf("%s: claimed %v, compiling says %v", a, slices.Contains(f.Archs, string(a)), err)
		}
	}
}

func TestFeaturesCgroup(t *testing.T) {
	f := Features().Linux.Cgroup
	limit := int64(1 << 20)
	writes := func(layout string, r *specs.LinuxResources) bool {
		c, _, err := attempt(t, testFacts(t, layout), func(s *specs.Spec) { s.Linux.Resources = r })
		return err == nil && len(c.cgroup.writes) > 0
	}
	memory := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	claim(t, "cgroup.v1", f.V1, writes("v1", memory))
	claim(t, "cgroup.v2", f.V2, writes("v2", memory))

	handles := uint32(7)
	rdma := testFacts(t, "v2")
	h := rdma.cgroups.Hierarchies()
	h[0].Controllers = append(h[0].Controllers, "rdma")
	rdma.cgroups = cgroups.NewHost(h...)
	c, _, err := attempt(t, rdma, func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Rdma: map[string]specs.LinuxRdma{"mlx5_0": {HcaHandles: &handles}}}
	})
	claim(t, "cgroup.rdma", f.Rdma, err == nil && len(c.cgroup.writes) > 0)

	for _, user := range []bool{false, true} {
		host := testFacts(t, "v2")
		host.systemd = &systemdFacts{user: user}
		c, _, err := attempt(t, host, func(s *specs.Spec) { s.Linux.CgroupsPath = "user.slice:minirun:web" })
		does := err == nil && slices.ContainsFunc(c.plan.Items, func(it nsenter.Item) bool { _, ok := it.Op.(hostStartUnit); return ok })
		if user {
			claim(t, "cgroup.systemdUser", f.SystemdUser, does)
		} else {
			claim(t, "cgroup.systemd", f.Systemd, does)
		}
	}
}

func TestFeaturesLabels(t *testing.T) {
	host := testFacts(t, "v2")
	host.apparmor, host.selinux = true, true
	c, _, err := attempt(t, host, func(s *specs.Spec) { s.Process.ApparmorProfile, s.Process.SelinuxLabel = "profile-x", "label-x" })
	if err != nil {
		t.Fatal(err)
	}
	written := func(value string) bool {
		return slices.ContainsFunc(c.plan.Items, func(it nsenter.Item) bool {
			op, ok := it.Op.(nsenter.ProcAttr)
			return ok && strings.HasSuffix(op.Value, value)
		})
	}
	claim(t, "apparmor.enabled", Features().Linux.Apparmor.Enabled, written("profile-x"))
	claim(t, "selinux.enabled", Features().Linux.Selinux.Enabled, written("label-x"))
}

func TestFeaturesIntelRdt(t *testing.T) {
	f := Features().Linux.IntelRdt
	claim(t, "intelRdt.enabled", f.Enabled, works(t, "v2", func(s *specs.Spec) {
		s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x", L3CacheSchema: "L3:0=f"}
	}))
	claim(t, "intelRdt.schemata", f.Schemata, works(t, "v2", func(s *specs.Spec) {
		s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x", Schemata: []string{"L3:0=f"}}
	}))
	claim(t, "intelRdt.monitoring", f.Monitoring, works(t, "v2", func(s *specs.Spec) {
		s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x", EnableMonitoring: true}
	}))
}

func TestFeaturesMemoryPolicy(t *testing.T) {
	f := Features().Linux.MemoryPolicy
	does := func(mode specs.MemoryPolicyModeType, flags ...specs.MemoryPolicyFlagType) bool {
		return works(t, "v2", func(s *specs.Spec) {
			s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: mode, Nodes: "0", Flags: flags}
			if mode == specs.MpolDefault || mode == specs.MpolLocal {
				s.Linux.MemoryPolicy.Nodes = ""
			}
		})
	}
	if f == nil {
		if does(specs.MpolBind) {
			t.Error("it works, and is not claimed")
		}
		return
	}
	for _, m := range append(specs.MemoryPolicyModes(), "MPOL_NOPE") {
		if slices.Contains(f.Modes, string(m)) != does(m) {
			t.Errorf("%s: claimed %v", m, slices.Contains(f.Modes, string(m)))
		}
	}
	for _, flag := range append(specs.MemoryPolicyFlags(), "MPOL_F_NOPE") {
		if slices.Contains(f.Flags, string(flag)) != does(specs.MpolBind, flag) {
			t.Errorf("%s: claimed %v", flag, slices.Contains(f.Flags, string(flag)))
		}
	}
}

func TestFeaturesOfMountsAndDevices(t *testing.T) {
	f := Features().Linux
	claim(t, "mountExtensions.idmap", f.MountExtensions.IDMap.Enabled, works(t, "v2", func(s *specs.Spec) {
		m := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 10}}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Source: "/y", Options: []string{"rbind", "ridmap"}, UIDMappings: m, GIDMappings: m})
	}))
	claim(t, "netDevices", f.NetDevices.Enabled, works(t, "v2", func(s *specs.Spec) {
		s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {Name: "net0"}}
	}))
}

// Annotations that the code knows are claimed as potentially unsafe, those of the document itself apart: every string in the sources that looks like one.
func TestFeaturesAnnotations(t *testing.T) {
	claimed := Features().PotentiallyUnsafeConfigAnnotations
	var known []string
	for _, dir := range []string{".", "../cgroups", "../rootfs", "../specs"} {
		known = append(known, annotationsIn(t, dir)...)
	}
	for _, a := range known {
		if !slices.Contains(claimed, a) {
			t.Errorf("%s is in the code, and not claimed", a)
		}
	}
	for _, a := range claimed {
		if !slices.Contains(known, a) {
			t.Errorf("%s is claimed, and not in the code", a)
		}
	}
}

func annotationsIn(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "examples") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if s, _ := strconv.Unquote(lit.Value); (strings.HasPrefix(s, "org.") || strings.HasPrefix(s, "run.oci.")) && !strings.ContainsAny(s, " /") &&
				!strings.HasPrefix(s, "org.freedesktop.") && !slices.Contains(found, s) {
				found = append(found, s)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Nothing in the document is left open: a value that is missing means that it is not known.
func TestFeaturesAreComplete(t *testing.T) {
	f := Features()
	if f.OCIVersionMin != "1.0.0" || f.OCIVersionMax != specs.Version {
		t.Errorf("versions %s to %s", f.OCIVersionMin, f.OCIVersionMax)
	}
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() {
				t.Errorf("%s is not set", path)
				return
			}
			walk(path, v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			if v.IsNil() {
				t.Errorf("%s is not set", path)
			}
		}
	}
	walk("", reflect.ValueOf(*f))
}
