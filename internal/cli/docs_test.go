package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func parserOf(t *testing.T) *kong.Kong {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.Name("keepwatch"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

// examples are the lines of the fenced blocks that begin with the program's name.
func examples(text string) (lines []string) {
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		line, _, _ = strings.Cut(line, " #")
		if fenced && strings.HasPrefix(line, "keepwatch ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// Every example of the manual is a command line that the program takes.
func TestExamplesParse(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	// A file that must exist is named by an example too.
	t.Chdir(t.TempDir())
	if err := os.WriteFile("keepwatch-2026-11-23.db", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lines := examples(string(text))
	if len(lines) < 25 {
		t.Errorf("only %d examples were found", len(lines))
	}
	for _, line := range lines {
		if _, err := parserOf(t).Parse(strings.Fields(line)[1:]); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// Every command has its section and an example, and every flag is named there.
func TestEveryCommandIsDocumented(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	common, _, _ := strings.Cut(text, "\n## Exit codes")
	parser := parserOf(t)
	for _, flag := range parser.Model.Flags {
		if flag.Name != "help" && !strings.Contains(common, "`--"+flag.Name) {
			t.Errorf("the flag --%s of every command is not documented", flag.Name)
		}
	}
	for _, command := range parser.Model.Leaves(false) {
		name := strings.TrimPrefix(command.FullPath(), "keepwatch ")
		top, _, _ := strings.Cut(name, " ")
		_, section, found := strings.Cut(text, "\n## "+top+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !found || !regexp.MustCompile(`(?m)^keepwatch `+name+`\b`).MatchString(section) {
			t.Errorf("%s has no section with an example", name)
		}
		for _, flag := range command.Flags {
			if !strings.Contains(section, "`--"+flag.Name) && !strings.Contains(section, "[--"+flag.Name) {
				t.Errorf("%s: the flag --%s is not documented", name, flag.Name)
			}
		}
	}
}
