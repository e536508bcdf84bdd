//go:build integration

package integration

import (
	"encoding/json"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// showScheduling prints niceness and policy (fields 19 and 41 of proc_pid_stat(5)), and the class of I/O.
const showScheduling = `set -- $(cat /proc/self/stat); shift 18; echo "nice $1"; shift 22; echo "policy $1"; ionice`

// process.scheduler and process.ioPriority, as the program sees them.
func TestSchedulerAndIOPriority(t *testing.T) {
	for name, tc := range map[string]struct {
		scheduler *specs.Scheduler
		io        *specs.LinuxIOPriority
		want      string
	}{
		"batch": {
			&specs.Scheduler{Policy: specs.SchedBatch, Nice: 7},
			&specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}, "nice 7\npolicy 3\nbest-effort: prio 6\n",
		},
		"reset": { // what is shown is a child
			&specs.Scheduler{Policy: specs.SchedOther, Nice: -3, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}},
			&specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE}, "nice 0\npolicy 0\nbest-effort: prio 0\n",
		},
		"idle":  {&specs.Scheduler{Policy: specs.SchedIdle}, &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE}, "nice 0\npolicy 5\nidle\n"},
		"other": {&specs.Scheduler{Policy: specs.SchedOther, Nice: -3}, &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_RT, Priority: 2}, "nice -3\npolicy 0\nrealtime: prio 2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			c := b.container(script(showScheduling), func(s *specs.Spec) { s.Process.Scheduler, s.Process.IOPriority = tc.scheduler, tc.io })
			c.run().ok().prints(tc.want)
		})
	}
}

// An exec has its own.
func TestSchedulerOfExec(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping(), func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedIdle} })
	c.runDetached().ok()
	text, err := json.Marshal(specs.Process{
		Args: []string{"sh", "-c", showScheduling}, Cwd: "/", Env: []string{"PATH=/bin"},
		Scheduler: &specs.Scheduler{Policy: specs.SchedBatch, Nice: 2}, IOPriority: &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := b.path("process.json")
	b.write(file, string(text), 0o644)
	c.execWith([]string{"--process", file}).ok().prints("nice 2\npolicy 3\nbest-effort: prio 1\n")
}

// Labels that the host cannot give are errors of an exec too.
func TestExecLabelsRefused(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.runDetached().ok()
	if machineHas("noapparmor") {
		c.execWith([]string{"--apparmor", "nope"}, "true").fails(255, "process.apparmorProfile: AppArmor is not enabled on this host")
	} else {
		c.execWith([]string{"--apparmor", "no-such-profile"}, "true").fails(255, "process.apparmorProfile")
	}
	if machineHas("noselinux") {
		c.execWith([]string{"--process-label", "a:b:c:s0"}, "true").fails(255, "process.selinuxLabel: SELinux is not enabled on this host")
	}
}

// --no-new-keyring leaves the program in the session keyring of the caller.
func TestNoNewKeyring(t *testing.T) {
	if !exists("/proc/keys") {
		t.Skip("this kernel has no keyrings")
	}
	b := newBox(t)
	c := b.container(noMasks(), script("grep -c '_ses."+b.name+"' /proc/keys"))
	c.run("--no-new-keyring").exits(1).prints("0\n")
	c.run().ok()
}
