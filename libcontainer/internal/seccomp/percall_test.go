//go:build cgo && !noseccomp

package seccomp

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// percallVariable makes the test binary time a system call under a filter: number, argument, times, file of the filter or nothing.
const percallVariable = "MINIRUN_TEST_SECCOMP_PERCALL"

// percallTimes prints the nanoseconds that so many calls take.
func percallTimes(request string) error {
	var nr, arg uintptr
	var times int
	var file string
	if _, err := fmt.Sscanf(request, "%d %d %d %q", &nr, &arg, &times, &file); err != nil {
		return err
	}
	if file != "" {
		filter, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := load(&Program{Filter: filter, Flags: unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW}); err != nil {
			return err
		}
	}
	runtime.LockOSThread()
	var begin, end unix.Timespec
	// The thread's own time: other work on the machine counts less.
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &begin); err != nil {
		return err
	}
	for range times {
		unix.RawSyscall(nr, arg, 0, 0)
	}
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &end); err != nil {
		return err
	}
	fmt.Println(end.Nano() - begin.Nano())
	return nil
}

// BenchmarkPerCall is what a filter costs each system call, for Docker's profile: instructions by interpreting the filter, time by the kernel. Since Linux
// 5.11 the kernel runs no filter for numbers that it has found to pass whatever the arguments; the others are the ones to look at. The filter of runc
// was read out of a container that runc 1.1.5 with libseccomp 2.5.4 had made (PTRACE_SECCOMP_GET_FILTER).
func BenchmarkPerCall(b *testing.B) {
	if nativeArch(b) != specs.ArchX86_64 {
		b.Skip("the filter of runc is one for amd64")
	}
	p, _, err := Compile(profileOf(b, "docker"), "")
	if err != nil {
		b.Fatal(err)
	}
	own := filepath.Join(b.TempDir(), "filter")
	if err := os.WriteFile(own, p.Filter, 0o600); err != nil {
		b.Fatal(err)
	}
	for _, call := range []struct {
		name string
		nr   uint32
		arg  uint64
	}{
		{"getppid", unix.SYS_GETPPID, 0},
		{"personality", unix.SYS_PERSONALITY, 0xffffffff},
		{"socket", unix.SYS_SOCKET, unix.AF_UNIX}, // fails with EINVAL, behind the filter
		{"refused", unix.SYS_UNSHARE, 0},
		{"unknown", 9999, 0},
	} {
		for _, f := range []struct{ name, file string }{{"none", ""}, {"minirun", own}, {"runc", "testdata/docker-runc-1.1.5.amd64.bpf"}} {
			b.Run(call.name+"/"+f.name, func(b *testing.B) {
				if f.file != "" {
					b.ReportMetric(float64(steps(b, f.file, &callData{nr: call.nr, arch: unix.AUDIT_ARCH_X86_64, args: [maxArgs]uint64{call.arg}})), "insns/op")
				}
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %d %q", percallVariable, call.nr, call.arg, b.N, f.file))
				cmd.Stderr = os.Stderr
				out, err := cmd.Output()
				if err != nil {
					b.Fatal(err)
				}
				ns, err := strconv.Atoi(string(bytes.TrimSpace(out)))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(ns)/float64(b.N), "ns/op")
			})
		}
	}
}

// steps is how many instructions a filter takes for a call.
func steps(tb testing.TB, file string, d *callData) int {
	tb.Helper()
	filter, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	_, n, err := run(mustDecode(tb, filter), d)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// The filter for Docker's profile decides as runc's does, for every number, and never takes more instructions to.
func TestCheaperThanReference(t *testing.T) {
	if nativeArch(t) != specs.ArchX86_64 {
		t.Skip("the filter of runc is one for amd64")
	}
	prog, _ := mustCompile(t, profileOf(t, "docker"))
	filter, err := os.ReadFile("testdata/docker-runc-1.1.5.amd64.bpf")
	if err != nil {
		t.Fatal(err)
	}
	theirs := mustDecode(t, filter)
	if len(prog) >= len(theirs) {
		t.Errorf("%d instructions, %d of runc", len(prog), len(theirs))
	}
	var ours, all int
	for nr := range uint32(470) {
		d := &callData{nr: nr, arch: unix.AUDIT_ARCH_X86_64}
		got, n, err := run(prog, d)
		if err != nil {
			t.Fatal(err)
		}
		want, m, err := run(theirs, d)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("number %d: action %#x, %#x of runc", nr, got, want)
		}
		ours, all = ours+n, all+m
	}
	if ours >= all {
		t.Errorf("%d instructions for all numbers, %d of runc", ours, all)
	}
	t.Logf("%d and %d instructions; %d and %d for all numbers", len(prog), len(theirs), ours, all)
}
