package cgroups

import (
	"fmt"
	"strconv"
	"strings"
)

// parseNumber parses one number; "max" is Unlimited.
func parseNumber(text string) (uint64, error) {
	if text == "max" {
		return Unlimited, nil
	}
	// Signed files exist: memory.oom_control shows -1 nowhere, but a counter that
	// is the difference of per-processor ones may be below zero for a moment.
	if strings.HasPrefix(text, "-") {
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return 0, err
		}
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// parsePairs parses lines of a key and a number.
func parsePairs(text string) (map[string]uint64, error) {
	m := map[string]uint64{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			return nil, fmt.Errorf("unexpected line %q", line)
		}
		n, err := parseNumber(strings.TrimSpace(value))
		if err != nil {
			return nil, err
		}
		m[key] = n
	}
	return m, nil
}

// parseNumbers parses numbers with white space between them.
func parseNumbers(text string) ([]uint64, error) {
	var all []uint64
	for f := range strings.FieldsSeq(text) {
		n, err := parseNumber(f)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// nested is a file of lines "name key=value key=value", see "Nested keyed" in the
// kernel's cgroup-v2.rst.
type nested map[string]map[string]uint64

// parseNested parses such a file. Values that are no numbers are left out: the
// kernel may add some, and does so in io.stat with io.cost.
func parseNested(text string) (nested, error) {
	m := nested{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		values := map[string]uint64{}
		for _, f := range fields[1:] {
			key, value, ok := strings.Cut(f, "=")
			if !ok {
				return nil, fmt.Errorf("unexpected word %q", f)
			}
			if n, err := parseNumber(value); err == nil {
				values[key] = n
			}
		}
		m[fields[0]] = values
	}
	return m, nil
}

// parseList parses a list of numbers and ranges: "0-2,5".
func parseList(text string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			return nil, err
		}
		b, err := strconv.ParseUint(last, 10, 16)
		if err != nil {
			return nil, err
		}
		for n := a; n <= b; n++ {
			all = append(all, int(n))
		}
	}
	return all, nil
}
