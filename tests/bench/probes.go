package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// createdPSS returns the proportional set size in KiB of the init of a container that is created and not started.
func createdPSS(t *target) (float64, error) {
	const id = "bench-pss"
	bundle, err := t.bundle(id, container{args: []string{"/bin/sleep", "1000"}})
	if err != nil {
		return 0, err
	}
	defer t.remove(id)
	pid, _, err := t.create(id, bundle)
	if err != nil {
		return 0, err
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var size float64
		if n, _ := fmt.Sscanf(lines.Text(), "Pss: %f kB", &size); n == 1 {
			return size, nil
		}
	}
	return 0, fmt.Errorf("%s has no line Pss", file.Name())
}

// parallel runs count containers at the same time and returns the wall time until the last one is gone.
func parallel(t *target, count int) (time.Duration, error) {
	bundles := make([]string, count)
	for i := range bundles {
		id := fmt.Sprintf("bench-par-%d", i)
		var err error
		if bundles[i], err = t.bundle(id, container{args: []string{"/bin/true"}}); err != nil {
			return 0, err
		}
	}
	failures := make([]error, count)
	var all sync.WaitGroup
	start := time.Now()
	for i := range bundles {
		all.Go(func() {
			_, failures[i] = t.io.call(t.argv("run", "--bundle", bundles[i], fmt.Sprintf("bench-par-%d", i))...)
		})
	}
	all.Wait()
	took := time.Since(start)
	reap()
	failed := 0
	var first error
	for i, err := range failures {
		if err == nil {
			continue
		}
		if first == nil {
			first = err
		}
		failed++
		t.remove(fmt.Sprintf("bench-par-%d", i))
	}
	if first != nil {
		return took, fmt.Errorf("%d of %d failed, the first: %w", failed, count, first)
	}
	return took, nil
}

// Bounds and step of the search for the smallest memory limit, in bytes. memoryTries successes are asked for at each limit.
const (
	memoryStep  = 64 << 10
	memoryMost  = 64 << 20
	memoryTries = 3
)

// smallestMemory returns the smallest memory limit in KiB with which run of /bin/true succeeds every time, found by
// bisection in steps of 64 KiB.
func smallestMemory(t *target) (float64, error) {
	if err := survives(t, memoryMost); err != nil {
		return 0, err
	}
	low, high := 0, memoryMost/memoryStep // low fails, high succeeds
	for high-low > 1 {
		middle := (low + high) / 2
		if survives(t, int64(middle)*memoryStep) == nil {
			high = middle
		} else {
			low = middle
		}
	}
	return float64(high) * memoryStep / 1024, nil
}

func survives(t *target, limit int64) error {
	const id = "bench-memory"
	bundle, err := t.bundle(id, container{args: []string{"/bin/true"}, memory: limit})
	if err != nil {
		return err
	}
	for range memoryTries {
		if _, err := t.io.call(t.argv("run", "--bundle", bundle, id)...); err != nil {
			t.remove(id)
			removeCgroups(t.cgroup(id))
			return err
		}
	}
	return nil
}

// cgroupMounts returns where the cgroup hierarchies are mounted.
func cgroupMounts() []string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if before, _, ok := strings.Cut(line, " - cgroup"); ok {
			found = append(found, strings.Fields(before)[4])
		}
	}
	return found
}

// removeCgroups removes a cgroup and those below it, in all hierarchies.
func removeCgroups(cgroup string) {
	for _, mount := range cgroupMounts() {
		removeDirs(filepath.Join(mount, cgroup))
	}
}

func removeDirs(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.IsDir() {
			removeDirs(filepath.Join(dir, entry.Name()))
		}
	}
	_ = os.Remove(dir)
}

// leftovers returns what containers of the benchmark left behind: cgroups, state, mounts, processes.
func leftovers(targets []*target, work string) []string {
	var found []string
	for _, mount := range cgroupMounts() {
		dirs, _ := filepath.Glob(filepath.Join(mount, cgroupParent, "*", "bench-*"))
		found = append(found, prefixed("cgroup ", dirs)...)
	}
	for _, t := range targets {
		states, _ := filepath.Glob(filepath.Join(t.state, "bench-*"))
		found = append(found, prefixed("state ", states)...)
	}
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, work) {
			found = append(found, "mount "+strings.TrimSpace(line))
		}
	}
	children, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range children {
		text, _ := os.ReadFile(file)
		for pid := range strings.FieldsSeq(string(text)) {
			command, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			found = append(found, "process "+pid+" "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

func prefixed(kind string, names []string) []string {
	for i, name := range names {
		names[i] = kind + name
	}
	return names
}
