// Package host is what the program asks of the system that it runs on, where
// systems differ, or that needs its signals: room on a disk, a lock on a directory, the
// service manager, certificates.
package host
