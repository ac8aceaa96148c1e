#!/bin/sh
# Runs every fuzz target, or those that are named, for some minutes each: fuzz/run.sh MINUTES [TARGET...]
#
# Needs a nightly toolchain and a C++ compiler, and nothing else: what `cargo fuzz` would pass to the
# compiler is passed here.
set -eu

minutes=${1:?"usage: fuzz/run.sh MINUTES [TARGET...]"}
shift
cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- $(sed -n 's/^name = "\([a-z_]*\)"$/\1/p' Cargo.toml)

host=$(rustc +nightly -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-pc-table"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-trace-compares"
export RUSTFLAGS="$coverage -Zsanitizer=address --cfg fuzzing -Cdebug-assertions"
targets=""
for target in "$@"; do
    targets="$targets --bin $target"
done
cargo +nightly build --release --target "$host" $targets

failed=""
for target in "$@"; do
    mkdir -p "corpus/$target" "artifacts/$target" "seeds/$target"
    echo "== $target: $minutes min"
    case $target in
        manifest_*) more=../crates/manifest/tests/corpus ;;
        *) more= ;;
    esac
    if ! "target/$host/release/$target" "corpus/$target" "seeds/$target" $more \
        -max_total_time=$((minutes * 60)) -timeout=20 -rss_limit_mb=2048 -max_len=16384 \
        -use_value_profile=1 -print_final_stats=1 -verbosity=0 -artifact_prefix="artifacts/$target/"
    then
        failed="$failed $target"
    fi
done
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
