package libcontainer

import (
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
)

// A container of a user who may not make cgroups has none. Its processes are then those of its pid namespace or, without one of its own, what
// descends from its first process.

// members returns the ids of the processes of a container without a cgroup, ascending.
func (r *record) members() ([]int, error) {
	if alive, err := r.alive(); !alive {
		return nil, err
	}
	all, err := processTable()
	if err != nil {
		return nil, err
	}
	pids := descendants(all, r.Pid)
	if r.ownProcesses() {
		if pids, err = r.sameNamespace(all); err != nil {
			return nil, err
		}
	}
	// The number of a first process that has ended meanwhile may lead to another namespace, the host's for one.
	if alive, err := r.alive(); !alive {
		return nil, err
	}
	return pids, nil
}

// sameNamespace picks the processes in the pid namespace of the container's first process. Of those below it there is none that is not a
// descendant of one in it, and they end with it.
func (r *record) sameNamespace(all []processEntry) ([]int, error) {
	own, err := os.Readlink("/proc/" + strconv.Itoa(r.Pid) + "/ns/pid")
	if err != nil {
		return nil, fmt.Errorf("pid namespace of the container: %w", err)
	}
	var pids []int
	for _, p := range all {
		// Processes of others, and those that have ended, do not tell.
		if ns, err := os.Readlink("/proc/" + strconv.Itoa(p.pid) + "/ns/pid"); err == nil && ns == own {
			pids = append(pids, p.pid)
		}
	}
	return pids, nil
}

type processEntry struct{ pid, parent int }

// processTable reads the ids of all processes and of their parents, ascending.
func processTable() ([]processEntry, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []processEntry
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		if st, err := parseStat(string(b)); err == nil && st.state != 'Z' && st.state != 'X' {
			all = append(all, processEntry{pid: pid, parent: st.parent})
		}
	}
	slices.SortFunc(all, func(a, b processEntry) int { return a.pid - b.pid })
	return all, nil
}

// descendants returns root and what descends from it.
func descendants(all []processEntry, root int) []int {
	in := map[int]bool{root: true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !in[p.pid] && in[p.parent] {
				in[p.pid], grown = true, true
			}
		}
	}
	var pids []int
	for _, p := range all {
		if in[p.pid] {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// signalMembers sends a signal to every process of a container without a cgroup.
func (r *record) signalMembers(sig unix.Signal) error {
	if sig == unix.SIGKILL && r.ownProcesses() {
		return ignoreNotRunning(r.signal(sig)) // the others end with it
	}
	return cgroups.SignalListed(sig, r.members)
}

// ownProcesses tells whether the container's first process is process 1 of a pid namespace, whose end is that of all in it.
func (r *record) ownProcesses() bool {
	if r.Namespaces&unix.CLONE_NEWPID == 0 {
		return false
	}
	pid, err := innerPid(r.Pid)
	return err == nil && pid == 1
}

// end kills the container's first process, and, without a cgroup, the others as long as they can be told from strangers. What is left of a
// container in the host's pid namespace once its first process is gone cannot.
func (r *record) end() error {
	if r.Cgroup == nil {
		return r.signalMembers(unix.SIGKILL)
	}
	return r.signal(unix.SIGKILL)
}
