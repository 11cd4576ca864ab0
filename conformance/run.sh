#!/bin/sh
# Runs real clients against a running simulator.
#
#   ./run.sh FILE [CLIENT...]     FILE holds the first line that `keepwatch sim` printed; - reads it from stdin
#
# Needs node 20 and `npm ci` in this folder. Prints a line per expectation and
# ends with 1 when one of them failed.
set -eu
cd "$(dirname "$0")"
if [ "${1:-}" = "" ]; then
	echo "usage: run.sh FILE|- [client...]" >&2
	exit 2
fi
file=$1
shift
if [ "$file" = "-" ]; then
	read -r KEEPWATCH_SIM
else
	KEEPWATCH_SIM=$(head -n 1 "$file")
fi
export KEEPWATCH_SIM
[ $# -gt 0 ] || set -- sfmc-sdk fuel-auth fuel-rest fuel-soap sfmc-fuelsdk-node mcdev
failed=0
for client in "$@"; do
	node --no-deprecation "clients/$client.mjs" || failed=1
done
exit $failed
