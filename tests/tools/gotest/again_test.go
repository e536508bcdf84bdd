package main

import (
	"slices"
	"strings"
	"testing"
)

func fill(t *testing.T, lines string) *report {
	t.Helper()
	r := &report{out: new(strings.Builder), output: map[string][]string{}}
	if err := r.read(strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAgainCommands checks that a failed test runs again with the flags of the whole run, and nothing but it.
func TestAgainCommands(t *testing.T) {
	r := fill(t, `{"Action":"run","Package":"m/a","Test":"TestX"}
{"Action":"run","Package":"m/a","Test":"TestX/one"}
{"Action":"fail","Package":"m/a","Test":"TestX/one"}
{"Action":"fail","Package":"m/a","Test":"TestX"}
{"Action":"run","Package":"m/a","Test":"TestOK"}
{"Action":"pass","Package":"m/a","Test":"TestOK"}
{"Action":"run","Package":"m/a","Test":"TestY"}
{"Action":"fail","Package":"m/a","Test":"TestY"}
{"Action":"fail","Package":"m/a"}
`)
	if !r.failures.rerunnable() {
		t.Fatal("two failed tests are not run again")
	}
	got := r.failures.commands([]string{"test", "-C", "d", "-json"}, []string{"-tags", "integration", "-exec", "'./x' --", "./...", "./b"})
	want := []string{"test", "-C", "d", "-json", "-tags", "integration", "-exec", "'./x' --", "-count=1", "-run", "^(TestX|TestY)$", "m/a"}
	if len(got) != 1 || !slices.Equal(got[0], want) {
		t.Errorf("commands %q, want %q", got, want)
	}
}

// TestAgainNot checks what is not run again: a package that broke without a failing test, and too many failures.
func TestAgainNot(t *testing.T) {
	for name, lines := range map[string]string{
		"panic": `{"Action":"output","Package":"m/a","Test":"TestX","Output":"panic: test timed out after 1s\n"}
{"Action":"fail","Package":"m/a","Test":"TestX"}
{"Action":"fail","Package":"m/a"}
`,
		"test without an end": `{"Action":"run","Package":"m/a","Test":"TestX"}
{"Action":"fail","Package":"m/a","Test":"TestX"}
{"Action":"run","Package":"m/a","Test":"TestY"}
{"Action":"fail","Package":"m/a"}
`,
		"package": `{"Action":"fail","Package":"m/a","Test":"TestX"}
{"Action":"fail","Package":"m/a"}
{"Action":"fail","Package":"m/b"}
`,
		"many": `{"Action":"fail","Package":"m/a","Test":"TestA"}
{"Action":"fail","Package":"m/a","Test":"TestB"}
{"Action":"fail","Package":"m/b","Test":"TestC"}
{"Action":"fail","Package":"m/b","Test":"TestD"}
{"Action":"fail","Package":"m/a"}
{"Action":"fail","Package":"m/b"}
`,
		"none": `{"Action":"pass","Package":"m/a"}
`,
	} {
		if fill(t, lines).failures.rerunnable() {
			t.Errorf("%s: run again", name)
		}
	}
}
