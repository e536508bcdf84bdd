package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

func completionCommand() command {
	return command{
		name: "completion", args: "SHELL", short: "print the script that completes command lines, for bash, zsh or fish",
		long: `The script asks minirun itself for what can come next, so that it needs no update: commands, flags, their values, and the ids of
containers that are there.`,
		example: `source <(minirun completion bash)
minirun completion zsh > /usr/local/share/zsh/site-functions/_minirun
minirun completion fish > ~/.config/fish/completions/minirun.fish`,
		setup: func(*flags) action {
			return func(_ context.Context, a *app, args []string) (int, error) {
				if len(args) != 1 {
					return 1, usagef("completion: exactly 1 argument is needed, the shell, not %d", len(args))
				}
				script := completionScript(args[0])
				if script == "" {
					return 1, usagef("completion: %q: it must be bash, zsh or fish", args[0])
				}
				_, err := io.WriteString(a.stdout, script)
				return 0, err
			}
		},
	}
}

// completionScript is the part that lives in the shell: it hands the words on and shows what comes back. A last line ":dir" or ":file" asks for paths.
func completionScript(shell string) string {
	switch shell {
	case "bash":
		return `# bash completion of minirun
_minirun() {
	local line cut= words=("${COMP_WORDS[@]:1:COMP_CWORD}")
	COMPREPLY=()
	# COMP_WORDBREAKS has cut --flag=value into three words.
	if [[ ${#words[@]} -ge 2 && ${words[-2]} == = ]]; then
		cut=${words[-3]}=
		words=("${words[@]:0:${#words[@]}-3}" "$cut${words[-1]}")
	elif [[ ${#words[@]} -ge 2 && ${words[-1]} == = ]]; then
		cut=${words[-2]}=
		words=("${words[@]:0:${#words[@]}-2}" "$cut")
	fi
	while IFS=$'\t' read -r line _; do
		case $line in
		:dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "${COMP_WORDS[COMP_CWORD]#=}") ;;
		:file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]#=}") ;;
		*) COMPREPLY+=("${line#"$cut"}") ;;
		esac
	done < <("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null)
}
complete -F _minirun minirun
`
	case "zsh":
		return `#compdef minirun
# zsh completion of minirun
_minirun() {
	local line kind
	local -a list
	while IFS= read -r line; do
		case $line in
		:*) kind=$line ;;
		*) list+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
		esac
	done < <("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
	case $kind in
	:dir) _files -/ ;;
	:file) _files ;;
	*) _describe minirun list ;;
	esac
}
if [[ $funcstack[1] == _minirun ]]; then
	_minirun "$@"
else
	compdef _minirun minirun
fi
`
	case "fish":
		return `# fish completion of minirun
function __minirun_complete
	set -l words (commandline -opc) (commandline -ct)
	for line in ($words[1] __complete -- $words[2..] 2>/dev/null)
		switch $line
			case :dir
				__fish_complete_directories (commandline -ct)
			case :file
				__fish_complete_path (commandline -ct)
			case '*'
				echo $line
		end
	end
end
complete -c minirun -f -a '(__minirun_complete)'
`
	}
	return ""
}

// completeCommand answers the scripts. Its arguments are the words after the program's name, the last of which is being typed.
func completeCommand() command {
	return command{
		name: "__complete", args: "WORD...", short: "print what can come next on a command line", example: "minirun __complete -- sta",
		setup: func(*flags) action {
			return func(ctx context.Context, a *app, args []string) (int, error) {
				list, paths := a.complete(ctx, args)
				for _, c := range list {
					fmt.Fprintf(a.stdout, "%s\t%s\n", c.word, c.text)
				}
				if paths != "" {
					fmt.Fprintln(a.stdout, paths)
				}
				return 0, nil
			}
		},
	}
}

// candidate is a word that can come next, and what it is.
type candidate struct{ word, text string }

// Requests for paths, to the shell.
const (
	pathDir  = ":dir"
	pathFile = ":file"
)

// line is a command line as far as it is typed.
type line struct {
	global, flags *flags
	command       *command
	positional    int
	value         string // of which flag the next word is the value
	ended         bool   // after "--", or among the arguments of another program
}

// complete finds what can come next.
func (a *app) complete(ctx context.Context, words []string) ([]candidate, string) {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	l := &line{global: newFlags("minirun")}
	a.registerGlobals(l.global)
	l.flags = l.global
	for _, w := range words[:len(words)-1] {
		l.take(w)
	}
	list, paths := l.next(ctx, a, last)
	fitting := list[:0]
	for _, c := range list {
		if strings.HasPrefix(c.word, last) {
			fitting = append(fitting, c)
		}
	}
	return fitting, paths
}

