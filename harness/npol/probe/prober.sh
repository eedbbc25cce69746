# The program that asks from inside a source. It is started by
#     sh -c BOOTSTRAP
# where BOOTSTRAP reads this text from stdin, up to a line "#end", and goes on with it.
# It must run in dash, bash and busybox sh, on a read-only file system, as any user.
#
# Then it takes one line per request. Words are separated by single spaces and are data:
# bytes that are not plain come as the octal escapes of printf's %b. No word is evaluated.
#     hello NONCE SECONDS               begin; end by itself after SECONDS
#     run ID LIMIT CAPTURE INPUT ARG... run ARG... now, in the background
#         LIMIT    "-", or seconds after which `timeout` ends it (exit code 124 or 143)
#         CAPTURE  text: what it writes; body, datagram: the beginning, or all, of its stdout
#                  as base64, after the rest and its exit code
#         INPUT    for its stdin, "-" for nothing
#     many ID LIMIT ADDRESS PORT ...    connect to all of them at once, by bash, LIMIT seconds long;
#                                       TEXT has a line for each beginning and each end
#     bulk ID LIMIT ADDRESS PORT SOURCE-PORT ...
#                                       the same by Python ($bulk, which the caller puts before this
#                                       text); TEXT is as bulk_connect.py says
#     end ID...                         end what these still run; they answer as always
#     bye
# It answers with one line each, short enough to be written at once (PIPE_BUF, 4096):
#     @NONCE ID EXIT ASKED BEGAN ENDED TEXT @NONCE
# Times are hundredths of a second of the machine's uptime: when the line was read, when the
# command was started, when it had ended. In TEXT the byte 036 stands for a line's end.
# Without NONCE, which never leaves the exec's stdin and stdout, nobody can forge an answer.

LC_ALL=C
export LC_ALL
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
set -f
umask 077
line_end='
'
mark=$(printf '\036')
tab=$(printf '\011')
IFS=' '
body_bytes=2048
text_bytes=3600
# One process for each address, where nc takes three. It has no backslash: `run` decodes those.
# How long it took to start them is waited in addition: the last one may be as late again.
many='limit=$0 n=0 pids=
now() { read -r t _ </proc/uptime; }
now
start=${t/./}
ask() {
    now
    echo "+$1 $t"
    exec 3<>"/dev/tcp/$2/$3"
    code=$?
    now
    echo "=$1 $code $t"
}
while [ $# -gt 0 ]; do
    ask $n "$1" "$2" &
    pids="$pids $!" n=$((n + 1))
    shift 2
done
exec 2>/dev/null
now
more=$(((${t/./} - start + 80) / 100))
{ sleep "$limit" && sleep $more; kill $pids; } >/dev/null &
wait $pids
now
echo "! $t"
kill $!'

now() {
    t=0.0
    read -r t _ 2>/dev/null </proc/uptime
    t=${t%.*}${t#*.}
}

answer() { # ID EXIT ASKED BEGAN ENDED TEXT
    head="@$nonce $1 $2 $3 $4 $5"
    IFS=$line_end
    set -- $6
    IFS=$mark
    text="$*"
    IFS=' '
    [ ${#text} -le $text_bytes ] || text=$(printf "%.${text_bytes}s" "$text")
    printf '%s\n' "$head $text @$nonce"
}

pack() { # CAPTURE: stdin in a form that survives a shell variable
    if [ ! "$base64" ]; then
        [ ! "$(head -c 1)" ] || echo eA==
    elif [ "$1" = datagram ]; then
        base64
    else
        head -c $body_bytes | base64
    fi
}

run() { # ASKED ID LIMIT CAPTURE INPUT ARG...
    asked=$1 id=$2 limit=$3 capture=$4 input=$5
    shift 5
    left=$#
    while [ $left -gt 0 ]; do
        word=$1
        shift
        case $word in *\\*)
            word=$(printf '%b.' "$word")
            word=${word%.} ;;
        esac
        set -- "$@" "$word"
        left=$((left - 1))
    done
    [ "$limit" = - ] || set -- timeout "$limit" "$@"
    [ "$input" != - ] || input=
    now
    began=$t
    code=-
    if [ "$capture" = text ]; then
        out=$("$@" 2>&1 </dev/null)
        code=$?
    else
        out=$({
            body=$({
                printf '%b' "$input" | "$@" 2>&3
                echo "exit=$?" >&3
            } | pack "$capture")
            echo "body=$body"
        } 3>&1)
    fi
    now
    answer "$id" "$code" "$asked" "$began" "$t" "$out"
}

facts() { # what is here: NAME=VALUE lines
    read -r value </proc/sys/kernel/hostname
    fact host "$value"
    fact uid "$(pod_uid)"
    limit memory memory.max memory/memory.limit_in_bytes
    limit pids pids.max pids/pids.max
    while read -r word other value _; do
        [ "$word $other" != 'Max processes' ] || fact pids "$value"
    done </proc/self/limits
    limit cpu cpu.max
    limit quota cpu/cpu.cfs_quota_us
    limit period cpu/cpu.cfs_period_us
    while IFS="$IFS$tab" read -r word value rest; do
        [ "$word" != nameserver ] || fact nameserver "$value"
        [ "$word" != search ] || fact search "$value $rest"
    done </etc/resolv.conf
    for tool in base64 nc bash python3 curl wget dig nslookup getent ping /agnhost; do
        ! command -v $tool >/dev/null || fact tool $tool
    done
    ! timeout 5 true || fact tool timeout
    ! timeout 5.5 true || fact tool fractions
    ! command -v nc >/dev/null || flavour nc nc -h
    command -v dig >/dev/null || ! command -v nslookup >/dev/null || flavour nslookup nslookup -version
    command -v curl >/dev/null || ! command -v wget >/dev/null || flavour wget wget --help
    read -r value </proc/sys/net/ipv4/ip_local_port_range && fact ephemeral "$value"
    fact bound "$(for name in tcp tcp6 udp udp6; do bound /proc/net/$name; done)"
}

bound() { # FILE: ports from 0x4000 in it; in tcp's, what listens stands first
    lines=0
    while [ $lines -lt 64 ] && read -r _ value _ word _; do
        lines=$((lines + 1))
        case $1:$word in
        *:st) continue ;;
        */tcp*:0A | */udp*) ;;
        *) break ;;
        esac
        case ${value##*:} in
        [4-9A-F]???) printf '%s ' "${value##*:}" ;;
        esac
    done <"$1"
}

