package libcontainer

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
)

// TestExplain holds the words of every kind of failure: people read them, and engines match some.
func TestExplain(t *testing.T) {
	lookup := nsenter.ProcLookup{Name: "prog"}
	hook := nsenter.HookRun{Path: "/hooks/a"}
	for _, c := range []struct {
		because string
		op      nsenter.Op
		err     nsenter.InitError
		want    string
	}{
		{"process.args[0]", lookup, nsenter.InitError{Errno: unix.ENOENT}, `exec: "prog": executable file not found in $PATH: no such file or directory`},
		{"process.args[0]", lookup, nsenter.InitError{Errno: unix.EISDIR, Detail: "/tmp/prog"}, `exec: "prog": is a directory: permission denied`},
		{
			"process.args[0]",
			nsenter.ProcLookup{Name: "/bin/none"},
			nsenter.InitError{Errno: unix.ENOENT, Detail: "/bin/none"},
			`exec: "/bin/none": no such file or directory`,
		},
		{"process.args[0]", lookup, nsenter.InitError{Errno: unix.EACCES, Detail: "/bin/prog"}, `exec: "prog": stat /bin/prog: permission denied`},
		{"process.args", nsenter.ProcExec{Args: []string{"/bin/sh"}}, nsenter.InitError{Step: nsenter.StepExecve, Errno: unix.ENOEXEC}, `exec: "/bin/sh": exec format error`},
		{"hooks.createContainer[0]", hook, nsenter.InitError{Step: nsenter.StepHookExit, Value: 3}, "hooks.createContainer[0]: hook /hooks/a: exit status 3"},
		{"hooks.createContainer[1]", hook, nsenter.InitError{Step: nsenter.StepHookSignal, Value: 9}, "hooks.createContainer[1]: hook /hooks/a: killed by SIGKILL"},
		{"hooks.startContainer[0]", hook, nsenter.InitError{Step: nsenter.StepHookTimeout}, "hooks.startContainer[0]: hook /hooks/a: no end after the timeout"},
		{"hooks.startContainer[0]", hook, nsenter.InitError{Step: nsenter.StepExecve, Errno: unix.ENOENT}, "hooks.startContainer[0]: hook /hooks/a: execve: no such file or directory"},
		{
			"mounts[1]",
			nsenter.MountFs{Path: "proc", Fstype: "proc"},
			nsenter.InitError{Step: nsenter.StepFsopen, Errno: unix.ENODEV},
			"mounts[1] proc: fsopen proc: no such device",
		},
		{
			"mounts[2]",
			nsenter.MountFs{Path: "tmp", Fstype: "tmpfs"},
			nsenter.InitError{Step: nsenter.StepFsconfig, Errno: unix.EINVAL, Detail: "tmpfs: Unknown parameter 'x'"},
			"mounts[2] tmp: fsconfig tmpfs (tmpfs: Unknown parameter 'x'): invalid argument",
		},
		{
			"mounts[3]",
			nsenter.MountBind{Source: "/srv", Path: "data"},
			nsenter.InitError{Step: nsenter.StepOpenTree, Errno: unix.ENOENT},
			"mounts[3] /srv on data: open_tree: no such file or directory",
		},
		{
			"mounts[4]",
			nsenter.MountBind{Path: "proc/x"},
			nsenter.InitError{Step: nsenter.StepInsideProcfs, Errno: unix.EPERM},
			"mounts[4] proc/x: the target is inside a procfs: operation not permitted",
		},
		{
			"mounts[5]",
			nsenter.MountBind{Source: "/srv", Path: "/link"},
			nsenter.InitError{Step: nsenter.StepMoveMount, Errno: unix.EBUSY},
			"mounts[5] /srv on /link: the target is the root of the container: device or resource busy",
		},
		{"root.path", nsenter.RootOpen{Path: "/none"}, nsenter.InitError{Step: nsenter.StepOpenTree, Errno: unix.ENOENT}, "root.path /none: open_tree: no such file or directory"},
		{"hostname", nsenter.UtsHostname{Name: "web"}, nsenter.InitError{Step: nsenter.StepSethostname, Errno: unix.EPERM}, "hostname web: sethostname: operation not permitted"},
		{"process.user", nsenter.CredUser{}, nsenter.InitError{Step: nsenter.StepSetresuid, Errno: unix.EINVAL}, "process.user: setresuid: invalid argument"},
		{"process.cwd", nsenter.ProcChdir{Path: "/x"}, nsenter.InitError{Step: nsenter.StepChdir, Detail: "outside of the root"}, "process.cwd /x: chdir: outside of the root"},
	} {
		comp := &compiler{plan: &nsenter.Plan{}, facts: &hostFacts{}}
		comp.add("something before", nsenter.ProcSetsid{})
		comp.add(c.because, c.op)
		c.err.Index = 1
		got := comp.explain(fmt.Errorf("wrapped: %w", &c.err))
		if got == nil || got.Error() != c.want {
			t.Errorf("%v of %T:\n got %v\nwant %s", c.err.Step, c.op, got, c.want)
		}
		if c.err.Errno != 0 && !errors.Is(got, c.err.Errno) {
			t.Errorf("%v of %T: the errno cannot be asked for", c.err.Step, c.op)
		}
	}
}

// What is no failure of an operation stays as it is.
func TestExplainOthers(t *testing.T) {
	comp := &compiler{plan: &nsenter.Plan{}, facts: &hostFacts{}}
	comp.add("session", nsenter.ProcSetsid{})
	for _, err := range []error{
		errors.New("other"), &nsenter.DeathError{Status: 9}, &nsenter.InitError{Index: -1, Errno: unix.EPROTO}, &nsenter.InitError{Index: 1},
	} {
		if got := comp.explain(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}
