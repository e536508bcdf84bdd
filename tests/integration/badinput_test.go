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
			want: "chdir BUNDLE: no such file or directory",
		},
		{
			name: "bundle is a file",
			do:   func(c *container) { c.remove(c.bundle); c.write(c.bundle, "", 0o644) },
			want: "chdir BUNDLE: not a directory",
		},
		{
			name: "no config", do: func(c *container) { c.remove(filepath.Join(c.bundle, "config.json")) },
			want: "open BUNDLE/config.json: no such file or directory",
		},
		{
			name: "config is a directory",
			do: func(c *container) {
				c.remove(filepath.Join(c.bundle, "config.json"))
				c.mkdir(filepath.Join(c.bundle, "config.json"))
			},
			want: "config.json: is a directory",
		},
		{name: "empty config", do: config(""), want: "config.json: is empty"},
		{name: "truncated config", do: config(`{"ociVersion": "1.0.2", "process": {`), want: "config.json: is truncated"},
		{name: "binary config", do: config("\x7fELF\x02\x01\x01\x00\x00"), want: "config.json: invalid character"},
		{name: "array", do: config("[]"), want: "config.json"},
		{name: "null", do: config("null"), want: "config.json"},
		{name: "deep config", do: config(strings.Repeat(`{"a":`, 200000)), want: "config.json"},
		{
			name: "huge config", do: config(`{"ociVersion":"1.0.2","annotations":{"a":"` + strings.Repeat("x", 100<<20) + `"}}`),
			want: "config.json: is larger than",
		},
		{name: "wrong type", do: edit(`"cwd": "/"`, `"cwd": 7`), want: "process.cwd: "},
		{name: "no version", do: edit(`"ociVersion": "1.0.2"`, `"ociVersion": ""`), want: "ociVersion: "},
		{name: "version 2", do: edit(`"ociVersion": "1.0.2"`, `"ociVersion": "2.0.0"`), want: "ociVersion: "},
		{name: "relative cwd", mods: []mod{cwd("tmp")}, want: `process.cwd: "tmp" is not an absolute path`},
		{name: "no args", mods: []mod{args()}, want: "process.args: "},
		{
			name: "several problems", mods: []mod{cwd("tmp"), mount("", "tmpfs", "tmpfs"), env("NOT A VARIABLE")},
			want: "process.cwd: ",
		},
		{
			name: "duplicate rlimit", want: "process.rlimits[1]",
			mods: []mod{func(s *specs.Spec) {
				r := specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 10}
				s.Process.Rlimits = []specs.POSIXRlimit{r, r}
			}},
		},
		{
			name: "unknown rlimit", want: "process.rlimits[0].type: ",
			mods: []mod{func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOPE"}} }},
		},
		{
			name: "duplicate namespace", want: "linux.namespaces[4]",
			mods: []mod{func(s *specs.Spec) {
				s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
			}},
		},
		{name: "unknown namespace", mods: []mod{namespace("nope", "")}, want: "linux.namespaces[4].type: "},
		{name: "host name without UTS namespace", mods: []mod{noNamespace(specs.UTSNamespace)}, want: "hostname: "},
		{name: "unknown propagation", mods: []mod{rootfsPropagation("nope")}, want: "linux.rootfsPropagation: "},
		{name: "user namespace without mappings", mods: []mod{namespace(specs.UserNamespace, "")}, want: "linux.uidMappings: "},
		{name: "relative masked path", want: "linux.maskedPaths[0]: ", mods: []mod{func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"proc/kcore"} }}},
	}
}

