//go:build !linux

package isolate

import "errors"

func steps(Options) []step {
	none := func() error { return errors.New("not available on this system") }
	return []step{
		{ParentDeath, none},
		{Limits, none},
		{NotDumpable, none},
		{Capabilities, none},
		{NoNewPrivs, none},
		{Landlock, none},
		{Seccomp, none},
	}
}

// LandlockABI is the version of Landlock that the kernel offers; 0: none.
func LandlockABI() int { return 0 }

// UnknownDescriptors lists what the process has inherited beside what a runner needs.
func UnknownDescriptors() ([]string, error) { return nil, nil }

// Attempts are the names of what a runner must not be able to do.
func Attempts() []string { return nil }

// Attempt tries one of them.
func Attempt(string) error { return errors.New("not available on this system") }
