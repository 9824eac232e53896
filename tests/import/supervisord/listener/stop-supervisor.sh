#!/bin/sh
printf "READY\n"
while read -r line; do
    echo "a program has failed for good: $line" >&2
    kill -QUIT "$(cat /var/run/supervisord.pid)"
done
