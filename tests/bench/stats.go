package main

import "slices"

// summary is what is printed of a row of samples. The unit is that of the case: milliseconds or KiB.
type summary struct {
	Samples int     `json:"samples"`
	Min     float64 `json:"min"`
	Median  float64 `json:"median"`
	P90     float64 `json:"p90"`
	Max     float64 `json:"max"`
}

// summarize returns the summary of at least one sample.
func summarize(samples []float64) summary {
	sorted := slices.Sorted(slices.Values(samples))
	n := len(sorted)
	median := sorted[n/2]
	if n%2 == 0 {
		median = (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return summary{Samples: n, Min: sorted[0], Median: median, P90: sorted[(n*9)/10], Max: sorted[n-1]}
}

// pairRatio returns the median of the ratios a[i]/b[i]: samples of the same round were taken right after another,
// so a machine that gets slower in between touches both.
func pairRatio(a, b []float64) float64 {
	n := min(len(a), len(b))
	if n == 0 {
		return 0
	}
	ratios := make([]float64, n)
	for i := range ratios {
		ratios[i] = a[i] / b[i]
	}
	return summarize(ratios).Median
}
