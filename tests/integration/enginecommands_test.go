//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// An engineCommand is what the command in an engine's config does.
type engineCommand struct {
	prints string // regular expression for all of its output; NAMES in braces are put in by engineWords
	code   int
	// made is a file that it writes, on the host, and its text.
	made func(e *engineRun) (path, text string)
	// stops is the signal that ends it, empty when it ends by itself.
	stops string
}

const idMap = `0 {FIRST} {SIZE}\n`

func engineCommands() map[string]engineCommand {
	inRoot := func(text string) func(*engineRun) (string, string) {
		return func(e *engineRun) (string, string) { return filepath.Join(e.rootfs(), "r"), text }
	}
	inMount := func(destination, file string) func(*engineRun) (string, string) {
		return func(e *engineRun) (string, string) { return filepath.Join(e.source(destination), file), "x\n" }
	}
	terminal := `/dev/pts/0\r\n24 80\r\n`
	return map[string]engineCommand{
		"buildah-run-mounts":     {made: inMount("/c", "x")},
		"buildah-run":            {made: inRoot("v1\n0\n")},
		"buildah-userns":         {prints: idMap},
		"ctr-default":            {prints: `hello\n`},
		"ctr-host-net":           {prints: `{HOST net}\n`},
		"ctr-privileged":         {prints: `{CAPS}\n`},
		"ctr-seccomp":            {prints: `2\n`},
		"ctr-tty":                {prints: terminal},
		"ctr-userns":             {prints: idMap},
		"docker-build-run":       {made: inRoot("v1\n/bin/sh -c echo v1 >/r && cat /proc/1/cmdline | tr \"\\0\" \" \" >>/r; echo >>/r \n")},
		"docker-cgroupns":        {prints: `cgroup:\[\d+\]\n`},
		"docker-container-ipc":   {prints: `shared\n`},
		"docker-container-net":   {prints: `{HELD net}\n`},
		"docker-cpu":             {prints: `50000( 100000)?\n`},
		"docker-default":         {prints: `hello\n`},
		"docker-device":          {prints: `1:7\n`, code: 1},
		"docker-host-pid":        {prints: `{HOST pid}\n`},
		"docker-init":            {stops: "TERM", code: 6},
		"docker-memory":          {prints: `33554432\n`},
		"docker-pids":            {prints: `20\n`},
		"docker-privileged":      {prints: `{CAPS}\n`},
		"docker-readonly":        {code: 1},
		"docker-tty":             {prints: terminal},
		"docker-user":            {prints: `1000:50\n`},
		"docker-userns-remap":    {prints: `0 ` + idMap},
		"docker-volume":          {stops: "KILL", code: 137},
		"podman-default":         {prints: `hello\n`},
		"podman-pod-infra":       {stops: "TERM"},
		"podman-pod-member":      {stops: "TERM", code: 143, made: inMount("/dev/shm", "f")},
		"podman-privileged":      {prints: `{CAPS}\n`},
		"podman-rootless-volume": {stops: "KILL", code: 137, made: inMount("/d", "f")},
		"podman-tmpfs":           {prints: `tmpfs /t tmpfs rw,nosuid,nodev,noexec,relatime,size=64k,mode=1770(,inode64)? 0 0\n1770\n`},
		"podman-tty":             {prints: terminal},
		"podman-userns":          {prints: idMap},
		"podman-volumes":         {stops: "KILL", code: 137},
	}
}

// The commands of the engines' configs do what they did under the engine.
func TestEngineCommands(t *testing.T) {
	commands := engineCommands()
	files, err := bundleFiles.ReadDir("testdata/bundles")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".json")
		if name == "exec-process-docker" { // runs in all of TestEngineBundles
			continue
		}
		want, ok := commands[name]
		if !ok {
			t.Errorf("nothing is known of the command in %s", file.Name())
			continue
		}
		delete(commands, name)
		t.Run(name, func(t *testing.T) { runEngineCommand(newBox(t), file.Name(), want) })
	}
	for name := range commands {
		t.Errorf("no file for %s", name)
	}
}

