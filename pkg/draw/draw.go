// Package draw makes pictures of callflows: a flow as a tree, two versions of
// a flow in one tree, and the callflows of an account as a graph. [Flow],
// [Diff] and [NewMap] make the picture of documents; SVG, Mermaid and Text write
// it. All are pure functions: nothing is read from storage and no reference to
// another callflow is followed.
//
// Documents are untrusted. What has the wrong type is drawn as such, every text
// is cut and escaped, and a picture has a bounded number of nodes: the rest of
// a branch is one node "+N", which links to a picture that begins there.
//
// A picture is understood without colours: what a module is shows in the shape
// of its node, and what changed in its border and a sign.
package draw

// Doc is what is known of a document that a flow refers to.
type Doc struct {
	Name    string
	Type    string // pvt_type
	Deleted bool   // soft-deleted
}

// Docs are the documents that a flow refers to, by id. An id that is not in it
// has no document. Where Docs is nil nothing is known, and ids stand for names.
type Docs map[string]Doc

// Options say what is drawn and where its nodes lead.
type Options struct {
	Docs  Docs
	Href  func(callflowID string) string // address of another callflow; nil for no links
	More  func(path string) string       // address of the picture with From set to path; nil for no links
	Took  string                         // number or pattern that took a call, whose way is marked; "" for none
	From  string                         // path of the action that the picture begins with, as [Node].Path; "" for all
	Nodes int                            // most nodes of the picture; 0 is 150, and 2,000 the most
}

// Bounds of a picture.
const (
	defaultNodes = 150
	maxNodes     = 2000
	maxDepth     = 512 // levels of a document that are looked at, as in package schema
	maxEntries   = 12  // numbers and patterns that are written out
	maxText      = 80  // characters of a text in a node
	maxAbout     = 300 // characters of an explanation
)

func (o Options) limit() int {
	if o.Nodes <= 0 {
		return defaultNodes
	}
	return min(o.Nodes, maxNodes)
}

// Picture is a flow, ready to be written.
type Picture struct {
	Title   string
	Entries []Entry // how a call gets in
	Roots   []*Node // the flow, then what keys do during the call
	Actions int     // actions of the document, those that are not drawn too
	Diff    bool    // two versions in one
}

// Entry is a number, a pattern or a feature code.
type Entry struct {
	Kind   EntryKind
	Text   string
	Change Change
	Took   bool // this one took the call
}

// EntryKind tells numbers from patterns.
type EntryKind int

// The kinds of entries. More stands for those that are not written out.
const (
	Number EntryKind = iota
	Pattern
	FeatureCode
	More
)

// Node is an action of a flow, or stands for actions that are not drawn.
type Node struct {
	Path   string // in the document, as in violations: "flow.children.1"
	Edge   Edge   // what leads here
	Module string
	Shape  Shape
	Text   string   // what it does in words, with names: "ring Ann Lee, 20 s"
	About  string   // the same at length
	Marks  []string // what is wrong: a document that is missing, a branch that is never taken
	Href   string   // where the node leads; "" for nowhere

	Change  Change
	Changes []string // what changed, in words
	Way     bool     // the call passes here whatever happens in it

	Children []*Node
}

// Edge is the way from an action to one of its children.
type Edge struct {
	Key   string
	Words string // the key in words; "" where there is only one way
	Never bool   // the module never goes on here
}

// Shape says what sort of action a node is.
type Shape int

// The shapes.
const (
	Step   Shape = iota // does something and goes on
	Ask                 // goes on at one of several children
	Ring                // calls somebody
	Jump                // goes on in another callflow
	End                 // the call ends here, or another application has it
	Broken              // not an action
	Fold                // actions that are not drawn
)

// Change says how a node of a [Diff] differs between the versions.
type Change int

// The changes.
const (
	Same Change = iota
	Added
	Removed
	Changed
	Moved
)
