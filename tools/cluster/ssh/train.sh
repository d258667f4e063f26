#!/usr/bin/env bash
# Trains on machines that SSH reaches: one worker a machine, with all its GPUs.
#
#     tools/cluster/ssh/train.sh machine1:8888,machine2:8888 \
#         --gin_file=celeba.gin --run_dir=/shared/runs/celeba
#
# Every machine needs: login without a password under that name (users and SSH ports belong into
# ~/.ssh/config), the named port open to the others, and run directory and images at the same
# place. Variables, all optional:
#
#     FOLDER          where workers are started; the home directory if not given
#     PYTHON          Python of the environment there; python
#     GRACE           seconds from SIGTERM to SIGKILL; 180
#     DEEPFILL_DATA   is passed on
#
# Log lines begin with the worker's number. SIGTERM, Ctrl-C, or the loss of this machine make all
# workers save and end; so does a worker that ended with an error, GRACE seconds later.
# Exit codes: 0 all are done; 75 told to stop, or a worker was lost: start again; 1 something is
# wrong. To start again by itself:
#
#     until tools/cluster/ssh/train.sh ...; do [ $? -eq 75 ] || break; sleep 60; done
set -u

if [ $# -lt 2 ] || [[ $1 == -* ]] || [[ ,$1, =~ ,[^:]*, ]]; then
    echo "usage: ${0##*/} host:port,host:port,... --gin_file=... --run_dir=..." >&2
    exit 1
fi
cluster=$1
shift
IFS=, read -ra workers <<<"$cluster"
grace=${GRACE:-180}

# On each machine. Its standard input ends when this script closes it or is no more.
# shellcheck disable=SC2016  # for the shell over there
remote='
    cd "$FOLDER" || exit 1
    exec 3<&0
    "$@" </dev/null 3<&- &
    worker=$!
    (
        cat <&3
        kill -TERM "$worker"
        for ((second = 0; second < GRACE; second++)); do sleep 1; done
        kill -KILL "$worker"
    ) >/dev/null 2>&1 &
    watcher=$!
    exec 3<&-
    wait "$worker"
    code=$?
    kill "$watcher"
    exit "$code"
'

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkfifo "$folder/alive"
exec 9<>"$folder/alive"
stop() {
    exec 9>&-
}
trap stop TERM INT

# Words as every shell reads them: each in single quotes.
quoted() {
    local word
    for word in "$@"; do printf "'%s' " "${word//\'/\'\\\'\'}"; done
}

log() {
    while IFS= read -r line; do printf '[%s] %s\n' "$1" "$line"; done
}

processes=()
for index in "${!workers[@]}"; do
    variables=(FOLDER="${FOLDER:-.}" GRACE="$grace")
    variables+=(DEEPFILL_WORKERS="$cluster" DEEPFILL_WORKER_INDEX="$index")
    [ -n "${DEEPFILL_DATA:-}" ] && variables+=(DEEPFILL_DATA="$DEEPFILL_DATA")
    command=(env "${variables[@]}" bash -c "$remote" worker)
    command+=("${PYTHON:-python}" -m deepfill_tf.train "$@")
    ssh -o BatchMode=yes "${workers[index]%:*}" "$(quoted "${command[@]}")" \
        <"$folder/alive" 9>&- > >(log "$index" 9>&-) 2>&1 &
    processes+=($!)
done

codes=()
failed_at=
while [ "${#codes[@]}" -lt "${#workers[@]}" ]; do
    for index in "${!workers[@]}"; do
        if [ -z "${codes[index]:-}" ] && ! kill -0 "${processes[index]}" 2>/dev/null; then
            wait "${processes[index]}"
            codes[index]=$?
            [ "${codes[index]}" -ne 0 ] && failed_at=${failed_at:-$SECONDS}
        fi
    done
    if [ -n "$failed_at" ] && [ $((SECONDS - failed_at)) -ge "$grace" ]; then
        stop
    fi
    sleep 0.5
done

result=0
for index in "${!workers[@]}"; do
    code=${codes[index]}
    [ "$code" -ne 0 ] && echo "${workers[index]} ended with $code" >&2
    if [ "$code" -eq 75 ] || [ "$code" -ge 128 ]; then # 128 and more: killed, 255: out of reach
        [ "$result" -eq 0 ] && result=75
    elif [ "$code" -ne 0 ]; then
        result=1
    fi
done
exit "$result"
