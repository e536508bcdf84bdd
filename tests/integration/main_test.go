//go:build integration

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// underTest returns the absolute path of the runtime binary under test.
var underTest = sync.OnceValue(func() string { return os.Getenv("MINIRUN") })

// inVM tells whether the tests run in an emulated machine.
var inVM = sync.OnceValue(func() bool { return os.Getenv("MINIRUN_VM") == "1" })

// baseDir returns the directory that holds the directories of all tests.
var baseDir = sync.OnceValue(func() string {
	dir := filepath.Join(os.TempDir(), "mrt"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		panic(err)
	}
	return dir
})

// cgroupParent is the cgroup, below the root of every hierarchy, in which all
// tests put their containers.
var cgroupParent = sync.OnceValue(func() string { return "/minirun-test-" + strconv.Itoa(os.Getpid()) })

// scaled returns d, longer where the machine is an emulated one.
func scaled(d time.Duration) time.Duration {
	if inVM() {
		return 20 * d
	}
	return d
}

// patience is how long something is waited for that must come. It is long, for a machine with much else to do.
func patience() time.Duration {
	if inVM() {
		return 6 * time.Minute
	}
	return time.Minute
}

// rounds returns how often a loop runs: normal on a real machine, few in an
// emulated one.
func rounds(normal, few int) int {
	if inVM() {
		return few
	}
	return normal
}

func TestMain(m *testing.M) {
	os.Exit(runSuite(m))
}

func runSuite(m *testing.M) int {
	if os.Getenv(goServerVariable) != "" {
		return goServer()
	}
	if err := prepareSuite(); err != nil {
		fmt.Fprintln(os.Stderr, "integration tests:", err)
		return 2
	}
	before := openFiles()
	code := m.Run()
	for _, problem := range suiteLeaks(before) {
		fmt.Fprintln(os.Stderr, "integration tests: left behind:", problem)
		code = 1
	}
	if err := os.RemoveAll(baseDir()); err != nil {
		fmt.Fprintln(os.Stderr, "integration tests:", err)
		code = 1
	}
	return code
}

func prepareSuite() error {
	bin := underTest()
	switch {
	case bin == "":
		return fmt.Errorf("MINIRUN is not set: it must name the binary under test by its absolute path")
	case !filepath.IsAbs(bin):
		return fmt.Errorf("MINIRUN=%s: must be an absolute path", bin)
	case os.Geteuid() != 0:
		return fmt.Errorf("must run as root, not as uid %d", os.Geteuid())
	}
	if err := unix.Access(bin, unix.X_OK); err != nil {
		return fmt.Errorf("MINIRUN=%s: %w", bin, err)
	}
	unix.Umask(0o022)
	// Detached containers become children of the test process, as they do of
	// a container engine's shim.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	return warmPoller()
}

// warmPoller makes the Go runtime open its poller's descriptors, so that they
// are not mistaken for leaked ones.
func warmPoller() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	r.Close()
	return w.Close()
}

// openFiles lists what the descriptors of this process refer to.
func openFiles() map[string]int {
	found := map[string]int{}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		target, err := os.Readlink("/proc/self/fd/" + entry.Name())
		if err != nil || strings.HasPrefix(target, "/proc/") {
			continue
		}
		if name, ok := strings.CutPrefix(target, "anon_inode:"); ok {
			target = name
		}
		found[target]++
	}
	return found
}

// suiteLeaks returns what is left after the last test: live children, cgroups
// and open files.
func suiteLeaks(before map[string]int) []string {
	var problems []string
	orphans().collect()
	for _, p := range processes() {
		if p.ppid == os.Getpid() && p.state != 'Z' {
			problems = append(problems, fmt.Sprintf("child process %d (%s)", p.pid, p.comm))
		}
	}
	for _, h := range hierarchies() {
		dir := filepath.Join(h.dir, cgroupParent())
		if err := os.Remove(dir); err != nil && !os.IsNotExist(err) {
			problems = append(problems, fmt.Sprintf("cgroup: %v", err))
		}
	}
	for target, n := range openFiles() {
		if n > before[target] {
			problems = append(problems, fmt.Sprintf("open file %s (%d, was %d)", target, n, before[target]))
		}
	}
	return problems
}
