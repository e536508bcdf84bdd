package main

import (
	"strings"

	"github.com/minirun/minirun/cgroups/resctrl"
)

// rdtJSON is the part of the statistics that is about linux.intelRdt, in runc's form.
type rdtJSON struct {
	L3Info   *l3JSON    `json:"l3_cache_info,omitempty"`
	L3Root   string     `json:"l3_cache_schema_root,omitempty"`
	L3       string     `json:"l3_cache_schema,omitempty"`
	MBInfo   *mbJSON    `json:"mem_bw_info,omitempty"`
	MBRoot   string     `json:"mem_bw_schema_root,omitempty"`
	MB       string     `json:"mem_bw_schema,omitempty"`
	MBMStats *[]mbmJSON `json:"mbm_stats,omitempty"`
	CMTStats *[]cmtJSON `json:"cmt_stats,omitempty"`
}

type l3JSON struct {
	Mask       string `json:"cbm_mask,omitempty"`
	MinBits    uint64 `json:"min_cbm_bits,omitempty"`
	NumCLOSIDs uint64 `json:"num_closids,omitempty"`
}

type mbJSON struct {
	Gran       uint64 `json:"bandwidth_gran,omitempty"`
	Linear     uint64 `json:"delay_linear,omitempty"`
	Min        uint64 `json:"min_bandwidth,omitempty"`
	NumCLOSIDs uint64 `json:"num_closids,omitempty"`
}

type mbmJSON struct {
	Total uint64 `json:"mbm_total_bytes"`
	Local uint64 `json:"mbm_local_bytes"`
}

type cmtJSON struct {
	Occupancy uint64 `json:"llc_occupancy"`
}

// newRdtJSON has one entry of monitoring for each cache, in the order of their numbers, if any of them counts.
func newRdtJSON(s *resctrl.Stats) (j rdtJSON) {
	if s == nil {
		return j
	}
	if i := s.L3; i != nil {
		j.L3Info = &l3JSON{i.CBMMask, i.MinCBMBits, i.NumCLOSIDs}
		j.L3Root, j.L3 = lineOf(s.RootSchemata, "L3"), lineOf(s.Schemata, "L3")
	}
	if i := s.MB; i != nil {
		j.MBInfo = &mbJSON{i.BandwidthGran, i.DelayLinear, i.MinBandwidth, i.NumCLOSIDs}
		j.MBRoot, j.MB = lineOf(s.RootSchemata, "MB"), lineOf(s.Schemata, "MB")
	}
	var mbm []mbmJSON
	var cmt []cmtJSON
	countsMBM, countsCMT := false, false
	for _, d := range s.Domains {
		mbm, cmt = append(mbm, mbmJSON{value(d.TotalBytes), value(d.LocalBytes)}), append(cmt, cmtJSON{value(d.Occupancy)})
		countsMBM, countsCMT = countsMBM || d.TotalBytes != nil || d.LocalBytes != nil, countsCMT || d.Occupancy != nil
	}
	if countsMBM {
		j.MBMStats = &mbm
	}
	if countsCMT {
		j.CMTStats = &cmt
	}
	return j
}

// lineOf joins the lines of a resource; with code and data apart the L3 cache has two.
func lineOf(schemata []string, resource string) string {
	var all []string
	for _, line := range schemata {
		if strings.HasPrefix(line, resource) {
			all = append(all, line)
		}
	}
	return strings.Join(all, "\n")
}
