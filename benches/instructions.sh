#!/usr/bin/env bash
# Instructions of one call, counted by callgrind: a table of every subject in every state, as Markdown.
#
#   benches/instructions.sh            the table
#   benches/instructions.sh --gate     only this crate, against the limits below; fails where one is exceeded
#   benches/instructions.sh NAME...    only the subjects so named, and the bare service
#   benches/instructions.sh --listing  what the compiler made of a healthy call of this crate, as objdump shows it
#
# A row is the difference of two whole runs, one of 12,000 calls and one of 2,000, divided by 10,000: what the program
# does besides its calls is the same in both. The figures repeat to a hundredth of an instruction, on a busy machine
# too. Valgrind has no vDSO: a clock reads as the bare system call here, so trust these counts for everything but clocks.
# Wants: valgrind; for --gate and --listing objdump.
set -euo pipefail

# The limits of the gate. A healthy call's are over the bare service: what was reached, and hardly more. The others are
# what was reached, and a tenth: they are there to be noticed, not to be kept.
declare -A LIMITS=(
    ["resilience healthy"]=14
    ["resilience failing"]=480 ["resilience alternating"]=470 ["resilience refusing"]=166
    ["resilience half-open"]=1730 ["resilience clone"]=19
    ["resilience-rate healthy"]=102
    ["resilience-rate failing"]=720 ["resilience-rate alternating"]=740 ["resilience-rate refusing"]=170
    ["resilience-rate half-open"]=1900 ["resilience-rate clone"]=19
)
# How much the count of a call may change from 10 to 100,000 calls in the window, in percent.
WINDOW_PERCENT=1
OURS='^resilience(-|$)'
# What a healthy call must not reach.
FORBIDDEN='clock_gettime|Instant|malloc|calloc|realloc|free|alloc::|futex|Mutex|RwLock|syscall'

few=2000
many=12000

cd "$(dirname "$0")/.."
self=$$
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

exe=$(cargo bench --quiet -p benches --bench instructions --no-run --message-format=json |
    grep -o '"executable":"[^"]*/instructions-[^"]*"' | tail -1 | cut -d'"' -f4)

# count SUBJECT STATE CALLS [BEFORE]: all instructions of one run; leaves the profile in $work/CALLS.
count() {
    if ! valgrind --tool=callgrind --callgrind-out-file="$work/$3" "$exe" "$@" >"$work/said" 2>&1; then
        cat "$work/said" >&2
        echo "$1 $2 did not come to its end" >&2
        kill -s TERM "$self"
    fi
    awk '/Collected/ { print $4 }' "$work/said"
}

# per_call SUBJECT STATE [BEFORE]
per_call() {
    local low high
    low=$(count "$1" "$2" "$few" "${3:-0}")
    high=$(count "$1" "$2" "$many" "${3:-0}")
    awk -v low="$low" -v high="$high" -v calls=$((many - few)) 'BEGIN { printf "%.1f\n", (high - low) / calls }'
}

more() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'; }
minus() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f\n", a - b }'; }

table() {
    local states=(healthy failing alternating refusing half-open clone)
    local bare subject state cell line over
    bare=$(per_call bare healthy)
    echo "| instructions a call | healthy over bare |$(printf ' %s |' "${states[@]}")"
    echo "|---|---:|---:|---:|---:|---:|---:|---:|"
    "$exe" rows | awk '{ print $1 }' | uniq | while read -r subject; do
        if [ $# -gt 0 ] && [ "$subject" != bare ] && [[ " $* " != *" $subject "* ]]; then continue; fi
        line=""
        over=""
        for state in "${states[@]}"; do
            cell="-"
            if grep -qx "$subject $state" "$work/rows"; then cell=$(per_call "$subject" "$state"); fi
            if [ "$state" = healthy ]; then over=$(minus "$cell" "$bare"); fi
            line+=" $cell |"
        done
        echo "| $subject | $over |$line"
    done
}

failures=0
fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# The instructions by function, of the calls alone: those of the long run less those of the short one.
functions() {
    local calls
    for calls in "$few" "$many"; do
        callgrind_annotate --threshold=100 "$work/$calls" 2>/dev/null | sed -nE \
            's/^ *([0-9,]+) \( *[0-9.]+%\) +([^ ]*(\.rs|\.c|\.S|\?\?\?)):(.*)$/\1\t\4/p' | sed -E 's/ \[[^]]*\]$//' |
            awk -F'\t' '{ gsub(",", "", $1); sum[$2] += $1 } END { for (name in sum) print name "\t" sum[name] }' |
            sort >"$work/$calls.functions"
    done
    join -t "$(printf '\t')" -a 2 -e 0 -o 0,1.2,2.2 "$work/$few.functions" "$work/$many.functions" |
        awk -F'\t' -v calls=$((many - few)) '($3 - $2) / calls >= 0.5 { printf "%s\t%.1f\n", $1, ($3 - $2) / calls }'
}

listing() {
    objdump --disassemble --no-show-raw-insn --demangle "$exe" |
        awk '/^[0-9a-f]+ </ { on = /<instructions::healthy_call>:$/ } on'
}

gate() {
    local bare subject state count few_held many_held limit
    bare=$(per_call bare healthy)
    while read -r subject state; do
        [[ $subject =~ $OURS ]] || continue
        count=$(per_call "$subject" "$state")
        limit=${LIMITS["$subject $state"]:-0}
        if [ "$state" = healthy ]; then
            count=$(minus "$count" "$bare")
            echo "$subject $state: $count instructions over the bare service, limit $limit"
            # The default rule needs nothing for a success; a rate has to count them, and may read a clock for that.
            if [ "$subject" = resilience ]; then
                functions | while read -r line; do echo "    of which in ${line//$'\t'/: }"; done
                if functions | grep -E "$FORBIDDEN"; then fail "a healthy call reaches one of $FORBIDDEN"; fi
            fi
        else
            echo "$subject $state: $count instructions, limit $limit"
        fi
        if more "$count" "$limit"; then fail "$subject $state: $count is more than $limit"; fi
    done <"$work/rows"

    for subject in $(awk '{ print $1 }' "$work/rows" | uniq | grep -E "$OURS"); do
        for state in healthy failing; do
            few_held=$(per_call "$subject" "$state" 10)
            many_held=$(per_call "$subject" "$state" 100000)
            echo "$subject $state: $few_held instructions with 10 calls in the window, $many_held with 100,000"
            if awk -v a="$few_held" -v b="$many_held" -v percent=$WINDOW_PERCENT \
                'BEGIN { d = b - a; if (d < 0) d = -d; exit !(d > a * percent / 100) }'; then
                fail "$subject $state: the cost of a call depends on the traffic"
            fi
        done
    done

    listing >"$work/probe"
    echo "healthy_call: $(grep -cE '^ +[0-9a-f]+:' "$work/probe") instructions, those of its cold branches included"
    if ! [ -s "$work/probe" ]; then fail "healthy_call is not in the binary"; fi
    if grep -E '\block\b|\bxchg +.*\(' "$work/probe"; then fail "healthy_call has an atomic read-modify-write"; fi
    if grep -E "call.*($FORBIDDEN)" "$work/probe"; then fail "healthy_call calls one of $FORBIDDEN"; fi
}

"$exe" rows >"$work/rows"
case ${1:-} in
--gate)
    gate
    [ "$failures" -eq 0 ]
    ;;
--listing) listing ;;
*) table "$@" ;;
esac
