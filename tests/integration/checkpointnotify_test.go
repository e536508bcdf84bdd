//go:build integration

package integration

import (
	"strings"
	"testing"
)

// The socket for sd_notify(3) is not in the configuration. The restored container has it again, and speaks to the supervisor of whoever restores it.
func TestCheckpointNotifySocket(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	s := b.supervisor()
	c := b.container(counting())
	c.made(s.command(c.detachedCommand(c.verb("create")...))).ok()
	c.start().ok()
	c.countsOn(1)
	mounts := c.mountTable()
	c.checkpoint().ok()
	c.restore().ok()
	c.countsOn(c.count())
	equal(b, "mounts", strings.Join(c.mountTable(), "\n"), strings.Join(mounts, "\n"))

	c.checkpoint("--image-path", b.path("again")).ok()
	cmd, _ := c.restoreForeground("NOTIFY_SOCKET="+s.path, "--image-path", b.path("again"))
	b.until("the socket", func() bool { return exists(procPath(c.pid(), "root/run/notify/notify.sock")) })
	c.says(c.pid(), "READY=1")
	equal(b, "first message", s.hears(), "READY=1")
	equal(b, "second message", s.hears(), "MAINPID="+itoa(cmd.Process.Pid))
	equal(b, "third message", s.hears(), "BARRIER=1")
	c.kill("KILL").ok()
	equal(b, "exit code", b.waitCommand(cmd), 137)
}

// A container that had no such socket gets none from the supervisor of the one who restores it.
func TestRestoreUnderSupervisor(t *testing.T) {
	b := newBox(t)
	b.needCRIU()
	s := b.supervisor()
	c := b.counts()
	mounts := c.mountTable()
	c.checkpoint().ok()
	cmd, stderr := c.restoreForeground("NOTIFY_SOCKET=" + s.path)
	c.countsOn(c.count())
	equal(b, "mounts", strings.Join(c.mountTable(), "\n"), strings.Join(mounts, "\n"))
	c.kill("KILL").ok()
	equal(b, "exit code", b.waitCommand(cmd), 137)
	equal(b, "stderr", readBack(stderr), "")
	s.silent()
}
