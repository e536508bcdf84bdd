//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Configs that real engines wrote run with a busybox root, and what they ask
// for is what a process of the container sees.
func TestEngineBundles(t *testing.T) {
	files, err := bundleFiles.ReadDir("testdata/bundles")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".json")
		if name == "exec-process-docker" { // checkExec runs it in each of the others
			continue
		}
		t.Run(name, func(t *testing.T) { runEngineBundle(newBox(t), file.Name()) })
	}
}

// An engineRun is one such config, adapted to this machine.
type engineRun struct {
	*container
	spec  *specs.Spec
	view  view
	holds int  // process whose namespaces stand for those named by a path
	user  bool // has a user namespace
}

func runEngineBundle(b *box, file string) {
	text, err := bundleFiles.ReadFile("testdata/bundles/" + file)
	if err != nil {
		b.Fatal(err)
	}
	e := &engineRun{container: b.container(), spec: &specs.Spec{}}
	if err := json.Unmarshal(text, e.spec); err != nil {
		b.Fatal(err)
	}
	e.adapt()
	e.writeConfig(e.spec)
	e.launch()
	e.checkMounts()
	e.checkPrivileges()
	e.checkProcess()
	e.checkNamespaces()
	e.checkResources()
	e.checkDevices()
	e.checkHooks()
	e.checkExec()
	e.deleteForce()
	b.do("plan", "--bundle", e.bundle).ok()
}

// adapt replaces what exists only on the machine of the engine, and what this
// machine cannot give; each of the latter is printed.
func (e *engineRun) adapt() {
	e.spec.Root.Path = e.rootfs()
	e.spec.Process.Args = []string{"sh", "-c", inspection + "exec sleep 1000"}
	e.spec.Linux.CgroupsPath = cgroupParent() + "/" + e.id
	e.adaptMounts()
	e.adaptNamespaces()
	e.adaptLimits()
	if e.spec.Hooks != nil {
		e.adaptHooks()
	}
}

func (e *engineRun) adaptMounts() {
	for i, m := range e.spec.Mounts {
		if m.Type != "bind" && !slices.Contains(m.Options, "bind") && !slices.Contains(m.Options, "rbind") {
			continue
		}
		source := e.path("sources", strconv.Itoa(i))
		if base := path.Base(m.Destination); strings.Contains(base, ".") || slices.Contains([]string{"hosts", "hostname", "docker-init"}, base) {
			e.write(source, m.Destination, 0o644)
		} else {
			e.write(filepath.Join(source, "source"), m.Destination, 0o644)
		}
		e.spec.Mounts[i].Source = source
	}
}

func (e *engineRun) adaptNamespaces() {
	flags := map[specs.LinuxNamespaceType]string{specs.NetworkNamespace: "--net", specs.IPCNamespace: "--ipc", specs.UTSNamespace: "--uts"}
	var wanted []string
	for _, ns := range e.spec.Linux.Namespaces {
		e.user = e.user || ns.Type == specs.UserNamespace
		if ns.Path != "" {
			wanted = append(wanted, flags[ns.Type])
		}
	}
	if len(wanted) > 0 {
		e.holds = e.holder(wanted...)
	}
	for i, ns := range e.spec.Linux.Namespaces {
		if ns.Path != "" {
			e.spec.Linux.Namespaces[i].Path = procPath(e.holds, "ns", namespaceFiles()[ns.Type])
		}
	}
	if e.user {
		first := e.spec.Linux.UIDMappings[0]
		var ignored specs.Spec
		ignored.Linux = &specs.Linux{}
		e.userNamespace(first.HostID, first.Size)(&ignored)
	}
}

