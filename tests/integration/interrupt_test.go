//go:build integration

package integration

import (
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A run that is asked to end before there is a program ends, and takes back what it has made.
func TestRunInterrupted(t *testing.T) {
	b := newBox(t)
	c := b.container()
	path := b.path("hook")
	b.write(path, "#!/bin/sh\ntouch \"$1\"\nexec sleep 1000\n", 0o755)
	c.configure(hook("createRuntime", specs.Hook{
		Path: path, Args: []string{path, b.path("begun")}, Env: []string{"PATH=/usr/bin:/bin", b.marker()},
	}))
	cmd := c.command(c.verb("run")...)
	go func() {
		b.until("begin of the hook", func() bool { return exists(b.path("begun")) })
		cmd.Process.Signal(syscall.SIGTERM)
	}()
	b.finish(cmd).fails(1, "hooks.createRuntime[0]", "interrupted by SIGTERM")
	b.checkLeaks()
}
