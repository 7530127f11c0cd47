package cli

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// devDir is the folder in which causeway dev keeps its state. A lock that the kernel frees with the process says that it
// is in use, so a killed process leaves nothing to clear away.
type devDir struct {
	path string
	lock *os.File
}

// devState are the entries that causeway dev makes and --reset removes. A project's own .causeway/types stays.
var devState = []string{"postgres", "temporal", "blob", "key", "dev.json", "run", "log"}

func openDevDir(path string) (*devDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("can't make the folder for the state: %w; choose another one with dev.dir", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("can't write in %s: %w", path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		var pid [32]byte
		n, _ := lock.ReadAt(pid[:], 0)
		_ = lock.Close()
		return nil, fmt.Errorf("another causeway dev (process %s) uses %s: stop it, or use another folder", strings.TrimSpace(string(pid[:n])), path)
	}
	d := &devDir{path, lock}
	if err := errors.Join(lock.Truncate(0), writeAt(lock, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

func (d *devDir) join(name string) string { return filepath.Join(d.path, name) }

// close frees the folder.
func (d *devDir) close() { _ = d.lock.Close() }

// reset removes the state and nothing else.
func (d *devDir) reset() error {
	for _, name := range devState {
		path := d.join(name)
		if target, err := os.Readlink(path); err == nil { // state that had to move elsewhere, see devstack/postgres
			if err := os.RemoveAll(target); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("can't remove %s: %w", path, err)
		}
	}
	return nil
}

// key reads the instance key, or makes it. It refuses to make a new one beside a database that an old one has sealed.
func (d *devDir) key() (string, error) {
	raw, err := os.ReadFile(d.join("key"))
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if _, err := os.Stat(d.join("postgres")); err == nil {
		return "", fmt.Errorf("%s is gone, and the database beside it can't be read without it: put the key back, or start empty with causeway dev --reset", d.join("key"))
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	text := base64.StdEncoding.EncodeToString(key[:])
	return text, os.WriteFile(d.join("key"), []byte(text+"\n"), 0o600)
}

// devInfo is what .causeway/dev.json says of a running platform. The command line finds it by that file.
type devInfo struct {
	APIURL        string `json:"api_url"`
	DashboardURL  string `json:"dashboard_url"`
	TemporalUIURL string `json:"temporal_ui_url"`
	AdminURL      string `json:"admin_url"`
	APIKey        string `json:"api_key"`
	PID           int    `json:"pid"`
}

// publish writes dev.json whole, so that a reader never sees half of it.
func (d *devDir) publish(info devInfo) error {
	raw, err := json.MarshalIndent(info, "", "  ") //nolint:gosec // G117: the file is for its owner alone, to whom the key belongs
	if err != nil {
		return err
	}
	tmp := d.join("dev.json.new")
	if err := os.WriteFile(tmp, append(raw, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, d.join("dev.json"))
}

func (d *devDir) unpublish() { _ = os.Remove(d.join("dev.json")) }

// Ports of causeway dev, counted from the first of its block of ten.
const (
	portAPI = iota
	portAdmin
	portTemporal
	portPostgres
	portDemo
	portTemporalUI
	portsUsed
	portBlock = 10
)

// devPorts finds the block: the one that the setting begins, or the first of which all ports are free.
func devPorts(setting string) (int, error) {
	if setting != "auto" {
		base, err := strconv.Atoi(setting)
		if err != nil {
			return 0, err
		}
		if port, taken := takenPort(base); taken {
			return 0, fmt.Errorf("port %d is in use: free it, or set dev.port to another number or to auto", port)
		}
		return base, nil
	}
	for base := 3003; base < 4003; base += portBlock {
		if _, taken := takenPort(base); !taken {
			return base, nil
		}
	}
	return 0, errors.New("no ten free ports in a row between 3003 and 4003: set dev.port")
}

func takenPort(base int) (int, bool) {
	for port := base; port < base+portsUsed; port++ {
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			return port, true
		}
		_ = l.Close()
	}
	return 0, false
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
