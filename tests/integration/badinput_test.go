//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A badCase is wrong input: what is done to an ordinary container, how it is
// made, and the whole text of the error. In the texts BUNDLE, BOX and ID stand
// for the bundle, the test's directory and the container's id.
type badCase struct {
	name string
	mods []mod
	do   func(c *container)        // changes the bundle
	run  func(c *container) result // default: run
	want string
}

// config replaces the whole config.json.
func config(text string) func(*container) {
	return func(c *container) { c.write(filepath.Join(c.bundle, "config.json"), text, 0o644) }
}

// edit replaces a part of config.json's text.
func edit(old, new string) func(*container) {
	return func(c *container) {
		path := filepath.Join(c.bundle, "config.json")
		text := c.read(path)
		if !strings.Contains(text, old) {
			c.Fatalf("%q is not in config.json", old)
		}
		c.write(path, strings.Replace(text, old, new, 1), 0o644)
	}
}

func rootPath(path string) mod { return func(s *specs.Spec) { s.Root.Path = path } }

func badBundles() []badCase {
	return []badCase{
		{
			name: "missing bundle", do: func(c *container) { c.remove(c.bundle) },
			want: "bundle: stat BUNDLE: no such file or directory",
		},
		{
			name: "bundle is a file",
			do:   func(c *container) { c.remove(c.bundle); c.write(c.bundle, "", 0o644) },
			want: "bundle: BUNDLE: not a directory",
		},
		{
			name: "no config", do: func(c *container) { c.remove(filepath.Join(c.bundle, "config.json")) },
			want: "BUNDLE/config.json: open: no such file or directory",
		},
		{
			name: "config is a directory",
			do: func(c *container) {
				c.remove(filepath.Join(c.bundle, "config.json"))
				c.mkdir(filepath.Join(c.bundle, "config.json"))
			},
			want: "BUNDLE/config.json: is a directory, expected a regular file",
		},
		{name: "empty config", do: config(""), want: "BUNDLE/config.json:1:1: the file is empty"},
		{name: "truncated config", do: config(`{"ociVersion": "1.0.2", "process": {`), want: "BUNDLE/config.json:1:37: unexpected end of file, expected a field name in double quotes"},
		{name: "binary config", do: config("\x7fELF\x02\x01\x01\x00\x00"), want: "BUNDLE/config.json:1:1: not JSON, starts with byte 0x7f"},
		{name: "array", do: config("[]"), want: "BUNDLE/config.json:1:1: expected object, got array"},
		{name: "null", do: config("null"), want: "BUNDLE/config.json:1:1: expected object, got null"},
		{name: "deep config", do: config(strings.Repeat(`{"a":`, 200000)), want: "BUNDLE/config.json:1:641: nested deeper than 128 levels"},
		{
			name: "huge config", do: config(`{"ociVersion":"1.0.2","annotations":{"a":"` + strings.Repeat("x", 100<<20) + `"}}`),
			want: "BUNDLE/config.json: the file is too large (104857645 bytes), the limit is 16777216 bytes",
		},
		{name: "wrong type", do: edit(`"cwd": "/"`, `"cwd": 7`), want: "BUNDLE/config.json:16:10: process.cwd: expected string, got number"},
		{name: "no version", do: edit(`"ociVersion": "1.0.2"`, `"ociVersion": ""`), want: `ociVersion: must be set, for example to "1.3.0"`},
		{name: "version 2", do: edit(`"ociVersion": "1.0.2"`, `"ociVersion": "2.0.0"`), want: `ociVersion: version "2.0.0" is not supported, only 1.x is`},
		{name: "relative cwd", mods: []mod{cwd("tmp")}, want: `process.cwd: "tmp" is not an absolute path`},
		{name: "no args", mods: []mod{args()}, want: "process.args: must have at least one entry"},
		{
			name: "several problems", mods: []mod{cwd("tmp"), mount("", "tmpfs", "tmpfs"), env("NOT A VARIABLE")},
			want: `3 problems: process.env[2]: "NOT A VARIABLE" has no "="; process.cwd: "tmp" is not an absolute path; mounts[6].destination: must not be empty`,
		},
		{
			name: "duplicate rlimit", want: "process.rlimits[1].type: RLIMIT_NOFILE is given more than once",
			mods: []mod{func(s *specs.Spec) {
				r := specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 10}
				s.Process.Rlimits = []specs.POSIXRlimit{r, r}
			}},
		},
		{
			name: "unknown rlimit", want: `process.rlimits[0].type: unknown limit "RLIMIT_NOPE"`,
			mods: []mod{func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOPE"}} }},
		},
		{
			name: "duplicate namespace", want: "linux.namespaces[4].type: pid is given more than once",
			mods: []mod{func(s *specs.Spec) {
				s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
			}},
		},
		{name: "unknown namespace", mods: []mod{namespace("nope", "")}, want: `linux.namespaces[4].type: unknown namespace type "nope"`},
		{name: "host name without UTS namespace", mods: []mod{noNamespace(specs.UTSNamespace)}, want: "hostname: needs a uts namespace"},
		{name: "unknown propagation", mods: []mod{rootfsPropagation("nope")}, want: `linux.rootfsPropagation: unknown propagation "nope", must be shared, slave, private or unbindable`},
		{name: "user namespace without mappings", mods: []mod{namespace(specs.UserNamespace, "")}, want: "2 problems: linux.uidMappings: must be set for a new user namespace; linux.gidMappings: must be set for a new user namespace"},
		{name: "relative masked path", want: `linux.maskedPaths[0]: "proc/kcore" is not an absolute path`, mods: []mod{func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"proc/kcore"} }}},
	}
}

