package libcontainer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/specs"
)

func TestFieldOf(t *testing.T) {
	for text, want := range map[string]string{
		"process.cwd: is wrong":                         "process.cwd",
		`mounts[6].options[0] ("size=bogus"): no value`: "mounts[6].options[0]",
		`linux.sysctl["net.core: \"x"]: no parameter`:   `linux.sysctl["net.core: \"x"]`,
		"place cgroup: no hierarchy":                    "",
		"no field at all":                               "",
		"":                                              "",
		"linux.resources.cpu.cpus: no cgroup hierarchy of this host":    "linux.resources.cpu.cpus",
		"process.capabilities.bounding[3]: CAP_BPF cannot be granted":   "process.capabilities.bounding[3]",
		`linux.resources.hugepageLimits[0].pageSize: "7" is not a size`: "linux.resources.hugepageLimits[0].pageSize",
	} {
		if got := fieldOf(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestConcerns(t *testing.T) {
	for _, c := range []struct {
		text, field string
		want        bool
	}{
		{"mounts[1].type: x", "mounts[1].type", true},
		{"mounts[1].type: x", "mounts[1]", true},
		{"mounts[1]: x", "mounts[1].type", true},
		{"mounts[1]: x", "mounts[11]", false},
		{"mounts[11]: x", "mounts[1]", false},
		{"linux.seccomp.syscalls[0]: x", "linux.seccomp", true},
		{"linux.seccompX: x", "linux.seccomp", false},
		{"something else", "mounts", false},
		{`linux.resources.rdma["mlx5_0"]: x`, "linux.resources.rdma.mlx5_0", true},
		{`linux.sysctl["net.core"]: x`, `linux.sysctl["net.core"]`, true},
		{`linux.sysctl["net.core"]: x`, `linux.sysctl["net.cor"]`, false},
	} {
		if got := concerns(c.text, []string{c.field}); got != c.want {
			t.Errorf("%q, %s: %v", c.text, c.field, got)
		}
	}
}

func TestFlatten(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	list := flatten(errors.Join(a, errors.Join(b, fmt.Errorf("d: %w and %w", a, c))))
	var texts []string
	for _, err := range list {
		texts = append(texts, err.Error())
	}
	if want := []string{"a", "b", "d: a and c"}; !slices.Equal(texts, want) {
		t.Errorf("%q, want %q", texts, want)
	}
	if flatten(nil) != nil {
		t.Error("nil has problems")
	}
}

// What the text shows and what the host cannot do are told in one go, each field once.
func TestAllProblemsInOnePass(t *testing.T) {
	host := testFacts(t, "v2")
	limit, swappiness := int64(-7), uint64(60)
	s := testSpec(func(s *specs.Spec) {
		s.Hostname = strings.Repeat("h", 65)                                                                                                        // specs
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x"}, specs.Mount{Destination: "/y", Type: "tmpfs", Options: []string{"size=bogus"}}) // specs and rootfs; rootfs
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit, Swappiness: &swappiness}}                               // specs and cgroups; cgroups
		s.Process.ApparmorProfile = "docker-default"                                                                                                // the host
		s.Linux.MaskedPaths = []string{"proc/kcore", "/"}                                                                                           // specs and rootfs; rootfs
	})
	n := len(s.Mounts)
	p := &prepared{spec: s, opts: planOptions{id: "web", bundle: "/bundle"}}
	var warnings []string
	err := (&Runtime{root: "/run/x", warn: func(text string) { warnings = append(warnings, text) }}).compile(p, host)
	want := []string{
		`hostname: "` + strings.Repeat("h", 65) + `" is 65 bytes long, at most 64 are possible`,
		fmt.Sprintf("mounts[%d].type: must be set unless the options have bind or rbind", n-2),
		"linux.resources.memory.limit: -7 is out of range, must be -1 (no limit) or greater",
		`linux.maskedPaths[0]: "proc/kcore" is not an absolute path`,
		"linux.resources.memory.swappiness: cgroup v2 has no equivalent",
		fmt.Sprintf(`mounts[%d].options[0] ("size=bogus"): not a value that tmpfs knows for size`, n-1),
		`linux.maskedPaths[1] ("/"): the root cannot be masked`,
		"process.apparmorProfile: AppArmor is not enabled on this host",
	}
	if text := fmt.Sprintf("%d problems: %s", len(want), strings.Join(want, "; ")); err == nil || err.Error() != text {
		t.Errorf("error %v\nwant  %s", err, text)
	}
	if len(warnings) != 0 {
		t.Errorf("warnings %q", warnings)
	}
}

// An exec tells all that is wrong with its process in one go too.
func TestAllProblemsOfExec(t *testing.T) {
	s := testSpec(nil)
	p := *s.Process
	p.Cwd, p.ApparmorProfile, p.SelinuxLabel = "here", "docker-default", "system_u:system_r:x_t:s0"
	p.User.UID = 70000
	mapped := []specs.LinuxIDMapping{{HostID: 100000, Size: 65536}}
	o := planOptions{id: "web", bundle: "/bundle", run: true, ids: userMaps{uids: mapped, gids: mapped}}
	rec := &record{Namespaces: unix.CLONE_NEWNS | unix.CLONE_NEWUSER}
	var warnings []string
	_, err := compileExec(s, &p, rec, testFacts(t, "v2"), o, func(text string) { warnings = append(warnings, text) })
	want := []string{
		`process.cwd: "here" is not an absolute path`,
		"process.user.uid: 70000 is not mapped in the container's user namespace",
		"process.apparmorProfile: AppArmor is not enabled on this host",
		"process.selinuxLabel: SELinux is not enabled on this host",
	}
	if text := fmt.Sprintf("%d problems: %s", len(want), strings.Join(want, "; ")); err == nil || err.Error() != text {
		t.Errorf("error %v\nwant  %s", err, text)
	}
	if len(warnings) != 0 {
		t.Errorf("warnings %q", warnings)
	}
	if _, err := compileExec(s, &specs.Process{}, rec, testFacts(t, "v2"), o, func(string) {}); err == nil {
		t.Error("an empty process has no error")
	}
}

func TestWarningsOnce(t *testing.T) {
	s := testSpec(func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "rel", Type: "tmpfs", Source: "tmpfs"})
		s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_NOPE")
	})
	var warnings []string
	p := &prepared{spec: s, opts: planOptions{id: "web", bundle: "/bundle"}}
	if err := (&Runtime{root: "/run/x", warn: func(text string) { warnings = append(warnings, text) }}).compile(p, testFacts(t, "v1")); err != nil {
		t.Fatal(err)
	}
	if len(warnings) != 2 {
		t.Errorf("warnings %q, want one of the destination and one of the capability", warnings)
	}
}

