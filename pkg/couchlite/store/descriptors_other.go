//go:build !unix

package store

// descriptorLimit is how many files the process may have open.
func descriptorLimit() uint64 { return fewDescriptors }