// adaptLimits lowers what only a privilege that this machine's root may lack
// can raise.
func (e *engineRun) adaptLimits() {
	for i, r := range e.spec.Process.Rlimits {
		var own unix.Rlimit
		if err := unix.Getrlimit(rlimitNumbers()[r.Type].number, &own); err != nil {
			e.Fatal(err)
		}
		if r.Hard > own.Max {
			e.Logf("adapted: process.rlimits[%d]: %s %d lowered to this machine's %d", i, r.Type, r.Hard, own.Max)
			e.spec.Process.Rlimits[i].Hard, e.spec.Process.Rlimits[i].Soft = own.Max, min(r.Soft, own.Max)
		}
	}
	own := atoi(e.box, strings.TrimSpace(e.read("/proc/self/oom_score_adj")))
	if want := e.spec.Process.OOMScoreAdj; want != nil && *want < own {
		e.Logf("adapted: process.oomScoreAdj: %d raised to this machine's %d", *want, own)
		e.spec.Process.OOMScoreAdj = &own
	}
}

type rlimitRow struct {
	number int
	row    string // of /proc/PID/limits
}

func rlimitNumbers() map[string]rlimitRow {
	return map[string]rlimitRow{
		"RLIMIT_NOFILE": {unix.RLIMIT_NOFILE, "Max open files"}, "RLIMIT_NPROC": {unix.RLIMIT_NPROC, "Max processes"},
		"RLIMIT_CORE": {unix.RLIMIT_CORE, "Max core file size"}, "RLIMIT_MEMLOCK": {unix.RLIMIT_MEMLOCK, "Max locked memory"},
	}
}

func (e *engineRun) adaptHooks() {
	recorder := e.path("recorder")
	e.write(recorder, "#!/bin/sh\ncat >"+e.path("hook.state")+"\necho \"$@\" >"+e.path("hook.args")+"\n", 0o755)
	for i := range e.spec.Hooks.Prestart { //nolint:staticcheck // deprecated, and still used by engines
		e.spec.Hooks.Prestart[i].Path = recorder //nolint:staticcheck // see above
	}
}

// launch runs the container, with a console socket where it has a terminal,
// and reads what it shows.
func (e *engineRun) launch() {
	e.Helper()
	if !e.spec.Process.Terminal {
		e.runDetached().ok()
		e.until("inspection", func() bool { return strings.Contains(e.output(), "\n@@ end\n") })
		e.view = e.parseView(e.output())
		return
	}
	socket := e.listenConsole()
	e.runDetached("--console-socket", socket.path).ok()
	p, _ := socket.receive()
	p.expect("@@ status")
	text := &strings.Builder{}
	text.WriteString("@@ status")
	p.record(text, "\n@@ end\r\n")
	e.view = e.parseView(strings.ReplaceAll(text.String(), "\r\n", "\n"))
}

func (e *engineRun) checkMounts() {
	e.Helper()
	for i, m := range e.spec.Mounts {
		if m.Destination == "/sys/fs/cgroup" {
			continue // has tests of its own
		}
		got := e.view.mount(m.Destination)
		what := fmt.Sprintf("mounts[%d] %s", i, m.Destination)
		bind := slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
		if !bind {
			equal(e.box, what+": type", got.fstype, m.Type)
		}
		for _, option := range m.Options {
			key, value, _ := strings.Cut(option, "=")
			switch {
			case slices.Contains([]string{"ro", "nosuid", "nodev", "noexec", "relatime"}, option):
				hasAll(e.box, what, got.options, option)
			case key == "size":
				hasAll(e.box, what, got.super, "size="+kilobytes(e.box, value))
			case key == "mode" && m.Type == "tmpfs" && value != "1777":
				hasAll(e.box, what, got.super, "mode="+strings.TrimLeft(value, "0"))
			}
		}
		if bind {
			e.checkBind(what, m)
		}
	}
	equal(e.box, "root.readonly", slices.Contains(e.view.mount("/").options, "ro"), e.spec.Root.Readonly)
	for _, p := range e.spec.Linux.ReadonlyPaths {
		if exists(p) {
			hasAll(e.box, "read-only "+p, e.view.mount(p).options, "ro")
		}
	}
}

