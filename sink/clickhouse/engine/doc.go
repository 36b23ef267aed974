// Package engine is the embedded ClickHouse: libchdb in a child process, behind
// the HTTP interface of a ClickHouse server. The product knows only a DSN for
// clickhouse-go over HTTP; with a server of one's own this package is not used.
//
// # Parent and child
//
// Start starts the child and returns when it answers a query with the password on
// the address that it told through a socket which only the two share. The child
// ends when asked (Stop, SIGTERM: within about 3 seconds, running statements are
// killed), and when its parent ends in any way, because the socket then ends. A
// file lock on the folder, which the kernel releases with the process, lets one
// engine in; Start waits up to 20 seconds for one that is just ending. A child
// that dies by itself is an error of Wait: it is not started again.
//
// Libchdb runs in a process of its own because it is native code with its own
// memory, threads and signals, reads standard input as data, and can be killed.
// Serve is what the child runs, Daemon its command line (subcommand "engine").
// The library is not part of the program: deploy/local/clickhouse brings the pinned
// version.
//
// # Promises
//
// An INSERT that is answered with 200 is on disk: inserts are synchronous and files
// and folders are synced (fsync_after_insert, fsync_part_directory). One whose body
// breaks off, does not decode or does not parse inserts nothing, as long as it is one
// block for the engine (up to 1,048,449 rows or 256 MiB; beyond that the engine
// commits block by block, as a server does). insert_deduplication_token works on
// tables with non_replicated_deduplication_window, also after a crash. A target of a
// materialized view needs the window too.
//
// # What the front does
//
// Each request has a session of its own (or the one named by session_id), so
// settings, database and temporary tables do not leak. At most max_queries run at
// once, others wait. A client that leaves has its statement killed. All parameters of
// the URL that are not the interface's own are settings; param_x binds {x:Type}.
// Native output is made again for clients that announce a revision (reframe.go). An
// error before output has its status and X-ClickHouse-Exception-Code; one after 1 MiB
// of output stands in the body in ClickHouse's frame, and the connection breaks off.
// Requests may be encoded with gzip, deflate, br, zstd, lz4 or ClickHouse's own frames
// (decompress=1); another encoding is refused with 415. Of a multipart form the files are
// temporary tables and the fields parameters. KILL QUERY finds statements by the ids that
// clients gave them.
//
// There is one user. What statements may do is a list (grants, tableEngines): not to
// read or write files, reach other hosts, run commands, make backups or users. The
// child is also confined by the kernel (Landlock, where there is one) to its folder and
// without outgoing connections, since some functions know no grant.
//
// # What it does not do
//
// No native TCP protocol, TLS, roles, quotas, clusters, system log tables, progress
// headers or query ids inside the engine (system.processes shows ours in log_comment).
// AggregateFunction, JSON, Dynamic and Variant columns cannot be sent to clients that
// announce a revision. Formats with a tail, such as JSON and Parquet, are made whole in
// memory before they are sent.
//
// An installed official clickhouse binary is not started: of a version that is not
// known here, neither the grants nor the confinement nor the end with the parent could
// be promised, and none of it tested. Run the server and give its DSN.
package engine
