//go:build cgo && !noseccomp

package seccomp

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// underFilter makes the test binary load a profile of testdata and report what some system calls then give.
const underFilter = "MINIRUN_TEST_SECCOMP_PROFILE"

func TestMain(m *testing.M) {
	if name := os.Getenv(underFilter); name != "" {
		if err := reportUnderFilter(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if request := os.Getenv(percallVariable); request != "" {
		if err := percallTimes(request); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// load puts a program on the calling thread.
func load(p *Program) error {
	runtime.LockOSThread() // for good: the thread ends with the process
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	filter := unsafe.Slice((*unix.SockFilter)(unsafe.Pointer(&p.Filter[0])), p.Instructions())
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(p.Flags), uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return fmt.Errorf("seccomp(2): %w", errno)
	}
	return nil
}

// kernelCalls are what reportUnderFilter tries: without any effect, whether they are let through or not.
var kernelCalls = []struct {
	name string
	nr   uintptr
	arg  uintptr
}{
	{"getppid", unix.SYS_GETPPID, 0},
	{"unshare", unix.SYS_UNSHARE, 0},
	{"personality", unix.SYS_PERSONALITY, 0xffffffff},
	{"personality of another value", unix.SYS_PERSONALITY, 0xfffffffe},
	{"a call of the future", 9999, 0},
}

func reportUnderFilter(name string) error {
	b, err := testdata.ReadFile("testdata/" + name + ".json")
	if err != nil {
		return err
	}
	profile, err := readProfile(b)
	if err != nil {
		return err
	}
	p, _, err := Compile(profile, "")
	if err != nil {
		return err
	}
	results := make([]unix.Errno, len(kernelCalls))
	if err := load(p); err != nil {
		return err
	}
	for i, call := range kernelCalls {
		_, _, results[i] = unix.RawSyscall(call.nr, call.arg, 0, 0)
	}
	for i, call := range kernelCalls {
		fmt.Printf("%s: %d\n", call.name, results[i])
	}
	return nil
}

// The kernel takes the filters and gives the errnos.
func TestKernel(t *testing.T) {
	if nativeArch(t) != specs.ArchX86_64 {
		t.Skip("the profiles of testdata are written for amd64")
	}
	want := map[string]string{
		// EPERM by the profile, ENOSYS for what is newer than it.
		"docker":     "getppid: 0\nunshare: 1\npersonality: 0\npersonality of another value: 1\na call of the future: 38\n",
		"containerd": "getppid: 0\nunshare: 1\npersonality: 0\npersonality of another value: 1\na call of the future: 38\n",
		// The default is ENOSYS; unshare is allowed by podman.
		"podman": "getppid: 0\nunshare: 0\npersonality: 0\npersonality of another value: 38\na call of the future: 38\n",
	}
	for _, name := range engines {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), underFilter+"="+name)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v: %s", name, err, strings.TrimSpace(stderr.String()))
			continue
		}
		if got := stdout.String(); got != want[name] {
			t.Errorf("%s: got\n%swant\n%s", name, got, want[name])
		}
	}
}
