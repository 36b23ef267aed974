# shellcheck shell=bash disable=SC2154
# What the two S3 servers have in common: one set of credentials, one bucket.
access=wearstream
secret=wearstream-local
region=us-east-1
bucket=wearstream

address() { echo "127.0.0.1:$(cat "$run/$part.port")"; }
running() { alive "$part" || die "it does not run: $0 start"; }

# s3 SECRET METHOD PATH: prints the status of a signed request.
s3() {
	curl -sS --max-time 5 -o "$run/answer" -w '%{http_code}' --aws-sigv4 "aws:amz:$region:s3" --user "$access:$1" \
		-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -X "$2" "http://$(address)$3"
}

has_bucket() {
	[[ $(s3 "$secret" GET "/$bucket?list-type=2&max-keys=1") == 200 ]] && return
	s3 "$secret" PUT "/$bucket" >/dev/null
	return 1
}

do_start() {
	do_fetch >/dev/null
	need curl curl
	locked
	mkdir -p "$run/data"
	if ! alive "$part"; then
		port "$part"
		run_server
	fi
	ready "$part" 30 has_bucket
	do_env
}

do_check() {
	running
	go_locked "$folder/$part"
	[[ $(s3 "$secret" GET "/$bucket?list-type=2&max-keys=1") == 200 ]] || die "it does not list bucket $bucket: $(cat "$run/answer")"
	[[ $(s3 wrong GET "/$bucket?list-type=2&max-keys=1") == 403 ]] || die "it accepts a wrong secret"
	echo "$part $version: lists bucket $bucket at $(address)"
}

do_kill() { end KILL "$part"; }

do_stop() {
	[[ -d $run ]] || return 0
	locked
	end TERM "$part"
	purge
}

s3_env() {
	echo "WEARSTREAM_TEST_BUCKET=$bucket"
	echo "AWS_ACCESS_KEY_ID=$access"
	echo "AWS_SECRET_ACCESS_KEY=$secret"
	echo "AWS_REGION=$region"
}
