// Package criu talks to CRIU, the program that writes processes to files and brings them back: the requests and answers of its RPC
// protocol (https://criu.org/RPC), and the "criu swrk" process that serves one caller.
//
// The messages are protocol buffers. They are few and flat, so they are encoded here: the general library would cost every start of a
// program that links it more than a whole container costs.
package criu