// checkBind looks for the source's own text behind the mount.
func (e *engineRun) checkBind(what string, m specs.Mount) {
	e.Helper()
	file := m.Destination
	if exists(filepath.Join(m.Source, "source")) {
		file = filepath.Join(m.Destination, "source")
	}
	if r := e.exec("cat", file); r.stdout != m.Destination {
		e.Errorf("%s: shows %q: %s", what, r.stdout, r.stderr)
	}
}

// kilobytes writes a size as tmpfs shows it.
func kilobytes(b *box, size string) string {
	b.Helper()
	if strings.HasSuffix(size, "k") {
		return size
	}
	return strconv.Itoa(atoi(b, size)/1024) + "k"
}

func (e *engineRun) checkPrivileges() {
	e.Helper()
	p := e.spec.Process
	var own uint64
	fmt.Sscanf(e.parseOwnBounding(), "%x", &own)
	mask := func(names []string) string {
		var m uint64
		fmt.Sscanf(capabilityMask(names...), "%x", &m)
		if !e.user { // the first process of a user namespace has all
			m &= own
		}
		return fmt.Sprintf("%016x", m)
	}
	caps := p.Capabilities
	e.view.is("CapBnd", mask(caps.Bounding))
	e.view.is("CapInh", mask(caps.Inheritable))
	// The kernel takes only what is inheritable as ambient (capabilities(7)).
	ambient := slices.DeleteFunc(slices.Clone(caps.Ambient), func(name string) bool { return !slices.Contains(caps.Inheritable, name) })
	e.view.is("CapAmb", mask(ambient))
	want := mask(ambient)
	if p.User.UID == 0 {
		want = mask(append(slices.Clone(caps.Bounding), caps.Inheritable...))
	}
	e.view.is("CapPrm", want)
	e.view.is("CapEff", want)
	e.view.is("NoNewPrivs", map[bool]string{false: "0", true: "1"}[p.NoNewPrivileges])
	e.view.is("Seccomp", map[bool]string{false: "0", true: "2"}[e.spec.Linux.Seccomp != nil])
}

func (e *engineRun) checkProcess() {
	e.Helper()
	p := e.spec.Process
	uid, gid := strconv.Itoa(int(p.User.UID)), strconv.Itoa(int(p.User.GID))
	e.view.is("Uid", strings.Join([]string{uid, uid, uid, uid}, " "))
	e.view.is("Gid", strings.Join([]string{gid, gid, gid, gid}, " "))
	var groups []string
	for _, g := range p.User.AdditionalGids {
		groups = append(groups, strconv.Itoa(int(g)))
	}
	equal(e.box, "groups", strings.Join(strings.Fields(e.view.status("Groups")), " "), strings.Join(groups, " "))
	hasAll(e.box, "environment", e.view.lines("environ"), p.Env...)
	equal(e.box, "cwd", e.view.get("cwd"), p.Cwd)
	umask := "0022"
	if p.User.Umask != nil {
		umask = fmt.Sprintf("%04o", *p.User.Umask)
	}
	equal(e.box, "umask", e.view.get("umask"), umask)
	for _, r := range p.Rlimits {
		equal(e.box, r.Type, e.view.limit(rlimitNumbers()[r.Type].row), fmt.Sprintf("%d %d", r.Soft, r.Hard))
	}
	if p.OOMScoreAdj != nil {
		equal(e.box, "oom_score_adj", e.view.get("oom_score_adj"), strconv.Itoa(*p.OOMScoreAdj))
	}
	if e.spec.Hostname != "" {
		equal(e.box, "host name", e.view.get("hostname"), e.spec.Hostname)
	}
	equal(e.box, "descriptors", strings.Join(e.view.lines("fds"), " "), "0 1 2")
}

