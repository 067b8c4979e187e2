// Package schemas embeds the JSON schemas of the documents callflowd keeps:
// one draft-04 file per schema, named as Kazoo names it, with $ref by bare
// schema name. Property names, types, bounds and defaults are Kazoo's
// (contract 6.5); package schema gives them their meaning. The schema of a
// module has one key of ours, "callflowd": what else is known of the module.
// It is not given out.
package schemas

import "embed"

// FS holds the files, <name>.json each, at its top level.
//
//go:embed *.json
var FS embed.FS
