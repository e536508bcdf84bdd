package cgroups

import (
	"slices"
	"strings"
)

// absent are the files with a line for each device, and what stands for a device
// that has no line.
var absent = map[string]string{
	"blkio.throttle.read_bps_device":   "0",
	"blkio.throttle.write_bps_device":  "0",
	"blkio.throttle.read_iops_device":  "0",
	"blkio.throttle.write_iops_device": "0",
	"blkio.weight_device":              "default",
	"blkio.bfq.weight_device":          "default",
	"blkio.leaf_weight_device":         "default",
	"io.bfq.weight":                    "default",
	"io.weight":                        "default",
	"io.max":                           "rbps=max wbps=max riops=max wiops=max",
	"io.latency":                       "target=0",
	"net_prio.ifpriomap":               "0",
	"rdma.max":                         "hca_handle=max hca_object=max",
	"misc.max":                         "max",
	"dmem.max":                         "max",
	"dmem.min":                         "0",
	"dmem.low":                         "0",
}

// previous returns what to write to a file to get back from the value to the
// text that was read from it before, and false if that cannot be said.
func previous(file, text, value string) (string, bool) {
	switch file {
	case "memory.oom_control":
		// oom_kill_disable 0\nunder_oom 0\noom_kill 0
		_, rest, _ := strings.Cut(text, "oom_kill_disable ")
		old, _, _ := strings.Cut(rest, "\n")
		return old, old != ""
	case "cpu.weight":
		// An idle cgroup shows 0, which cannot be written, and has no weight.
		return text, text != "0"
	}
	none, lines := absent[file]
	if !lines {
		if text == "" {
			text = "\n" // a write of nothing would not reach the file
		}
		return text, !strings.Contains(strings.TrimSpace(text), "\n")
	}
	key, _, more := strings.Cut(value, " ")
	if !more || key == "default" { // the weight of what has no line of its own
		key = "default"
		if !strings.Contains(text, key) {
			return text, true
		}
	}
	for line := range strings.Lines(text) {
		if k, _, _ := strings.Cut(line, " "); k == key {
			return strings.TrimSpace(line), true
		}
	}
	return key + " " + none, true
}

// deviceLines returns the lines that turn the rules in devices.list into the
// wanted ones, and those that turn them back. ok is false where that cannot be
// done line by line: when the default changes, or is to allow, since then
// devices.list does not tell the exceptions.
func deviceLines(list string, want []Write) (change, back []Write, ok bool) {
	if want[0].File != fileOf(false) || want[0].Value != "a" {
		return nil, nil, false
	}
	now := map[string]access{}
	var order []string
	for line := range strings.Lines(list) {
		dev, acc, fine := cutRule(line)
		if !fine || dev == "a *:*" {
			return nil, nil, false
		}
		now[dev] |= acc
		order = append(order, dev)
	}
	var deny []Write
	line := func(w Write, allow bool, dev string, a access) Write {
		return Write{Field: w.Field, Controller: "devices", File: fileOf(allow), Value: dev + " " + a.String()}
	}
	wanted := map[string]access{}
	for _, w := range want[1:] {
		dev, acc, fine := cutRule(w.Value)
		if !fine || w.File != fileOf(true) {
			return nil, nil, false
		}
		wanted[dev] |= acc
		if more := acc &^ now[dev]; more != 0 {
			change = append(change, line(w, true, dev, more))
			back = append(back, line(w, false, dev, more))
		}
	}
	for _, dev := range order {
		if less := now[dev] &^ wanted[dev]; less != 0 {
			deny = append(deny, line(want[0], false, dev, less))
			back = append(back, line(want[0], true, dev, less))
		}
	}
	slices.Reverse(back)
	return append(change, deny...), back, true
}

// cutRule takes a rule such as "c 1:3 rwm" apart.
func cutRule(rule string) (dev string, acc access, ok bool) {
	f := strings.Fields(rule)
	if len(f) != 3 {
		return "", 0, false
	}
	for _, l := range f[2] {
		switch l {
		case 'r':
			acc |= accRead
		case 'w':
			acc |= accWrite
		case 'm':
			acc |= accMknod
		}
	}
	return f[0] + " " + f[1], acc, acc != 0
}
