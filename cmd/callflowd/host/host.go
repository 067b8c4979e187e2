// Package host is what the program asks of the system that it runs on, where
// systems differ: room on a disk, a lock on a directory.
package host
