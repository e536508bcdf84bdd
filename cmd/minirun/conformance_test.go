package main

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/minirun/minirun/specs"
)

// conformanceRow is a row of docs/conformance.md.
type conformanceRow struct {
	name, state string
	tests       []string
}

// conformanceRows reads the rows whose first cell is code, and which come after a heading.
func conformanceRows(t *testing.T, heading string) map[string]conformanceRow {
	t.Helper()
	text := readFile(t, filepath.Join("..", "..", "docs", "conformance.md"))
	_, section, ok := strings.Cut(text, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("no section %s", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]conformanceRow{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (\\w+) \\| ([^|]*) \\|").FindAllStringSubmatch(section, -1) {
		if _, twice := rows[m[1]]; twice {
			t.Errorf("two rows for %s", m[1])
		}
		rows[m[1]] = conformanceRow{m[1], m[2], strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' || r == ' ' })}
	}
	return rows
}

// compareRows has exactly one row for each name.
func compareRows(t *testing.T, what string, rows map[string]conformanceRow, names []string) {
	t.Helper()
	for _, n := range names {
		if _, ok := rows[n]; !ok {
			t.Errorf("docs/conformance.md has no row for the %s %s", what, n)
		}
	}
	for n := range rows {
		if !slices.Contains(names, n) {
			t.Errorf("docs/conformance.md has a row for %s, which is no %s", n, what)
		}
	}
}

func TestConformanceFields(t *testing.T) {
	var fields []string
	specFields(&fields, "", reflect.TypeFor[specs.Spec]())
	if len(fields) < 200 {
		t.Fatalf("only %d fields", len(fields))
	}
	compareRows(t, "field", conformanceRows(t, "Fields of config.json"), fields)
}

// specFields lists every field of a type, with [] for any index and * for any key.
func specFields(list *[]string, path string, t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer:
		specFields(list, path, t.Elem())
	case reflect.Slice:
		specFields(list, path+"[]", t.Elem())
	case reflect.Map:
		specFields(list, path+".*", t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous && name == "" {
				specFields(list, path, f.Type)
				continue
			}
			here := strings.TrimPrefix(path+"."+name, ".")
			*list = append(*list, here)
			if !slices.Contains([]string{"solaris", "windows", "vm", "zos", "freebsd"}, here) { // other systems
				specFields(list, here, f.Type)
			}
		}
	}
}

func TestConformanceFlags(t *testing.T) {
	var names []string
	add := func(command string, f *flags) {
		f.VisitAll(func(g *flag.Flag) {
			if _, isAlias := f.aliases[g.Name]; !isAlias {
				names = append(names, strings.TrimSpace(command+" --"+g.Name))
			}
		})
	}
	f := newFlags("minirun")
	(&app{}).registerGlobals(f)
	add("", f)
	for _, c := range commands() {
		f := newFlags(c.name)
		c.setup(f)
		names = append(names, c.name)
		add(c.name, f)
	}
	compareRows(t, "command or flag", conformanceRows(t, "Commands and flags"), names)
}

// TestConformanceTests: a row names tests that are there, and has none only where it says so.
func TestConformanceTests(t *testing.T) {
	there := testNames(t)
	for _, heading := range []string{"Fields of config.json", "Commands and flags"} {
		for _, row := range conformanceRows(t, heading) {
			if !slices.Contains([]string{"works", "refused", "ignored", "untested"}, row.state) {
				t.Errorf("%s: unknown state %s", row.name, row.state)
			}
			if len(row.tests) == 0 && row.state != "untested" {
				t.Errorf("%s: %s, but no test proves it", row.name, row.state)
			}
			for _, name := range row.tests {
				if !there[name] {
					t.Errorf("%s: there is no test %s", row.name, name)
				}
			}
		}
	}
}

// testNames are the names of all test functions of the project.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2:
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
