package cgroups

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// IOStats is the traffic with block devices.
type IOStats struct {
	// Devices is by device number, ascending. A device that was never used may
	// be missing.
	Devices  []IODevice
	Pressure *Pressure
}

// IODevice is the traffic with one block device.
type IODevice struct {
	Major, Minor uint32
	// Bytes is what was moved, and Operations in how many requests.
	Bytes, Operations IOCount
	// Legacy is nil in version 2, and where no scheduler counts it.
	Legacy *IOLegacy
}

// IOCount is a sum by kind of request.
type IOCount struct {
	Read, Write, Discard uint64
	// Sync and Async are another division of the same requests; version 1
	// only.
	Sync, Async *uint64
	// Total is the sum of Read, Write and Discard.
	Total uint64
}

// IOLegacy is what the schedulers of version 1 count: CFQ up to Linux 4.20, BFQ
// with debugging. Times are in nanoseconds.
type IOLegacy struct {
	Queued, Merged, ServiceTime, WaitTime *IOCount
	// Time is for how long the device was the cgroup's, in nanoseconds.
	Time *uint64
	// Sectors is how many units of 512 bytes were moved.
	Sectors *uint64
}

type deviceNumber struct{ major, minor uint32 }

// ioTable collects values by device.
type ioTable map[deviceNumber]*IODevice

func (t ioTable) device(n deviceNumber) *IODevice {
	if t[n] == nil {
		t[n] = &IODevice{Major: n.major, Minor: n.minor}
	}
	return t[n]
}

func (r *statReader) io() *IOStats {
	t := ioTable{}
	found := false
	if dir := r.of("blkio"); dir.v1() {
		found = dir.ioV1(t)
	} else {
		found = r.of("io").ioV2(t)
	}
	p := r.pressure("io.pressure")
	if !found && p == nil {
		return nil
	}
	s := &IOStats{Pressure: p}
	for _, d := range t {
		s.Devices = append(s.Devices, *d)
	}
	slices.SortFunc(s.Devices, func(a, b IODevice) int {
		return cmp.Or(cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor))
	})
	return s
}

// ioV2 reads io.stat.
func (s *statDir) ioV2(t ioTable) bool {
	stat, ok := parsed(s, "io.stat", parseNested)
	for name, v := range stat {
		n, known := parseDeviceNumber(name)
		if !known || len(v) == 0 {
			continue // the kernel shows an unused device as its number only
		}
		d := t.device(n)
		d.Bytes = IOCount{Read: v["rbytes"], Write: v["wbytes"], Discard: v["dbytes"]}
		d.Operations = IOCount{Read: v["rios"], Write: v["wios"], Discard: v["dios"]}
		for _, c := range []*IOCount{&d.Bytes, &d.Operations} {
			c.Total = c.Read + c.Write + c.Discard
		}
	}
	return ok
}

// ioV1 reads the counters of the scheduler where one counts, else those of the
// throttling layer, which are always there.
func (s *statDir) ioV1(t ioTable) bool {
	bytes := s.firstCounts("blkio.bfq.io_service_bytes_recursive", "blkio.io_service_bytes_recursive",
		"blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes")
	ops := s.firstCounts("blkio.bfq.io_serviced_recursive", "blkio.io_serviced_recursive",
		"blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced")
	for n, c := range bytes {
		t.device(n).Bytes = c
	}
	for n, c := range ops {
		t.device(n).Operations = c
	}
	for _, f := range []struct {
		name string
		to   func(l *IOLegacy, c *IOCount)
	}{
		{"io_queued_recursive", func(l *IOLegacy, c *IOCount) { l.Queued = c }},
		{"io_merged_recursive", func(l *IOLegacy, c *IOCount) { l.Merged = c }},
		{"io_service_time_recursive", func(l *IOLegacy, c *IOCount) { l.ServiceTime = c }},
		{"io_wait_time_recursive", func(l *IOLegacy, c *IOCount) { l.WaitTime = c }},
		{"time_recursive", func(l *IOLegacy, c *IOCount) { l.Time = &c.Total }},
		{"sectors_recursive", func(l *IOLegacy, c *IOCount) { l.Sectors = &c.Total }},
	} {
		for n, c := range s.firstCounts("blkio.bfq."+f.name, "blkio."+f.name) {
			d := t.device(n)
			if d.Legacy == nil {
				d.Legacy = &IOLegacy{}
			}
			f.to(d.Legacy, &c)
		}
	}
	return bytes != nil || ops != nil
}

// firstCounts reads the first of the files that has something about a device. It
// is nil if there is none of them at all.
func (s *statDir) firstCounts(names ...string) map[deviceNumber]IOCount {
	var found map[deviceNumber]IOCount
	for _, name := range names {
		m, ok := parsed(s, name, parseCounts)
		if ok {
			found = m
		}
		if len(m) > 0 {
			break
		}
	}
	return found
}

// parseCounts parses lines "major:minor kind number" and "major:minor number". The
// last line of such a file is the sum of all devices.
func parseCounts(text string) (map[deviceNumber]IOCount, error) {
	all := map[deviceNumber]IOCount{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, ok := parseDeviceNumber(f[0])
		if !ok {
			continue
		}
		value, err := parseNumber(f[len(f)-1])
		if err != nil {
			return nil, err
		}
		c := all[n]
		kind := "Total"
		if len(f) > 2 {
			kind = f[1]
		}
		c.set(kind, value)
		all[n] = c
	}
	return all, nil
}

func (c *IOCount) set(kind string, n uint64) {
	switch kind {
	case "Read":
		c.Read = n
	case "Write":
		c.Write = n
	case "Discard":
		c.Discard = n
	case "Sync":
		c.Sync = &n
	case "Async":
		c.Async = &n
	case "Total":
		c.Total = n
	}
}

func parseDeviceNumber(s string) (deviceNumber, bool) {
	var n deviceNumber
	_, err := fmt.Sscanf(s, "%d:%d", &n.major, &n.minor)
	return n, err == nil
}
