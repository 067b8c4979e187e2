// Package couchviews holds the design documents of our databases as a file
// tree, the couchapp convention: the map function of the view
// callflows/listing_by_number of databases of class "account" is
// account/callflows/views/listing_by_number/map.js. Map functions are plain
// ES5, which CouchDB's engines, PouchDB and goja run alike.
//
// _design/callflowd of a class is what callflowd needs beyond Kazoo; the
// others have Kazoo's names and rows (contract 6.3, 7.1).
package couchviews

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/callflowd/callflowd/pkg/document"
)

//go:embed account accounts numbers token_auth
var files embed.FS

// Designs returns the design documents for databases of a class ("account",
// "accounts", "numbers", "token_auth"), sorted by id. The caller may change them.
func Designs(class string) ([]document.Doc, error) {
	maps, err := fs.Glob(files, class+"/*/views/*/map.js")
	if err != nil || len(maps) == 0 {
		return nil, fmt.Errorf("no design documents for databases of class %q", class)
	}
	designs := map[string]document.Doc{}
	for _, file := range maps {
		view, err := readView(path.Dir(file))
		if err != nil {
			return nil, err
		}
		parts := strings.Split(file, "/")
		id := "_design/" + parts[1]
		if designs[id] == nil {
			designs[id] = document.Doc{"_id": id, "language": "javascript", "views": map[string]any{}}
		}
		designs[id].Object("views")[parts[3]] = view
	}
	out := make([]document.Doc, 0, len(designs))
	for _, doc := range designs {
		out = append(out, doc)
	}
	slices.SortFunc(out, func(a, b document.Doc) int { return strings.Compare(a.ID(), b.ID()) })
	return out, nil
}

// Sources are the functions of all design documents.
func Sources() (map[string]bool, error) {
	all := map[string]bool{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, name)
		all[strings.TrimSpace(string(text))] = true
		return err
	})
	return all, err
}

// readView reads the functions of one view.
func readView(dir string) (map[string]any, error) {
	view := map[string]any{}
	for _, name := range []string{"map", "reduce"} {
		text, err := fs.ReadFile(files, path.Join(dir, name+".js"))
		if name == "reduce" && err != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		view[name] = strings.TrimSpace(string(text))
	}
	return view, nil
}
