package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// settings are values of flags by the flag's name, as text.
type settings map[string]string

// resolve gives kong the values of flags that the command line lacks.
func (s settings) resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if value := s[flag.Name]; value != "" && !onlyTyped(flag.Name) && !flag.Tag.Has(typed) {
		return value, nil
	}
	return nil, nil
}

// onlyTyped are the flags that no file or environment sets: config is read
// before the others.
func onlyTyped(flag string) bool { return flag == "help" || flag == "version" || flag == "config" }

// environment takes the variables that are set for flags.
func environment(env []string, flags []string) settings {
	byVariable := map[string]string{}
	for _, flag := range flags {
		byVariable[variable(flag)] = flag
	}
	found := settings{}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if flag := byVariable[name]; flag != "" && value != "" {
			found[flag] = value
		}
	}
	return found
}

// configFile is the value of --config, or of its variable.
func configFile(args, env []string) string {
	for i, arg := range args {
		value, given := strings.CutPrefix(arg, "--config=")
		switch {
		case arg == "--":
			return ""
		case given:
			return value
		case arg == "--config" && i+1 < len(args):
			return args[i+1]
		}
	}
	return environment(env, []string{"config"})["config"]
}

// readConfig reads a YAML file whose keys are the names of flags. Its error
// joins every mistake; the correct settings are returned with it.
func readConfig(path string, flags []string) (settings, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	found, err := parseConfig(raw, flags)
	if err != nil {
		return found, fmt.Errorf("--config: %s: %w", path, err)
	}
	return found, nil
}

func parseConfig(raw []byte, flags []string) (settings, error) {
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return nil, errors.New(withoutSource(err))
	}
	found := settings{}
	var mistakes []error
	for _, doc := range file.Docs {
		pairs, err := pairsOf(doc.Body)
		mistakes = append(mistakes, err)
		for _, pair := range pairs {
			key := pair.Key.GetToken().Value
			if !slices.Contains(flags, key) || onlyTyped(key) {
				mistakes = append(mistakes, unknownKey(pair, key, flags))
				continue
			}
			value, err := textOf(pair.Value)
			if err != nil {
				mistakes = append(mistakes, fmt.Errorf("line %d: %s: %w", lineOf(pair), key, err))
				continue
			}
			found[key] = value
		}
	}
	return found, errors.Join(mistakes...)
}

// withoutSource is a syntax error's first line: the others repeat the file,
// which may hold secrets.
func withoutSource(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}

// pairsOf are the keys and values of a document; an empty one has none.
func pairsOf(body ast.Node) ([]*ast.MappingValueNode, error) {
	switch body := body.(type) {
	case nil, *ast.CommentGroupNode, *ast.NullNode:
		return nil, nil
	case *ast.MappingNode:
		return body.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{body}, nil
	}
	return nil, errors.New("must hold lines of the form flag: value")
}

func lineOf(pair *ast.MappingValueNode) int { return pair.Key.GetToken().Position.Line }

// textOf is a value as text; a list's items are joined as on the command line.
func textOf(value ast.Node) (string, error) {
	list, ok := value.(*ast.SequenceNode)
	if !ok {
		return scalarOf(value)
	}
	items := make([]string, len(list.Values))
	for i, item := range list.Values {
		text, err := scalarOf(item)
		if err != nil || strings.Contains(text, ",") {
			return "", errors.New("items must be plain values without a comma")
		}
		items[i] = text
	}
	return strings.Join(items, ","), nil
}

// scalarOf is a scalar as it is written, so that 0911 keeps its zero.
func scalarOf(value ast.Node) (string, error) {
	switch value := value.(type) {
	case *ast.StringNode:
		return value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return value.GetToken().Value, nil
	case *ast.NullNode:
		return "", errors.New("has no value; leave the line out for the default")
	}
	return "", errors.New("must be a plain value or a list of them")
}

func unknownKey(pair *ast.MappingValueNode, key string, flags []string) error {
	nearest := slices.MinFunc(flags, func(a, b string) int { return distance(key, a) - distance(key, b) })
	return fmt.Errorf("line %d: there is no flag %q; the nearest is %q", lineOf(pair), key, nearest)
}

// distance is how many letters have to be added, removed or replaced to turn a
// into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// mistakesIn removes every setting that is wrong by itself and returns the
// errors. Kong alone would stop at the first one.
func mistakesIn(given settings) []error {
	var mistakes []error
	for _, flag := range slices.Sorted(maps.Keys(given)) {
		if given[flag] == "" {
			continue
		}
		var line commandLine
		one, err := newParser(&line, settings{flag: given[flag]}, io.Discard, func(int) {})
		if err == nil {
			_, err = one.Parse([]string{serveCommand})
		}
		if err != nil {
			mistakes = append(mistakes, err)
			delete(given, flag)
		}
	}
	return mistakes
}

// mistakesOn takes every flag of serve that is wrong by itself off the command
// line, with its value, and returns the errors. Other commands have few flags:
// there the first mistake is named.
func mistakesOn(args []string) (rest []string, mistakes []error) {
	flags := args
	var command []string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		if args[0] != serveCommand && args[0] != checkCommand {
			return args, nil
		}
		command, flags = args[:1], args[1:]
	}
	rest = slices.Clone(command)
	for len(flags) > 0 {
		n := 1
		if len(flags) > 1 && strings.HasPrefix(flags[0], "--") && !strings.Contains(flags[0], "=") && !strings.HasPrefix(flags[1], "-") {
			n = 2 // the value stands apart
		}
		if err := alone(append(slices.Clone(command), flags[:n]...)); err != nil {
			mistakes = append(mistakes, err)
		} else {
			rest = append(rest, flags[:n]...)
		}
		flags = flags[n:]
	}
	return rest, mistakes
}

// alone parses a part of a command line. What asks for help is no mistake.
func alone(args []string) error {
	var line commandLine
	asked := false
	parser, err := newParser(&line, nil, io.Discard, func(int) { asked = true })
	if err != nil {
		return err
	}
	if _, err = parser.Parse(args); asked {
		return nil
	}
	return err
}
