package badconfig

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/minirun/minirun/specs"
)

func load(t *testing.T) []Case {
	t.Helper()
	cases, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// The collection is large, its cases differ, and each can be applied.
func TestCases(t *testing.T) {
	cases := load(t)
	if len(cases) < 120 {
		t.Errorf("only %d cases", len(cases))
	}
	known := []string{"v1", "v2", "noapparmor", "noselinux", "noresctrl", "hugetlb", "nordma"}
	ids, texts := map[string]bool{}, map[string]string{}
	for i := range cases {
		c := &cases[i]
		if ids[c.ID()] {
			t.Errorf("%s: given twice", c.ID())
		}
		ids[c.ID()] = true
		text, err := c.Config("/x")
		if err != nil {
			t.Errorf("%s: %v", c.ID(), err)
		}
		if other, twice := texts[text]; twice && len(c.Flags) == 0 {
			t.Errorf("%s has the same configuration as %s", c.ID(), other)
		}
		texts[text] = c.ID()
		if c.Want == "" || strings.ContainsAny(c.Want, "\n\r") || c.Text == nil && len(c.Set)+len(c.Remove) == 0 {
			t.Errorf("%s: no change, or no error on one line", c.ID())
		}
		for _, on := range c.On {
			if !slices.Contains(known, on) {
				t.Errorf("%s: unknown property %s", c.ID(), on)
			}
		}
	}
}

func TestBaseIsValid(t *testing.T) {
	text, err := Base("/x")
	if err != nil {
		t.Fatal(err)
	}
	s, err := specs.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if r := specs.Validate(s); len(r.Errors)+len(r.Warnings) > 0 {
		t.Errorf("%v, %v", r.Errors, r.Warnings)
	}
}

// notWrong are the fields whose value cannot be wrong, but for its type: TestWrongTypes has them.
var notWrong = map[string]string{
	"process.noNewPrivileges":                              "a boolean",
	"mounts[].uidMappings[].hostID":                        "any id, overlaps are those of containerID",
	"mounts[].gidMappings[].size":                          "as uidMappings[].size",
	"linux.devices[].fileMode":                             "bits beyond the permissions are cut off",
	"linux.resources.devices[].allow":                      "a boolean",
	"linux.resources.memory.disableOOMKiller":              "a boolean",
	"linux.resources.memory.useHierarchy":                  "a boolean",
	"linux.resources.memory.checkBeforeUpdate":             "a boolean",
	"linux.resources.cpu.shares":                           "the kernel takes the nearest possible",
	"linux.resources.rdma.*.hcaObjects":                    "any number",
	"linux.resources.network.priorities[].priority":        "any number",
	"linux.seccomp.syscalls[].args[].valueTwo":             "any number",
	"linux.intelRdt.enableMonitoring":                      "a boolean",
	"process.capabilities.effective[]":                     "an unknown capability is a warning by the specification",
	"process.capabilities.inheritable[]":                   "an unknown capability is a warning by the specification",
	"process.capabilities.permitted[]":                     "an unknown capability is a warning by the specification",
	"process.capabilities.ambient[]":                       "an unknown capability is a warning by the specification",
	"process.user.username":                                "not for Linux",
	"process.commandLine":                                  "not for Linux",
	"linux.resources.blockIO.throttleReadBpsDevice[].rate": "any number",
}

// TestEveryFieldHasACase: a field that is added to the specification needs a wrong value here, or a word on why it cannot have one.
func TestEveryFieldHasACase(t *testing.T) {
	touched := map[string]bool{}
	for _, c := range load(t) {
		if c.Text != nil {
			var doc any
			if json.Unmarshal([]byte(*c.Text), &doc) == nil {
				touch(touched, "", doc)
			}
		}
		for p, v := range c.Set {
			var value any
			if err := json.Unmarshal(v, &value); err != nil {
				t.Fatal(err)
			}
			touch(touched, pointerPath(p), value)
		}
		for _, p := range c.Remove {
			touched[pointerPath(p)] = true
		}
	}
	fields := leaves("", reflect.TypeFor[specs.Spec]())
	if len(fields) < 150 {
		t.Fatalf("only %d fields found", len(fields))
	}
	for _, f := range fields {
		top, _, _ := strings.Cut(f, ".")
		if slices.Contains([]string{"solaris", "windows", "vm", "zos", "freebsd"}, top) {
			continue // other systems
		}
		if !touched[f] && notWrong[f] == "" {
			t.Errorf("no case has the field %s", f)
		}
	}
	for f := range notWrong {
		if !slices.Contains(fields, f) {
			t.Errorf("%s is no field", f)
		}
	}
}

// touch notes the fields of a value, with [] for any index.
func touch(touched map[string]bool, path string, value any) {
	touched[path] = true
	switch v := value.(type) {
	case map[string]any:
		for k, e := range v {
			touch(touched, join(path, k), e)
			touch(touched, join(path, "*"), e)
		}
	case []any:
		for _, e := range v {
			touch(touched, path+"[]", e)
		}
	}
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

var number = regexp.MustCompile(`\.([0-9]+|-)(\.|$)`)

func pointerPath(pointer string) string {
	return number.ReplaceAllString(strings.Join(split(pointer), "."), "[]$2")
}

// leaves returns the paths of the fields that have no fields of their own.
func leaves(path string, t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer:
		return leaves(path, t.Elem())
	case reflect.Slice:
		return leaves(path+"[]", t.Elem())
	case reflect.Map:
		return leaves(join(path, "*"), t.Elem())
	case reflect.Struct:
		var list []string
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				list = append(list, leaves(path, f.Type)...)
			case name != "-":
				list = append(list, leaves(join(path, name), f.Type)...)
			}
		}
		return list
	}
	return []string{path}
}

