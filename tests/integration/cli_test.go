//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Engines parse the first line of --version as runc's.
func TestVersion(t *testing.T) {
	b := newBox(t)
	for _, flag := range []string{"--version", "-v"} {
		lines := strings.Split(b.do(flag).ok().stdout, "\n")
		if !regexp.MustCompile(`^runc version \S+$`).MatchString(lines[0]) {
			b.Errorf("first line of %s is %q", flag, lines[0])
		}
		rest := strings.Join(lines[1:], "\n")
		for _, want := range []string{`(?m)^commit: \S+$`, `(?m)^spec: \d+\.\d+\.\d+\S*$`} {
			if !regexp.MustCompile(want).MatchString(rest) {
				b.Errorf("%s: no line %s in %q", flag, want, rest)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	b := newBox(t)
	general := b.do("--help").ok().stdout
	b.contains("help", general, "create", "start", "run", "state", "kill", "delete", "list", "exec", "ps", "spec", "features", "plan")
	for _, verb := range []string{"create", "start", "run", "state", "kill", "delete", "list", "exec", "ps", "spec", "features", "plan"} {
		b.contains("help of "+verb, b.do(verb, "--help").ok().stdout, verb)
	}
	if exists(b.state) {
		b.Error("help made the state directory")
	}
}

// The flag package of Go, as runc uses it, takes long flags with one dash.
func TestSingleDashFlags(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	file := b.path("pid")
	c.made(c.detachedCommand("run", "-bundle", c.bundle, "-detach", "-pid-file="+file, "-no-subreaper", c.id)).ok()
	equal(b, "pid file", b.read(file), itoa(c.pid()))
	b.do("list", "-format", "json").ok()
	b.do("delete", "-force", c.id).ok()
	c.exists = false
}

// Values of flags may stand behind the flag or behind an equals sign.
func TestFlagValues(t *testing.T) {
	b := newBox(t)
	c := b.container()
	b.do("run", "--bundle="+c.bundle, c.id).ok()
	b.do("run", "-b", c.bundle, c.id).ok()
	b.do("--log="+b.path("log"), "--log-format=json", "--rootless=false", "run", "--bundle", c.bundle, c.id).ok()
}

func TestUsageErrors(t *testing.T) {
	b := newBox(t)
	for _, command := range [][]string{
		{"state"},
		{"start"},
		{"kill"},
		{"delete"},
		{"create"},
		{"run"},
		{"ps"},
		{"state", "a", "b"},
		{"start", "a", "b"},
		{"run", "--no-such-flag", "x"},
		{"--no-such-flag", "list"},
		{"no-such-command"},
		{"list", "--format", "xml"},
		{"--log-format", "xml", "list"},
	} {
		r := b.do(command...)
		if r.code == 0 || r.stderr == "" {
			b.Errorf("%q: exit code %d, stderr %q", command, r.code, r.stderr)
		}
		if r.code > 128 {
			b.Errorf("%q: ended by a signal: %d", command, r.code)
		}
	}
	b.do("exec", "x").exits(255)
}

// --root / is refused.
func TestRootDirectoryRefused(t *testing.T) {
	b := newBox(t)
	cmd := b.command()
	cmd.Args = []string{cmd.Args[0], "--root", "/", "list"}
	b.finish(cmd).exits(1).prints("")
}

// A relative --root is made absolute: later calls from elsewhere find it.
func TestRelativeRoot(t *testing.T) {
	b := newBox(t)
	c := b.container()
	cmd := c.command()
	cmd.Args = append([]string{cmd.Args[0], "--root", "state"}, c.verb("create")...)
	c.made(cmd).ok()
	equal(b, "status", c.state().Status, "created")
}

func TestFeatures(t *testing.T) {
	b := newBox(t)
	r := b.do("features").ok()
	equal(b, "stderr", r.stderr, "")
	var f struct {
		OCIVersionMin string   `json:"ociVersionMin"`
		OCIVersionMax string   `json:"ociVersionMax"`
		Hooks         []string `json:"hooks"`
		MountOptions  []string `json:"mountOptions"`
		Linux         struct {
			Namespaces   []string `json:"namespaces"`
			Capabilities []string `json:"capabilities"`
			Cgroup       struct {
				V1 *bool `json:"v1"`
				V2 *bool `json:"v2"`
			} `json:"cgroup"`
			Seccomp struct {
				Enabled   *bool    `json:"enabled"`
				Actions   []string `json:"actions"`
				Operators []string `json:"operators"`
				Archs     []string `json:"archs"`
			} `json:"seccomp"`
		} `json:"linux"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &f); err != nil {
		b.Fatalf("features: %v in %s", err, r.stdout)
	}
	equal(b, "ociVersionMin", f.OCIVersionMin, "1.0.0")
	if !strings.HasPrefix(f.OCIVersionMax, "1.") {
		b.Errorf("ociVersionMax is %q", f.OCIVersionMax)
	}
	hasAll(b, "hooks", f.Hooks, "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
	hasAll(b, "mountOptions", f.MountOptions, "ro", "rw", "bind", "rbind", "nosuid", "nodev", "noexec", "private", "rslave", "noatime")
	hasAll(b, "namespaces", f.Linux.Namespaces, "cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts")
	hasAll(b, "capabilities", f.Linux.Capabilities, "CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_CHECKPOINT_RESTORE")
	hasAll(b, "seccomp actions", f.Linux.Seccomp.Actions, "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL")
	if f.Linux.Cgroup.V1 == nil || !*f.Linux.Cgroup.V1 || f.Linux.Cgroup.V2 == nil || !*f.Linux.Cgroup.V2 {
		b.Error("features do not claim cgroup v1 and v2")
	}
	if f.Linux.Seccomp.Enabled == nil || !*f.Linux.Seccomp.Enabled {
		b.Error("features do not claim seccomp")
	}
}

func hasAll(b *box, what string, got []string, want ...string) {
	b.Helper()
	for _, w := range want {
		if !slices.Contains(got, w) {
			b.Errorf("%s: %q is not in %v", what, w, got)
		}
	}
}

// `spec` writes a config that runs, and never overwrites one.
func TestSpec(t *testing.T) {
	b := newBox(t)
	c := b.container()
	path := filepath.Join(c.bundle, "config.json")
	b.do("spec", "--bundle", c.bundle).fails(1, "config.json", "exist")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	b.do("spec", "--bundle", c.bundle).ok().prints("")
	var spec specs.Spec
	if err := json.Unmarshal([]byte(b.read(path)), &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.Process.Capabilities.Inheritable) != 0 {
		b.Errorf("the default config has inheritable capabilities %v", spec.Process.Capabilities.Inheritable)
	}
	spec.Process.Args = []string{"id", "-u"}
	spec.Process.Terminal = false
	spec.Process.Rlimits = nil // raising a hard limit needs CAP_SYS_RESOURCE
	spec.Linux.CgroupsPath = cgroupParent() + "/" + c.id
	c.writeConfig(&spec)
	c.run().ok().prints("0\n")
}

// The rootless default maps the caller's ids in a user namespace.
func TestSpecRootless(t *testing.T) {
	b := newBox(t)
	dir := b.path("bundle")
	b.mkdir(dir)
	cmd := b.command("spec", "--rootless")
	cmd.Dir = dir
	b.finish(cmd).ok()
	var spec specs.Spec
	if err := json.Unmarshal([]byte(b.read(filepath.Join(dir, "config.json"))), &spec); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(spec.Linux.Namespaces, func(ns specs.LinuxNamespace) bool { return ns.Type == "user" }) {
		b.Errorf("no user namespace in %v", spec.Linux.Namespaces)
	}
	if len(spec.Linux.UIDMappings) != 1 || len(spec.Linux.GIDMappings) != 1 {
		b.Errorf("mappings: %v, %v", spec.Linux.UIDMappings, spec.Linux.GIDMappings)
	}
}

// `plan` shows what would be done and touches nothing.
func TestPlan(t *testing.T) {
	b := newBox(t)
	c := b.container(args("echo", "planned"), mount("/made/by/run", "tmpfs", "tmpfs"))
	before := b.read("/proc/self/mountinfo")
	text := b.do("plan", "--bundle", c.bundle).ok().stdout
	b.contains("plan", text, "planned", "mounts[0]", "/made/by/run", "process.args")

	r := b.do("plan", "-b", c.bundle, "--format", "json").ok()
	var any any
	if err := json.Unmarshal([]byte(r.stdout), &any); err != nil {
		b.Errorf("plan --format json: %v in %s", err, r.stdout)
	}
	b.contains("plan --format json", r.stdout, "planned", "mounts[0]")

	if exists(filepath.Join(c.rootfs(), "made")) {
		b.Error("plan made a mount point")
	}
	if entries, _ := os.ReadDir(b.state); len(entries) != 0 {
		b.Errorf("plan made %v in the state directory", entries)
	}
	equal(b, "mounts", b.read("/proc/self/mountinfo"), before)
	b.checkLeaks()
}

// The order of the plan is the security design.
func TestPlanOrder(t *testing.T) {
	b := newBox(t)
	c := b.container(seccompErrno("mkdir"), func(s *specs.Spec) { s.Process.NoNewPrivileges = true })
	text := b.do("plan", "--bundle", c.bundle).ok().stdout
	last := -1
	for _, part := range []string{"mounts[0]", "linux.maskedPaths", "process.capabilities", "linux.seccomp", "process.args"} {
		at := strings.LastIndex(text, part)
		if at < last {
			b.Errorf("%s stands too early in the plan:\n%s", part, text)
		}
		last = at
	}
}

// An invalid config is refused by plan with the same words as by create.
func TestPlanBadConfig(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("relative/../../path", "tmpfs", "tmpfs"), func(s *specs.Spec) { s.Process.Cwd = "not/absolute" })
	b.do("plan", "--bundle", c.bundle).fails(1, "process.cwd").prints("")
}
