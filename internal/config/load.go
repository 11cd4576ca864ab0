package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"keepwatch"
	"keepwatch/internal/secrets"
)

// MaxFileSize caps one file. Larger estates are kept as a folder of files.
const MaxFileSize = 10 << 20

// maxFiles stops a wrong path, such as a home folder, from being read as a whole.
const maxFiles = 1000

// Load reads a file, or every *.yaml and *.yml file of a folder, as one
// configuration. Its error is *Faults. It asks the environment for ${env:NAME}
// only; whether secrets can be read is asked by CheckReferences, because at run
// time an unreadable secret concerns one credential and not the whole.
func Load(path string, lookupEnv func(string) (string, bool)) (*Config, error) {
	c, faults := load(path, lookupEnv)
	if err := faults.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Validate is Load and CheckReferences in one: what `keepwatch validate` asks.
// Faults of both kinds are reported together.
func Validate(ctx context.Context, path string, lookupEnv func(string) (string, bool)) (*Config, error) {
	c, faults := load(path, lookupEnv)
	c.checkReferences(ctx, secrets.New(secrets.Options{LookupEnv: lookupEnv}), faults)
	if err := faults.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Source is one file of a configuration that is not on this machine's disk.
type Source struct {
	Name string // for faults
	Text []byte
}

// Parse is Load of files that somebody sent, to be tried and not to be used. Env is
// what the sender says that ${env:NAME} stands for: our own environment is not the
// sender's to read.
func Parse(sources []Source, env map[string]string) (*Config, error) {
	faults, m := &Faults{}, &merger{}
	m.faults = faults
	decoder := fileKind()
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Name
		w := &walk{file: s.Name, faults: faults, refs: &m.refs, lookup: func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		}}
		if d, ok := w.decode(s.Text, decoder); ok {
			m.add(d)
		}
	}
	c := m.config(strings.Join(names, ", "), names)
	if err := faults.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// load always returns a Config, which is whole only without faults.
func load(path string, lookupEnv func(string) (string, bool)) (*Config, *Faults) {
	if lookupEnv == nil {
		lookupEnv = func(string) (string, bool) { return "", false }
	}
	faults := &Faults{}
	files := filesAt(path, faults)
	m := &merger{faults: faults}
	decoder := fileKind()
	for _, file := range files {
		content, ok := readFile(file, faults)
		if !ok {
			continue
		}
		w := &walk{file: file, dir: absoluteDir(file), lookup: lookupEnv, faults: faults, refs: &m.refs, values: &m.values}
		if d, ok := w.decode(content, decoder); ok {
			m.add(d)
		}
	}
	return m.config(path, files), faults
}

// Resolver reads a secret: secrets.Resolver.
type Resolver interface {
	Resolve(ctx context.Context, ref string) (keepwatch.Secret, error)
}

// CheckReferences tries to read every secret that the configuration names, each
// once, and reports where one cannot be read, as *Faults. The secrets are not kept.
func (c *Config) CheckReferences(ctx context.Context, r Resolver) error {
	faults := &Faults{}
	c.checkReferences(ctx, r, faults)
	return faults.err()
}

func (c *Config) checkReferences(ctx context.Context, r Resolver, faults *Faults) {
	asked := map[string]error{}
	for _, ref := range c.refs {
		if strings.HasPrefix(ref.ref, "sealed:") {
			continue // lies in the store, which the daemon alone opens
		}
		err, known := asked[ref.ref]
		if !known {
			_, err = r.Resolve(ctx, ref.ref)
			asked[ref.ref] = err
		}
		if err != nil {
			fault := ref.at
			fault.Message, fault.Allowed = fact(err), setAllowed
			if strings.HasPrefix(ref.ref, "file:") {
				fault.Allowed = "a file that exists and that this process may read"
			}
			faults.add(fault)
		}
	}
}

func filesAt(path string, faults *Faults) []string {
	info, err := os.Stat(path)
	if err != nil {
		faults.add(Fault{File: path, Message: fileFact(err), Allowed: fileAllowed})
		return nil
	}
	if !info.IsDir() {
		return []string{path}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		faults.add(Fault{File: path, Message: fileFact(err), Allowed: fileAllowed})
		return nil
	}
	var files []string
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if strings.HasPrefix(e.Name(), ".") || ext != ".yaml" && ext != ".yml" {
			continue
		}
		file := filepath.Join(path, e.Name())
		// Stat and not the entry: mounted configuration consists of links.
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			continue
		}
		files = append(files, file)
	}
	switch {
	case len(files) == 0:
		faults.add(Fault{File: path, Message: "the folder has no configuration", Allowed: "files named *.yaml or *.yml"})
	case len(files) > maxFiles:
		faults.add(Fault{File: path, Message: fmt.Sprintf("the folder has %d files", len(files)), Allowed: fmt.Sprintf("at most %d", maxFiles)})
		return nil
	}
	return files
}

