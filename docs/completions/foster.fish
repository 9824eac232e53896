# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_foster_global_optspecs
    string join \n h/help V/version
end

function __fish_foster_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_foster_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_foster_using_subcommand
    set -l cmd (__fish_foster_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c foster -n "__fish_foster_needs_command" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_needs_command" -s V -l version -d 'Print version'
complete -c foster -n "__fish_foster_needs_command" -f -a "run" -d 'Start the services and supervise them until the container is to end'
complete -c foster -n "__fish_foster_needs_command" -f -a "init" -d 'Be the init of one command: pass signals on, reap orphans, end with its code'
complete -c foster -n "__fish_foster_needs_command" -f -a "check" -d 'Validate the configuration without starting anything'
complete -c foster -n "__fish_foster_needs_command" -f -a "status" -d 'Show the state of services'
complete -c foster -n "__fish_foster_needs_command" -f -a "start" -d 'Start services, with all that they require, and wait until they are ready'
complete -c foster -n "__fish_foster_needs_command" -f -a "stop" -d 'Stop services, those that require them first, and wait until they are down'
complete -c foster -n "__fish_foster_needs_command" -f -a "restart" -d 'Stop services and start them again, with those that require them; one that is down is started'
complete -c foster -n "__fish_foster_needs_command" -f -a "reload" -d 'Have services read their own configuration again, by the signal or command of [reload]'
complete -c foster -n "__fish_foster_needs_command" -f -a "signal" -d 'Send a signal to the main process of services'
complete -c foster -n "__fish_foster_needs_command" -f -a "wait" -d 'Wait until services are ready, or stopped'
complete -c foster -n "__fish_foster_needs_command" -f -a "logs" -d 'Print what services wrote last, from the memory of the supervisor'
complete -c foster -n "__fish_foster_needs_command" -f -a "log-level" -d 'Print or set how much the supervisor itself says'
complete -c foster -n "__fish_foster_needs_command" -f -a "explain" -d 'Tell why a service is in its state, down to the root cause'
complete -c foster -n "__fish_foster_needs_command" -f -a "apply" -d 'Read the configuration again and change only what changed'
complete -c foster -n "__fish_foster_needs_command" -f -a "healthcheck" -d 'Tell by the exit code whether services are ready'
complete -c foster -n "__fish_foster_needs_command" -f -a "events" -d 'Print every change of state, as it happens'
complete -c foster -n "__fish_foster_needs_command" -f -a "timeline" -d 'Show what the boot spent its time on, and which services it waited for'
complete -c foster -n "__fish_foster_needs_command" -f -a "graph" -d 'Show the dependencies of services and the order in which they start'
complete -c foster -n "__fish_foster_needs_command" -f -a "shutdown" -d 'Stop all services and end the container'
complete -c foster -n "__fish_foster_needs_command" -f -a "import" -d 'Convert what another supervisor reads into a services directory, with a report'
complete -c foster -n "__fish_foster_needs_command" -f -a "install-compat" -d 'Make links to foster under the names of s6\'s tools, for scripts that call these'
complete -c foster -n "__fish_foster_needs_command" -f -a "schema" -d 'Print the JSON schema of a service file, or of foster.toml'
complete -c foster -n "__fish_foster_needs_command" -f -a "completions" -d 'Print a script that completes foster\'s command line in a shell'
complete -c foster -n "__fish_foster_needs_command" -f -a "man" -d 'Print a manual page, or write all of them'
complete -c foster -n "__fish_foster_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c foster -n "__fish_foster_using_subcommand run" -l services -d 'A further services directory, over those before it' -r -F
complete -c foster -n "__fish_foster_using_subcommand run" -l config -d 'Settings file [default: FOSTER_CONFIG, then /etc/foster/foster.toml if it exists]' -r -F
complete -c foster -n "__fish_foster_using_subcommand run" -l import -d 'Run what KIND has at SRC, as `foster import` would convert it, instead of services directories' -r
complete -c foster -n "__fish_foster_using_subcommand run" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand init" -s p -l parent-death-signal -d 'The signal that foster gets, and passes on, when its own parent dies' -r
complete -c foster -n "__fish_foster_using_subcommand init" -s e -l map-exit -d 'End with the second code when the command ends with the first; a signal stands for 128+n, and a code alone becomes 0 [repeatable]' -r
complete -c foster -n "__fish_foster_using_subcommand init" -s r -l rewrite-signal -d 'Pass the second signal on for the first; 0 drops it [repeatable]' -r
complete -c foster -n "__fish_foster_using_subcommand init" -l wait -d 'When the command has ended, send SIGTERM to all that it has left, daemons too, wait so long for them, and kill the rest' -r
complete -c foster -n "__fish_foster_using_subcommand init" -l signal-state -d 'The blocked and ignored signals that the command begins with: `restore` those that foster began with, or `reset` to none [default: restore]' -r
complete -c foster -n "__fish_foster_using_subcommand init" -s g -l kill-group -d 'Pass signals on to the process group of the command, not to the command alone'
complete -c foster -n "__fish_foster_using_subcommand init" -s s -l subreaper -d 'End with code 1 where orphans cannot be adopted; without it they are wherever the kernel allows it'
complete -c foster -n "__fish_foster_using_subcommand init" -s w -l warn-on-reap -d 'Tell of every orphan that is reaped'
complete -c foster -n "__fish_foster_using_subcommand init" -s c -l single-child -d 'Leave the command in the process group of foster, and the terminal as it is'
complete -c foster -n "__fish_foster_using_subcommand init" -l no-setsid -d 'The same as --single-child'
complete -c foster -n "__fish_foster_using_subcommand init" -l exit-zero-on-stop -d 'End with 0 when the command was ended by a signal that was passed on, or with 128+n for it'
complete -c foster -n "__fish_foster_using_subcommand init" -s v -l verbose -d 'Tell of the life of the command; twice: of every signal and every orphan'
complete -c foster -n "__fish_foster_using_subcommand init" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand check" -l services -d 'A further services directory, over those before it' -r -F
complete -c foster -n "__fish_foster_using_subcommand check" -l config -d 'Settings file [default: FOSTER_CONFIG, then /etc/foster/foster.toml if it exists]' -r -F
complete -c foster -n "__fish_foster_using_subcommand check" -l format -d 'How to print what was found: text to stderr, json to stdout' -r -f -a "text\t'For people'
json\t'For tools'"
complete -c foster -n "__fish_foster_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c foster -n "__fish_foster_using_subcommand status" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand status" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand status" -l watch -d 'Print it again whenever something changes, until Ctrl-C or the end of the supervisor'
complete -c foster -n "__fish_foster_using_subcommand status" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand start" -l timeout -d 'Wait this long at most, as in 10s or 1m30s [default: as long as it takes]' -r
complete -c foster -n "__fish_foster_using_subcommand start" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand start" -l no-wait -d 'Do not wait until it is true'
complete -c foster -n "__fish_foster_using_subcommand start" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand start" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand stop" -l timeout -d 'Wait this long at most, as in 10s or 1m30s [default: as long as it takes]' -r
complete -c foster -n "__fish_foster_using_subcommand stop" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand stop" -l no-wait -d 'Do not wait until it is true'
complete -c foster -n "__fish_foster_using_subcommand stop" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand stop" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand restart" -l timeout -d 'Wait this long at most, as in 10s or 1m30s [default: as long as it takes]' -r
complete -c foster -n "__fish_foster_using_subcommand restart" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand restart" -l no-wait -d 'Do not wait until it is true'
complete -c foster -n "__fish_foster_using_subcommand restart" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand restart" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand reload" -l timeout -d 'Wait this long at most, as in 10s or 1m30s [default: as long as it takes]' -r
complete -c foster -n "__fish_foster_using_subcommand reload" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand reload" -l no-wait -d 'Do not wait until it is true'
complete -c foster -n "__fish_foster_using_subcommand reload" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand reload" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand signal" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand signal" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand signal" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand wait" -l timeout -d 'Wait this long at most, as in 10s or 1m30s [default: as long as it takes]' -r
complete -c foster -n "__fish_foster_using_subcommand wait" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand wait" -l ready -d 'Until they are ready (the default)'
complete -c foster -n "__fish_foster_using_subcommand wait" -l stopped -d 'Until nothing of them runs, or is about to'
complete -c foster -n "__fish_foster_using_subcommand wait" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand wait" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand logs" -s n -l lines -d 'The last N lines only [default: all that are kept]' -r
complete -c foster -n "__fish_foster_using_subcommand logs" -l since -d 'Only what came since then: a time as in 2026-01-02T03:04:05Z, or how long ago, as in 10m' -r
complete -c foster -n "__fish_foster_using_subcommand logs" -l stream -d 'Only what came on this stream: stdout or stderr' -r -f -a "stdout\t''
stderr\t''"
complete -c foster -n "__fish_foster_using_subcommand logs" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand logs" -s f -l follow -d 'Go on with what comes, until Ctrl-C or the end of the supervisor'
complete -c foster -n "__fish_foster_using_subcommand logs" -s t -l timestamps -d 'Put the time before each line, in UTC'
complete -c foster -n "__fish_foster_using_subcommand logs" -l reopen -d 'Have all log files opened anew, for their paths may name other files now, and print nothing'
complete -c foster -n "__fish_foster_using_subcommand logs" -l json -d 'Print each line as a JSON object'
complete -c foster -n "__fish_foster_using_subcommand logs" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand log-level" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand log-level" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand explain" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand explain" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand explain" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand apply" -l timeout -d 'Wait this long at most, as in 10s or 1m30s [default: as long as it takes]' -r
complete -c foster -n "__fish_foster_using_subcommand apply" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand apply" -l dry-run -d 'Only print what would change'
complete -c foster -n "__fish_foster_using_subcommand apply" -l no-wait -d 'Do not wait until it is true'
complete -c foster -n "__fish_foster_using_subcommand apply" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand apply" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand healthcheck" -l timeout -d 'How long the supervisor may take to answer' -r
complete -c foster -n "__fish_foster_using_subcommand healthcheck" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand healthcheck" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand events" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand events" -l json -d 'Print the events as they come, one JSON object a line'
complete -c foster -n "__fish_foster_using_subcommand events" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand timeline" -l svg -d 'Write a picture to this file; `-` is stdout' -r -F
complete -c foster -n "__fish_foster_using_subcommand timeline" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand timeline" -l json -d 'Print the answer as JSON'
complete -c foster -n "__fish_foster_using_subcommand timeline" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand graph" -l services -d 'A further services directory, over those before it' -r -F
complete -c foster -n "__fish_foster_using_subcommand graph" -l config -d 'Settings file [default: FOSTER_CONFIG, then /etc/foster/foster.toml if it exists]' -r -F
complete -c foster -n "__fish_foster_using_subcommand graph" -l format -d 'How to print it' -r -f -a "tree\t'For people'
dot\t'For Graphviz'
mermaid\t'For Markdown'
json\t'As the API gives it'"
complete -c foster -n "__fish_foster_using_subcommand graph" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand graph" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c foster -n "__fish_foster_using_subcommand shutdown" -l code -d 'Exit code of the container' -r
complete -c foster -n "__fish_foster_using_subcommand shutdown" -l timeout -d 'Wait this long at most, as in 10s or 1m30s [default: as long as it takes]' -r
complete -c foster -n "__fish_foster_using_subcommand shutdown" -l socket -d 'The supervisor\'s control socket [default: FOSTER_SOCKET, then foster.toml, then where `run` puts it]' -r -F
complete -c foster -n "__fish_foster_using_subcommand shutdown" -l no-wait -d 'Do not wait until it is true'
complete -c foster -n "__fish_foster_using_subcommand shutdown" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand import" -s o -l output -d 'The services directory to write: a new or an empty one' -r -F
complete -c foster -n "__fish_foster_using_subcommand import" -l format -d 'How to print the report' -r -f -a "text\t'For people'
json\t'For tools'"
complete -c foster -n "__fish_foster_using_subcommand import" -l dry-run -d 'Write nothing'
complete -c foster -n "__fish_foster_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c foster -n "__fish_foster_using_subcommand install-compat" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c foster -n "__fish_foster_using_subcommand completions" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand man" -l out -d 'Write the pages of all verbs into this directory' -r -F
complete -c foster -n "__fish_foster_using_subcommand man" -s h -l help -d 'Print help'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "run" -d 'Start the services and supervise them until the container is to end'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "init" -d 'Be the init of one command: pass signals on, reap orphans, end with its code'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "check" -d 'Validate the configuration without starting anything'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "status" -d 'Show the state of services'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "start" -d 'Start services, with all that they require, and wait until they are ready'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "stop" -d 'Stop services, those that require them first, and wait until they are down'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "restart" -d 'Stop services and start them again, with those that require them; one that is down is started'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "reload" -d 'Have services read their own configuration again, by the signal or command of [reload]'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "signal" -d 'Send a signal to the main process of services'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "wait" -d 'Wait until services are ready, or stopped'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "logs" -d 'Print what services wrote last, from the memory of the supervisor'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "log-level" -d 'Print or set how much the supervisor itself says'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "explain" -d 'Tell why a service is in its state, down to the root cause'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "apply" -d 'Read the configuration again and change only what changed'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "healthcheck" -d 'Tell by the exit code whether services are ready'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "events" -d 'Print every change of state, as it happens'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "timeline" -d 'Show what the boot spent its time on, and which services it waited for'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "graph" -d 'Show the dependencies of services and the order in which they start'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "shutdown" -d 'Stop all services and end the container'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "import" -d 'Convert what another supervisor reads into a services directory, with a report'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "install-compat" -d 'Make links to foster under the names of s6\'s tools, for scripts that call these'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "schema" -d 'Print the JSON schema of a service file, or of foster.toml'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "completions" -d 'Print a script that completes foster\'s command line in a shell'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "man" -d 'Print a manual page, or write all of them'
complete -c foster -n "__fish_foster_using_subcommand help; and not __fish_seen_subcommand_from run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
