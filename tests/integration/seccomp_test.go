//go:build integration

package integration

import (
	"embed"
	"encoding/json"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

//go:embed testdata/bundles
var bundleFiles embed.FS

// seccompErrno refuses system calls with EACCES-like errors and allows the rest.
func seccompErrno(names ...string) mod { return seccompAction(specs.ActErrno, ptr(uint(95)), names...) }

func seccompAction(action specs.LinuxSeccompAction, errno *uint, names ...string) mod {
	return func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow,
			Syscalls:      []specs.LinuxSyscall{{Names: names, Action: action, ErrnoRet: errno}},
		}
	}
}

func noNewPrivileges() mod { return func(s *specs.Spec) { s.Process.NoNewPrivileges = true } }

func TestSeccompErrno(t *testing.T) {
	for name, extra := range map[string]mod{
		"with new privileges":    func(*specs.Spec) {},
		"without new privileges": noNewPrivileges(),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			c := b.container(seccompErrno("mkdir", "mkdirat"), extra,
				script("mkdir /tmp/d; grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status; ls /tmp"))
			r := c.run().ok()
			b.contains("stderr", r.stderr, "Operation not supported") // 95
			nnp := "0"
			if name == "without new privileges" {
				nnp = "1"
			}
			r.prints("NoNewPrivs:\t" + nnp + "\nSeccomp:\t2\n")
		})
	}
}

// A default errno of the profile is used where a rule names none.
func TestSeccompDefaultErrno(t *testing.T) {
	b := newBox(t)
	c := b.container(seccompAction(specs.ActErrno, nil, "mkdir", "mkdirat"), script("mkdir /tmp/d"))
	b.contains("stderr", c.run().exits(1).stderr, "Operation not permitted")
}

func TestSeccompKill(t *testing.T) {
	b := newBox(t)
	c := b.container(seccompAction("SCMP_ACT_KILL_PROCESS", nil, "mkdir", "mkdirat"), script("mkdir /tmp/d; echo $?"))
	c.run().ok().prints("159\n") // 128 + SIGSYS
}

// Arguments of the call are compared.
func TestSeccompArguments(t *testing.T) {
	b := newBox(t)
	rule := func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow,
			Syscalls: []specs.LinuxSyscall{{
				Names: []string{"kill"}, Action: specs.ActErrno, ErrnoRet: ptr(uint(95)),
				Args: []specs.LinuxSeccompArg{{Index: 1, Value: 10, Op: specs.OpEqualTo}},
			}},
		}
	}
	c := b.container(rule, script("trap '' USR1 USR2; kill -USR1 $$ || echo refused; kill -USR2 $$ && echo allowed"))
	r := c.run().ok().prints("refused\nallowed\n")
	b.contains("stderr", r.stderr, "Operation not supported")
}

// The second container with the same profile takes the compiled program from
// the cache and behaves the same; another profile does not get it.
func TestSeccompCache(t *testing.T) {
	b := newBox(t)
	profile := dockerProfile(b)
	probe := script("unshare -U true 2>&1; grep ^Seccomp: /proc/self/status")
	var outputs []string
	for range 3 {
		outputs = append(outputs, b.container(profile, probe).run().ok().stdout)
	}
	b.contains("output", outputs[0], "Operation not permitted", "Seccomp:\t2\n")
	equal(b, "second output", outputs[1], outputs[0])
	equal(b, "third output", outputs[2], outputs[0])
	other := b.container(seccompErrno("mkdir", "mkdirat"), script("mkdir /tmp/d || grep ^Seccomp: /proc/self/status"))
	b.contains("other profile", other.run().ok().prints("Seccomp:\t2\n").stderr, "Operation not supported")
}

// dockerProfile is the seccomp profile in a config that Docker wrote.
func dockerProfile(b *box) mod {
	b.Helper()
	text, err := bundleFiles.ReadFile("testdata/bundles/docker-default.json")
	if err != nil {
		b.Fatal(err)
	}
	var docker specs.Spec
	if err := json.Unmarshal(text, &docker); err != nil {
		b.Fatal(err)
	}
	if docker.Linux.Seccomp == nil {
		b.Fatal("docker-default.json has no seccomp profile")
	}
	return func(s *specs.Spec) { s.Linux.Seccomp = docker.Linux.Seccomp }
}

// A process that exec adds gets the container's filter.
func TestSeccompExec(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping(), seccompErrno("mkdir", "mkdirat"))
	c.runDetached().ok()
	r := c.exec("mkdir", "/tmp/d").exits(1)
	b.contains("stderr", r.stderr, "Operation not supported")
	c.exec("grep", "^Seccomp:", "/proc/self/status").ok().prints("Seccomp:\t2\n")
}

// Names of system calls that this machine does not know are skipped.
func TestSeccompUnknownSyscall(t *testing.T) {
	b := newBox(t)
	b.container(seccompErrno("mkdir", "no_such_call"), script("mkdir /tmp/d 2>/dev/null || echo refused")).
		run().ok().prints("refused\n")
}
