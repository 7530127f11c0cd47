package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed all:project
var project embed.FS

// platform is the built binary, started as causeway dev in a folder of its own.
type platform struct {
	binary, dir string
	cmd         *exec.Cmd
	output      bytes.Buffer
}

func newPlatform() (*platform, error) {
	binary, err := filepath.Abs("bin/causeway")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "causeway-bench")
	if err != nil {
		return nil, err
	}
	return &platform{binary: binary, dir: dir}, nil
}

// start starts it and returns how long it took until it said that it is ready.
func (p *platform) start(ctx context.Context, c *client) (time.Duration, error) {
	begun := time.Now()
	state := filepath.Join(p.dir, ".causeway", "dev.json")
	_ = os.Remove(state)
	p.cmd = exec.CommandContext(ctx, p.binary, "dev")
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, &p.output, &p.output
	p.cmd.Env = append(os.Environ(), "CAUSEWAY_EGRESS_ALLOW_PRIVATE=true")
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(os.Interrupt) }
	if err := p.cmd.Start(); err != nil {
		return 0, err
	}
	for time.Since(begun) < 3*time.Minute {
		if raw, err := os.ReadFile(state); err == nil {
			var info struct {
				URL string `json:"api_url"`
				Key string `json:"api_key"`
			}
			if err := json.Unmarshal(raw, &info); err != nil {
				return 0, err
			}
			c.base, c.key = info.URL, info.Key
			return time.Since(begun), nil
		}
		time.Sleep(10 * time.Millisecond) // the pause between two looks
	}
	return 0, fmt.Errorf("causeway dev was not ready after 3 minutes:\n%s", p.output.String())
}

func (p *platform) stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// deploy writes the project of the measurements and deploys it.
func (p *platform) deploy(ctx context.Context, c *client) error {
	dir := filepath.Join(p.dir, "project")
	sub, err := fs.Sub(project, "project")
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, sub); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, p.binary, "deploy", "--auto-confirm")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CAUSEWAY_URL="+c.base, "CAUSEWAY_API_KEY="+c.key)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("deploy: %w\n%s", err, out)
	}
	return nil
}

// usage is what the platform's processes have used: all of them, and Postgres' share.
type usage struct {
	cpu              time.Duration
	resident         int64 // bytes, without Postgres
	residentPostgres int64
}

// use sums CPU time and resident memory of the process and all below it, from /proc.
func (p *platform) use() (usage, error) {
	parents := map[int]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return usage{}, err
	}
	type process struct {
		name string
		cpu  time.Duration
	}
	all := map[int]process{}
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		text := string(raw)
		open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
		f := strings.Fields(text[end+1:])
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(f[1])
		ticks := 0
		for _, i := range []int{11, 12, 13, 14} { // user, system, and those of children that have ended
			n, _ := strconv.Atoi(f[i])
			ticks += n
		}
		parents[pid] = parent
		all[pid] = process{text[open+1 : end], time.Duration(ticks) * 10 * time.Millisecond}
	}
	var u usage
	for pid, pr := range all {
		if !descends(pid, p.cmd.Process.Pid, parents) {
			continue
		}
		u.cpu += pr.cpu
		if strings.HasPrefix(pr.name, "postgres") {
			u.residentPostgres += proportional(pid)
		} else {
			u.resident += proportional(pid)
		}
	}
	return u, nil
}

func descends(pid, from int, parents map[int]int) bool {
	for ; pid > 1; pid = parents[pid] {
		if pid == from {
			return true
		}
	}
	return false
}

// proportional is a process's resident memory with shared pages counted by their share.
func proportional(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}
