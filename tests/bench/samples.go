package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// printSamples prints the tables of samples that another program has taken (tests/clients/bench): a line each, its fields with tabs
// between them: the case, what it measures, the runtime, milliseconds, and milliseconds of processor time or "-". The lines of a
// case and a runtime are in the order of the rounds.
func printSamples(path string, to io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	results, err := readSamples(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	m := thisMachine()
	fmt.Fprintf(to, "%s, %d CPUs (%s), %s, cgroup %s, load %s\n", m.System, m.CPUs, m.CPU, m.Kernel, m.Cgroups, m.Load)
	for _, r := range results {
		r.finish()
		fmt.Fprintf(to, "\n%s: %s (ms)\n", r.Case, r.About)
		if err := r.writeTable(to); err != nil {
			return err
		}
	}
	return nil
}

func readSamples(from io.Reader) ([]*result, error) {
	var results []*result
	lines := bufio.NewScanner(from)
	for number := 1; lines.Scan(); number++ {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 5 {
			return nil, fmt.Errorf("line %d: %d fields, want 5", number, len(fields))
		}
		i := slices.IndexFunc(results, func(r *result) bool { return r.Case == fields[0] })
		if i < 0 {
			i = len(results)
			results = append(results, &result{Case: fields[0], About: fields[1], Unit: "ms"})
		}
		one := results[i].rowOf(fields[2])
		wall, err := strconv.ParseFloat(fields[3], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		one.samples = append(one.samples, wall)
		if fields[4] == "-" {
			continue
		}
		cpu, err := strconv.ParseFloat(fields[4], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		one.cpu = append(one.cpu, cpu)
	}
	return results, lines.Err()
}

// rowOf returns the row of a runtime, which is made where there is none.
func (r *result) rowOf(runtime string) *row {
	for i := range r.Rows {
		if r.Rows[i].Runtime == runtime {
			return &r.Rows[i]
		}
	}
	r.Rows = append(r.Rows, row{Runtime: runtime})
	return &r.Rows[len(r.Rows)-1]
}
