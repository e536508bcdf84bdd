//go:build integration

package integration

import (
	"os"
	"testing"
)

// What is called criu here freezes the container, as the real one does while it looks, and is killed then.
func TestCheckpointWithKilledCRIU(t *testing.T) {
	b := newBox(t)
	c := b.container(counting())
	c.runDetached().ok()
	c.countsOn(1)
	bin := b.path("bin")
	b.mkdir(bin)
	b.write(b.path("bin", "criu"), `#!/bin/sh
pid=`+itoa(c.pid())+`
v1=$(sed -n 's/^[0-9]*:\([a-z,]*,\)*freezer\(,[a-z,]*\)*://p' /proc/$pid/cgroup)
if [ -n "$v1" ]; then
	echo FROZEN >/sys/fs/cgroup/freezer$v1/freezer.state
else
	echo 1 >/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$pid/cgroup)/cgroup.freeze
fi
kill -9 $$
`, 0o700)
	cmd := b.command("checkpoint", "--image-path", b.path("images"), c.id)
	cmd.Env = append(cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"))
	b.finish(cmd).fails(1, "criu ended", "killed")
	equal(b, "status", c.state().Status, "running")
	c.countsOn(c.count())
	c.deleteForce()
}
