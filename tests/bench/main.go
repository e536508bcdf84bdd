// Command bench measures minirun beside the runtimes that are installed, in one run and interleaved: round by round each
// runtime in turn, so that a machine that gets slower in between touches all of them.
//
//	bench [-minirun PATH] [-n ROUNDS] [-only CASE,...] [-json] [-parallel COUNT] [-cc COMPILER]
//
// RUNTIMES=path,... in the environment replaces the runtimes that are looked for: minirun, crun, runc.
//
// The row "floor" is a C program that does the same kernel work with nothing around it; see floor/floor.c.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	minirun  string
	rounds   int
	only     []string
	json     bool
	parallel int
	compiler string
	source   string
	busybox  string
	samples  string
	alone    bool
}

// warmups are the rounds at the beginning of a case that are not counted.
const warmups = 2

func main() {
	if err := run(parseFlags()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags() options {
	var o options
	var only string
	names := []string{"pss", "parallel", "memory"}
	for _, c := range slices.Backward(cases()) {
		names = slices.Insert(names, 0, c.name)
	}
	flag.StringVar(&o.minirun, "minirun", "bin/minirun", "path of minirun")
	flag.IntVar(&o.rounds, "n", 50, "rounds of each timed case")
	flag.StringVar(&only, "only", "", "cases to measure, with commas between: "+strings.Join(names, ","))
	flag.BoolVar(&o.json, "json", false, "print JSON")
	flag.IntVar(&o.parallel, "parallel", 100, "containers at the same time in the case parallel")
	flag.StringVar(&o.compiler, "cc", "cc", "C compiler for the floor; empty leaves the floor out")
	flag.StringVar(&o.source, "floor", "tests/bench/floor/floor.c", "source of the floor")
	flag.StringVar(&o.busybox, "busybox", "/bin/busybox", "statically linked busybox for the root filesystem")
	flag.StringVar(&o.samples, "samples", "", "measure nothing, print the tables of the samples in this file (see samples.go)")
	flag.BoolVar(&o.alone, "alone", false,
		"leave the cgroups above the containers' to the runtimes: minirun makes and removes them each time, runc and crun leave them behind")
	flag.Parse()
	if only != "" {
		o.only = strings.Split(only, ",")
		for _, name := range o.only {
			if !slices.Contains(names, name) {
				fmt.Fprintf(os.Stderr, "bench: -only: no case %q; there are %s\n", name, strings.Join(names, ", "))
				os.Exit(2)
			}
		}
	}
	if o.rounds < 1 || o.parallel < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	return o
}

func (o *options) wants(name string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, name)
}

// bench is a run: the runtimes, the floor, and what was found so far.
type bench struct {
	options
	targets []*target
	floor   *floor
	report  report
}

func run(o options) error {
	if o.samples != "" {
		return printSamples(o.samples, os.Stdout)
	}
	if os.Geteuid() != 0 {
		return errors.New("only root can make these containers")
	}
	if done, code, err := hideUnified(); err != nil {
		return err
	} else if done {
		os.Exit(code)
	}
	if err := adopt(); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "minirun-bench.")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	state, err := onTmpfs(work)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(state) }()
	b := &bench{options: o}
	b.report.Machine = thisMachine()
	if err := b.prepare(work, state); err != nil {
		return err
	}
	defer removeCgroups(cgroupParent)
	if !o.alone {
		b.makeParents()
	}
	b.measure()
	reap()
	b.report.Leftovers = leftovers(b.targets, work)
	write := b.report.writeText
	if o.json {
		write = b.report.writeJSON
	}
	if err := write(os.Stdout); err != nil {
		return err
	}
	if b.report.failed() {
		return errors.New("a case has no result, or something was left behind: see above")
	}
	return nil
}

func (b *bench) prepare(work, state string) error {
	rootfs := filepath.Join(work, "rootfs")
	if err := makeRoot(rootfs, b.busybox); err != nil {
		return err
	}
	var err error
	if b.targets, err = findTargets(os.Getenv("RUNTIMES"), b.minirun); err != nil {
		return err
	}
	for _, t := range b.targets {
		if err := t.prepare(work, state, rootfs); err != nil {
			return err
		}
	}
	b.report.Runtimes = b.targets
	if b.compiler == "" {
		return nil
	}
	b.floor = &floor{path: filepath.Join(work, "floor"), state: state, rootfs: rootfs}
	output, err := exec.Command(b.compiler, "-O2", "-static", "-o", b.floor.path, b.source).CombinedOutput()
	if err != nil {
		return fmt.Errorf("compile %s with %s: %w: %s", b.source, b.compiler, err, output)
	}
	b.floor.io, err = openStreams(filepath.Join(work, "floor.stderr"))
	return err
}

