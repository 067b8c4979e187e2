package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/callflowd/callflowd/pkg/cli"
)

// completion prints a script that completes commands and flags. It is made of
// the same model that the command line is parsed by.
type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"One of ${enum}."`

	model *kong.Application
}

// place is a node of the tree of commands and what may follow it.
type place struct {
	at    string // the commands before, each with a space before it
	words []string
}

// places are the nodes, the program itself first.
func places(node *kong.Node, at string) []place {
	here := place{at: at}
	var below []place
	for _, child := range node.Children {
		if !child.Hidden {
			here.words = append(here.words, child.Name)
			below = append(below, places(child, at+" "+child.Name)...)
		}
	}
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			here.words = append(here.words, "--"+flag.Name)
		}
	}
	return append([]place{here}, below...)
}

// Run prints the script.
func (c *completion) Run(_ context.Context, e *cli.Env) error {
	all := places(c.model.Node, "")
	return map[string]func(io.Writer, []place) error{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell](e.Stdout, all)
}

// steps are the places below the first, quoted and joined.
func steps(all []place, between string) string {
	quoted := make([]string, len(all)-1)
	for i, p := range all[1:] {
		quoted[i] = "'" + p.at + "'"
	}
	return strings.Join(quoted, between)
}

// choices are the lines of a case statement that sets list.
func choices(all []place) string {
	var b strings.Builder
	for _, p := range all {
		fmt.Fprintf(&b, "    '%s') list='%s' ;;\n", p.at, strings.Join(p.words, " "))
	}
	return b.String()
}

func bashScript(w io.Writer, all []place) error {
	_, err := fmt.Fprintf(w, `# source <(callflowd completion bash)
_callflowd() {
  local at="" list="" word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
    %s) at="$at $word" ;;
    esac
  done
  case "$at" in
%s  esac
  COMPREPLY=($(compgen -W "$list" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _callflowd callflowd
`, steps(all, "|"), choices(all))
	return err
}

func zshScript(w io.Writer, all []place) error {
	_, err := fmt.Fprintf(w, `#compdef callflowd
# source <(callflowd completion zsh), after compinit
_callflowd() {
  local at="" list="" word
  for word in "${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
    %s) at="$at $word" ;;
    esac
  done
  case "$at" in
%s  esac
  compadd -- ${=list}
  [[ "${words[CURRENT]}" == -* ]] || _files
}
compdef _callflowd callflowd
`, steps(all, "|"), choices(all))
	return err
}

func fishScript(w io.Writer, all []place) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# callflowd completion fish | source
function __callflowd_at
    set -l at ""
    set -l words (commandline -opc)
    for word in $words[2..-1]
        switch "$at $word"
            case %s
                set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
`, steps(all, " "))
	for _, p := range all {
		fmt.Fprintf(&b, "complete -c callflowd -n \"__callflowd_at '%s'\" -a '%s'\n", p.at, strings.Join(p.words, " "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