// TestWrongTypes: every field, and every list, map and object on the way to it, refuses a value of another type and is named in the error.
func TestWrongTypes(t *testing.T) {
	n := 0
	for _, f := range typed("", reflect.TypeFor[specs.Spec]()) {
		if f.path == "" {
			continue
		}
		n++
		_, err := specs.Decode([]byte(nested(f.path, f.wrong)))
		name := strings.ReplaceAll(strings.ReplaceAll(f.path, "[]", "[0]"), "*", "k")
		if err == nil || !strings.Contains(err.Error(), " "+name+": expected ") {
			t.Errorf("%s of a wrong type: error %v", name, err)
		}
	}
	if n < 250 {
		t.Errorf("only %d fields", n)
	}
}

type typedField struct{ path, wrong string }

// typed returns the paths of all values below a type, with a value of another type for each.
func typed(path string, t reflect.Type) []typedField {
	switch t.Kind() {
	case reflect.Pointer:
		return typed(path, t.Elem())
	case reflect.Slice:
		return append([]typedField{{path, "{}"}}, typed(path+"[]", t.Elem())...)
	case reflect.Map:
		return append([]typedField{{path, "[]"}}, typed(join(path, "*"), t.Elem())...)
	case reflect.Struct:
		list := []typedField{{path, `"x"`}}
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				list = append(list, typed(path, f.Type)[1:]...)
			case name != "-":
				list = append(list, typed(join(path, name), f.Type)...)
			}
		}
		return list
	case reflect.String:
		return []typedField{{path, "7"}}
	case reflect.Interface: // anything is right
		return nil
	}
	return []typedField{{path, `"7"`}}
}

// nested returns a document with a value at a path.
func nested(path, value string) string {
	parts := strings.Split(path, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		name := strings.TrimRight(parts[i], "[]")
		for range strings.Count(parts[i], "[]") {
			value = "[" + value + "]"
		}
		value = `{"` + strings.ReplaceAll(name, "*", "k") + `": ` + value + "}"
	}
	return value
}