// take goes on by a whole word.
func (l *line) take(w string) {
	name := strings.TrimLeft(w, "-")
	switch {
	case l.value != "":
		if g := l.flags.Lookup(l.value); g != nil {
			_ = g.Value.Set(w) // a wrong value is not completion's business; --root decides where containers are looked for
		}
		l.value = ""
	case w == "--" || l.ended:
		l.ended = true
	case len(w) > 1 && w[0] == '-':
		name, value, given := strings.Cut(name, "=")
		switch g := l.flags.Lookup(name); {
		case g == nil:
		case given:
			_ = g.Value.Set(value)
		case !isSwitch(g):
			l.value = name
		}
	case l.command == nil:
		l.enter(w)
	default:
		l.positional++
		// After the id, exec and ps have the arguments of other programs.
		l.ended = l.command.name == "exec" || l.command.name == "ps"
	}
}

func (l *line) enter(name string) {
	l.command = &command{name: name} // an unknown one has nothing to offer
	for _, c := range commands() {
		if c.name == name {
			l.command = &c
			l.flags = newFlags(name)
			c.setup(l.flags)
			return
		}
	}
	l.flags = newFlags(name)
}

// next lists what can stand where last is being typed.
func (l *line) next(ctx context.Context, a *app, last string) ([]candidate, string) {
	flagName, _, given := strings.Cut(strings.TrimLeft(last, "-"), "=")
	switch {
	case l.value != "":
		return valuesOf(l.flags, l.value, "")
	case l.ended:
		return nil, pathFile
	case strings.HasPrefix(last, "-") && given:
		return valuesOf(l.flags, flagName, last[:strings.Index(last, "=")+1])
	case strings.HasPrefix(last, "-"):
		return flagCandidates(l.flags), ""
	case l.command == nil:
		return append(commandCandidates(), candidate{"help", "show help of a command"}), ""
	}
	return l.argument(ctx, a)
}

// argument lists what the next argument of the command can be, which the usage line tells.
func (l *line) argument(ctx context.Context, a *app) ([]candidate, string) {
	if l.command.name == "help" && l.positional == 0 {
		return commandCandidates(), ""
	}
	names := strings.Fields(l.command.args)
	if l.positional >= len(names) {
		return nil, ""
	}
	switch strings.Trim(names[l.positional], "[].") {
	case "ID":
		return containerCandidates(ctx, a, l.command.name), ""
	case "SIGNAL":
		return signalCandidates(), ""
	case "SHELL":
		return []candidate{{"bash", ""}, {"zsh", ""}, {"fish", ""}}, ""
	case "DIR":
		return nil, pathDir
	}
	return nil, pathFile
}

func commandCandidates() []candidate {
	var list []candidate
	for _, c := range commands() {
		list = append(list, candidate{c.name, c.short})
	}
	return list
}

func flagCandidates(f *flags) []candidate {
	var list []candidate
	for _, g := range f.listed() {
		list = append(list, candidate{"--" + g.Name, g.Usage})
		if s := f.short(g.Name); s != "" {
			list = append(list, candidate{"-" + s, g.Usage})
		}
	}
	return list
}

// valuesOf lists the values of a flag, with what stands before them in the same word.
func valuesOf(f *flags, name, before string) ([]candidate, string) {
	g := f.Lookup(name)
	if g == nil {
		return nil, ""
	}
	if long, ok := f.aliases[name]; ok {
		g = f.Lookup(long)
	}
	var list []candidate
	for _, w := range choices(g) {
		list = append(list, candidate{before + w, ""})
	}
	switch {
	case list != nil:
		return list, ""
	case isDirectory(g.Name):
		return nil, pathDir
	case isFile(g.Name):
		return nil, pathFile
	}
	return nil, ""
}

// containerCandidates lists the containers that the command can be for.
func containerCandidates(ctx context.Context, a *app, command string) []candidate {
	if command == "create" || command == "run" || command == "plan" || command == "restore" {
		return nil // a new name
	}
	rt, err := a.runtime()
	if err != nil {
		return nil
	}
	all, err := rt.List(ctx)
	if err != nil {
		return nil
	}
	var list []candidate
	for _, c := range all {
		s, err := c.State(ctx)
		if err == nil && fits(command, string(s.Status)) {
			list = append(list, candidate{c.ID(), string(s.Status)})
		}
	}
	return list
}

// fits tells whether a command is for containers of a status.
func fits(command, status string) bool {
	switch command {
	case "start":
		return status == "created"
	case "resume":
		return status == "paused"
	case "pause", "exec", "checkpoint":
		return status == "running"
	case "kill":
		return status != "stopped"
	}
	return true
}

func signalCandidates() []candidate {
	var list []candidate
	for n := unix.Signal(1); n < 32; n++ {
		if name := unix.SignalName(n); name != "" {
			list = append(list, candidate{strings.TrimPrefix(name, "SIG"), ""})
		}
	}
	return list
}
