#!/bin/bash
# curl, as people type it. Run by the Go test.
set -u

address=http://$CLICKHOUSE_HOST:$CLICKHOUSE_PORT
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
endless='SELECT count() FROM system.numbers WHERE sipHash64(number) = 1'

ask=(curl -sS -u "$CLICKHOUSE_USER:$CLICKHOUSE_PASSWORD" -g)

# q PARAMS [CURL OPTIONS]: the answer on stdout, its headers in $temp/headers.
q() {
	local params=$1
	shift
	"${ask[@]}" -D "$temp/headers" "$address/?database=$CLICKHOUSE_DATABASE&$params" "$@"
}

# sql STATEMENT [PARAMS]
sql() { q "${2-}" --data-binary "$1"; }

fail() {
	echo "lines ${BASH_LINENO[*]}: $*" | tr '\n' '|' >&2
	exit 1
}

equal() { [[ $1 == "$2" ]] || fail "got '${1:0:400}', want '${2:0:400}'"; }

# refused STATUS CODE COMMAND...: curl's answer has this status and exception code, and says so.
refused() {
	local status=$1 code=$2 text
	shift 2
	text=$("$@" 2>&1)
	grep -q "^HTTP/1.1 $status" "$temp/headers" || fail "$*: $(head -1 "$temp/headers"), want $status: $text"
	grep -qi "^X-ClickHouse-Exception-Code: $code"$'\r'"\$" "$temp/headers" || fail "$*: no code $code: $text"
	[[ $text == *"Code: $code. DB::Exception: "* ]] || fail "$*: $text"
}

running() { sql "SELECT count() FROM system.processes WHERE position(query, {sql:String}) > 0 AND position(query, 'system.processes') = 0" "param_sql=${1// /+}"; }
until_running() {
	for ((i = 0; i < 500; i++)); do
		[[ $(running "$2") == "$1" ]] && return
		sleep 0.02
	done
	fail "want $1 running of $2"
}

check_connect() {
	equal "$(curl -sS "$address/ping")" Ok.
	equal "$(curl -sS "$address/")" Ok.
	[[ $(sql 'SELECT version()') == 2*.* ]] || fail "no version"
	equal "$(sql 'SELECT timezone()')" "$(tr -d '\r' <"$temp/headers" | sed -n 's/^X-Clickhouse-Timezone: //ip')"
	q query_id=mine --data-binary 'SELECT 1' >/dev/null
	grep -qi '^X-ClickHouse-Query-Id: mine' "$temp/headers" || fail "no query id"
	equal "$("${ask[@]}" "$address/?query=SELECT%201")" 1
}

check_types() {
	local first='0	tab\tline\nquote\'"'"'"back\\slash é 你 😀 \0.	left	2026-03-29 00:59:59.999	2026-10-25 00:59:59.000001	255	65535	4294967295	18446744073709551615	-2147483648	-9223372036854775808	0.1	0.1	\N	\N	[-2147483648,0,2147483647]	[-9223372036854775808,9223372036854775807]	['"'2026-10-25 01:00:00.000002'"']	retracted	0123456789abcdef	{'"'k':'v','':'x y'"'}'
	equal "$(sql 'SELECT * FROM types_want ORDER BY id LIMIT 1')" "$first"
	for format in TSV CSVWithNames JSONEachRow RowBinary Native Parquet ArrowStream JSON; do
		sql 'TRUNCATE TABLE types_got'
		sql "SELECT * FROM types_want FORMAT $format" >"$temp/rows" || fail "$format"
		equal "$(q "query=INSERT+INTO+types_got+FORMAT+$format&date_time_input_format=best_effort" --data-binary "@$temp/rows")" ''
		equal "$(sql 'SELECT count() FROM types_got')" 1000
		equal "$format $(sql 'SELECT count() FROM types_differ')" "$format 0"
	done
}