func badRoots() []badCase {
	return []badCase{
		{name: "root missing", mods: []mod{rootPath("nope")}, want: "root.path nope: openat2: no such file or directory"},
		{name: "root is a file", mods: []mod{rootPath("config.json")}, want: "root.path config.json: openat2: not a directory"},
		{
			name: "root is a symlink out of the bundle", mods: []mod{rootPath("link")},
			do:   func(c *container) { c.symlink(c.mkdirAt("outside"), filepath.Join(c.bundle, "link")) },
			want: "root.path link: it leads out of the bundle ",
		},
		{name: "empty root path", mods: []mod{rootPath("")}, want: "root.path: must not be empty"},
		{name: "no root", mods: []mod{func(s *specs.Spec) { s.Root = nil }}, want: "root: must be set"},
	}
}

func (b *box) mkdirAt(name string) string {
	b.Helper()
	b.mkdir(b.path(name))
	return b.path(name)
}

func badMounts() []badCase {
	return []badCase{
		{
			name: "mount source missing", mods: []mod{mount("/data", "bind", "/nope", "bind")},
			want: "mounts[6] /nope on /data: open_tree (/nope): no such file or directory",
		},
		{name: "mount without destination", mods: []mod{mount("", "tmpfs", "tmpfs")}, want: "mounts[6].destination: must not be empty"},
		{name: "unknown file system", mods: []mod{mount("/x", "nopefs", "nope")}, want: "mounts[6] /x: fsopen nopefs (this kernel has no such filesystem): no such device"},
		{name: "bad mount option", mods: []mod{mount("/x", "tmpfs", "tmpfs", "size=bogus")}, want: `mounts[6].options[0] ("size=bogus"): not a value that tmpfs knows for size`},
		{name: "bind with data", mods: []mod{mount("/x", "bind", "/tmp", "bind", "size=1k")}, want: `mounts[6].options[1] ("size=1k"): unknown option: a bind mount cannot have options of a filesystem`},
		{
			name: "namespace path missing", mods: []mod{namespace(specs.NetworkNamespace, "/run/nope")},
			want: "linux.namespaces[4].path: open /run/nope: no such file or directory",
		},
	}
}

func badProcesses() []badCase {
	return []badCase{
		{name: "missing executable", mods: []mod{args("nope")}, want: `exec: "nope": executable file not found in $PATH: no such file or directory`},
		{name: "missing executable by path", mods: []mod{args("/bin/nope")}, want: `exec: "/bin/nope": no such file or directory`},
		{name: "not executable", mods: []mod{args("/etc/passwd")}, want: `exec: "/etc/passwd": permission denied`},
		{name: "executable is a directory", mods: []mod{args("/etc")}, want: `exec: "/etc": is a directory: permission denied`},
		{
			name: "wrong format", mods: []mod{args("/bin/text")},
			do:   func(c *container) { c.write(filepath.Join(c.rootfs(), "bin/text"), "not a program\n", 0o755) },
			want: `exec: "/bin/text": exec format error`,
		},
		{
			name: "missing interpreter", mods: []mod{args("/bin/script")},
			do:   func(c *container) { c.write(filepath.Join(c.rootfs(), "bin/script"), "#!/no/interpreter\n", 0o755) },
			want: `exec: "/bin/script": no such file or directory`,
		},
		{name: "no PATH", mods: []mod{args("nope"), func(s *specs.Spec) { s.Process.Env = nil }}, want: `exec: "nope": executable file not found in $PATH: no such file or directory`},
		{
			name: "cwd is a file", mods: []mod{cwd("/etc/passwd")}, want: "process.cwd /etc/passwd: chdir: not a directory",
		},
	}
}

func runWith(verb string, flags ...string) func(*container) result {
	return func(c *container) result {
		for i := range flags {
			flags[i] = strings.ReplaceAll(flags[i], "BOX", c.dir)
		}
		return c.do(c.verb(verb, flags...)...)
	}
}

