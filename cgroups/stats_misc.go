package cgroups

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// PidsStats is the number of processes and threads.
type PidsStats struct {
	// Usage counts tasks. Its Failures are the forks that were refused: in version
	// 2 since Linux 6.11 because of the limit of this cgroup or of one below,
	// otherwise those of processes in this cgroup itself, by whichever limit.
	Usage
}

func (r *statReader) pids() *PidsStats {
	dir := r.of("pids")
	u := dir.usage("pids.", "current", "max", "peak")
	if u == nil {
		return nil
	}
	if e := dir.pairs("pids.events"); e != nil {
		n := e["max"]
		u.Failures = &n
	}
	return &PidsStats{*u}
}

// HugePageStats is the use of huge pages of one size, in bytes.
type HugePageStats struct {
	// Usage is pages in use.
	Usage Usage
	// Reserved also counts pages that are promised to a mapping and not used yet;
	// since Linux 5.7.
	Reserved *Usage
}

// hugePages looks into the directory for what sizes there are.
func (r *statReader) hugePages() map[string]HugePageStats {
	dir := r.of("hugetlb")
	if dir == nil {
		return nil
	}
	current := ".current"
	if dir.v1() {
		current = ".usage_in_bytes"
	}
	var all map[string]HugePageStats
	for _, size := range dir.hugeSizes(current) {
		u := dir.hugeUsage("hugetlb." + size + ".")
		if u == nil {
			continue
		}
		if all == nil {
			all = map[string]HugePageStats{}
		}
		all[size] = HugePageStats{*u, dir.hugeUsage("hugetlb." + size + ".rsvd.")}
	}
	return all
}

func (s *statDir) hugeUsage(prefix string) *Usage {
	if s.v1() {
		return s.usageV1(prefix)
	}
	u := s.usage(prefix, "current", "max", "peak")
	if u == nil {
		return nil
	}
	if e := s.pairs(prefix + "events"); e != nil {
		n := e["max"]
		u.Failures = &n
	}
	return u
}

// hugeSizes returns the page sizes that have a file with the ending.
func (s *statDir) hugeSizes(ending string) []string {
	fd, err := openAt(s.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		if !gone(err) {
			s.fail("the directory", err)
		}
		return nil
	}
	f := os.NewFile(uintptr(fd), s.d.Abs())
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil && !gone(err) {
		s.fail("the directory", err)
	}
	prefix := s.d.fileName("hugetlb.")
	var sizes []string
	for _, n := range names {
		size, ok := strings.CutSuffix(strings.TrimPrefix(n, prefix), ending)
		if ok && strings.HasPrefix(n, prefix) && !strings.Contains(size, ".") {
			sizes = append(sizes, size)
		}
	}
	return sizes
}

// RDMAStats is the use of one RDMA device.
type RDMAStats struct {
	// Handles and Objects are HCA handles and objects; they have no peak.
	Handles, Objects Usage
}

func (r *statReader) rdma() map[string]RDMAStats {
	dir := r.of("rdma")
	current, ok := parsed(dir, "rdma.current", parseNested)
	if !ok {
		return nil
	}
	limits, _ := parsed(dir, "rdma.max", parseNested)
	all := map[string]RDMAStats{}
	for device, v := range current {
		s := RDMAStats{
			Handles: Usage{Current: v["hca_handle"], Limit: Unlimited},
			Objects: Usage{Current: v["hca_object"], Limit: Unlimited},
		}
		if l, ok := limits[device]; ok {
			s.Handles.Limit, s.Objects.Limit = l["hca_handle"], l["hca_object"]
		}
		all[device] = s
	}
	return all
}

// MiscStats is the use of one resource of the misc controller.
type MiscStats struct{ Usage }

func (r *statReader) misc() map[string]MiscStats {
	dir := r.of("misc")
	current, ok := parsed(dir, "misc.current", parsePairs)
	if !ok {
		return nil
	}
	limits, peaks, events := dir.pairs("misc.max"), dir.pairs("misc.peak"), dir.pairs("misc.events")
	all := map[string]MiscStats{}
	for name, n := range current {
		s := MiscStats{Usage{Current: n, Limit: Unlimited}}
		if l, ok := limits[name]; ok {
			s.Limit = l
		}
		if p, ok := peaks[name]; ok {
			s.Peak = &p
		}
		if e, ok := events[name+".max"]; ok {
			s.Failures = &e
		}
		all[name] = s
	}
	return all
}

func parseSigned(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }
