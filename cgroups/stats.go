package cgroups

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// Unlimited is the value of a limit that is not set, where the kernel says
// "max". Memory limits of version 1 are numbers always: see [Usage.Limited].
const Unlimited = math.MaxUint64

// Stats is what the kernel counted for a cgroup and all below it since the
// cgroup was made. Sizes are in bytes, times in nanoseconds, everything else
// counts events or objects.
//
// What the kernel does not tell is absent: a nil pointer or map stands for a
// controller or a file that is not there, never for zero.
type Stats struct {
	CPU    *CPUStats
	CPUSet *CPUSetStats
	Memory *MemoryStats
	Pids   *PidsStats
	IO     *IOStats
	// HugePages is by page size as the kernel names it: 64KB, 2MB, 1GB.
	HugePages map[string]HugePageStats
	// RDMA is by device.
	RDMA map[string]RDMAStats
	// Misc is by resource, for instance sev.
	Misc map[string]MiscStats
}

// Usage is a consumption with its limit.
type Usage struct {
	// Current is what is used now.
	Current uint64
	// Limit is the most that may be used, or Unlimited.
	Limit uint64
	// Peak is the most that was used at a time. Version 2 has it for memory
	// since Linux 5.19 and for swap since 6.5.
	Peak *uint64
	// Failures is how often the limit was in the way.
	Failures *uint64
}

// Limited tells whether there is a limit. Version 1 shows memory without one as
// the largest multiple of the page size that an int64 can hold.
func (u Usage) Limited() bool { return u.Limit < 1<<62 }

// Stats reads what the kernel counted: every file once, in one pass. The files
// are not read at one instant, so figures may differ by what happened
// meanwhile.
//
// A cgroup that exists in no hierarchy is an error that wraps [unix.ENOENT].
func (c *Cgroup) Stats() (*Stats, error) {
	r := &statReader{cgroup: c}
	s := &Stats{
		CPU: r.cpu(), CPUSet: r.cpuset(), Memory: r.memory(), Pids: r.pids(), IO: r.io(),
		HugePages: r.hugePages(), RDMA: r.rdma(), Misc: r.misc(),
	}
	if r.err == nil && !r.found {
		r.err = unix.ENOENT
	}
	if r.err != nil {
		return nil, fmt.Errorf("statistics of cgroup %s: %w", c.record.name(), r.err)
	}
	return s, nil
}

// statReader reads the files of one pass and keeps the first error.
type statReader struct {
	cgroup *Cgroup
	found  bool // one of the directories exists
	err    error
}

// statDir is a directory to read from; nil has no files.
type statDir struct {
	r  *statReader
	d  Dir
	fd int
}

// of returns the directory of a version 1 controller or else the version 2 one,
// whose files may be there whatever the record says: some of them belong to no
// controller.
func (r *statReader) of(controller string) *statDir {
	i := r.cgroup.record.index(controller)
	if i < 0 {
		i = r.cgroup.record.unified()
	}
	return r.at(i)
}

// unified returns the version 2 directory.
func (r *statReader) unified() *statDir { return r.at(r.cgroup.record.unified()) }

func (r *statReader) at(i int) *statDir {
	if i < 0 || r.err != nil {
		return nil
	}
	fd, err := r.cgroup.dir(i)
	if gone(err) {
		return nil
	}
	if err != nil {
		r.err = fmt.Errorf("open %s: %w", r.cgroup.record.Dirs[i].Abs(), err)
		return nil
	}
	r.found = true
	return &statDir{r, r.cgroup.record.Dirs[i], fd}
}

// v1 tells whether the directory is of version 1.
func (s *statDir) v1() bool { return s != nil && s.d.Version == 1 }

// text returns the content of a file; false if the kernel has none. EOPNOTSUPP
// is what the files of a feature give that is switched off, pressure for one.
func (s *statDir) text(name string) (string, bool) {
	if s == nil || s.r.err != nil {
		return "", false
	}
	text, err := readAt(s.fd, s.d.fileName(name))
	if gone(err) || errors.Is(err, unix.EOPNOTSUPP) {
		return "", false
	}
	if err != nil {
		s.fail(name, err)
		return "", false
	}
	return text, true
}

func (s *statDir) fail(name string, err error) {
	if s.r.err == nil {
		s.r.err = fmt.Errorf("read %s of %s: %w", name, s.d.Abs(), err)
	}
}

// parsed reads a file and has it parsed; false if there is none.
func parsed[T any](s *statDir, name string, parse func(string) (T, error)) (T, bool) {
	var zero T
	text, ok := s.text(name)
	if !ok {
		return zero, false
	}
	v, err := parse(text)
	if err != nil {
		s.fail(name, err)
		return zero, false
	}
	return v, true
}

// optional is parsed as a pointer, nil if there is none.
func optional[T any](s *statDir, name string, parse func(string) (T, error)) *T {
	v, ok := parsed(s, name, parse)
	if !ok {
		return nil
	}
	return &v
}

// number reads a file of one number; nil if there is none.
func (s *statDir) number(name string) *uint64 { return optional(s, name, parseNumber) }

// value is number, with zero for a missing file.
func (s *statDir) value(name string) uint64 { return deref(s.number(name)) }

// pairs reads a file of lines "key number"; nil if there is none.
func (s *statDir) pairs(name string) map[string]uint64 {
	m, _ := parsed(s, name, parsePairs)
	return m
}

func deref(p *uint64) uint64 {
	if p == nil {
		return 0
	}
	return *p
}
