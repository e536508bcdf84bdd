//go:build integration

package integration

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// freeze stops the container whose first process is $pid, as CRIU does while it looks.
const freeze = `
v1=$(sed -n 's/^[0-9]*:\([a-z,]*,\)*freezer\(,[a-z,]*\)*://p' /proc/$pid/cgroup)
if [ -n "$v1" ]; then
	echo FROZEN >/sys/fs/cgroup/freezer$v1/freezer.state
else
	echo 1 >/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$pid/cgroup)/cgroup.freeze
fi
`

// fakeCRIU lets a script stand for CRIU.
func (c *container) fakeCRIU(script string, cmd *exec.Cmd) *exec.Cmd {
	c.Helper()
	c.write(c.path("bin", "criu"), "#!/bin/sh\npid="+itoa(c.pid())+"\n"+script+"\n", 0o700)
	cmd.Env = append(cmd.Env, "PATH="+c.path("bin")+":"+os.Getenv("PATH"))
	return cmd
}

// What is called criu here freezes the container, as the real one does while it looks, and is killed then.
func TestCheckpointWithKilledCRIU(t *testing.T) {
	b := newBox(t)
	c := b.container(counting())
	c.runDetached().ok()
	c.countsOn(1)
	cmd := c.fakeCRIU(freeze+"kill -9 $$", c.checkpointCommand())
	b.finish(cmd).fails(1, "criu ended", "killed")
	equal(b, "status", c.state().Status, "running")
	c.countsOn(c.count())
	c.deleteForce()
}

// An interrupted checkpoint puts everything back: CRIU, which does not get the signal of a terminal itself, is told and waited for.
func TestCheckpointInterrupted(t *testing.T) {
	b := newBox(t)
	c := b.counts()
	next := "dd bs=65536 count=1 <&3 >/dev/null 2>&1\n"
	cmd := c.fakeCRIU(next+freeze+"touch "+b.path("begun")+"\n"+next+"touch "+b.path("told"), c.checkpointCommand())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	go func() {
		b.until("CRIU has begun", func() bool { return exists(b.path("begun")) })
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // SIGINT is ignored where a script has started the tests beside it
	}()
	b.finish(cmd).fails(1, "interrupted by SIGTERM")
	if !exists(b.path("told")) {
		t.Error("CRIU was not waited for")
	}
	equal(b, "status", c.state().Status, "running")
	c.countsOn(c.count())
	c.deleteForce()
}

// A restore that is asked to end before the program goes on ends, and takes back what it has made.
func TestRestoreInterrupted(t *testing.T) {
	for _, flag := range []string{"--detach", "--detach=false"} {
		t.Run(flag, func(t *testing.T) {
			b := newBox(t)
			b.needCRIU()
			c := b.counts()
			c.checkpoint().ok()
			path := b.path("hook")
			b.write(path, "#!/bin/sh\ntouch \"$1\"\nexec sleep 1000\n", 0o755)
			c.configure(counting(), hook("createRuntime", specs.Hook{
				Path: path, Args: []string{path, b.path("begun")}, Env: []string{"PATH=/usr/bin:/bin", b.marker()},
			}))
			cmd := c.restoreCommand("--pid-file", b.path("pid"), flag)
			go func() {
				b.until("begin of the hook", func() bool { return exists(b.path("begun")) })
				cmd.Process.Signal(syscall.SIGTERM)
			}()
			b.finish(cmd).fails(1, "interrupted by SIGTERM")
			b.do("state", c.id).fails(1, "does not exist")
			if exists(b.path("pid")) {
				t.Error("the pid file is there")
			}
			b.checkLeaks()
		})
	}
}
