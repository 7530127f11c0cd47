package isolate

import (
	"fmt"
	"os"
	"strings"
)

// UnknownDescriptors lists what the process has inherited beside what a runner needs: 0 to 2, the socket as 3, what Go's
// runtime opens for itself, and the folder that is being read here.
func UnknownDescriptors() ([]string, error) {
	const folder = "/proc/self/fd"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("list descriptors: %w", err)
	}
	var unknown []string
	for _, e := range entries {
		to, err := os.Readlink(folder + "/" + e.Name())
		if err != nil {
			continue // the folder's own, closed by now
		}
		if !known(e.Name(), to) {
			unknown = append(unknown, e.Name()+" "+to)
		}
	}
	return unknown, nil
}

func known(fd, to string) bool {
	switch fd {
	case "0", "1":
		return to == "/dev/null"
	case "2":
		return strings.HasPrefix(to, "pipe:") || to == "/dev/null"
	case "3":
		return strings.HasPrefix(to, "socket:")
	}
	return to == "anon_inode:[eventpoll]" || to == "anon_inode:[eventfd]" ||
		strings.HasPrefix(to, "/sys/fs/cgroup/") || strings.HasPrefix(to, "/proc/")
}