check_tables() {
	sql "SELECT concat('row batches ', sensor, ' ', toString(seq), ' ', toString(toUnixTimestamp64Micro(t0)), ' ', toString(toUnixTimestamp64Micro(received_at)), ' ', toString(x), ' ', toString(temp), ' ', toString(arrayMap(t -> toUnixTimestamp64Micro(t), temp_t)), ' ', sha256) FROM batches ORDER BY seq"
	sql "SELECT concat('row samples ', toString(toUnixTimestamp64Micro(ts)), ' ', printf('%.10f %.10f %.10f', x, y, z), ' ', if(temp IS NULL, 'NULL', printf('%.3f', assumeNotNull(temp)))) FROM samples ORDER BY ts"
	sql "SELECT concat('row features_5s ', toString(toUnixTimestamp64Milli(window_start)), ' ', toString(status), ' ', toString(n), ' ', printf('%.6f', toFloat64(assumeNotNull(x_mean))), ' ', if(mad IS NULL, 'NULL', printf('%.6f', toFloat64(assumeNotNull(mad)))), ' ', input_digest) FROM features_5s ORDER BY window_start"
	sql "SELECT concat('row quarantine ', thing, ' ', reason, ' ', toString(size), ' ', toString(toUnixTimestamp64Micro(received_at))) FROM quarantine"
}

check_million() {
	sql 'CREATE TABLE million (id UInt64, sensor LowCardinality(String), v Nullable(Float32)) ENGINE = MergeTree ORDER BY id'
	seq 0 999999 | awk '{ print $1 ",s" $1 % 97 "," ($1 % 4 ? $1 / 4 : "\\N") }' OFMT=%.10g CONVFMT=%.10g |
		q 'query=INSERT+INTO+million+FORMAT+CSV' -X POST -T -
	grep -q '"written_rows":"1000000"' "$temp/headers" || fail "$(grep -i summary "$temp/headers")"
	equal "$(sql 'SELECT count(), sum(id), sum(v), uniqExact(sensor) FROM million')" '1000000	499999500000	93750000000	97'
}

check_broken() {
	sql 'CREATE TABLE broken (id UInt64, b String) ENGINE = MergeTree ORDER BY id'
	sql "SELECT number AS id, repeat('x', 20) AS b FROM numbers(50000) FORMAT Native" >"$temp/native"
	head -c 500000 "$temp/native" >"$temp/half"
	refused 400 33 q 'query=INSERT+INTO+broken+FORMAT+Native' --data-binary "@$temp/half"
	refused 400 27 q 'query=INSERT+INTO+broken+FORMAT+TSV' --data-binary $'1\ta\ntwo\tb\n'
	refused 404 60 q 'query=INSERT+INTO+nowhere+FORMAT+TSV' --data-binary $'1\ta\n'
	# A client that is killed in the middle of a body.
	mkfifo "$temp/body"
	"${ask[@]}" "$address/?database=$CLICKHOUSE_DATABASE&query=INSERT+INTO+broken+FORMAT+Native" -X POST -T - <"$temp/body" >/dev/null 2>&1 &
	exec 3>"$temp/body"
	cat "$temp/half" >&3
	until_running 1 'INSERT INTO broken'
	kill -9 $!
	exec 3>&-
	until_running 0 'INSERT INTO broken'
	equal "$(sql 'SELECT count() FROM broken')" 0
	equal "$(q 'query=INSERT+INTO+broken+FORMAT+Native' --data-binary "@$temp/native")" ''
	equal "$(sql 'SELECT count() FROM broken')" 50000
}

check_stream() {
	equal "$(sql 'SELECT number FROM numbers(3000000)' | tail -n 1)" 2999999
	equal "$(sql 'SELECT number FROM system.numbers FORMAT CSVWithNames' 2>/dev/null | head -n 3 | tail -n 1)" 1
	until_running 0 system.numbers
}

check_compression() {
	sql 'CREATE TABLE packed (id UInt64, b String) ENGINE = MergeTree ORDER BY id'
	sql "SELECT number, concat('b', toString(number)) FROM numbers(50000)" >"$temp/plain"
	gzip -k "$temp/plain"
	q 'query=INSERT+INTO+packed+FORMAT+TSV' -H 'Content-Encoding: gzip' --data-binary "@$temp/plain.gz"
	for encoding in gzip deflate br zstd; do # those that curl decodes by itself
		q enable_http_compression=1 -H "Accept-Encoding: $encoding" --compressed --data-binary 'SELECT * FROM packed ORDER BY id' >"$temp/got"
		grep -qi "^Content-Encoding: $encoding" "$temp/headers" || fail "no $encoding"
		cmp "$temp/got" "$temp/plain" || fail "$encoding"
	done
	# ClickHouse's own frames, there and back.
	sql 'SELECT * FROM packed ORDER BY id FORMAT Native' compress=1 >"$temp/frames"
	q 'query=INSERT+INTO+packed+FORMAT+Native&decompress=1' --data-binary "@$temp/frames"
	equal "$(sql 'SELECT count(), uniqExact(id, b) FROM packed')" '100000	50000'
}

