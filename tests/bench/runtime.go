package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// cgroupParent is the cgroup that all containers of the benchmark are below, in every hierarchy.
const cgroupParent = "/minirun-bench"

// target is a runtime that is measured: its program, and the places that only it uses.
type target struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	path    string
	state   string // its --root
	work    string // bundles and pid files
	rootfs  string
	io      *streams
}

// findTargets returns the runtimes to measure: those of the list (paths or names, with commas between), or else those of
// the default names that exist.
func findTargets(list, minirun string) ([]*target, error) {
	names, wanted := strings.Split(list, ","), true
	if list == "" {
		names, wanted = []string{minirun, "crun", "runc"}, false
	}
	var found []*target
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		switch {
		case err == nil:
			found = append(found, &target{Name: freeName(found, filepath.Base(path)), path: path})
		case wanted:
			return nil, fmt.Errorf("RUNTIMES: %w", err)
		default:
			fmt.Fprintln(os.Stderr, "bench: not measured:", err)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no runtime found: neither %s nor crun nor runc", minirun)
	}
	return found, nil
}

// freeName returns name, with a number where a runtime has it already: two builds of one runtime can be compared.
func freeName(taken []*target, name string) string {
	free := name
	for number := 2; slices.ContainsFunc(taken, func(t *target) bool { return t.Name == free }); number++ {
		free = fmt.Sprintf("%s-%d", name, number)
	}
	return free
}

// prepare gives the runtime its own directories below work and state.
func (t *target) prepare(work, state, rootfs string) error {
	t.work = filepath.Join(work, t.Name)
	t.state = filepath.Join(state, t.Name)
	t.rootfs = rootfs
	for _, dir := range []string{t.work, t.state} {
		if err := os.Mkdir(dir, 0o711); err != nil {
			return err
		}
	}
	var err error
	if t.io, err = openStreams(filepath.Join(t.work, "stderr")); err != nil {
		return err
	}
	text, err := exec.Command(t.path, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", t.path, err)
	}
	t.Version, _, _ = strings.Cut(string(text), "\n")
	return nil
}

// bundle writes the bundle for a container and returns its directory. The id is part of the cgroup's name.
func (t *target) bundle(id string, c container) (string, error) {
	dir := filepath.Join(t.work, "bundle-"+id)
	c.cgroup = t.cgroup(id)
	if c.memory == 0 {
		c.memory = memoryLimit
	}
	return dir, writeConfig(dir, t.rootfs, c)
}

func (t *target) cgroup(id string) string {
	return filepath.Join(cgroupParent, t.Name, id)
}

// argv is the command line of a call of the runtime.
func (t *target) argv(args ...string) []string {
	return append([]string{t.path, "--root", t.state}, args...)
}

// create makes the container and returns the pid of its init, and what that cost.
func (t *target) create(id, bundle string) (int, cost, error) {
	file := filepath.Join(t.state, "pid-of-"+id)
	took, err := t.io.call(t.argv("create", "--bundle", bundle, "--pid-file", file, id)...)
	if err != nil {
		return 0, cost{}, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, cost{}, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, cost{}, fmt.Errorf("pid file of %s: %w", id, err)
	}
	return pid, took, nil
}

// remove takes a container away whatever became of it; what cannot be removed shows in leftovers.
func (t *target) remove(id string) {
	_, _ = t.io.call(t.argv("delete", "--force", id)...)
	reap()
}
