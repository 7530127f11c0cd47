package isolate

import (
	"os"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
)

// allowed is what a Go program without cgo needs once it is up: no open, no socket, no fork, no exec, no executable memory,
// no signal to others. Each architecture adds its own.
var allowed = append([]string{
	"read", "write", "close", "sendmsg", "recvmsg", "shutdown", "getsockname",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2", "fcntl",
	"futex", "nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "sched_yield", "sched_getaffinity", "restart_syscall",
	"munmap", "madvise", "mincore",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "gettid", "getpid",
	"exit", "exit_group", "getrandom", "getrusage",
	"timer_create", "timer_settime", "timer_delete", "setitimer",
}, allowedHere...)

// deadly is what is never a mistake: the process ends. Anything else is answered with EPERM, so that a Go release which
// tries a new call degrades and doesn't die.
var deadly = []string{
	"execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev",
	"socket", "socketpair", "connect", "bind", "listen", "accept4",
	"io_uring_setup", "bpf", "userfaultfd", "keyctl", "mount", "setns", "unshare", "pidfd_open", "pidfd_getfd", "memfd_create",
}

const (
	cloneThread = 0x10000 // CLONE_THREAD
	protExec    = 4       // PROT_EXEC
)

// policy is the filter as a list.
func policy(pid int, lenient bool) seccomp.Policy {
	p := seccomp.Policy{
		DefaultAction: seccomp.ActionErrno, // EPERM
		Syscalls: []seccomp.SyscallGroup{
			{Action: seccomp.ActionAllow, Names: slices.Clone(allowed)},
			{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{
				{Name: "clone", Conditions: []seccomp.Condition{{Argument: 0, Operation: seccomp.BitsSet, Value: cloneThread}}},
				{Name: "mmap", Conditions: []seccomp.Condition{{Argument: 2, Operation: seccomp.BitsNotSet, Value: protExec}}},
				{Name: "mprotect", Conditions: []seccomp.Condition{{Argument: 2, Operation: seccomp.BitsNotSet, Value: protExec}}},
				{Name: "tgkill", Conditions: []seccomp.Condition{{Argument: 0, Operation: seccomp.Equal, Value: uint64(pid)}}},
			}},
		},
	}
	if !lenient {
		p.Syscalls = append(p.Syscalls, seccomp.SyscallGroup{Action: seccomp.ActionKillProcess, Names: slices.Clone(deadly)})
	}
	return p
}

// filterCalls puts the filter over all threads at once. no_new_privs was set before, on all of them: the library would set
// it on one thread and may load the filter on another.
func filterCalls(lenient bool) error {
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: false, Flag: seccomp.FilterFlagTSync, Policy: policy(os.Getpid(), lenient)})
}
