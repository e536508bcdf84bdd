//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A run is "creating" until its program has been executed, though its process
// is there before: exec may not join what is half-made. Hooks see both sides.
func TestRunStatus(t *testing.T) {
	b := newBox(t)
	c := b.container()
	path, log := b.path("hook"), b.path("log")
	ask := fmt.Sprintf("%s --root %s", underTest(), b.state)
	b.write(path, fmt.Sprintf(`#!/bin/sh
echo "$1 $(%s state %s | tr -d ' ",' | grep ^status:)" >>%s
[ "$1" = poststart ] || ! %s exec %s /bin/true 2>>%s
`, ask, c.id, log, ask, c.id, log), 0o755)
	var mods []mod
	for _, kind := range []string{"createRuntime", "createContainer", "poststart"} {
		mods = append(mods, hook(kind, specs.Hook{Path: path, Args: []string{"hook", kind}, Env: []string{"PATH=/usr/bin:/bin"}}))
	}
	c.configure(append(mods, sleeping())...)
	c.runDetached().ok()
	said := b.read(log)
	for _, want := range []string{"createRuntime status:creating\n", "createContainer status:creating\n", "poststart status:running\n"} {
		if !strings.Contains(said, want) {
			b.Errorf("the hooks saw %q, want %q", said, want)
		}
	}
	if n := strings.Count(said, "cannot exec in a creating container"); n != 2 {
		b.Errorf("%d execs were refused, want 2: %q", n, said)
	}
	c.deleteForce()
}
