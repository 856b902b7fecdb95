#!/usr/bin/env bash
# Plants one bug at a time in a copy of the sources and says after how many seeds the simulation finds it.
#
#   crates/simulator/mutants.sh [NAME...]     all of mutants/*.patch, or those named
#
# Fails if a bug is not found in SEEDS seeds (2000 unless set), or a patch fits the sources no longer.
set -uo pipefail
cd "$(dirname "$0")/../.."
seeds="${SEEDS:-2000}"
work="$PWD/target/mutants"
source="$work/source"
failed=0

if [ $# -eq 0 ]; then set -- crates/simulator/mutants/*.patch; fi
rm -rf "$source"
mkdir -p "$source"
git ls-files -z | tar -c --null -T - | tar -x -C "$source"
echo "| planted bug | found after seeds | as |"
echo "|---|---:|---|"
for mutant; do
  name="$(basename "$mutant" .patch)"
  patch="$PWD/crates/simulator/mutants/$name.patch"
  if ! patch -s -p1 -d "$source" <"$patch"; then
    echo "| $name | **does not apply** | |"
    failed=1
    break
  fi
  if ! (cd "$source" && CARGO_TARGET_DIR="$work/target" cargo build -q ${CARGO_FLAGS:-} -p tidegate-simulator 2>"$work/build.log"); then
    echo "| $name | **does not build**: target/mutants/build.log | |"
    failed=1
  fi
  found="$("$work/target/debug/simulate" --seeds "$seeds" | grep -m1 '^seed ' || true)"
  seed="${found#seed }"
  if [ -n "$found" ]; then
    echo "| $name | $((${seed%%:*} + 1)) | $(cut -c1-110 <<<"${seed#*: }") |"
  else
    echo "| $name | **not in $seeds** | |"
    failed=1
  fi
  patch -s -R -p1 -d "$source" <"$patch"
done
exit $failed
