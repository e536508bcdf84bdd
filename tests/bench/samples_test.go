package main

import (
	"strings"
	"testing"
)

func TestReadSamples(t *testing.T) {
	t.Parallel()
	results, err := readSamples(strings.NewReader("a\tabout a\tone\t2\t1\na\tabout a\ttwo\t8\t-\na\tabout a\tone\t4\t3\nb\tabout b\ttwo\t1.5\t-\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 2 || results[0].Case != "a" || results[0].About != "about a" || results[1].Case != "b" {
		t.Fatalf("cases %+v", results)
	}
	results[0].finish()
	one, two := results[0].Rows[0], results[0].Rows[1]
	if one.Runtime != "one" || one.Summary.Median != 3 || one.CPU != 2 || one.Ratio["two"] != 0.25 {
		t.Errorf("first row %+v, summary %+v", one, one.Summary)
	}
	if two.Runtime != "two" || two.Summary.Samples != 1 || two.CPU != 0 {
		t.Errorf("second row %+v, summary %+v", two, two.Summary)
	}
}

func TestReadSamplesRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\tb\tc\t1\n":               "line 1: 4 fields",
		"a\tb\tc\t1\t-\na\t\t\tx\t-": "line 2: strconv",
		"a\tb\tc\t1\ty\n":            "line 1: strconv",
	} {
		if _, err := readSamples(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
