package resctrl

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// plainFS is a tree of ordinary files.
func plainFS(t *testing.T, files map[string]string) *FS {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &FS{Dir: dir}
}

func TestStats(t *testing.T) {
	n := func(n uint64) *uint64 { return &n }
	f := plainFS(t, map[string]string{
		"info/L3/cbm_mask": "fffff", "info/L3/min_cbm_bits": "1", "info/L3/num_closids": "16",
		"info/MB/min_bandwidth": "10", "info/MB/bandwidth_gran": "5", "info/MB/delay_linear": "1", "info/MB/num_closids": "8",
		"schemata": "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n    L2:0=ff", "web/schemata": "MB:0=20;1=100\nL3:0=f;1=fffff",
		"web/mon_data/mon_L3_00/llc_occupancy": "1", "web/mon_data/mon_L3_00/mbm_total_bytes": "2", "web/mon_data/mon_L3_00/mbm_local_bytes": "3",
		"web/mon_groups/one/mon_data/mon_L3_01/llc_occupancy":   "Unavailable",
		"web/mon_groups/one/mon_data/mon_L3_01/mbm_total_bytes": "8",
		"web/mon_groups/one/mon_data/mon_L3_00/llc_occupancy":   "7",
	})
	want := &Stats{
		L3: &L3Info{"fffff", 1, 16}, MB: &MBInfo{10, 5, 1, 8},
		RootSchemata: []string{"MB:0=100;1=100", "L3:0=fffff;1=fffff"}, Schemata: []string{"MB:0=20;1=100", "L3:0=f;1=fffff"},
		Domains: []Domain{{0, n(1), n(2), n(3)}},
	}
	got, err := f.Stats(Group{Name: "web"})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	want.Domains = []Domain{{ID: 0, Occupancy: n(7)}, {ID: 1, TotalBytes: n(8)}}
	got, err = f.Stats(Group{Name: "web", Monitor: "one"})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("with a monitoring group: got %+v, %v\nwant %+v", got, err, want)
	}
}

// A processor that can only one of it, and figures that are none.
func TestStatsPartly(t *testing.T) {
	got, err := plainFS(t, map[string]string{"info/MB/min_bandwidth": "10", "schemata": "MB:0=100"}).Stats(Group{})
	want := &Stats{MB: &MBInfo{MinBandwidth: 10}, RootSchemata: []string{"MB:0=100"}, Schemata: []string{"MB:0=100"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	for _, name := range []string{"info/L3/num_closids", "info/MB/bandwidth_gran", "mon_data/mon_L3_00/llc_occupancy"} {
		files := map[string]string{"info/L3/cbm_mask": "f", "info/MB/min_bandwidth": "10", name: "1 apple"}
		if _, err := plainFS(t, files).Stats(Group{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
