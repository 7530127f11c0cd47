package isolate

import (
	"slices"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A name that an architecture doesn't have would make the filter fail on it, where nobody tries.
func TestTheCommonListsExistOnEveryArchitecture(t *testing.T) {
	common := append(slices.Clone(allowed[:len(allowed)-len(allowedHere)]), deadly...)
	for _, a := range []*arch.Info{arch.X86_64, arch.AARCH64} {
		for _, name := range append(common, "clone", "mmap", "mprotect", "tgkill") {
			assert.Contains(t, a.SyscallNames, name, a.Name)
		}
	}
}

func TestNothingIsBothAllowedAndDeadly(t *testing.T) {
	for _, name := range deadly {
		assert.NotContains(t, allowed, name)
	}
	for _, name := range []string{"open", "openat", "fork", "vfork", "clone3", "kill", "prctl", "seccomp", "setrlimit", "prlimit64", "dup3"} {
		assert.NotContains(t, allowed, name)
	}
}

func TestTheFilterAssembles(t *testing.T) {
	for _, lenient := range []bool{false, true} {
		p := policy(1, lenient)
		program, err := p.Assemble()
		require.NoError(t, err)
		assert.NotEmpty(t, program)
	}
}

func TestStepsThatAreLeftOutAreReported(t *testing.T) {
	all := []string{ParentDeath, Limits, NotDumpable, Capabilities, NoNewPrivs, Landlock, Seccomp}
	steps := Apply(Options{Without: all}) // so that this process keeps what it has
	require.Len(t, steps, len(all))
	for i, s := range steps {
		assert.Equal(t, all[i], s.Name)
		assert.Equal(t, "left out", s.Err)
	}
}

func TestKnownDescriptors(t *testing.T) {
	for fd, to := range map[string]string{
		"0": "/dev/null", "2": "pipe:[1]", "3": "socket:[1]", "5": "anon_inode:[eventpoll]", "6": "/sys/fs/cgroup/cpu.max", "7": "/proc/12/fd",
	} {
		assert.True(t, known(fd, to), fd)
	}
	for fd, to := range map[string]string{"0": "/dev/pts/0", "1": "pipe:[1]", "3": "/etc/passwd", "4": "socket:[2]", "9": "/var/lib/data"} {
		assert.False(t, known(fd, to), fd)
	}
}
