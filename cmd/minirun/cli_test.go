package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outcome is what one call of the program leaves.
type outcome struct {
	status         int
	stdout, stderr string
}

// call runs the program in this process, with files for its standard streams.
func call(t *testing.T, args ...string) outcome {
	t.Helper()
	dir := t.TempDir()
	open := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	in, out, errs := open("in"), open("out"), open("err")
	status := run(args, in, out, errs)
	for _, f := range []*os.File{in, out, errs} {
		f.Close()
	}
	return outcome{status, readFile(t, out.Name()), readFile(t, errs.Name())}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// globalsOf parses global flags.
func globalsOf(t *testing.T, args ...string) (*app, []string, error) {
	t.Helper()
	a := &app{stdout: os.NewFile(^uintptr(0), ""), stderr: os.Stderr}
	rest, err := a.globals(args)
	return a, rest, err
}

func TestGlobalFlags(t *testing.T) {
	for _, args := range []string{
		"--root /r --log /l --log-format json --systemd-cgroup --debug --log-level error state web",
		"-root /r -log /l -log-format json -systemd-cgroup -debug -log-level error state web",
		"--root=/r -log=/l --log-format=json --systemd-cgroup=true --debug=true --log-level=error state web",
	} {
		a, rest, err := globalsOf(t, strings.Fields(args)...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if a.root != "/r" || !a.rootGiven || a.logPath != "/l" || a.logFormat != "json" || !a.systemdCgroup || !a.debug || a.logLevel != "error" {
			t.Errorf("%s: %+v", args, a)
		}
		if strings.Join(rest, " ") != "state web" {
			t.Errorf("%s: the rest is %q", args, rest)
		}
	}
	if a, _, err := globalsOf(t, "list"); err != nil || a.rootGiven || a.logFormat != "text" {
		t.Errorf("defaults: %+v, %v", a, err)
	}
}

func TestRootlessForms(t *testing.T) {
	for _, ok := range []string{"true", "false", "auto", "1", "0", "T", "f"} {
		if _, _, err := globalsOf(t, "--rootless", ok, "list"); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
		if _, _, err := globalsOf(t, "--rootless="+ok, "list"); err != nil {
			t.Errorf("=%s: %v", ok, err)
		}
	}
	for _, bad := range []string{"", "maybe", "2", "AUTO"} {
		if _, _, err := globalsOf(t, "--rootless="+bad, "list"); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// Mistakes on the command line: the exit status, and words that name the flag or the command.
func TestUsageErrors(t *testing.T) {
	root := t.TempDir()
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"--log-format xml list", 1, `--log-format "xml": it must be text or json`},
		{"--log-level loud list", 1, `--log-level "loud": it must be debug, info, warning or error`},
		{"--cgroup-manager none list", 1, `--cgroup-manager "none": it must be cgroupfs, systemd or disabled`},
		{"--cgroup-manager disabled --systemd-cgroup list", 1, "--cgroup-manager disabled: --systemd-cgroup says the opposite"},
		{"--cgroup-manager cgroupfs --systemd-cgroup list", 1, "--cgroup-manager cgroupfs: --systemd-cgroup says the opposite"},
		{"--root= list", 1, "--root: it must not be empty"},
		{"--root / state web", 1, `root directory "/": it must be an absolute path and not "/"`},
		{"--no-such list", 1, "flag provided but not defined: -no-such"},
		{"--debug=perhaps list", 1, `invalid boolean value "perhaps" for -debug: parse error`},
		{"--root", 1, "flag needs an argument: -root"},
		{"frobnicate", 1, `unknown command "frobnicate", see minirun --help`},
		{"help frobnicate", 1, `unknown command "frobnicate", see minirun --help`},
		{"state", 1, "state: exactly 1 argument is needed, the container's id, not 0"},
		{"start a b", 1, "start: exactly 1 argument is needed, the container's id, not 2"},
		{"create --preserve-fds many web", 1, `create: invalid value "many" for flag -preserve-fds: parse error`},
		{"delete --forse web", 1, "delete: flag provided but not defined: -forse"},
		{"kill", 1, "kill: 1 or 2 arguments are needed, the container's id and the signal, not 0"},
		{"kill web NOSUCH", 1, `kill: unknown signal "NOSUCH"`},
		{"list web", 1, "list: no arguments are needed, not 1"},
		{"list --format yaml", 1, `list: --format "yaml": it must be table or json`},
		{"ps --format yaml web", 1, `ps: --format "yaml": it must be table or json`},
		{"plan --format yaml", 1, `plan: --format "yaml": it must be text or json`},
		{"features web", 1, "features: no arguments are needed, not 1"},
		{"spec web", 1, "spec: no arguments are needed, not 1"},
		{"exec web", 255, "exec: at least 2 arguments are needed, the container's id and the command, not 1"},
		{"exec --no-such web sh", 255, "exec: flag provided but not defined: -no-such"},
		{"exec none sh", 255, "container does not exist"},
		{"state none", 1, "container does not exist"},
		{"state a/b", 1, "invalid container ID format"},
	} {
		args := strings.Fields(c.args)
		if !strings.Contains(c.args, "--root") {
			args = append([]string{"--root", root}, args...)
		}
		if got := call(t, args...); got.status != c.status || got.stderr != c.want+"\n" || got.stdout != "" {
			t.Errorf("%s: status %d, stderr %q, stdout %q; want %d, %q", c.args, got.status, got.stderr, got.stdout, c.status, c.want)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"--version", "-version", "-v"} {
		got := call(t, arg)
		if first, _, _ := strings.Cut(got.stdout, "\n"); got.status != 0 || !strings.HasPrefix(first, "runc version ") || got.stderr != "" {
			t.Errorf("%s: %+v", arg, got)
		}
	}
}

// TestHelp: every flag of every command, and its short form, is in the command's help text, which all ways of asking print to stdout.
func TestHelp(t *testing.T) {
	overview := call(t, "--help")
	for _, args := range [][]string{{"-h"}, {"-help"}, {"help"}, {}} {
		if got := call(t, args...); got != overview || got.status != 0 {
			t.Errorf("%q prints something else than --help: %+v", args, got)
		}
	}
	global := newFlags("minirun")
	(&app{}).registerGlobals(global)
	checkFlags(t, "minirun", global, overview.stdout)
	for _, c := range commands() {
		if !strings.Contains(overview.stdout, "\n  "+c.name+" ") || c.short == "" || !strings.Contains(overview.stdout, c.short) {
			t.Errorf("the overview lacks %s", c.name)
		}
		got := call(t, c.name, "--help")
		if got.status != 0 || got.stderr != "" {
			t.Errorf("%s --help: %+v", c.name, got)
		}
		for _, args := range [][]string{{c.name, "-h"}, {"help", c.name}} {
			if other := call(t, args...); other != got {
				t.Errorf("%q prints something else than %s --help", args, c.name)
			}
		}
		if c.example == "" || !strings.Contains(got.stdout, strings.ReplaceAll(c.example, "\n", "\n  ")) {
			t.Errorf("%s --help lacks an example", c.name)
		}
		f := newFlags(c.name)
		c.setup(f)
		checkFlags(t, c.name, f, got.stdout)
	}
}

func checkFlags(t *testing.T, name string, f *flags, text string) {
	t.Helper()
	f.VisitAll(func(g *flag.Flag) {
		long, isShort := f.aliases[g.Name]
		want := "  --" + g.Name
		if isShort {
			want = "--" + long + ", -" + g.Name + " "
		}
		if f.hidden[g.Name] || f.hidden[long] {
			return
		}
		if !strings.Contains(text, want) || !strings.Contains(text, g.Usage) || g.Usage == "" {
			t.Errorf("%s: the help text lacks %q", name, want)
		}
	})
}
