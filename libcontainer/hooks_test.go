package libcontainer

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minirun/minirun/specs"
)

// shellHook is a hook that runs a script.
func shellHook(script string, env ...string) specs.Hook {
	return specs.Hook{Path: "/bin/sh", Args: []string{"hook", "-c", script}, Env: env}
}

func hookRecord(t *testing.T) *record {
	return &record{ID: "web", OCIVersion: "1.0.2", Bundle: t.TempDir(), Annotations: map[string]string{"a": "b"}}
}

func TestHookGetsTheState(t *testing.T) {
	rec := hookRecord(t)
	for kind, want := range map[string]specs.State{
		"prestart":      {Status: specs.StateCreating, Pid: 12},
		"createRuntime": {Status: specs.StateCreating, Pid: 12},
		"poststart":     {Status: specs.StateRunning, Pid: 12},
		"poststop":      {Status: specs.StateStopped},
	} {
		if err := runHook(t.Context(), kind, shellHook("cat > state"), rec, rec.pidFor(kind, 12)); err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		text, err := os.ReadFile(filepath.Join(rec.Bundle, "state")) // so it runs in the bundle
		if err != nil {
			t.Fatal(err)
		}
		var got specs.State
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if got.Status != want.Status || got.Pid != want.Pid || got.ID != "web" || got.Version != "1.0.2" || got.Bundle != rec.Bundle || got.Annotations["a"] != "b" {
			t.Errorf("%s: state %s", kind, text)
		}
	}
}

func TestHookEnvironment(t *testing.T) {
	env, err := exePath("env")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CALLER", "secret")
	rec := hookRecord(t)
	for _, want := range [][]string{nil, {"ONE=1", "TWO=a b"}} {
		// The shell would add variables of its own, so it takes none.
		h := shellHook("exec "+env+" > out", want...)
		if err := runHook(t.Context(), "prestart", h, rec, 1); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(rec.Bundle, "out"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			name, _, _ := strings.Cut(line, "=")
			if name != "PWD" && name != "OLDPWD" && name != "SHLVL" && name != "_" { // the shell's
				got = append(got, strings.TrimSpace(line))
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("environment %q, want %q", got, want)
		}
	}
}

// exePath finds a program without the environment.
func exePath(name string) (string, error) {
	path := "/usr/bin/" + name
	_, err := os.Stat(path)
	return path, err
}

func TestHookFailures(t *testing.T) {
	one := 1
	slow := shellHook("exec /bin/sleep 1000")
	slow.Timeout = &one
	for name, c := range map[string]struct {
		hook specs.Hook
		want string
	}{
		"status":  {shellHook("exit 3"), "hook /bin/sh: exit status 3"},
		"stderr":  {shellHook("echo first >&2; echo '  second' >&2; exit 1"), "hook /bin/sh: exit status 1: first second"},
		"signal":  {shellHook("kill -KILL $$"), "hook /bin/sh: signal: killed"},
		"timeout": {slow, "hook /bin/sh: no end after the timeout of 1s"},
		"missing": {specs.Hook{Path: "/none/hook"}, "hook /none/hook: execve: no such file or directory"},
	} {
		err := runHook(t.Context(), "prestart", c.hook, hookRecord(t), 1)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

func TestHookOutputIsBounded(t *testing.T) {
	err := runHook(t.Context(), "prestart", shellHook("i=0; while [ $i -lt 3000 ]; do echo line$i >&2; i=$((i+1)); done; exit 1"), hookRecord(t), 1)
	if err == nil {
		t.Fatal("no error")
	}
	if n := len(err.Error()); n > maxHookOutput+100 || !strings.HasSuffix(err.Error(), "line2999") {
		t.Errorf("%d bytes, ending in %q", n, err.Error()[n-20:])
	}
}

// A hook that does not read its standard input is no failure, however large the state is.
func TestHookThatReadsNothing(t *testing.T) {
	rec := hookRecord(t)
	rec.Annotations = map[string]string{"big": strings.Repeat("x", 1<<20)}
	if err := runHook(t.Context(), "prestart", shellHook("exec <&-; exit 0"), rec, 1); err != nil {
		t.Error(err)
	}
}

// A process that the hook leaves behind with its standard error does not hold the container up.
func TestHookLeavesAProcess(t *testing.T) {
	rec := hookRecord(t)
	if err := runHook(t.Context(), "prestart", shellHook("/bin/sleep 60 & echo $! > pid"), rec, 1); err != nil {
		t.Error(err)
	}
	if err := runHook(t.Context(), "prestart", shellHook("kill $(/bin/cat pid)"), rec, 1); err != nil {
		t.Error(err)
	}
}

func TestHookWithEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := runHook(ctx, "prestart", shellHook("exit 0"), hookRecord(t), 1); err == nil {
		t.Error("no error")
	}
}

func TestHooksStopAtTheFirstFailure(t *testing.T) {
	rec := hookRecord(t)
	err := runHooks(t.Context(), "poststart", []specs.Hook{shellHook("exit 0"), shellHook("exit 2"), shellHook("echo > ran")}, rec)
	if err == nil || err.Error() != "hooks.poststart[1]: hook /bin/sh: exit status 2" {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(rec.Bundle, "ran")); err == nil {
		t.Error("the hook after the failed one ran")
	}
}

func TestPoststopGoesOn(t *testing.T) {
	rec := hookRecord(t)
	var warnings []string
	rt := &Runtime{warn: func(s string) { warnings = append(warnings, s) }}
	spec := &specs.Spec{Hooks: &specs.Hooks{Poststop: []specs.Hook{shellHook("exit 2"), shellHook("echo > ran")}}}
	rt.poststop(t.Context(), spec, rec)
	if len(warnings) != 1 || warnings[0] != "hooks.poststop[0]: hook /bin/sh: exit status 2" {
		t.Errorf("warnings %q", warnings)
	}
	if _, err := os.Stat(filepath.Join(rec.Bundle, "ran")); err != nil {
		t.Errorf("the hook after the failed one: %v", err)
	}
}
