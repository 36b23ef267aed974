// Package object stores cuts of the log as objects: Parquet files below
// <cell>/ in a folder or an S3 bucket. It owns their keys, columns and metadata,
// and the seam Store.
//
//	<cell>/landing/v1/topic=device.v1/log=<id>/partition=<p>/<first offset, 20 digits>.parquet
//	<cell>/features/v1/window=60s/study=<study>/date=<UTC day>/<log id>-<partition>-<first offset>.parquet
//	<cell>/wear/v1/study=<study>/date=<UTC day>/<log id>-<partition>-<first offset>.parquet
//	<cell>/pairs/v1/study=<study>/date=<UTC day>/<log id>-<partition>-<first offset>.parquet
//
// Landing has a row per record: offset, append_time, key, headers, payload,
// key_id. The payload is exact. Keys and headers are text; what is not UTF-8 is
// replaced by U+FFFD, and of a repeated header the first counts.
//
// Features, wear and pairs have the columns of the Arrow rows without study, which the path
// says; readers with Hive partitioning see it again. Rows of no study are in
// study=~unassigned, a word that no study can have. Other characters than
// letters, digits, dot, underscore and hyphen are written as %XX, as in Hive.
// Where all studies are numbers, pandas and polars read study as one unless told
// its type; DuckDB keeps the text.
//
// Every file carries what it is (Meta) in its Parquet key-value metadata. It is
// written to memory, read back and compared before it is put; the same cut gives
// the same bytes.
//
// Promises of the sink: durable on return; a cut written again changes nothing;
// a cut that is stored with another end is answered with *stream.AdoptError and
// nothing is written; other rows under the same offsets are a permanent error
// that names the object. A cut of rows becomes several objects one after the
// other, so readers may see some of them before the rest. Within an object rows
// are in the order of the log.
//
// In S3 an object has the tags cell, topic and schema, and with ?kms_key= one that
// the server does not say is encrypted with that key is an error, whoever put it.
// Requests are tried three times (AWS_MAX_ATTEMPTS), and a connection is given up
// when nothing moves on it for 30 s.
//
// Otherwise it does not retry, decides no cuts, deletes nothing and keeps no
// catalogue. (Recordings, a folder of rows without a log, does delete: what earlier runs
// wrote of the recordings that one is about.)
// Apache Arrow beyond the vocabulary of package wire stays in here.
package object