// makeParents makes the cgroups above those of the containers, as there are on a host where others run. Otherwise only a runtime that takes away
// what it made would make them in every round.
func (b *bench) makeParents() {
	names := []string{"floor"}
	for _, t := range b.targets {
		names = append(names, t.Name)
	}
	for _, mount := range cgroupMounts() {
		makeCgroup(mount, cgroupParent)
		for _, name := range names {
			makeCgroup(mount, filepath.Join(cgroupParent, name))
		}
	}
}

// makeCgroup makes a cgroup; one for cpusets gets those of its parent, without which no process could be in it. What fails here is for the runtimes to
// complain of.
func makeCgroup(mount, name string) {
	dir := filepath.Join(mount, name)
	_ = os.Mkdir(dir, 0o755)
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		if value, err := os.ReadFile(filepath.Join(dir, "..", file)); err == nil {
			_ = os.WriteFile(filepath.Join(dir, file), value, 0)
		}
	}
}

func (b *bench) measure() {
	for _, c := range cases() {
		if b.wants(c.name) {
			b.timed(c)
		}
	}
	if b.wants("pss") {
		b.probe("pss", "PSS of the init of a created container", "KiB", min(b.rounds, 5), createdPSS)
	}
	if b.wants("parallel") {
		about := fmt.Sprintf("%d runs of /bin/true at the same time, until the last is gone", b.parallel)
		b.probe("parallel", about, "ms", min(b.rounds, 3), func(t *target) (float64, error) {
			took, err := parallel(t, b.parallel)
			return milliseconds(took), err
		})
	}
	if b.wants("memory") {
		b.probe("memory", "smallest memory limit that run of /bin/true survives", "KiB", 1, smallestMemory)
	}
}

// contestant is a row of a timed case.
type contestant struct {
	row
	again    round
	undo     func()
	failures int
}

// failuresMost ends the rounds of a runtime that fails again and again.
const failuresMost = 5

// once does a round; counted says whether it is one of those that are reported.
func (c *contestant) once(counted bool) {
	if c.failures == failuresMost || c.again == nil {
		return
	}
	took, err := c.again()
	reap()
	switch {
	case err != nil:
		c.failures++
		if c.failures == 1 {
			c.Failed = err.Error()
		}
	case counted:
		c.samples = append(c.samples, milliseconds(took.wall))
		c.cpu = append(c.cpu, milliseconds(took.cpu))
	}
}

// timed measures a case: round by round each runtime in turn.
func (b *bench) timed(c benchCase) {
	b.progress(c.name)
	var all []*contestant
	if b.floor != nil {
		if again, undo, err := b.floor.prepare(c.name, b.targets[len(b.targets)-1]); again != nil || err != nil {
			all = append(all, enter("floor", again, undo, err))
		}
	}
	for _, t := range b.targets {
		again, undo, err := c.prepare(t)
		all = append(all, enter(t.Name, again, undo, err))
	}
	for i := range warmups + b.rounds {
		for _, one := range all {
			one.once(i >= warmups)
		}
	}
	result := &result{Case: c.name, About: c.about, Unit: "ms"}
	for _, one := range all {
		if one.undo != nil {
			one.undo()
		}
		if one.failures > 0 {
			one.Failed = fmt.Sprintf("%d times, the first: %s", one.failures, one.Failed)
		}
		result.Rows = append(result.Rows, one.row)
	}
	b.add(result)
}

func enter(name string, again round, undo func(), err error) *contestant {
	one := &contestant{row: row{Runtime: name}, again: again, undo: undo}
	if err != nil {
		one.Failed = err.Error()
	}
	return one
}

// probe measures something that is not a plain round: a size, a crowd, a limit.
func (b *bench) probe(name, about, unit string, rounds int, measure func(*target) (float64, error)) {
	b.progress(name)
	result := &result{Case: name, About: about, Unit: unit, Rows: make([]row, len(b.targets))}
	for range rounds {
		for i, t := range b.targets {
			r := &result.Rows[i]
			r.Runtime = t.Name
			if r.Failed != "" {
				continue
			}
			value, err := measure(t)
			if err != nil {
				r.Failed = err.Error()
				continue
			}
			r.samples = append(r.samples, value)
		}
	}
	b.add(result)
}

func (b *bench) add(r *result) {
	r.finish()
	b.report.Results = append(b.report.Results, r)
}

func (b *bench) progress(name string) {
	fmt.Fprintln(os.Stderr, "bench: measuring", name)
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}
