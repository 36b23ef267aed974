// Package verify proves that nothing acknowledged was lost or counted twice.
//
// It is a second opinion: it reads the log, the landed objects and ClickHouse by
// itself, with another Parquet library and its own idea of what a batch means,
// and imports nothing of the processor, the sinks or the features. What the
// definitions (section 5) call explained is a closed list; everything else that
// does not fit is lost, duplicated or unexplained, and the verdict says so.
//
// The truth is every record that a log acknowledged: the rows of landing, of all
// logs that ever were, and the readable records of the present log. Against it
// stand landing (each readable offset exactly once, ranges without hole or
// overlap), batches (each name exactly once), the windows of 5 s (as many
// samples as there are distinct times) and the list of what a replay saw
// acknowledged. It only reads, and holds the names of all batches and the times
// of all samples in memory.
package verify
