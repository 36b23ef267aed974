// Command versus measures the gateway against what one would run in its place,
// Mosquitto with Telegraf, in one run on one machine, and prints a table; make
// versus runs it. README.md beside it says how the figures are to be read.
//
// It owns the load: simulated devices that are as cheap as possible and the same
// for both sides, with certificates of their own, and batches that both sides
// take. A figure is made of what other processes and Kafka say: CPU time is read
// from /proc, and a message counts when it was read back from Kafka.
//
// It brings up all that it measures by the scripts of deploy/local, in a folder
// of its own, and ends it. It decides nothing: no figure here passes or fails a
// test; the bars of the design stand beside them.
package main
