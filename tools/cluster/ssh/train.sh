#!/usr/bin/env bash
# Trains on machines that are reached by SSH: one worker per machine, with all its GPUs.
#
#     tools/cluster/ssh/train.sh machine1:8888,machine2:8888 \
#         --gin_file=celeba.gin --run_dir=/shared/runs/celeba
#
# Requirements of every machine: login under that name without a password (set users and SSH ports
# in ~/.ssh/config), the given port open to the other machines, and the run directory and the
# images at the same path. Optional environment variables:
#
#     FOLDER          working directory of the workers; default: the home directory
#     PYTHON          Python interpreter of the workers; default: python
#     GRACE           seconds from SIGTERM to SIGKILL; default: 180
#     DEEPFILL_DATA   passed to the workers
#
# Log lines begin with the worker's index. All workers save a checkpoint and exit after SIGTERM or
# Ctrl-C, if this machine is lost, and GRACE seconds after a worker failed.
# Exit codes: 0 done; 75 stopped, or a worker was lost: restart to resume; 1 an error. To restart
# automatically:
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

# Runs on each machine. Its standard input ends when this script closes it or is killed.
# shellcheck disable=SC2016  # expanded by the remote shell
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

# Quotes words for any shell: each in single quotes.
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
    [ "$code" -ne 0 ] && echo "${workers[index]} exited with $code" >&2
    if [ "$code" -eq 75 ] || [ "$code" -ge 128 ]; then # 128 and more: killed, 255: unreachable
        [ "$result" -eq 0 ] && result=75
    elif [ "$code" -ne 0 ]; then
        result=1
    fi
done
exit "$result"
