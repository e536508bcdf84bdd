package main

import "testing"

func TestSummarize(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		want    summary
	}{
		{[]float64{7}, summary{Samples: 1, Min: 7, Median: 7, P90: 7, Max: 7}},
		{[]float64{4, 1}, summary{Samples: 2, Min: 1, Median: 2.5, P90: 4, Max: 4}},
		{[]float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, summary{Samples: 11, Min: 0, Median: 5, P90: 9, Max: 10}},
	} {
		if got := summarize(c.samples); got != c.want {
			t.Errorf("summarize(%v) = %+v, want %+v", c.samples, got, c.want)
		}
	}
}

func TestPairRatio(t *testing.T) {
	// The third round ran on a machine ten times slower; the ratio does not move.
	if got := pairRatio([]float64{1, 2, 20, 9}, []float64{2, 4, 40}); got != 0.5 {
		t.Errorf("pairRatio = %v, want 0.5", got)
	}
	if got := pairRatio(nil, []float64{1}); got != 0 {
		t.Errorf("pairRatio of nothing = %v, want 0", got)
	}
}