check_encoding() {
	sql 'CREATE TABLE encoded (id UInt64) ENGINE = MergeTree ORDER BY id'
	for encoding in snappy compress 'gzip, br'; do
		refused 415 89 q 'query=INSERT+INTO+encoded+FORMAT+TSV' -H "Content-Encoding: $encoding" --data-binary $'1\n'
	done
	refused 400 33 q 'query=INSERT+INTO+encoded+FORMAT+TSV' -H 'Content-Encoding: gzip' --data-binary $'1\n'
	refused 400 33 q 'query=INSERT+INTO+encoded+FORMAT+TSV&decompress=1' --data-binary $'1\n'
	equal "$(sql 'SELECT count() FROM encoded')" 0
}

check_session() {
	local id=session_id=curl-$CLICKHOUSE_DATABASE
	sql 'CREATE TEMPORARY TABLE mine (id UInt64)' "$id"
	sql 'INSERT INTO mine VALUES (7)' "$id"
	sql 'SET max_block_size = 11' "$id"
	equal "$(sql "SELECT id, getSetting('max_block_size') FROM mine" "$id")" '7	11'
	equal "$(sql "SELECT id, getSetting('max_block_size') FROM mine" "$id&max_block_size=22&session_check=1")" '7	22'
	equal "$(sql "SELECT id, getSetting('max_block_size') FROM mine" "$id")" '7	11'
	refused 404 60 sql 'SELECT * FROM mine'
	sql 'SELECT sleep(0.5)' "$id" >/dev/null &
	until_running 1 'sleep(0.5)'
	refused 409 373 sql 'SELECT 1' "$id"
	wait $!
	equal "$(sql 'SELECT 1' "$id&close_session=1")" 1
	refused 404 372 sql 'SELECT 1' "$id&session_check=1"
}

check_external() {
	printf '1,"a,b"\n3,c\n' >"$temp/wanted.csv"
	equal "$(q 'wanted_format=CSV&wanted_structure=id+UInt64,name+String&query=SELECT+w.id,w.name+FROM+wanted+w+WHERE+w.id+IN+(SELECT+id+FROM+types_want)+ORDER+BY+id' -F "wanted=@$temp/wanted.csv")" $'1\ta,b\n3\tc'
	equal "$(q '' -F query='SELECT sum(_1), {n:UInt8} FROM w' -F param_n=5 -F w_types=UInt64 -F 'w=@-;filename=w.tsv' <<<$'1\n2')" $'3\t5'
	refused 404 60 sql 'SELECT * FROM wanted'
	refused 400 27 q 'bad_structure=id+UInt64&query=SELECT+1' -F 'bad=@-;filename=bad' <<<x
}

check_parameters() {
	equal "$(sql 'SELECT {a:UInt64} + 1, {s:String}, {l:Array(Int32)}, {n:Nullable(String)}, id FROM {t:Identifier} WHERE id = 1' 'param_a=41&param_s=it%27s+%F0%9F%98%80&param_l=[1,-2]&param_n=%5CN&param_t=types_want')" "42	it\'s 😀	[1,-2]	\N	1"
	equal "$(q "param_i=0" -G --data-urlencode 'query=SELECT low FROM types_want WHERE id = {i:UInt8}')" left
	equal "$(q '' -F 'query=SELECT length({s:String})' -F "param_s=<$temp/long")" 200000
	refused 400 456 sql 'SELECT {missing:UInt8}'
}

check_cancel() {
	"${ask[@]}" "$address/" -d "$endless" >/dev/null 2>&1 &
	until_running 1 "$endless"
	kill $!
	until_running 0 "$endless"
	"${ask[@]}" --max-time 0.4 "$address/" -d "$endless" >/dev/null 2>&1 && fail "an endless statement ended"
	until_running 0 "$endless"
	local answer=$temp/answer
	q "query_id=endless-$CLICKHOUSE_DATABASE" --data-binary "$endless" -D /dev/null >"$answer" 2>&1 &
	until_running 1 "$endless"
	[[ -n $(sql "KILL QUERY WHERE query_id = 'endless-$CLICKHOUSE_DATABASE' SYNC") ]] || fail "not found by its id"
	wait $!
	[[ $(<"$answer") == *'Code: 394.'* ]] || fail "$(<"$answer")"
}