func badRoots() []badCase {
	return []badCase{
		{name: "root missing", mods: []mod{rootPath("nope")}, want: "root.path: BUNDLE/nope: no such file or directory"},
		{name: "root is a file", mods: []mod{rootPath("config.json")}, want: "root.path: BUNDLE/config.json: not a directory"},
		{
			name: "root is a symlink out of the bundle", mods: []mod{rootPath("link")},
			do:   func(c *container) { c.symlink(c.mkdirAt("outside"), filepath.Join(c.bundle, "link")) },
			want: "root.path: BUNDLE/link: is a symlink",
		},
		{name: "empty root path", mods: []mod{rootPath("")}, want: "root.path: "},
		{name: "no root", mods: []mod{func(s *specs.Spec) { s.Root = nil }}, want: "root: "},
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
			want: "mounts[6].source: open /nope: no such file or directory",
		},
		{name: "mount without destination", mods: []mod{mount("", "tmpfs", "tmpfs")}, want: "mounts[6].destination: "},
		{name: "unknown file system", mods: []mod{mount("/x", "nopefs", "nope")}, want: `mounts[6].type: "nopefs": no such device`},
		{name: "bad mount option", mods: []mod{mount("/x", "tmpfs", "tmpfs", "size=bogus")}, want: `mounts[6].options[0] "size=bogus": invalid argument`},
		{name: "bind with data", mods: []mod{mount("/x", "bind", "/tmp", "bind", "size=1k")}, want: "mounts[6].options[1]"},
		{
			name: "namespace path missing", mods: []mod{namespace(specs.NetworkNamespace, "/run/nope")},
			want: "linux.namespaces[4].path: open /run/nope: no such file or directory",
		},
	}
}

func badProcesses() []badCase {
	return []badCase{
		{name: "missing executable", mods: []mod{args("nope")}, want: `exec: "nope": executable file not found in $PATH`},
		{name: "missing executable by path", mods: []mod{args("/bin/nope")}, want: `exec: "/bin/nope": no such file or directory`},
		{name: "not executable", mods: []mod{args("/etc/passwd")}, want: `exec: "/etc/passwd": permission denied`},
		{name: "executable is a directory", mods: []mod{args("/etc")}, want: `exec: "/etc": is a directory`},
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
		{name: "no PATH", mods: []mod{args("nope"), func(s *specs.Spec) { s.Process.Env = nil }}, want: `exec: "nope": executable file not found in $PATH`},
		{
			name: "cwd is a file", mods: []mod{cwd("/etc/passwd")}, want: "process.cwd: /etc/passwd: not a directory",
		},
		{
			name: "cwd may not be entered", mods: []mod{cwd("/private"), user(1000, 1000)},
			do: func(c *container) {
				c.mkdir(filepath.Join(c.rootfs(), "private"))
				c.chown(filepath.Join(c.rootfs(), "private"), 0, 0, 0o700)
			},
			want: "process.cwd: /private: permission denied",
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
		{name: "console socket missing", mods: []mod{terminal(0, 0)}, run: runWith("create"), want: "--console-socket is needed: process.terminal is set and the container is detached"},
		{name: "console socket of run -d missing", mods: []mod{terminal(0, 0)}, run: runWith("run", "-d"), want: "--console-socket is needed: process.terminal is set and the container is detached"},
		{name: "console socket without terminal", run: runWith("create", "--console-socket", "BOX/c"), want: "--console-socket is only for a detached container with process.terminal"},
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
		{name: "pid file in a missing directory", run: runWith("create", "--pid-file", "BOX/no/pid"), want: "no such file or directory"},
		{name: "pid file of run in a missing directory", run: runWith("run", "--pid-file", "BOX/no/pid"), want: "no such file or directory"},
		{name: "pid file is a directory", do: func(c *container) { c.mkdir(c.path("dir/x")) }, run: runWith("create", "--pid-file", "BOX/dir"), want: "BOX/dir"},
		{name: "start of unknown", run: func(c *container) result { return c.start() }, want: "container does not exist"},
		{name: "kill of unknown", run: func(c *container) result { return c.kill("TERM") }, want: "container does not exist"},
		{name: "state of unknown", run: func(c *container) result { return c.do("state", c.id) }, want: "container does not exist"},
		{name: "delete of unknown", run: func(c *container) result { return c.delete() }, want: "container does not exist"},
		{name: "bad signal name", run: func(c *container) result { return c.kill("NOPE") }, want: `unknown signal "NOPE"`},
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
	r.fails(1, want).prints("")
	if n := strings.Count(r.stderr, "\n"); n != 1 && tc.name != "several problems" {
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
