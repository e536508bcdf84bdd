// Package specs reads and checks the documents of the OCI runtime
// specification (https://github.com/opencontainers/runtime-spec).
//
//   - LoadBundle, LoadFile, Load and Decode read a configuration; LoadProcess,
//     LoadResources and DecodeState read the smaller documents.
//   - Validate, ValidateProcess and ValidateResources check what was read, and
//     report all problems at once, each with the path of its field.
//   - Default and DefaultRootless are configurations to start from.
//   - Spec and the other types are aliases of the upstream ones.
//
// A configuration of any version 1.x is taken. Fields that are unknown are
// ignored, as the specification demands, so that documents of newer versions
// work. Field names are case-sensitive, a field that is given twice in one
// object is an error, and so are strings that are not valid Unicode: where
// parsers differ, a document could mean one thing to the tool that checked it
// and another thing here. An element of an array or a value of a map must not be
// null; any other null means "not set".
//
// # What validation is not
//
// Only what the text decides is checked here. Whether a path exists, a
// capability can be granted, a limit is accepted by the kernel: such things
// depend on the machine, and are told by the operation that fails. So a good
// report is no promise that the container can be made, but a bad one is a
// promise that it cannot.
//
// # Decoding without reflection
//
// A runtime is a process of some milliseconds, in which encoding/json would take
// up to one millisecond to look at the types before it reads the first byte. The
// decode functions are therefore generated (decode_gen.go, by internal/gendecode)
// from the upstream types, and nothing is initialized when the process starts.
// After a change of the upstream version run "go generate ./specs"; a test fails
// until that is done.
package specs
