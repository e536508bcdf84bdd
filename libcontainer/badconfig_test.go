package libcontainer

import (
	"slices"
	"strings"
	"testing"

	"github.com/minirun/minirun/specs"
	"github.com/minirun/minirun/tests/badconfig"
)

// TestBadConfigsOfEachLayout has those cases that only one version of cgroups refuses found by compiling for it, wherever the test runs: the integration
// tests see those of their machine only.
func TestBadConfigsOfEachLayout(t *testing.T) {
	cases, err := badconfig.Load()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range cases {
		c := &cases[i]
		if !slices.Contains(c.On, "v2") {
			continue
		}
		n++
		text, err := c.Config("/x")
		if err != nil {
			t.Fatal(err)
		}
		s, err := specs.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for layout, wrong := range map[string]bool{"v1": false, "v2": true} {
			p := &prepared{spec: s, opts: planOptions{id: "web", bundle: "/bundle", root: "/run/x"}}
			err := (&Runtime{root: "/run/x", warn: func(string) {}}).compile(p, testFacts(t, layout))
			switch {
			case !wrong && err != nil && !strings.Contains(err.Error(), "no cgroup hierarchy"): // the layout of the test has few controllers
				t.Errorf("%s: on %s: %v", c.ID(), layout, err)
			case wrong && (err == nil || err.Error() != c.Want):
				t.Errorf("%s: on %s: %v\nwant %s", c.ID(), layout, err, c.Want)
			}
		}
	}
	if n < 4 {
		t.Errorf("only %d cases", n)
	}
}