check_errors() {
	refused 404 60 sql 'SELECT * FROM nowhere'
	refused 404 81 sql 'SELECT * FROM no_such_database.t'
	refused 404 46 sql 'SELECT no_such(1)'
	refused 404 47 sql 'SELECT nothing FROM types_want'
	refused 404 115 sql 'SELECT 1' no_such_setting=1
	refused 400 62 sql 'SELEC 1'
	refused 400 62 sql 'SELECT 1; SELECT 2'
	refused 500 395 sql 'SELECT throwIf(1)'
	refused 500 57 sql 'CREATE TABLE types_want (a Int8) ENGINE = Memory'
	refused 404 60 q enable_http_compression=1 --compressed --data-binary 'SELECT * FROM nowhere'
}

check_late() {
	local late='SELECT throwIf(number = 3000000), number FROM numbers(5000000)' tag
	sql "$late" >"$temp/out" 2>"$temp/err" && fail "curl took the answer for whole"
	tag=$(tr -d '\r' <"$temp/headers" | sed -n 's/^X-Clickhouse-Exception-Tag: //ip')
	tail -c 2000 "$temp/out" | tr -d '\r' >"$temp/end"
	grep -q "^$tag\$" "$temp/end" && grep -q 'Code: 395\. DB::Exception' "$temp/end" || fail "$(<"$temp/end")"
	q enable_http_compression=1 --compressed --data-binary "$late" >"$temp/out" 2>"$temp/err" && fail "curl took the gzip for whole"
	refused 500 395 sql "$late" wait_end_of_query=1
	# Under compress=1 the code is a header, as long as no output began.
	"${ask[@]}" -D "$temp/headers" -o /dev/null "$address/?compress=1" -d 'SELECT throwIf(number = 5) FROM numbers(10)'
	grep -qi '^X-ClickHouse-Exception-Code: 395' "$temp/headers" || fail "no code"
}

check_password() {
	refused 403 516 curl -sS -D "$temp/headers" -u "$CLICKHOUSE_USER:wrong" "$address/" -d 'SELECT 1'
	refused 403 516 curl -sS -D "$temp/headers" -u default: "$address/" -d 'SELECT 1'
	refused 401 516 curl -sS -D "$temp/headers" "$address/" -d 'SELECT 1'
	equal "$(curl -sS -H "X-ClickHouse-User: $CLICKHOUSE_USER" -H "X-ClickHouse-Key: $CLICKHOUSE_PASSWORD" "$address/" -d 'SELECT 1')" 1
}

check_readonly() {
	equal "$(sql 'SELECT count() FROM types_want' readonly=1)" 1000
	refused 403 164 sql 'CREATE TABLE ro (a Int8) ENGINE = Memory' readonly=1
	refused 403 164 sql 'INSERT INTO types_got (id) VALUES (1)' readonly=1
	refused 403 164 sql 'SELECT 1 SETTINGS max_threads = 1' readonly=1
	refused 403 164 q 'query=CREATE+TABLE+ro+(a+Int8)+ENGINE=Memory' # a GET
	refused 403 164 q "session_id=ro-$CLICKHOUSE_DATABASE&query=DROP+TABLE+types_got"
}

check_outside() {
	refused 403 497 sql "SELECT * FROM file('/etc/passwd', 'LineAsString')"
	refused 403 497 sql "SELECT * FROM url('$address', 'LineAsString')"
	refused 403 497 sql "INSERT INTO FUNCTION file('$temp/x', 'CSV', 'a Int8') VALUES (1)"
	refused 403 497 sql "SELECT 1 INTO OUTFILE '$temp/x'"
	refused 403 497 sql "INSERT INTO types_got FROM INFILE '/etc/passwd' FORMAT CSV"
	[[ ! -e $temp/x ]] || fail "a file was written"
}

check_limits() {
	refused 500 396 sql 'SELECT number FROM numbers(1000)' max_result_rows=10
	refused 500 158 sql 'SELECT count() FROM numbers(1000000)' max_rows_to_read=10
	refused 500 241 sql 'SELECT groupArray(number) FROM numbers(10000000)' max_memory_usage=10000000
	refused 408 159 sql "$endless" max_execution_time=1
}

head -c 200000 /dev/zero | tr '\0' x >"$temp/long"
curl --version | head -n 1 | cut -d' ' -f1-2
for check in connect types tables million broken stream compression encoding session external parameters cancel errors late password readonly outside limits; do
	if ("check_$check") 2>"$temp/why"; then
		echo "ok $check"
	else
		echo "not ok $check: $(tr '\n' '|' <"$temp/why" | tail -c 1500)"
	fi
done
