package resctrl

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/minirun/minirun/cgroups"
)

// line is one line of schemata, and the field that asks for it.
type line struct{ field, text string }

// lines returns what is asked for, in the order of the specification: the cache,
// the memory bandwidth, and the free lines last, so that they win.
func lines(cfg *specs.LinuxIntelRdt) []line {
	var all []line
	if cfg.L3CacheSchema != "" {
		all = append(all, line{field + ".l3CacheSchema", cfg.L3CacheSchema})
	}
	if cfg.MemBwSchema != "" {
		all = append(all, line{field + ".memBwSchema", cfg.MemBwSchema})
	}
	for i, s := range cfg.Schemata {
		all = append(all, line{fmt.Sprintf("%s.schemata[%d]", field, i), s})
	}
	return all
}

// compare makes an error of a line that a group does not have. A line may name
// some domains only; later lines win.
func (f *FS) compare(g Group, want []line) error {
	if len(want) == 0 {
		return nil
	}
	text, err := f.schemata(g)
	if err != nil {
		return &cgroups.FieldError{Field: field, Err: err}
	}
	has, wanted, from := domains{}, domains{}, map[string]line{}
	for l := range strings.Lines(text) {
		has.add(l)
	}
	for _, l := range want {
		for _, key := range wanted.add(l.text) {
			from[key] = l
		}
		if !strings.Contains(l.text, ":") {
			return &cgroups.FieldError{Field: l.field, Err: fmt.Errorf("%q is no line of schemata", l.text)}
		}
	}
	for _, l := range want { // in the order of the configuration
		for key, value := range wanted {
			if from[key] == l && has[key] != value && has[key] != f.rounded(key, value) {
				return &cgroups.FieldError{Field: l.field, Err: fmt.Errorf(
					"the resctrl group %s exists and has other schemata: %q, not %q", filepath.Join(f.Dir, g.Name), strings.Join(strings.Fields(text), " "), l.text)}
			}
		}
	}
	return nil
}

// domains are the values of schemata by resource and domain: "L3:0" is "f".
type domains map[string]string

// add takes a line such as "L3:0=7f0;1=1f" in, and returns the keys it is about.
func (d domains) add(text string) []string {
	resource, list, _ := strings.Cut(strings.TrimSpace(text), ":")
	var keys []string
	for part := range strings.SplitSeq(list, ";") {
		id, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		key := strings.TrimSpace(resource) + ":" + strings.TrimSpace(id)
		value = strings.ToLower(strings.TrimSpace(value))
		// The kernel prints masks with leading zeros.
		if short := strings.TrimLeft(value, "0"); short != "" {
			value = short
		} else if value != "" {
			value = "0"
		}
		d[key] = value
		keys = append(keys, key)
	}
	return keys
}

// rounded is a memory bandwidth as the kernel keeps it: in steps.
func (f *FS) rounded(key, value string) string {
	if !strings.HasPrefix(key, "MB:") {
		return value
	}
	text, err := os.ReadFile(filepath.Join(f.Dir, "info", "MB", "bandwidth_gran"))
	if err != nil {
		return value
	}
	step, err1 := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	n, err2 := strconv.ParseUint(value, 10, 32)
	if err1 != nil || err2 != nil || step == 0 {
		return value
	}
	return strconv.FormatUint((n+step-1)/step*step, 10)
}
