#!/bin/sh
# Builds the binaries, static, for TARGETARCH: what both steps of the Dockerfile have in common.
set -eu

here="$(dpkg --print-architecture)"
arch="${TARGETARCH:-$here}"
case "$arch" in
  amd64) rust=x86_64-unknown-linux-gnu gcc=x86_64-linux-gnu ;;
  arm64) rust=aarch64-unknown-linux-gnu gcc=aarch64-linux-gnu ;;
  *) echo "TARGETARCH is $arch; there are images for amd64 and arm64" >&2; exit 1 ;;
esac
if ! command -v "$gcc-gcc" > /dev/null; then
  apt-get update
  apt-get install -y --no-install-recommends "gcc-$(echo "$gcc" | tr _ -)" "libc6-dev-$arch-cross"
fi
if [ "$arch" != "$here" ]; then
  rustup target add "$rust"
fi

variable="$(echo "CARGO_TARGET_${rust}_LINKER" | tr a-z- A-Z_)"
export "$variable=$gcc-gcc"
# One file each, for any Linux. Since 2.34 glibc looks names up without loading anything.
export RUSTFLAGS="-C target-feature=+crt-static"
export CARGO_TARGET_DIR=/target
cargo build --locked --profile "${PROFILE:=release}" --target "$rust" -p ampsync -p nozzle-sim
ln -sfn "/target/$rust/$PROFILE" /binaries
