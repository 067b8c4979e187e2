package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/callflowd/callflowd/pkg/document"
)

// extension is that of the files of a folder of callflows, one each.
const extension = ".yaml"

// fileOf is a callflow's file.
func fileOf(dir, id string) string { return filepath.Join(dir, url.PathEscape(id)+extension) }

// folder is the callflows of a folder, by id.
type folder map[string]fileDoc

type fileDoc struct {
	path string
	text []byte
	data map[string]any // public fields without the id
}

// readFolder reads every .yaml file of a folder. A callflow's id is its member
// id, or the file's name.
func readFolder(dir string) (folder, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"+extension))
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, &usageError{err.Error()}
	}
	out := folder{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		doc, err := fromText(text)
		if err != nil {
			return nil, &usageError{path + ": " + err.Error()}
		}
		id, _ := doc["id"].(string)
		if id == "" {
			if id, err = url.PathUnescape(strings.TrimSuffix(filepath.Base(path), extension)); err != nil {
				return nil, &usageError{path + ": its name is no id"}
			}
		}
		if other, twice := out[id]; twice {
			return nil, &usageError{fmt.Sprintf("%s and %s are both about %s", other.path, path, id)}
		}
		out[id] = fileDoc{path, text, publicOf(doc)}
	}
	return out, nil
}

// WriteCallflow writes a callflow's file into a folder, for [Apply].
func WriteCallflow(dir, id string, data map[string]any) error {
	const mode, dirMode = 0o644, 0o755
	text, err := written(id, data, nil)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	return os.WriteFile(fileOf(dir, id), text, mode)
}

// written is a callflow as YAML. What old has of comments and of the order of
// members stays.
func written(id string, data map[string]any, old []byte) ([]byte, error) {
	whole := map[string]any{"id": id}
	maps.Copy(whole, data)
	var before yaml.MapSlice
	comments := yaml.CommentMap{}
	if len(old) > 0 {
		if err := yaml.UnmarshalWithOptions(old, &before, yaml.UseOrderedMap(), yaml.CommentToMap(comments)); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(before, func(i yaml.MapItem) bool { return i.Key == "id" }) {
			delete(whole, "id") // the file's name has it
		}
	}
	for _, options := range [][]yaml.EncodeOption{{yaml.IndentSequence(true), yaml.WithComment(comments)}, {yaml.IndentSequence(true)}} {
		text, err := yaml.MarshalWithOptions(ordered(whole, before), options...)
		if err != nil {
			continue
		}
		again, err := fromText(text)
		if err == nil && document.Equal(publicOf(again), publicOf(whole)) {
			return text, nil
		}
	}
	return nil, fmt.Errorf("%s cannot be written as YAML", id)
}

// firstMembers come first where a file says nothing else.
var firstMembers = []string{"id", "name", "numbers", "patterns", "flow", "module", "data", "children"}

// ordered puts the members of an object in the order that they had, new ones
// behind.
func ordered(v any, before any) any {
	switch v := v.(type) {
	case map[string]any:
		old, _ := before.(yaml.MapSlice)
		var out yaml.MapSlice
		known := map[string]bool{}
		put := func(key string, was any) {
			if value, there := v[key]; there && !known[key] {
				known[key] = true
				out = append(out, yaml.MapItem{Key: key, Value: ordered(value, was)})
			}
		}
		for _, i := range old {
			put(fmt.Sprint(i.Key), i.Value)
		}
		for _, key := range append(slices.Clone(firstMembers), slices.Sorted(maps.Keys(v))...) {
			put(key, nil)
		}
		if out == nil {
			return map[string]any{}
		}
		return out
	case []any:
		old, _ := before.([]any)
		out := make([]any, len(v))
		for i, item := range v {
			var was any
			if i < len(old) {
				was = old[i]
			}
			out[i] = ordered(item, was)
		}
		return out
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
	}
	return v
}
