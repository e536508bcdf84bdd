package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestComplete: what can come next, by the words so far. The last word is the one that is being typed.
func TestComplete(t *testing.T) {
	root := t.TempDir()
	for _, c := range []struct {
		words string // separated by blanks; an underscore is an empty word
		want  string
		paths string
	}{
		{"_", strings.Join(everyCommand(), " "), ""},
		{"sta", "start state", ""},
		{"nope _", "", ""},
		{"--lo", "--log --log-format --log-level", ""},
		{"-", "--bundle", "-"}, // see below
		{"--root", "--root --rootless", ""},
		{"--root _", "", pathDir},
		{"--log _", "", pathFile},
		{"--log-format _", "json text", ""},
		{"--log-format j", "json", ""},
		{"--log-format=t", "--log-format=text", ""},
		{"-log-format=t", "-log-format=text", ""},
		{"--rootless=", "--rootless=auto --rootless=false --rootless=true", ""},
		{"--debug --log x create --b", "--bundle", ""},
		{"create --bundle _", "", pathDir},
		{"create -b _", "", pathDir},
		{"create -b=", "", pathDir},
		{"create --pid-file _", "", pathFile},
		{"create --preserve-fds _", "", ""},
		{"create --preserve-fds 3 _", "", ""},
		{"create web _", "", ""},
		{"list --format _", "json table", ""},
		{"list -f j", "json", ""},
		{"exec web _", "", pathFile},
		{"exec web ls --", "", pathFile},
		{"exec -- web _", "", pathFile},
		{"kill web T", "TERM TRAP TSTP TTIN TTOU", ""},
		{"help che", "check checkpoint", ""},
		{"completion _", "bash fish zsh", ""},
		{"start _", "", ""},
	} {
		words := strings.Fields(c.words)
		if c.paths == "-" { // every flag of create, as an example
			words, c.paths = []string{"spec", "-"}, ""
			c.want = "--bundle --rootless -b"
		}
		for i := range words {
			if words[i] == "_" {
				words[i] = ""
			}
		}
		got := call(t, append([]string{"--root", root, "__complete", "--"}, words...)...)
		var found []string
		paths := ""
		for l := range strings.Lines(got.stdout) {
			word, _, _ := strings.Cut(strings.TrimSpace(l), "\t")
			if strings.HasPrefix(word, ":") {
				paths = word
			} else {
				found = append(found, word)
			}
		}
		slices.Sort(found)
		if strings.Join(found, " ") != c.want || paths != c.paths || got.status != 0 || got.stderr != "" {
			t.Errorf("%q: %q %s, want %q %s\n%s", words, found, paths, c.want, c.paths, got.stderr)
		}
	}
}

// everyCommand returns the names of all commands that are shown.
func everyCommand() []string {
	names := []string{"help"}
	for _, c := range commands() {
		names = append(names, c.name)
	}
	slices.Sort(names)
	return names
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		got := call(t, "completion", shell)
		if got.status != 0 || !strings.Contains(got.stdout, "__complete") {
			t.Errorf("%s: %+v", shell, got)
		}
		path := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(path, []byte(got.stdout), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("%s is not installed, its script's syntax is not checked", shell)
			continue
		}
		if out, err := exec.Command(shell, "-n", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s -n: %v: %s", shell, err, out)
		}
	}
	if got := call(t, "completion", "tcsh"); got.status != 1 || got.stderr != `completion: "tcsh": it must be bash, zsh or fish`+"\n" {
		t.Errorf("%+v", got)
	}
}

// TestCompletionInBash has bash itself complete, with a program in minirun's place that shows what it was asked.
func TestCompletionInBash(t *testing.T) {
	dir := t.TempDir()
	stub := "#!/bin/sh\nshift 2\necho \"[$*]\"; printf -- '--log-format=json\\ttext\\nplain\\n'; [ \"$1\" != paths ] || echo :dir\n"
	for name, text := range map[string]string{"minirun": stub, "script": completionScript("bash")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sub dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		`minirun create --b`:           "[create --b]|--log-format=json|plain|",
		`minirun --log-format = j`:     "[--log-format=j]|json|plain|",
		`minirun --log-format =`:       "[--log-format=]|json|plain|",
		`minirun paths "s"`:            "sub dir|",
		`minirun state "two words" ""`: "[state two words ]|--log-format=json|plain|",
	} {
		script := `cd "$1"; PATH=$1:$PATH; . ./script; COMP_WORDS=(` + words + `); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _minirun
			printf '%s|' "${COMPREPLY[@]}"`
		out, err := exec.Command("bash", "-c", script, "bash", dir).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s: %v: %q, want %q", words, err, out, want)
		}
	}
}

// TestCompletionInFish does the same with fish, where it is installed.
func TestCompletionInFish(t *testing.T) {
	if _, err := exec.LookPath("fish"); err != nil {
		t.Skip("fish is not installed: apt-get install fish")
	}
	dir := t.TempDir()
	stub := "#!/bin/sh\nshift 2\nfor last; do :; done; printf -- \"$last-$#\\ttext\\n\"\n"
	for name, text := range map[string]string{"minirun": stub, "script": completionScript("fish")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("fish", "--no-config", "-c", "source "+dir+"/script; complete -C 'minirun --log x sta'")
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "sta-3\ttext\n" {
		t.Errorf("%v: %q", err, out)
	}
}
