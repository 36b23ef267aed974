# shellcheck shell=bash
# What the scripts of the real parts have in common; each sources this file,
# defines fetch, start, check, stop and env, and ends with: main "$@".
#
# A part is fetched into $WEARSTREAM_PARTS (else wearstream/parts in the user's
# cache folder) and runs in $WEARSTREAM_RUN/PART (else .data/run/PART of this
# repository): configuration, data, NAME.port, NAME.pid, NAME.log. It listens on
# loopback only, on a free port that it keeps from then on. For Linux.
set -euo pipefail

part=$(basename "$0")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
parts=${WEARSTREAM_PARTS:-${XDG_CACHE_HOME:-$HOME/.cache}/wearstream/parts}
run=$(realpath -m "${WEARSTREAM_RUN:-$here/../../.data/run}")/$part

die() {
	printf '%s: %s\n' "$part" "$*" >&2
	exit 1
}

# need COMMAND PACKAGE: say what to install where COMMAND is missing.
need() {
	command -v "$1" >/dev/null || die "$1 is missing: install it (Debian: apt-get install $2), or use deploy/compose.yaml"
}

# unfetched FOLDER: sets temp to a new folder beside FOLDER; fails where FOLDER is there.
unfetched() {
	[[ ! -d $1 ]] || return 1
	mkdir -p "$parts"
	temp=$(mktemp -d "$parts/.$part.XXXXXX")
	trap 'chmod -R u+w "$temp" && rm -rf "$temp"' EXIT
	trap 'exit 130' INT TERM
}

# fetched FOLDER: what was made in $temp/part becomes FOLDER in one rename, so that
# a half-made folder cannot pass for a fetched part. Whoever comes second finds it made.
fetched() {
	mv -T "$temp/part" "$1" 2>/dev/null || [[ -d $1 ]] || die "move the part to $1"
}

# go_install FOLDER COMMAND PACKAGE@VERSION OPTION...: builds a Go command. Its modules must be
# those of lock/PART.sum, whatever proxy they came from and whether or not the
# checksum database could be asked.
go_install() {
	unfetched "$1" || return 0
	need go golang
	mkdir "$temp/part"
	GOFLAGS='' GOBIN=$temp/part go install -trimpath -ldflags='-s -w' "${@:4}" "$3" ||
		die "go could not build $3: is the module proxy in reach? Nothing was changed."
	go_locked "$temp/part/$2"
	fetched "$1"
}

go_locked() {
	local modules others
	need go golang
	modules=$(go version -m "$1" | awk '$1 == "mod" || $1 == "dep" || $1 == "=>" { print $2, $3, $4 }')
	[[ -n $modules ]] || die "$1 does not say what modules it is made of"
	others=$(grep -vxFf "$here/lock/$part.sum" <<<"$modules") || return 0
	die "$1 is made of modules that are not the pinned ones: $others"
}

# deb_unpack FOLDER SERIES PACKAGE...: unpacks Debian packages without installing them,
# so no root and no started service. The first is pinned to its series: Debian replaces
# a version when it fixes a hole. apt verifies what it downloads by the archive's signature.
deb_unpack() {
	local folder=$1 series=$2 deb
	shift 2
	unfetched "$folder" || return 0
	need apt-get apt
	need dpkg-deb dpkg
	mkdir "$temp/debs"
	(cd "$temp/debs" && apt-get -qq download "$1=$series*" "${@:2}") 2>"$temp/apt.log" || {
		cat "$temp/apt.log" >&2
		die "apt has no $1 $series.* in reach: run apt-get update; where this is not Debian 12, use deploy/compose.yaml"
	}
	for deb in "$temp"/debs/*.deb; do
		dpkg-deb -x "$deb" "$temp/part"
	done
	fetched "$folder"
}

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# port NAME: the port of the last time, else a free one, below those that the kernel
# gives to clients. Twenty from it on belong to the part.
port() {
	local file=$run/$1.port p
	if p=$(cat "$file" 2>/dev/null); then
		# The sockets of a process that was killed can outlive its command line.
		for _ in {1..50}; do
			taken "$p" || break
			sleep 0.1
		done
	else
		p=$((25000 + RANDOM % 350 * 20))
	fi
	while taken "$p"; do
		p=$((25000 + RANDOM % 350 * 20))
	done
	printf '%s\n' "$p" >"$file"
}

# locked: one start or stop of this part at a time.
locked() {
	mkdir -p "$run"
	exec 9>"$run/lock"
	flock 9
}

# alive NAME: is the process that we started still there. A pid may have come to belong
# to somebody else; the command line of every part names its run folder.
alive() {
	local pid
	pid=$(cat "$run/$1.pid" 2>/dev/null) && grep -qaF "$run/" "/proc/$pid/cmdline" 2>/dev/null
}

# launch NAME COMMAND...: starts COMMAND apart from this terminal.
launch() {
	local name=$1
	shift
	setsid "$@" >"$run/$name.log" 2>&1 </dev/null 9>&- &
	echo $! >"$run/$name.pid"
	for _ in {1..100}; do # until the exec the process is still this script
		alive "$name" && return
		sleep 0.02
	done
	dead "$name" "ended at once"
}

# ready NAME SECONDS PROBE...: waits until PROBE succeeds while NAME lives.
ready() {
	local name=$1 until=$((SECONDS + $2))
	shift 2
	until "$@" 2>/dev/null; do
		alive "$name" || dead "$name" "ended"
		((SECONDS < until)) || dead "$name" "is not ready in time"
		sleep 0.1
	done
}

dead() {
	tail -n 20 "$run/$1.log" >&2
	die "$1 $2: see $run/$1.log (PURGE=1 $0 stop forgets its data)"
}

# end SIGNAL NAME...: ends what we started, by pid, and waits; what does not end in
# 15 s is killed.
end() {
	local signal=$1 name
	shift
	for name; do
		! alive "$name" || kill "-$signal" "$(cat "$run/$name.pid")" || true
	done
	for name; do
		for _ in {1..300}; do
			alive "$name" || break
			sleep 0.05
		done
		! alive "$name" || kill -KILL "$(cat "$run/$name.pid")" || true
		rm -f "$run/$name.pid"
	done
}

# purge: with PURGE=1 the data is forgotten, too.
purge() {
	[[ -z ${PURGE-} ]] || rm -rf "$run"
}

main() {
	local verb=${1-}
	case $verb in
	fetch | path | start | check | stop | env | kill | restart)
		if declare -F "do_$verb" >/dev/null; then
			shift
			"do_$verb" "$@"
			return
		fi
		;;
	esac
	echo "usage: $0 $(declare -F | sed -n 's/^declare -f do_//p' | paste -sd'|')" >&2
	exit 2
}
