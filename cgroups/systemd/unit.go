package systemd

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/minirun/minirun/cgroups"
)

// AnnotationPrefix begins the annotations that are properties of the unit.
const AnnotationPrefix = "org.systemd.property."

// UnitProperties returns what a scope of a container has whatever its limits are,
// in order, then those of the limits, then extra ones, which win.
func UnitProperties(u cgroups.Unit, unified bool, f Facts, limits, extra []Property) []Property {
	p := []Property{
		{"Description", u.Description},
		{"Slice", u.Slice},
		// The container may make cgroups of its own, and systemd keeps out of
		// them.
		{"Delegate", true},
		// No ordering against shutdown.target and the like: a container is ended
		// by who runs it.
		{"DefaultDependencies", false},
	}
	if f.Version >= sinceCollectMode {
		// A unit that failed is forgotten like one that ended.
		p = append(p, Property{"CollectMode", "inactive-or-failed"})
	}
	if f.Version >= sinceOOMPolicy {
		// Without it the end of one process for want of memory ends all.
		p = append(p, Property{"OOMPolicy", "continue"})
	}
	// All controllers, so that there are statistics without limits too.
	io := "IOAccounting"
	if !unified {
		io = "BlockIOAccounting"
	}
	for _, name := range []string{"MemoryAccounting", "CPUAccounting", io, "TasksAccounting"} {
		p = append(p, Property{name, true})
	}
	// Without a limit of its own, a unit gets one that the system's settings say.
	p = append(p, Property{"TasksMax", uint64(infinity)})
	for _, e := range append(slices.Clone(limits), extra...) {
		if e.Name == "DeviceAllow" { // adds up
			p = append(p, e)
		} else {
			p = put(p, e)
		}
	}
	return p
}

// Annotations returns the properties in a configuration's annotations
// org.systemd.property.NAME, whose values are in GVariant's text format, sorted by
// name. A name that ends with Sec, as unit files have them, becomes USec and its
// value microseconds. Errors are *cgroups.FieldError, joined.
func Annotations(annotations map[string]string) ([]Property, error) {
	var props []Property
	var errs cgroups.FieldErrors
	keys := make([]string, 0, len(annotations))
	for k := range annotations {
		if strings.HasPrefix(k, AnnotationPrefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		p, err := parseProperty(strings.TrimPrefix(k, AnnotationPrefix), annotations[k])
		if err != nil {
			errs = append(errs, &cgroups.FieldError{Field: "annotations[" + k + "]", Err: err})
			continue
		}
		props = put(props, p)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return props, nil
}

// parseProperty parses one property.
func parseProperty(name, text string) (Property, error) {
	notLetter := func(c rune) bool { return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') }
	if name == "" || strings.ContainsFunc(name, notLetter) {
		return Property{}, fmt.Errorf("%q is no name of a property, which has letters only", name)
	}
	v, err := dbus.ParseVariant(text, dbus.Signature{})
	if err != nil {
		return Property{}, fmt.Errorf("%q is no value in GVariant's text format: %w", text, err)
	}
	stem, isSec := strings.CutSuffix(name, "Sec")
	if !isSec || stem == "" || stem[len(stem)-1] < 'a' {
		if s, ok := v.Value().(string); ok {
			return Property{name, s}, nil
		}
		return Property{name, v}, nil
	}
	us, err := microseconds(v)
	if err != nil {
		return Property{}, fmt.Errorf("%q: %w", text, err)
	}
	return Property{stem + "USec", us}, nil
}

// microseconds converts a number of seconds.
func microseconds(v dbus.Variant) (uint64, error) {
	var s float64
	switch n := v.Value().(type) {
	case int16:
		s = float64(n)
	case uint16:
		s = float64(n)
	case int32:
		s = float64(n)
	case uint32:
		s = float64(n)
	case int64:
		s = float64(n)
	case uint64:
		if n == infinity {
			return infinity, nil
		}
		s = float64(n)
	case float64:
		s = n
	default:
		return 0, fmt.Errorf("a time is a number of seconds, not a value of type %s", v.Signature())
	}
	us := math.Round(s * 1e6)
	if !(us >= 0 && us < 1<<63) {
		return 0, fmt.Errorf("%v is no number of seconds", s)
	}
	return uint64(us), nil
}