func badCalls() []badCase {
	return []badCase{
		{name: "console socket missing", mods: []mod{terminal(0, 0)}, run: runWith("create"), want: "process.terminal: cannot allocate tty if the container is detached without setting --console-socket"},
		{name: "console socket of run -d missing", mods: []mod{terminal(0, 0)}, run: runWith("run", "-d"), want: "process.terminal: cannot allocate tty if the container is detached without setting --console-socket"},
		{name: "console socket without terminal", run: runWith("create", "--console-socket", "BOX/c"), want: "--console-socket: cannot use console socket if the container will not detach or allocate tty"},
		{
			name: "console socket not there", mods: []mod{terminal(0, 0)}, run: runWith("create", "--console-socket", "BOX/none"),
			want: "console socket: connect BOX/none: no such file or directory",
		},
		{
			name: "console socket is a file", mods: []mod{terminal(0, 0)},
			do:   func(c *container) { c.write(c.path("plain"), "", 0o644) },
			run:  runWith("create", "--console-socket", "BOX/plain"),
			want: "console socket: connect BOX/plain: connection refused",
		},
		{name: "pid file in a missing directory", run: runWith("create", "--pid-file", "BOX/no/pid"), want: "pid file: BOX/no: no such file or directory"},
		{name: "pid file of run in a missing directory", run: runWith("run", "--pid-file", "BOX/no/pid"), want: "pid file: BOX/no: no such file or directory"},
		{name: "pid file is a directory", do: func(c *container) { c.mkdir(c.path("dir/x")) }, run: runWith("create", "--pid-file", "BOX/dir"), want: "pid file: "},
		{name: "start of unknown", run: func(c *container) result { return c.start() }, want: "container does not exist"},
		{name: "kill of unknown", run: func(c *container) result { return c.kill("TERM") }, want: "container does not exist"},
		{name: "state of unknown", run: func(c *container) result { return c.do("state", c.id) }, want: "container does not exist"},
		{name: "delete of unknown", run: func(c *container) result { return c.delete() }, want: "container does not exist"},
		{name: "bad signal name", run: func(c *container) result { return c.kill("NOPE") }, want: `kill: unknown signal "NOPE"`},
	}
}

// TestBadInput checks the exact text, the exit code, that nothing was printed
// or started, and that nothing is left behind.
func TestBadInput(t *testing.T) {
	for _, group := range [][]badCase{badBundles(), badRoots(), badMounts(), badProcesses(), badCalls()} {
		for _, tc := range group {
			t.Run(strings.ReplaceAll(tc.name, " ", "_"), func(t *testing.T) { runBadCase(newBox(t), tc) })
		}
	}
}

func runBadCase(b *box, tc badCase) {
	c := b.container(append([]mod{args("echo", "started")}, tc.mods...)...)
	if tc.do != nil {
		tc.do(c)
	}
	if tc.run == nil {
		tc.run = func(c *container) result { return c.run() }
	}
	r := tc.run(c)
	want := strings.NewReplacer("BUNDLE", c.bundle, "BOX", c.dir, "ID", c.id).Replace(tc.want)
	r.exits(1).prints("")
	// A text that ends in a blank is only the beginning.
	if text := r.errorText(); text != want+"\n" && (!strings.HasSuffix(want, " ") || !strings.Contains(text, want)) {
		b.Errorf("stderr: %s\nwant: %s", text, want)
	}
	if n := strings.Count(r.stderr, "\n"); n != 1 {
		b.Errorf("stderr has %d lines, want one: %s", n, r.stderr)
	}
	if len(r.stderr) > 2000 {
		b.Errorf("an error of %d bytes", len(r.stderr))
	}
	b.do("state", c.id).fails(1, "does not exist")
	b.checkLeaks()
}

// All problems of a config are reported at once.
func TestBadConfigAllAtOnce(t *testing.T) {
	b := newBox(t)
	c := b.container(cwd("tmp"), mount("", "tmpfs", "tmpfs"), namespace("nope", ""), rootfsPropagation("nope"))
	c.run().fails(1, "process.cwd: ", "mounts[6].destination: ", "linux.namespaces[4].type: ", "linux.rootfsPropagation: ")
}

func TestBadIDs(t *testing.T) {
	b := newBox(t)
	c := b.container()
	for _, id := range []string{"", ".", "..", "a/b", "../x", "a b", "a\nb", "ä", "a*", "@seccomp", strings.Repeat("x", 2000)} {
		for _, verb := range []string{"create", "run"} {
			r := b.do(verb, "--bundle", c.bundle, id)
			r.exits(1).prints("")
			if !strings.Contains(r.stderr, "id") || strings.Count(r.stderr, "\n") != 1 {
				b.Errorf("%s %.20q: %s", verb, id, r.stderr)
			}
		}
		for _, verb := range []string{"state", "start", "kill", "delete"} {
			b.do(verb, id).exits(1).prints("")
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(b.state)); len(entries) > 3 {
		b.Errorf("the state directory's parent holds %v", entries)
	}
}

// A config that cannot be read because of its mode is read all the same by
// root; one that is a symlink to nowhere is not there.
func TestConfigSymlink(t *testing.T) {
	b := newBox(t)
	c := b.container(args("echo", "linked"))
	real := b.path("real.json")
	if err := os.Rename(filepath.Join(c.bundle, "config.json"), real); err != nil {
		t.Fatal(err)
	}
	b.symlink(real, filepath.Join(c.bundle, "config.json"))
	c.run().ok().prints("linked\n")
	b.remove(real)
	c.run().fails(1, "config.json", "no such file or directory")
}