func readFile(file string, faults *Faults) ([]byte, bool) {
	f, err := os.Open(file)
	if err != nil {
		faults.add(Fault{File: file, Message: fileFact(err), Allowed: fileAllowed})
		return nil, false
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		faults.add(Fault{File: file, Message: fileFact(err), Allowed: fileAllowed})
		return nil, false
	}
	if len(content) > MaxFileSize {
		faults.add(Fault{File: file, Message: "the file is too large", Allowed: fmt.Sprintf("at most %d MiB; split it into a folder of files", MaxFileSize>>20)})
		return nil, false
	}
	return content, true
}

// fileAllowed is what belongs at the path of a configuration.
const fileAllowed = "a YAML file that begins with version: 1 (`keepwatch init` writes one), or a folder of them"

func fileFact(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "the file may not be read by this process"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return "the file cannot be read: " + err.Error()
}

// folderOf is the folder that a configuration lies in, be it a file or a folder.
func folderOf(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "x")
	}
	return absoluteDir(path)
}

func absoluteDir(file string) string {
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	return filepath.Dir(file)
}

// decode reads one file into a draft. It is false where there is nothing to go
// on with.
func (w *walk) decode(content []byte, k kind[draft]) (draft, bool) {
	var document yaml.Node
	reader := yaml.NewDecoder(bytes.NewReader(content))
	switch err := reader.Decode(&document); {
	case errors.Is(err, io.EOF):
		w.faults.add(Fault{File: w.file, Line: 1, Message: "the file is empty", Allowed: fileAllowed})
		return draft{}, false
	case err != nil:
		w.faults.add(w.syntaxFault(err, content))
		return draft{}, false
	}
	var second yaml.Node
	if err := reader.Decode(&second); err == nil {
		w.faults.add(Fault{File: w.file, Line: second.Line, Message: "a second document begins here", Allowed: "one document a file; a folder may hold several files"})
	} else if !errors.Is(err, io.EOF) {
		w.faults.add(w.syntaxFault(err, content))
	}
	root := document.Content[0]
	if future := newerVersion(root); future != nil {
		// Everything else in it may be right in its own format.
		spot{w, future, &step{name: "version"}}.fault(strconv.Itoa(Version), "this format is newer than this build reads")
		return draft{}, false
	}
	return k.decode(spot{w: w, node: root})
}

func newerVersion(root *yaml.Node) *yaml.Node {
	if root.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		v := root.Content[i+1]
		if n, err := strconv.Atoi(v.Value); root.Content[i].Value == "version" && err == nil && n > Version {
			return v
		}
	}
	return nil
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// repeatable are the messages of the YAML parser that may be passed on. Others
// could repeat a piece of the file, which may be a secret: "*hunter2" is an
// unknown anchor to YAML.
var repeatable = []string{
	"did not find expected", "could not find expected", "found character that cannot start any token", "found unexpected end of stream",
	"mapping values are not allowed in this context", "block sequence entries are not allowed in this context", "mapping keys are not allowed in this context",
	"control characters are not allowed", "invalid leading UTF-8 octet", "invalid trailing UTF-8 octet", "incomplete UTF-8", "found a tab character",
	"found unknown escape character", "while parsing", "while scanning", "exceeded max depth",
}

// parserError matches the messages that name the begin of the enclosing block,
// counted from 0; the scanner's name the very line, counted from 1.
var parserError = regexp.MustCompile(`^did not find expected (key|'-' indicator|',' or|node content|<)`)

func (w *walk) syntaxFault(err error, content []byte) Fault {
	f := Fault{File: w.file, Line: 1, Message: "this is not YAML", Allowed: "YAML, with special characters in quotes"}
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		return f
	}
	if n, err := strconv.Atoi(m[1]); err == nil {
		f.Line = n
	}
	if name, found := strings.CutPrefix(m[2], "unknown anchor '"); found {
		name = strings.TrimSuffix(name, "' referenced")
		before, _, _ := bytes.Cut(content, []byte("*"+name))
		f.Line = bytes.Count(before, []byte("\n")) + 1
		f.Message += ": a value begins with *; anchors and aliases are not part of this format"
		return f
	}
	if i := slices.IndexFunc(repeatable, func(p string) bool { return strings.HasPrefix(m[2], p) }); i >= 0 {
		f.Message += ": " + m[2]
	}
	if parserError.MatchString(m[2]) {
		f.Line++
		f.Message += ", in the block that begins here"
	}
	return f
}
