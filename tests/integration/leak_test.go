//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// checkLeaks fails the test when it left a process, a cgroup, a mount or a
// state file behind, and removes what it finds so that other tests go on.
func (b *box) checkLeaks() {
	deadline := time.Now().Add(patience() / 3)
	for {
		problems := b.leaks(false)
		if len(problems) == 0 {
			return
		}
		if time.Now().After(deadline) {
			for _, problem := range problems {
				b.Errorf("left behind: %s", problem)
			}
			b.leaks(true)
			return
		}
		time.Sleep(scaled(20 * time.Millisecond))
	}
}

// leaks lists what is left of the test, and removes it if asked to.
func (b *box) leaks(remove bool) []string {
	problems := b.leakedProcesses(remove)
	problems = append(problems, b.leakedMounts(remove)...)
	problems = append(problems, b.leakedCgroups(remove)...)
	return append(problems, b.leakedState()...)
}

func (b *box) leakedProcesses(remove bool) []string {
	var problems []string
	for _, p := range processes() {
		if p.pid == os.Getpid() || p.state == 'Z' {
			continue
		}
		environ, _ := os.ReadFile(procPath(p.pid, "environ"))
		groups, _ := os.ReadFile(procPath(p.pid, "cgroup"))
		if !bytes.Contains(environ, []byte(b.marker())) && !bytes.Contains(groups, []byte("/"+b.name+".")) {
			continue
		}
		cmdline, _ := os.ReadFile(procPath(p.pid, "cmdline"))
		problems = append(problems, fmt.Sprintf("process %d (%s, state %c): %s",
			p.pid, p.comm, p.state, bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
		if remove {
			syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
	return problems
}

func (b *box) leakedMounts(remove bool) []string {
	var problems []string
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasPrefix(fields[4]+"/", b.dir+"/") {
			continue
		}
		problems = append(problems, "mount "+strings.TrimSpace(line))
		if remove {
			syscall.Unmount(fields[4], syscall.MNT_DETACH)
		}
	}
	return problems
}

func (b *box) leakedCgroups(remove bool) []string {
	var problems []string
	for _, h := range hierarchies() {
		found, _ := filepath.Glob(filepath.Join(h.dir, cgroupParent(), b.name+".*"))
		for _, dir := range found {
			problems = append(problems, "cgroup "+dir)
			if remove {
				removeCgroup(dir)
			}
		}
	}
	return problems
}

// removeCgroup removes a cgroup and those below it.
func removeCgroup(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			removeCgroup(filepath.Join(dir, entry.Name()))
		}
	}
	syscall.Rmdir(dir)
}

// leakedState lists what is in the state directory. Names that start with
// "@", which no container's can, belong to the runtime: caches.
func (b *box) leakedState() []string {
	var problems []string
	entries, _ := os.ReadDir(b.state)
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "@") {
			problems = append(problems, "state "+filepath.Join(b.state, entry.Name()))
		}
	}
	return problems
}

// marker is the environment variable that marks the processes of the test.
func (b *box) marker() string { return "MINIRUN_TEST=" + b.name }

// A process is one line of the process table.
type process struct {
	pid, ppid int
	comm      string
	state     byte
}

// processes reads the process table.
func processes() []process {
	var found []process
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok {
			found = append(found, p)
		}
	}
	return found
}

func readProcess(pid int) (process, bool) {
	text, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return process{}, false
	}
	// The name stands in parentheses and may hold any character.
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, false
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 2 {
		return process{}, false
	}
	ppid, _ := strconv.Atoi(fields[1])
	return process{pid: pid, ppid: ppid, comm: string(text[open+1 : end]), state: fields[0][0]}, true
}

// procPath returns a path below /proc of a process.
func procPath(pid int, elem ...string) string {
	return filepath.Join(append([]string{"/proc", strconv.Itoa(pid)}, elem...)...)
}
