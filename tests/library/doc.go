// Package library tests libcontainer from outside, as a program that embeds it: a runtime used from many goroutines, contexts that end
// midway, programs with reapers of their own, and nothing that stays behind in the embedding program. Its tests make containers: they need root and
// the build tag integration.
package library
