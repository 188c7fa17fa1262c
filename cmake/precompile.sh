#!/bin/sh
# Runs the compiler that makes a .pch with headers of ours (cmake/godwit_pch.cmake), and leaves beside it the sum by which ccache knows it
# (CCACHE_PCH_EXTSUM): that of the headers in it. A .pch names its folder, so its own bytes differ from one checkout to the
# next. For the same reason the .pch itself is not from ccache: another checkout's would name the headers there.
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
  *.pch) tr -s ' \\' '\n\n' <"$rule" | sed -n "s|^$root/||p; t; /^\\//p" | sort -u | (cd "$root" && xargs md5sum) >"$output.sum" ;;
esac
