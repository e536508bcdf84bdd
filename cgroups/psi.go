package cgroups

import (
	"fmt"
	"strconv"
	"strings"
)

// Pressure tells how long processes of the cgroup waited for a resource, see the
// kernel's accounting/psi.rst. It is there where a version 2 tree is, also beside
// version 1, since Linux 4.20, unless pressure is switched off.
type Pressure struct {
	// Some is the time in which at least one process waited.
	Some Stall
	// Full is the time in which all processes waited that had work to do. Linux
	// before 5.13 has none for the processor.
	Full *Stall
}

// Stall is a waiting time.
type Stall struct {
	// Avg10, Avg60 and Avg300 are the share of the last 10, 60 and 300 seconds
	// in percent.
	Avg10, Avg60, Avg300 float64
	// Total is the sum in nanoseconds; the kernel counts microseconds.
	Total uint64
}

// pressure reads a pressure file of the version 2 tree.
func (r *statReader) pressure(name string) *Pressure {
	return optional(r.unified(), name, parsePressure)
}

func parsePressure(text string) (Pressure, error) {
	var p Pressure
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		s, err := parseStall(rest)
		if err != nil {
			return p, err
		}
		switch kind {
		case "some":
			p.Some = s
		case "full":
			p.Full = &s
		}
	}
	return p, nil
}

func parseStall(text string) (Stall, error) {
	var s Stall
	for f := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(f, "=")
		var err error
		switch key {
		case "avg10":
			s.Avg10, err = strconv.ParseFloat(value, 64)
		case "avg60":
			s.Avg60, err = strconv.ParseFloat(value, 64)
		case "avg300":
			s.Avg300, err = strconv.ParseFloat(value, 64)
		case "total":
			s.Total, err = strconv.ParseUint(value, 10, 64)
			s.Total *= 1000
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", f, err)
		}
	}
	return s, nil
}
