// Package engine is the embedded ClickHouse: libchdb in a child process with an HTTP front.
package engine