func runEngineCommand(b *box, file string, want engineCommand) {
	text, err := bundleFiles.ReadFile("testdata/bundles/" + file)
	if err != nil {
		b.Fatal(err)
	}
	e := &engineRun{container: b.container(), spec: &specs.Spec{}}
	if err := json.Unmarshal(text, e.spec); err != nil {
		b.Fatal(err)
	}
	own := e.spec.Process.Args
	e.adapt()
	e.spec.Process.Args = own
	e.standIns()
	e.writeConfig(e.spec)

	out, code := "", 0
	switch {
	case want.stops != "":
		out, code = e.runAndStop(want)
	case e.spec.Process.Terminal:
		out, code = e.runOnTerminal()
	default:
		r := e.run()
		out, code = r.stdout, r.code
	}
	if pattern := e.words(want.prints); !regexp.MustCompile(`^` + pattern + `$`).MatchString(out) {
		b.Errorf("%q prints %q, want %q", own, out, pattern)
	}
	equal(b, "exit code", code, want.code)
	if want.made != nil {
		path, text := want.made(e)
		equal(b, path, e.read(path), text)
	}
}

// standIns puts small scripts where an engine brings a program of its own, and
// into shared memory what another container has written there.
func (e *engineRun) standIns() {
	for _, m := range e.spec.Mounts {
		if e.user && m.Type == "bind" { // as the engine makes a volume of it
			e.chown(m.Source, int(e.spec.Linux.UIDMappings[0].HostID), int(e.spec.Linux.GIDMappings[0].HostID), 0o755)
		}
		switch m.Destination {
		case "/sbin/docker-init":
			e.write(m.Source, "#!/bin/sh\nshift\nexec \"$@\"\n", 0o755)
		case "/dev/shm":
			if m.Type == "bind" {
				e.write(filepath.Join(m.Source, "f"), "shared\n", 0o644)
			}
		}
	}
	e.write(filepath.Join(e.rootfs(), "catatonit"), "#!/bin/sh\ntrap 'exit 0' TERM\nwhile :; do sleep 0.1; done\n", 0o755)
}

// source is the host's side of a bind mount.
func (e *engineRun) source(destination string) string {
	e.Helper()
	at := slices.IndexFunc(e.spec.Mounts, func(m specs.Mount) bool { return m.Destination == destination })
	if at < 0 {
		e.Fatalf("no mount on %s", destination)
	}
	return e.spec.Mounts[at].Source
}

func (e *engineRun) runAndStop(want engineCommand) (string, int) {
	e.Helper()
	e.runDetached().ok()
	pid := e.pid()
	if want.made != nil {
		path, text := want.made(e)
		e.until("file "+path, func() bool { return exists(path) && e.read(path) == text })
	}
	if want.stops == "TERM" { // the first process of a pid namespace does not get a signal that it has no handler for
		e.until("the trap of the container's process", func() bool {
			caught, err := strconv.ParseUint(e.statusField(pid, "SigCgt"), 16, 64)
			return err == nil && caught&(1<<(unix.SIGTERM-1)) != 0
		})
	}
	e.kill(want.stops).ok()
	code := e.wait(pid)
	return e.output(), code
}

func (e *engineRun) runOnTerminal() (string, int) {
	e.Helper()
	p := e.openPty()
	p.setSize(24, 80)
	cmd := e.command(e.verb("run")...)
	p.start(cmd)
	p.expect("/dev/pts/0\r\n", "\r\n")
	return "/dev/pts/0\r\n" + p.passed, e.waitCommand(cmd)
}

// words puts what is known only here into a pattern.
func (e *engineRun) words(pattern string) string {
	e.Helper()
	var pairs []string
	for _, name := range []string{"net", "pid"} {
		pairs = append(pairs, "{HOST "+name+"}", regexp.QuoteMeta(namespaceOf(e.box, "self", name)))
		if e.holds != 0 {
			pairs = append(pairs, "{HELD "+name+"}", regexp.QuoteMeta(namespaceOf(e.box, strconv.Itoa(e.holds), name)))
		}
	}
	if e.user {
		m := e.spec.Linux.UIDMappings[0]
		pairs = append(pairs, "{FIRST}", fmt.Sprint(m.HostID), "{SIZE}", fmt.Sprint(m.Size))
	}
	var own, given uint64
	fmt.Sscanf(e.parseOwnBounding(), "%x", &own)
	if caps := e.spec.Process.Capabilities; caps != nil {
		fmt.Sscanf(capabilityMask(caps.Bounding...), "%x", &given)
	}
	pairs = append(pairs, "{CAPS}", fmt.Sprintf("%016x", own&given))
	return strings.NewReplacer(pairs...).Replace(pattern)
}
