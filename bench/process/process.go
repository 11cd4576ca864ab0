// Package process builds the program, starts it as the simulator or the daemon, and
// reads what it has used: the parts that every bench over real processes needs.
package process

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Build makes the program as a release is made, in dir.
func Build(dir string) (binary string, err error) {
	binary = filepath.Join(dir, "keepwatch")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/keepwatch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// Simulator is a running "keepwatch sim", as its first line tells of it.
type Simulator struct {
	AuthURL    string `json:"auth_url"`
	RESTURL    string `json:"rest_url"`
	SOAPURL    string `json:"soap_url"`
	ControlURL string `json:"control_url"`

	cmd *exec.Cmd
}

// StartSimulator listens on an address of loopback that nothing else uses.
func StartSimulator(binary string) (*Simulator, error) {
	s := &Simulator{cmd: exec.Command(binary, "sim", "--listen", "127.0.0.1:0")}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, s)
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("simulator's first line: %w", err)
	}
	return s, nil
}

// Stop ends the simulator at once: it holds nothing that is wanted later.
func (s *Simulator) Stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// Control sends body as JSON to a control route, such as "clients".
func (s *Simulator) Control(route string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	res, err := http.Post(s.ControlURL+route, "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %s", route, res.Status, answer)
	}
	return nil
}

// Daemon is a running "keepwatch serve".
type Daemon struct {
	Base string // its address, http://host:port

	cmd *exec.Cmd
	log *os.File
}

// StartDaemon runs the configuration at path, which listens on address, until Stop.
// environ is added to the environment. It comes back when the daemon says it is ready.
func StartDaemon(binary, path, address string, environ ...string) (*Daemon, error) {
	log, err := os.Create(filepath.Join(filepath.Dir(path), "serve.log"))
	if err != nil {
		return nil, err
	}
	d := &Daemon{Base: "http://" + address, log: log, cmd: exec.Command(binary, "serve", "-c", path)}
	d.cmd.Env = append(os.Environ(), environ...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		log.Close()
		return nil, err
	}
	if err := d.ready(); err != nil {
		d.Stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return d, nil
}

func (d *Daemon) ready() error {
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if res, err := http.Get(d.Base + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("the daemon is not ready after 90 s")
}

// Stop ends the daemon in order.
func (d *Daemon) Stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	_ = d.cmd.Wait()
	d.log.Close()
}

// Metrics calls each for every sample of the daemon's metrics: its name with its labels,
// and its value.
func (d *Daemon) Metrics(each func(name string, value float64)) error {
	res, err := http.Get(d.Base + "/metrics")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		line := lines.Text()
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || line[0] == '#' {
			continue
		}
		if value, err := strconv.ParseFloat(line[space+1:], 64); err == nil {
			each(line[:space], value)
		}
	}
	return lines.Err()
}

// Label is the value of a label in the name of a sample, "" where it has none.
func Label(sample, name string) string {
	for _, before := range []string{"{", ","} {
		if _, rest, ok := strings.Cut(sample, before+name+`="`); ok {
			value, _, _ := strings.Cut(rest, `"`)
			return value
		}
	}
	return ""
}

// CPU is the user and system time that the daemon has used. Linux counts in 1/100 s.
func (d *Daemon) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// Memory is what the daemon holds of the machine's memory, in KiB.
func (d *Daemon) Memory() (kib int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), "VmRSS:")
	if !ok {
		return 0, fmt.Errorf("no VmRSS for process %d", d.cmd.Process.Pid)
	}
	return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
}

// FreeAddress is one that nothing listens on: a fixed one may be another daemon's,
// whose answers would pass for ours.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
