#!/usr/bin/env bash
# Plants one bug at a time in a copy of the sources and says after how many seeds the simulation finds it.
#
#   crates/simulator/mutants.sh [NAME...]     all of mutants/*.patch, or those named
#
# Fails if a bug is not found in SEEDS seeds (2000 unless set), or a patch fits the sources no longer.
set -uo pipefail
cd "$(dirname "$0")/../.."
seeds="${SEEDS:-2000}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
work="$CARGO_TARGET_DIR/mutants"
failed=0

if [ $# -eq 0 ]; then set -- crates/simulator/mutants/*.patch; fi
rm -rf "$work"
mkdir -p "$work/source"
git ls-files -z | tar -c --null -T - | tar -x -C "$work/source"

# The first seed that breaks a law, as `seed N: LAW`; nothing if none does.
first_broken() {
  (cd "$work/source" && cargo build -q ${CARGO_FLAGS:-} -p tidegate-simulator 2>"$work/build.log") || return 1
  cp "$CARGO_TARGET_DIR/debug/simulate" "$work/simulate"
  "$work/simulate" --seeds "$seeds" | grep -m1 '^seed '
  return 0
}

echo "| planted bug | found after seeds | as |"
echo "|---|---:|---|"
for mutant; do
  name="$(basename "$mutant" .patch)"
  patch="$PWD/crates/simulator/mutants/$name.patch"
  if ! patch -s -p1 -d "$work/source" <"$patch"; then
    echo "| $name | **does not apply** | |"
    exit 1
  fi
  if ! found="$(first_broken)"; then
    echo "| $name | **does not build**: $work/build.log | |"
    failed=1
  elif [ -z "$found" ]; then
    echo "| $name | **not in $seeds** | |"
    failed=1
  else
    seed="${found#seed }"
    echo "| $name | $((${seed%%:*} + 1)) | $(cut -c1-110 <<<"${seed#*: }") |"
  fi
  patch -s -R -p1 -d "$work/source" <"$patch"
done
# The copy's program must not be taken for this one's.
rm -f "$CARGO_TARGET_DIR/debug/simulate"
exit $failed
