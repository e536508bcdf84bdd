package seccomp

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// cacheEntries is how many programs are kept. An engine has a handful of profiles; a generated profile for each container would
	// fill the directory otherwise.
	cacheEntries = 64
	// maxEntrySize is more than the largest program and its warnings take.
	maxEntrySize = 1 << 20

	suffix     = ".bpf"
	tempPrefix = ".new-"
	// tempAge is when a temporary file is one that a killed runtime left.
	tempAge = time.Hour
)

func entryName(key digest) string { return hex.EncodeToString(key[:]) + suffix }

// trusted says whether a file or directory can only have been written by this user.
func trusted(st *unix.Stat_t, kind uint32) bool {
	return st.Mode&unix.S_IFMT == kind && st.Mode&0o022 == 0 && int(st.Uid) == os.Geteuid()
}

// openCache opens the cache's directory, and returns -1 for one that is not there or not trusted.
func openCache(dir string) int {
	fd, err := retry(func() (int, error) {
		return unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return -1
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || !trusted(&st, unix.S_IFDIR) {
		unix.Close(fd)
		return -1
	}
	return fd
}

// readCache returns the stored result for a key. Whatever is odd about the file makes it not there.
//
// The calls are made directly because an os.File would cost as much again.
func readCache(dir string, key digest) (*entry, bool) {
	dirfd := openCache(dir)
	if dirfd < 0 {
		return nil, false
	}
	defer unix.Close(dirfd)
	fd, err := retry(func() (int, error) {
		return unix.Openat(dirfd, entryName(key), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || !trusted(&st, unix.S_IFREG) || st.Size <= 0 || st.Size > maxEntrySize {
		return nil, false
	}
	b := make([]byte, st.Size)
	// Files are complete when they get their name, and never written again: one read gives all of it.
	if n, err := retry(func() (int, error) { return unix.Read(fd, b) }); err != nil || n != len(b) {
		return nil, false
	}
	return decodeEntry(b, key)
}

// retry repeats a call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

// writeCache stores a result. Failing is no error: the next start compiles again.
func writeCache(dir string, key digest, e *entry) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return
	}
	dirfd := openCache(dir)
	if dirfd < 0 {
		return
	}
	defer unix.Close(dirfd)
	temp := tempPrefix + rand.Text()
	fd, err := retry(func() (int, error) {
		return unix.Openat(dirfd, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return
	}
	b := encodeEntry(e, key)
	n, err := retry(func() (int, error) { return unix.Write(fd, b) })
	if closeErr := unix.Close(fd); err != nil || closeErr != nil || n != len(b) || unix.Renameat(dirfd, temp, dirfd, entryName(key)) != nil {
		// What lies at the name may be a directory, or the disk is full.
		_ = unix.Unlinkat(dirfd, temp, 0)
		return
	}
	prune(dir, entryName(key))
}

// prune removes the oldest entries above cacheEntries, and what killed runtimes left. The entry just written stays.
func prune(dir, keep string) {
	files, err := os.ReadDir(dir)
	if err != nil || len(files) <= cacheEntries {
		return
	}
	type aged struct {
		name string
		time time.Time
	}
	var entries []aged
	for _, f := range files {
		info, err := f.Info()
		switch name := f.Name(); {
		case err != nil || !info.Mode().IsRegular() || name == keep:
		case strings.HasSuffix(name, suffix):
			entries = append(entries, aged{name, info.ModTime()})
		case strings.HasPrefix(name, tempPrefix) && time.Since(info.ModTime()) > tempAge:
			_ = os.Remove(filepath.Join(dir, name))
		}
	}
	slices.SortFunc(entries, func(a, b aged) int { return cmp.Or(b.time.Compare(a.time), cmp.Compare(a.name, b.name)) })
	for i := cacheEntries - 1; i < len(entries); i++ {
		_ = os.Remove(filepath.Join(dir, entries[i].name))
	}
}
