#!/bin/sh
# Runs the compiler that makes a .pch with headers of ours (cmake/godwit_pch.cmake), and leaves beside it the sum by which ccache knows it
# (CCACHE_PCH_EXTSUM): that of the headers in it. A .pch names its folder, so its own bytes differ from one checkout to the
# next. For the same reason the .pch itself is not from ccache: another checkout's would name the headers there.
stamp=$(mktemp) || exit
trap 'rm -f "$stamp"' EXIT
"$@" || exit

root=$(cd "$(dirname "$0")/.." && pwd) || exit
output='' rule=''
while [ $# -gt 1 ]; do
  case $1 in
    -o) output=$2 ;;
    -MF) rule=$2 ;;
  esac
  shift
done
case $output in
  *.pch)
    headers=$(tr -s ' \\' '\n\n' <"$rule" | sed -n "s|^$root/||p; t; /^\\//p" | sort -u)
    # Without headers the sum would say nothing, and what was saved while the compiler ran may not be what it read: then ccache
    # goes by the bytes of the .pch.
    if [ -n "$headers" ] && [ -z "$(cd "$root" && echo "$headers" | xargs sh -c 'find "$@" -newer "$0"' "$stamp")" ]; then
      (cd "$root" && echo "$headers" | xargs md5sum) >"$output.sum"
    else
      rm -f "$output.sum"
    fi ;;
esac
