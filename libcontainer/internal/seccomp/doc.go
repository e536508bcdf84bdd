// Package seccomp turns linux.seccomp of a configuration into the BPF program that seccomp(2) takes, and keeps compiled
// programs on disk.
//
// Compiling goes through libseccomp, which knows the numbers and the peculiarities of the system calls of all architectures. It
// takes several milliseconds for a profile of an engine, more than everything else that a start of a container costs; so the result
// is stored under the hash of the profile, and a repeated profile costs one small file to read.
//
// What libseccomp makes is then shortened to about a third, see optimize.go, because the kernel's part of loading a filter is paid at each start.
//
// Compiling does not depend on the running kernel. The program is loaded elsewhere, by the container's init.
//
// # System calls that are newer than the profile
//
// A profile that lists what is allowed refuses everything else, usually with EPERM. For a system call that did not exist
// when the profile was written that is the wrong answer: a C library that tries a new call first (clone3, faccessat2, ...) takes
// EPERM for final, where ENOSYS would make it use the old one. So a refusing default action is replaced by the errno ENOSYS for
// numbers above the highest one that the profile names on the same architecture. Numbers below are known, and refused as written.
//
// # What a newcomer will misunderstand
//
//   - "The rules of a profile are an ordered list". They are a set: libseccomp merges the rules of a system call, and an
//     unconditional rule wins over the conditional ones.
//   - "Names that libseccomp does not know are errors". Profiles of engines name calls of every kernel and architecture; unknown ones are
//     reported as a warning and are then refused by the default action.
//   - "Two conditions on the same argument are joined by and". They are alternatives, as in other runtimes, and make every
//     condition of the rule an alternative: libseccomp cannot express anything else.
//   - "libseccomp compiles it all". Several rules of a system call with conditions of different kinds are compiled here, see conditions.go.
package seccomp