func (e *engineRun) checkNamespaces() {
	e.Helper()
	paths := map[specs.LinuxNamespaceType]string{}
	for _, ns := range e.spec.Linux.Namespaces {
		paths[ns.Type] = "new " + ns.Path
	}
	for kind, file := range namespaceFiles() {
		host, got := namespaceOf(e.box, "self", file), e.view.namespace(file)
		switch how := paths[kind]; how {
		case "":
			equal(e.box, string(kind)+" namespace (the host's)", got, host)
		case "new ":
			if got == host {
				e.Errorf("%s namespace is the host's", kind)
			}
		default:
			equal(e.box, string(kind)+" namespace by path", got, namespaceOf(e.box, strconv.Itoa(e.holds), file))
		}
	}
	if e.user {
		m := e.spec.Linux.UIDMappings[0]
		equal(e.box, "uid map", strings.Join(strings.Fields(e.view.lines("uid_map")[0]), " "),
			fmt.Sprintf("%d %d %d", m.ContainerID, m.HostID, m.Size))
	}
	for key, want := range e.spec.Linux.Sysctl {
		got := e.exec("cat", "/proc/sys/"+strings.ReplaceAll(key, ".", "/")).ok().stdout
		equal(e.box, "sysctl "+key, strings.Join(strings.Fields(got), " "), want)
	}
}

func (e *engineRun) checkResources() {
	e.Helper()
	r := e.spec.Linux.Resources
	if r == nil {
		return
	}
	if r.Memory != nil && r.Memory.Limit != nil {
		equal(e.box, "memory limit", e.knob("memory", "memory.limit_in_bytes", "memory.max"), strconv.Itoa(int(*r.Memory.Limit)))
	}
	if r.Pids != nil && r.Pids.Limit != nil && *r.Pids.Limit > 0 {
		equal(e.box, "pids limit", e.knob("pids", "pids.max", "pids.max"), strconv.Itoa(int(*r.Pids.Limit)))
	}
	if r.CPU != nil && r.CPU.Quota != nil && *r.CPU.Quota > 0 && !pureV2() {
		equal(e.box, "cpu quota", e.knob("cpu", "cpu.cfs_quota_us", ""), strconv.Itoa(int(*r.CPU.Quota)))
	}
}

// checkDevices compares the nodes, and that the rules open /dev/fuse exactly
// where they allow it.
func (e *engineRun) checkDevices() {
	e.Helper()
	command, want := []string{"stat", "-c", "%n %t:%T"}, ""
	for _, d := range e.spec.Linux.Devices {
		if d.Path == "/dev/ptmx" {
			continue // is the container's own
		}
		command = append(command, d.Path)
		want += fmt.Sprintf("%s %x:%x\n", d.Path, d.Major, d.Minor)
	}
	if want != "" {
		e.exec(command...).ok().prints(want)
	}
	e.exec("sh", "-c", "echo x >/dev/null && head -c 1 /dev/zero | wc -c").ok().prints("1\n")
}

func (e *engineRun) checkHooks() {
	e.Helper()
	if e.spec.Hooks == nil || len(e.spec.Hooks.Prestart) == 0 { //nolint:staticcheck // see above
		return
	}
	var s specs.State
	if err := json.Unmarshal([]byte(e.read(e.path("hook.state"))), &s); err != nil {
		e.Error(err)
	}
	equal(e.box, "pid given to the hook", s.Pid, e.pid())
	equal(e.box, "id given to the hook", s.ID, e.id)
	hook := e.spec.Hooks.Prestart[0] //nolint:staticcheck // deprecated, and still used by engines
	equal(e.box, "arguments of the hook", strings.TrimSpace(e.read(e.path("hook.args"))), strings.Join(hook.Args[1:], " "))
}

// checkExec adds a process as containerd's shim does, from a file that Docker
// wrote.
func (e *engineRun) checkExec() {
	e.Helper()
	text, err := bundleFiles.ReadFile("testdata/bundles/exec-process-docker.json")
	if err != nil {
		e.Fatal(err)
	}
	file := e.path("process.json")
	e.write(file, string(text), 0o644)
	e.do("exec", "--process", file, e.id).ok().prints("hi\n")
}
