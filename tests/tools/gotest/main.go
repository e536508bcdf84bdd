// Command gotest runs "go test" with the given arguments and shows its output the way "go test" does, plus one thing:
// every skipped test with its reason, and their number, before the result lines of the packages.
// A run that skipped half of its tests looks as green as a complete one, and this is what tells them apart.
//
// The output of passing tests is left out; that of failing ones is printed when they end.
// With -progress as the first argument there is also a line for every top-level test when it ends. With -C DIR after it, the
// tests are those of the module in DIR.
// The exit code is that of "go test".
//
// With TEST_AGAIN=1 in the environment, at most three tests that failed are run once more, by themselves. One that passes then is
// printed as "unsteady", and does not fail the run.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// event is a line of "go test -json"; see "go doc test2json".
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64
	Output     string
}

// report collects what has to wait for the end of a test, of a package, or of the run.
type report struct {
	out      io.Writer
	progress bool
	output   map[string][]string // package and test → lines not shown yet
	skips    []string
	results  []string
	passed   int
	failed   int
	failures failures
}

func main() {
	args := os.Args[1:]
	r := &report{out: os.Stdout, output: map[string][]string{}}
	if len(args) > 0 && args[0] == "-progress" {
		r.progress, args = true, args[1:]
	}
	command := []string{"test"}
	if len(args) > 1 && args[0] == "-C" { // go wants it before its other flags
		command, args = append(command, args[:2]...), args[2:]
	}
	command = append(command, "-json")
	code, err := run(r, append(command, args...))
	if err == nil && code != 0 && os.Getenv("TEST_AGAIN") == "1" {
		code, err = again(r, command, args, code)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(r *report, args []string) (int, error) {
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	if err := r.read(pipe); err != nil {
		return 0, errors.Join(err, cmd.Wait())
	}
	err = cmd.Wait()
	r.summary()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

func (r *report) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(r.out, line) // not ours: pass it on
			} else {
				r.handle(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the output of go test: %w", err)
		}
	}
}

func (r *report) handle(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "run":
		r.failures.running++
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if strings.HasPrefix(e.Output, "panic: ") || strings.HasPrefix(e.Output, "fatal error: ") {
			r.failures.broken = true
		}
		r.output[key] = append(r.output[key], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.failures.running--
			r.endTest(e)
		}
		delete(r.output, key)
	}
}

func (r *report) endTest(e event) {
	lines := r.output[e.Package+" "+e.Test]
	switch e.Action {
	case "fail":
		r.failed++
		r.failures.add(e.Package, e.Test)
		fmt.Fprint(r.out, strings.Join(lines, ""))
	case "skip":
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(lines)))
	case "pass":
		r.passed++
	}
	if r.progress && e.Action != "fail" && !strings.Contains(e.Test, "/") {
		fmt.Fprintf(r.out, "--- %s: %s (%.2fs)\n", strings.ToUpper(e.Action), e.Test, e.Elapsed)
	}
}

// endPackage keeps the result line ("ok  	package	0.1s"), which is the last one, for the end, and prints the rest of a failure:
// a panic, or what a test printed that never ended.
func (r *report) endPackage(e event) {
	lines := r.output[e.Package+" "]
	if e.Action == "fail" {
		r.failures.ended(e.Package)
		for key, rest := range r.output {
			if strings.HasPrefix(key, e.Package+" ") && key != e.Package+" " {
				fmt.Fprint(r.out, strings.Join(rest, ""))
				delete(r.output, key)
			}
		}
	}
	last := ""
	for _, line := range lines {
		switch {
		case isResult(line):
			last = line
		case e.Action == "fail":
			fmt.Fprint(r.out, line)
		}
	}
	if last == "" && e.Action == "fail" {
		last = "FAIL\t" + e.Package + "\n"
	}
	r.results = append(r.results, last)
}

func isResult(line string) bool {
	for _, start := range []string{"ok  \t", "FAIL\t", "?   \t", "---\t", "\t"} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}

// reason takes the text of t.Skip from the output of a skipped test: what is left without go test's own lines.
func reason(lines []string) string {
	var said []string
	for _, line := range lines {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- ") {
			continue
		}
		said = append(said, text)
	}
	if len(said) == 0 {
		return "(no reason given)"
	}
	return strings.Join(said, " ")
}

func (r *report) summary() {
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped (subtests counted)\n", r.passed, r.failed, len(r.skips))
	for _, skip := range r.skips {
		fmt.Fprintln(r.out, "skipped:", skip)
	}
	for _, line := range r.results {
		fmt.Fprint(r.out, line)
	}
}