fact() {
    printf '%s=%s\n' "$1" "$2"
}

limit() { # NAME FILE...: of the container's cgroup
    name=$1
    shift
    for file; do
        [ ! -r "/sys/fs/cgroup/$file" ] || {
            read -r value <"/sys/fs/cgroup/$file" && fact "$name" "$value"
        }
    done
}

flavour() { # NAME COMMAND...: the first lines of its help
    name=$1 lines=0
    shift
    "$@" 2>&1 </dev/null | while [ $lines -lt 12 ] && read -r value; do
        fact "$name" "$value"
        lines=$((lines + 1))
    done
}

pod_uid() { # the kubelet mounts /etc/hosts from a directory that is named by the pod's uid
    [ ! "$NPOL_POD_UID" ] || { printf '%s' "$NPOL_POD_UID"; return; }
    while read -r _ _ _ root place _; do
        [ "$place" = /etc/hosts ] || continue
        root=${root%/etc-hosts}
        printf '%s' "${root##*/}"
    done </proc/self/mountinfo
}

started() { # ID PID
    running="$running $1:$2"
    [ ${#running} -lt 8192 ] || running=${running#* }
    jobs >/dev/null 2>&1 # takes leave of those that have ended
}

end() { # ID...: only what is still a child of ours, for other processes may have its number
    for id; do
        for word in $running; do
            [ "${word%:*}" = "$id" ] || continue
            children=
            read -r children 2>/dev/null <"/proc/$$/task/$$/children"
            case " $children " in *" ${word#*:} "*) end_tools "${word#*:}" ;; esac
        done
    done
}

end_tools() { # PID...: the leaves below, but for this program and what takes in a tool's words
    for pid; do
        children= line=
        read -r children 2>/dev/null <"/proc/$pid/task/$pid/children"
        if [ "$children" ]; then
            end_tools $children
            continue
        fi
        read -r line 2>/dev/null <"/proc/$pid/comm"
        case $line in base64 | head) continue ;; esac
        read -r line 2>/dev/null <"/proc/$pid/cmdline"
        [ ! "$line" ] || [ "$line" = "$own" ] || kill "$pid" 2>/dev/null
    done
}

end_after() { # SECONDS: closing the exec does not always end what runs in it
    now
    end=$((t + $1 * 100))
    [ "$1" -lt 5 ] || set -- 5
    while kill -0 $$ && sleep "$1"; do
        now
        [ "$t" -lt $end ] || kill $$
    done
}

base64=$(command -v base64)
running=
own=
read -r own 2>/dev/null </proc/$$/cmdline
while read -r word rest; do
    case $word in
    hello)
        nonce=${rest% *}
        end_after "${rest#* }" </dev/null >/dev/null 2>&1 &
        timer=$!
        now
        answer hello 0 "$t" "$t" "$t" "$(facts 2>/dev/null)" ;;
    run)
        now
        run "$t" $rest &
        started "${rest%% *}" $! ;;
    many)
        now
        id=${rest%% *} rest=${rest#* }
        run "$t" "$id" - text - bash -c "$many" $rest &
        started "$id" $! ;;
    bulk)
        now
        id=${rest%% *} rest=${rest#* }
        run "$t" "$id" - text - python3 -I -S -c "$bulk" $rest &
        started "$id" $! ;;
    end) end $rest ;;
    bye) break ;;
    esac
done
kill "$timer" 2>/dev/null
wait
exit 0
