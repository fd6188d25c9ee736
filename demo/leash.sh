#!/bin/sh
# leash.sh COMMAND...: runs the command, and ends it when our standard input ends.
#
# The demo holds the other end of that pipe. However it goes (done, failed, interrupted, even
# killed), the kernel closes the pipe, and nothing that it started outlives it.
exec 3<&0
"$@" </dev/null 3<&- &
command=$!
(
  read -r _ <&3
  kill -TERM "$command"
) 2>/dev/null &
watch=$!
wait "$command"
status=$?
kill "$watch" 2>/dev/null
wait "$watch" 2>/dev/null
exit "$status"
