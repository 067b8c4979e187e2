package sandbox

import (
	"reflect"

	"github.com/dop251/goja"
)

// frozen returns a read-only value: assignments are ignored, or throw in strict
// code, as on the frozen documents of CouchDB. Members are converted when they
// are read, which most functions do for a few of them.
func frozen(vm *goja.Runtime, n *node) goja.Value {
	switch n.kind {
	case '{':
		return vm.NewDynamicObject(&frozenObject{vm: vm, node: n})
	case '[':
		return vm.NewDynamicArray(&frozenArray{vm: vm, node: n})
	}
	return scalar(vm, n)
}

// plain returns an ordinary value that the function owns.
func plain(vm *goja.Runtime, n *node) goja.Value {
	switch n.kind {
	case '{':
		o := vm.NewObject()
		for i, name := range n.names {
			define(o, name, plain(vm, &n.nodes[i]))
		}
		return o
	case '[':
		items := make([]any, len(n.nodes))
		for i := range n.nodes {
			items[i] = plain(vm, &n.nodes[i])
		}
		return vm.NewArray(items...)
	}
	return scalar(vm, n)
}

// define sets an own member; assigning to __proto__ would set the prototype.
func define(o *goja.Object, name string, v goja.Value) {
	if name == "__proto__" {
		_ = o.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
		return
	}
	_ = o.Set(name, v)
}

func scalar(vm *goja.Runtime, n *node) goja.Value {
	switch n.kind {
	case '0':
		return vm.ToValue(n.num)
	case '"':
		return vm.ToValue(n.str)
	case 't':
		return vm.ToValue(true)
	case 'f':
		return vm.ToValue(false)
	}
	return goja.Null()
}

// frozenObject implements [goja.DynamicObject].
type frozenObject struct {
	vm     *goja.Runtime
	node   *node
	values []goja.Value
}

func (o *frozenObject) Get(name string) goja.Value {
	i := o.node.find(name)
	if i < 0 {
		return nil
	}
	if o.values == nil {
		o.values = make([]goja.Value, len(o.node.nodes))
	}
	if o.values[i] == nil {
		o.values[i] = frozen(o.vm, &o.node.nodes[i])
	}
	return o.values[i]
}

func (o *frozenObject) Set(string, goja.Value) bool { return false }

func (o *frozenObject) Has(name string) bool { return o.node.find(name) >= 0 }

func (o *frozenObject) Delete(name string) bool { return !o.Has(name) }

func (o *frozenObject) Keys() []string { return o.node.names }

// frozenArray implements [goja.DynamicArray].
type frozenArray struct {
	vm     *goja.Runtime
	node   *node
	values []goja.Value
}

func (a *frozenArray) Len() int { return len(a.node.nodes) }

func (a *frozenArray) Get(i int) goja.Value {
	if i < 0 || i >= len(a.node.nodes) {
		return nil
	}
	if a.values == nil {
		a.values = make([]goja.Value, len(a.node.nodes))
	}
	if a.values[i] == nil {
		a.values[i] = frozen(a.vm, &a.node.nodes[i])
	}
	return a.values[i]
}

func (a *frozenArray) Set(int, goja.Value) bool { return false }

func (a *frozenArray) SetLen(int) bool { return false }

// frozenNode returns the node behind a frozen object or array.
func frozenNode(o *goja.Object) (*node, bool) {
	switch o.ExportType() {
	case reflect.TypeFor[*frozenObject]():
		return o.Export().(*frozenObject).node, true
	case reflect.TypeFor[*frozenArray]():
		return o.Export().(*frozenArray).node, true
	}
	return nil, false
}
