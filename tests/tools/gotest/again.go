package main

import (
	"fmt"
	"slices"
	"strings"
)

// mostAgain is the number of failed tests above which nothing is run again: such a run has another reason than a race.
const mostAgain = 3

// failures are the failed top-level tests of each package.
type failures struct {
	tests   map[string][]string
	running int  // tests that began and have not ended
	broken  bool // a package failed by other means than a test: it was not built, it panicked, its time was up
}

func (f *failures) add(pkg, test string) {
	if f.tests == nil {
		f.tests = map[string][]string{}
	}
	top, _, _ := strings.Cut(test, "/")
	if !slices.Contains(f.tests[pkg], top) {
		f.tests[pkg] = append(f.tests[pkg], top)
	}
}

// ended takes note that a package failed.
func (f *failures) ended(pkg string) {
	if len(f.tests[pkg]) == 0 {
		f.broken = true
	}
}

// rerunnable says whether the failures are few enough, and all of them tests, to be run again.
func (f *failures) rerunnable() bool {
	count := 0
	for _, tests := range f.tests {
		count += len(tests)
	}
	return !f.broken && f.running == 0 && count > 0 && count <= mostAgain
}

// commands are the arguments of "go test" for the failed tests alone, one list for each package. The arguments given are those of the
// whole run: flags, then packages.
func (f *failures) commands(command, args []string) [][]string {
	flags := args
	for len(flags) > 0 && isPackage(flags[len(flags)-1]) {
		flags = flags[:len(flags)-1]
	}
	var all [][]string
	for pkg, tests := range f.tests {
		one := slices.Concat(command, flags, []string{"-count=1", "-run", "^(" + strings.Join(tests, "|") + ")$", pkg})
		all = append(all, one)
	}
	slices.SortFunc(all, slices.Compare)
	return all
}

func isPackage(arg string) bool { return arg == "." || strings.HasPrefix(arg, "./") }

// again runs the failed tests once more. The exit code is 0 when all of them pass now, else that of the first run.
func again(first *report, command, args []string, code int) (int, error) {
	if !first.failures.rerunnable() {
		return code, nil
	}
	second := &report{out: first.out, progress: first.progress, output: map[string][]string{}}
	for _, one := range first.failures.commands(command, args) {
		fmt.Fprintf(first.out, "\nonce more: go %s\n", strings.Join(one, " "))
		now, err := run(second, one)
		if err != nil {
			return code, err
		}
		if now != 0 {
			return code, nil
		}
	}
	for pkg, tests := range first.failures.tests {
		for _, test := range tests {
			fmt.Fprintf(first.out, "unsteady: %s %s failed, and passed when it was run again\n", pkg, test)
		}
	}
	return 0, nil
}