// A configuration that lacks what the plan is made of must be an error and no panic.
func TestNothingIsPlannedOfAWrongConfiguration(t *testing.T) {
	for name, change := range map[string]func(*specs.Spec){
		"no arguments": func(s *specs.Spec) { s.Process.Args = nil },
		"no process":   func(s *specs.Spec) { s.Process = nil },
		"no root":      func(s *specs.Spec) { s.Root = nil },
		"no linux":     func(s *specs.Spec) { s.Linux = nil },
		"nothing":      func(s *specs.Spec) { *s = specs.Spec{} },
	} {
		p := &prepared{spec: testSpec(change), opts: planOptions{id: "web", bundle: "/bundle"}}
		if err := (&Runtime{root: "/run/x", warn: func(string) {}}).compile(p, testFacts(t, "v2")); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestProblemsAreBounded(t *testing.T) {
	var list []error
	for i := range 103 {
		list = append(list, fmt.Errorf("p%d", i))
	}
	text := join(list).Error()
	if !strings.HasPrefix(text, "103 problems: p0; p1; ") || !strings.HasSuffix(text, "; p99; and 3 more") {
		t.Errorf("%s", text)
	}
	if join(list[:1]) != list[0] || join(nil) != nil {
		t.Error("one problem is not itself, or none is one")
	}
}

// TestNoHierarchies: where root's container can have no cgroup, the error names the field that says where it would be.
func TestNoHierarchies(t *testing.T) {
	facts := testFacts(t, "v1")
	facts.cgroups = &cgroups.Host{}
	p := &prepared{opts: planOptions{id: "web", bundle: "/b"}, spec: testSpec(func(s *specs.Spec) {
		s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "cgroup" })
	})}
	err := (&Runtime{root: "/run/x", warn: func(string) {}}).compile(p, facts)
	if want := "linux.cgroupsPath: place cgroup: no cgroup hierarchy is mounted"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	facts.withoutCgroup()
	if err := (&Runtime{root: "/run/x", warn: func(string) {}}).compile(p, facts); err != nil {
		t.Errorf("without one: %v", err)
	}
}
