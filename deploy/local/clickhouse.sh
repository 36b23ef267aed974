# shellcheck shell=bash disable=SC2154
# What the two ClickHouse servers have in common: one user, whose password is in a
# file; how to ask whether it answers; the DSN as --clickhouse.dsn takes it.
user=wearstream

address() { echo "127.0.0.1:$(cat "$run/$part.port")"; }

# ask PASSWORD SQL: the user's answer. The password is not for the list of processes.
ask() {
	printf 'user = "%s:%s"\n' "$user" "$1" |
		curl -sS --fail --max-time 10 -K - "http://$(address)/" --data-binary "$2"
}

answers() { [[ $(ask "$(cat "$run/password")" 'SELECT currentUser(), version() >= '"'24'") == *$'\t1' ]]; }

do_start() {
	do_fetch >/dev/null
	need curl curl
	locked
	mkdir -p "$run"
	[[ -s $run/password ]] || (umask 077 && head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$run/password")
	if ! alive "$part"; then
		port "$part"
		run_server
	fi
	ready "$part" 60 answers
	do_env
}

check_server() {
	alive "$part" || die "it does not run: $0 start"
	answers || die "it does not answer user $user: see $run/$part.log"
	! ask wrong 'SELECT 1' >/dev/null 2>&1 || die "it accepts a wrong password"
	echo "$part $(ask "$(cat "$run/password")" 'SELECT version()'): answers user $user at $(address)"
}

do_kill() { end KILL "$part"; }

do_stop() {
	[[ -d $run ]] || return 0
	locked
	end TERM "$part"
	purge
}

do_env() {
	alive "$part" || die "it does not run: $0 start"
	echo "WEARSTREAM_TEST_CLICKHOUSE=http://$user@$(address)"
	echo "WEARSTREAM_TEST_CLICKHOUSE_PASSWORD_FILE=$run/password"
}
