package cgroups

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// leaves returns the paths of all fields of a type as JSON names them, with []
// for the elements of lists and {} for the values of maps.
func leaves(t reflect.Type, at string) []string {
	switch t.Kind() {
	case reflect.Pointer:
		return leaves(t.Elem(), at)
	case reflect.Slice:
		return leaves(t.Elem(), at+"[]")
	case reflect.Map:
		return leaves(t.Elem(), at+"{}")
	case reflect.Struct:
	default:
		return []string{at}
	}
	var all []string
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, leaves(f.Type, at+"."+name)...)
	}
	return all
}

// without returns a copy of decoded JSON that lacks the field, and whether it
// was there. "{}" is every key of a map.
func withoutField(v any, field string) (any, bool) {
	switch v := v.(type) {
	case []any:
		rest, ok := strings.CutPrefix(field, "[]")
		if !ok {
			return v, false
		}
		var list []any
		found := false
		for _, e := range v {
			e, was := withoutField(e, rest)
			list, found = append(list, e), found || was
		}
		return list, found
	case map[string]any:
		found := false
		object := map[string]any{}
		for key, e := range v {
			rest, ok := strings.CutPrefix(field, "."+key)
			if !ok {
				rest, ok = strings.CutPrefix(field, "{}")
			}
			switch {
			case ok && rest == "":
				found = true
				continue
			case ok && strings.ContainsAny(rest[:1], ".[{"):
				var was bool
				e, was = withoutField(e, rest)
				found = found || was
			}
			object[key] = e
		}
		return object, found
	}
	return v, false
}

// Every field of linux.resources is in a row of TestCompile in which something
// depends on it. A field that a later version of the specification adds fails
// here, and so does one that Compile ignores.
func TestEveryField(t *testing.T) {
	both := func(resources string) string {
		return strings.Join(append(append(outcome(t, resources, hostV1()), "--"), outcome(t, resources, hostV2())...), "\n")
	}
	all := leaves(reflect.TypeFor[specs.LinuxResources](), "")
	if len(all) < 45 {
		t.Fatalf("only %d fields found: %q", len(all), all)
	}
	for _, field := range all {
		matters := func(r row) bool {
			var v any
			if err := json.Unmarshal([]byte(r.in), &v); err != nil {
				t.Fatal(err)
			}
			less, there := withoutField(v, field)
			if !there {
				return false
			}
			text, err := json.Marshal(less)
			if err != nil {
				t.Fatal(err)
			}
			return both(string(text)) != both(r.in)
		}
		if !slices.ContainsFunc(rows(), matters) {
			t.Errorf("linux.resources%s: no row depends on it", field)
		}
	}
}

// controllersOf are those that the sections of linux.resources are about, by
// their names in version 1; io is blkio in version 2.
var controllersOf = map[string][]string{
	"memory": {"memory"}, "cpu": {"cpu", "cpuset"}, "pids": {"pids"}, "blockIO": {"blkio"}, "hugepageLimits": {"hugetlb"},
	"rdma": {"rdma"}, "devices": {"devices"},
}

// On a hybrid host, a section compiles as in version 2 when its controllers are
// in the version 2 tree, as in version 1 when they are not, whatever else is
// where.
func TestCompileHybridRows(t *testing.T) {
	tested := 0
	for _, r := range rows() {
		var sections map[string]any
		if err := json.Unmarshal([]byte(r.in), &sections); err != nil {
			t.Fatal(err)
		}
		if len(sections) != 1 {
			continue
		}
		for section := range sections {
			moved := controllersOf[section]
			if moved == nil { // network is of version 1 only, unified of version 2
				continue
			}
			tested++
			t.Run(r.name, func(t *testing.T) {
				rest := slices.DeleteFunc(hostV1().Hierarchies(), func(h Hierarchy) bool {
					return slices.ContainsFunc(h.Controllers, func(c string) bool { return slices.Contains(moved, c) })
				})
				tree := Hierarchy{Version: 2, MountPoint: "/sys/fs/cgroup/unified", Root: "/", Controllers: moved}
				if section == "blockIO" {
					tree.Controllers = []string{"io"}
				}
				check(t, outcome(t, r.in, NewHost(append(rest, tree)...)), r.v2)
				tree.Controllers = []string{"misc"}
				check(t, outcome(t, r.in, NewHost(append(hostV1().Hierarchies(), tree)...)), r.v1)
			})
		}
	}
	if tested < 60 {
		t.Errorf("only %d rows", tested)
	}
}
