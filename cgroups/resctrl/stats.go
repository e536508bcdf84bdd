package resctrl

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Stats is what the hardware can do, what a group got of it and what it has
// used. What the processor cannot do is nil or empty.
type Stats struct {
	// L3 and MB are the limits of the hardware, from the folder info.
	L3 *L3Info
	MB *MBInfo
	// Schemata are the group's lines for L3 and MB, and RootSchemata those of the
	// default group: "L3:0=ff;1=f", without white space around them.
	Schemata, RootSchemata []string
	// Domains are the group's monitors, one for each L3 cache, by its number. They
	// are the container's own where it has a monitoring group, otherwise those of
	// all that is in the group.
	Domains []Domain
}

// L3Info describes the allocation of the L3 cache.
type L3Info struct {
	// CBMMask is all bits of a mask, in hexadecimal digits.
	CBMMask string
	// MinCBMBits is how many bits a mask must have, NumCLOSIDs how many groups
	// there can be.
	MinCBMBits, NumCLOSIDs uint64
}

// MBInfo describes the allocation of memory bandwidth.
type MBInfo struct {
	// MinBandwidth and BandwidthGran are the least value and the step between
	// values, in percent.
	MinBandwidth, BandwidthGran uint64
	// DelayLinear is 1 where values are about linear to the bandwidth.
	DelayLinear uint64
	// NumCLOSIDs is how many groups there can be.
	NumCLOSIDs uint64
}

// Domain is what was counted at one L3 cache.
type Domain struct {
	ID int
	// Occupancy is the cache in use, in bytes.
	Occupancy *uint64
	// TotalBytes and LocalBytes are what went to and from all memory and the
	// node's own since the group was made, in bytes; they start again at zero
	// when the counter is full.
	TotalBytes, LocalBytes *uint64
}

// Stats reads the statistics of a group.
func (f *FS) Stats(g Group) (*Stats, error) {
	s := &Stats{}
	info := func(parts ...string) string { return filepath.Join(append([]string{"info"}, parts...)...) }
	mask, err := f.text(info("L3", "cbm_mask"))
	if err != nil {
		return nil, err
	}
	if mask != "" {
		s.L3 = &L3Info{CBMMask: mask}
		err = errors.Join(f.number(info("L3", "min_cbm_bits"), &s.L3.MinCBMBits), f.number(info("L3", "num_closids"), &s.L3.NumCLOSIDs))
	}
	if text, e := f.text(info("MB", "min_bandwidth")); text != "" || e != nil {
		m := &MBInfo{}
		s.MB = m
		err = errors.Join(err, e, f.number(info("MB", "min_bandwidth"), &m.MinBandwidth), f.number(info("MB", "bandwidth_gran"), &m.BandwidthGran),
			f.number(info("MB", "delay_linear"), &m.DelayLinear), f.number(info("MB", "num_closids"), &m.NumCLOSIDs))
	}
	var e error
	s.RootSchemata, e = f.schemataOf("")
	err = errors.Join(err, e)
	s.Schemata, e = f.schemataOf(g.Name)
	err = errors.Join(err, e)
	monitored := g.Name
	if g.Monitor != "" {
		monitored = g.monitor()
	}
	s.Domains, e = f.domains(monitored)
	if err = errors.Join(err, e); err != nil {
		return nil, err
	}
	return s, nil
}

// text returns the content of a file, empty if there is none.
func (f *FS) text(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(f.Dir, name))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read resctrl statistics: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// number reads a file of one number, which stays what it is if there is none.
func (f *FS) number(name string, to *uint64) error {
	text, err := f.text(name)
	if text == "" || err != nil {
		return err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("read resctrl statistics: %s: %w", name, err)
	}
	*to = n
	return nil
}

func (f *FS) schemataOf(group string) ([]string, error) {
	text, err := f.text(filepath.Join(group, "schemata"))
	var all []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "L3") || strings.HasPrefix(line, "MB:") {
			all = append(all, line)
		}
	}
	return all, err
}

// domains reads the folders mon_L3_00, mon_L3_01 and so on.
func (f *FS) domains(group string) ([]Domain, error) {
	dirs, err := filepath.Glob(filepath.Join(f.Dir, group, "mon_data", "mon_L3_*"))
	if err != nil {
		return nil, err
	}
	var all []Domain
	for _, dir := range dirs {
		id, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "mon_L3_"))
		if err != nil {
			continue
		}
		d := Domain{ID: id}
		for name, to := range map[string]**uint64{
			"llc_occupancy": &d.Occupancy, "mbm_total_bytes": &d.TotalBytes, "mbm_local_bytes": &d.LocalBytes,
		} {
			if *to, err = f.counter(filepath.Join(group, "mon_data", filepath.Base(dir), name)); err != nil {
				return nil, err
			}
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Domain) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// counter is nil where the kernel has no such file or says Unavailable, as it does
// while the hardware has not counted yet, or Error or Unassigned.
func (f *FS) counter(name string) (*uint64, error) {
	text, err := f.text(name)
	if err != nil || text == "" || text[0] < '0' || text[0] > '9' {
		return nil, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read resctrl statistics: %s: %w", name, err)
	}
	return &n, nil
}
