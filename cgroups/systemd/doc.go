// Package systemd makes cgroups as transient units of systemd, the system's or a
// user's, and is the only part of the project that speaks D-Bus.
//
// What is decided is pure and needs no bus:
//
//	slice, name, err := systemd.ParsePath(cgroupsPath, id, user) // linux.cgroupsPath
//	record, err := systemd.Place(host, unit, facts)              // where its directories will be
//	props, rest := systemd.Convert(writes, facts)                // limits as unit properties
//	extra, err := systemd.Annotations(spec.Annotations)          // org.systemd.property.*
//
// A [Manager] does the rest: it starts a unit around a process that exists
// already, changes its properties and stops it. It is the
// [github.com/minirun/minirun/cgroups.Manager] of such cgroups.
//
// # Why limits are set twice
//
// systemd writes the files of a unit's cgroup from the unit's properties whenever
// it sees reason to: when any property changes, and at a daemon-reload. A limit
// that is not a property does not survive that. But properties are coarser than
// files (a quota is kept in percent) and know less of them (no huge pages, no
// burst), so the files are written after the properties.
package systemd
