#compdef foster

autoload -U is-at-least

_foster() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_foster_commands" \
"*::: :->foster" \
&& ret=0
    case $state in
    (foster)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:foster-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
'*--services=[A further services directory, over those before it]:DIR:_files' \
'--config=[Settings file \[default\: FOSTER_CONFIG, then /etc/foster/foster.toml if it exists\]]:FILE:_files' \
'(--services)*--import=[Run what KIND has at SRC, as \`foster import\` would convert it, instead of services directories]:KIND:_default:KIND:_default' \
'-h[Print help]' \
'--help[Print help]' \
'*::directories -- Services directories, base layer first \[default\: FOSTER_SERVICES, then foster.toml, then /etc/foster/services.d\]:_files' \
&& ret=0
;;
(init)
_arguments "${_arguments_options[@]}" : \
'*-p+[The signal that foster gets, and passes on, when its own parent dies]:SIGNAL:_default' \
'*--parent-death-signal=[The signal that foster gets, and passes on, when its own parent dies]:SIGNAL:_default' \
'*-e+[End with the second code when the command ends with the first; a signal stands for 128+n, and a code alone becomes 0 \[repeatable\]]:CODE=CODE:_default' \
'*--map-exit=[End with the second code when the command ends with the first; a signal stands for 128+n, and a code alone becomes 0 \[repeatable\]]:CODE=CODE:_default' \
'*-r+[Pass the second signal on for the first; 0 drops it \[repeatable\]]:SIGNAL:SIGNAL:_default' \
'*--rewrite-signal=[Pass the second signal on for the first; 0 drops it \[repeatable\]]:SIGNAL:SIGNAL:_default' \
'*--wait=[When the command has ended, send SIGTERM to all that it has left, daemons too, wait so long for them, and kill the rest]:TIME:_default' \
'*--signal-state=[The blocked and ignored signals that the command begins with\: \`restore\` those that foster began with, or \`reset\` to none \[default\: restore\]]:STATE:_default' \
'*-g[Pass signals on to the process group of the command, not to the command alone]' \
'*--kill-group[Pass signals on to the process group of the command, not to the command alone]' \
'*-s[End with code 1 where orphans cannot be adopted; without it they are wherever the kernel allows it]' \
'*--subreaper[End with code 1 where orphans cannot be adopted; without it they are wherever the kernel allows it]' \
'*-w[Tell of every orphan that is reaped]' \
'*--warn-on-reap[Tell of every orphan that is reaped]' \
'*-c[Leave the command in the process group of foster, and the terminal as it is]' \
'*--single-child[Leave the command in the process group of foster, and the terminal as it is]' \
'*--no-setsid[The same as --single-child]' \
'*--exit-zero-on-stop[End with 0 when the command was ended by a signal that was passed on, or with 128+n for it]' \
'*-v[Tell of the life of the command; twice\: of every signal and every orphan]' \
'*--verbose[Tell of the life of the command; twice\: of every signal and every orphan]' \
'-h[Print help]' \
'--help[Print help]' \
'*::command -- The command and its arguments:_default' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'*--services=[A further services directory, over those before it]:DIR:_files' \
'--config=[Settings file \[default\: FOSTER_CONFIG, then /etc/foster/foster.toml if it exists\]]:FILE:_files' \
'--format=[How to print what was found\: text to stderr, json to stdout]:FORMAT:((text\:"For people"
json\:"For tools"))' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::directories -- Services directories, base layer first \[default\: FOSTER_SERVICES, then foster.toml, then /etc/foster/services.d\]:_files' \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'--json[Print the answer as JSON]' \
'--watch[Print it again whenever something changes, until Ctrl-C or the end of the supervisor]' \
'-h[Print help]' \
'--help[Print help]' \
'*::services -- Names of services, or patterns with * and ? \[default\: all\]:_default' \
&& ret=0
;;
(start)
_arguments "${_arguments_options[@]}" : \
'--timeout=[Wait this long at most, as in 10s or 1m30s \[default\: as long as it takes\]]:TIME:_default' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'(--timeout)--no-wait[Do not wait until it is true]' \
'--json[Print the answer as JSON]' \
'-h[Print help]' \
'--help[Print help]' \
'*::services -- Names of services, or patterns with * and ?; the name of one with instances means all of them:_default' \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
'--timeout=[Wait this long at most, as in 10s or 1m30s \[default\: as long as it takes\]]:TIME:_default' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'(--timeout)--no-wait[Do not wait until it is true]' \
'--json[Print the answer as JSON]' \
'-h[Print help]' \
'--help[Print help]' \
'*::services -- Names of services, or patterns with * and ?; the name of one with instances means all of them:_default' \
&& ret=0
;;
(restart)
_arguments "${_arguments_options[@]}" : \
'--timeout=[Wait this long at most, as in 10s or 1m30s \[default\: as long as it takes\]]:TIME:_default' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'(--timeout)--no-wait[Do not wait until it is true]' \
'--json[Print the answer as JSON]' \
'-h[Print help]' \
'--help[Print help]' \
'*::services -- Names of services, or patterns with * and ?; the name of one with instances means all of them:_default' \
&& ret=0
;;
(reload)
_arguments "${_arguments_options[@]}" : \
'--timeout=[Wait this long at most, as in 10s or 1m30s \[default\: as long as it takes\]]:TIME:_default' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'(--timeout)--no-wait[Do not wait until it is true]' \
'--json[Print the answer as JSON]' \
'-h[Print help]' \
'--help[Print help]' \
'*::services -- Names of services, or patterns with * and ?; the name of one with instances means all of them:_default' \
&& ret=0
;;
(signal)
_arguments "${_arguments_options[@]}" : \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'--json[Print the answer as JSON]' \
'-h[Print help]' \
'--help[Print help]' \
':signal -- A signal\: SIGHUP, HUP or 1:_default' \
'*::services -- Names of services, or patterns with * and ?; the name of one with instances means all of them:_default' \
&& ret=0
;;
(wait)
_arguments "${_arguments_options[@]}" : \
'--timeout=[Wait this long at most, as in 10s or 1m30s \[default\: as long as it takes\]]:TIME:_default' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'--ready[Until they are ready (the default)]' \
'(--ready)--stopped[Until nothing of them runs, or is about to]' \
'--json[Print the answer as JSON]' \
'-h[Print help]' \
'--help[Print help]' \
'*::services -- Names of services, or patterns with * and ? \[default\: all that are wanted; with --stopped all\]:_default' \
&& ret=0
;;
(logs)
_arguments "${_arguments_options[@]}" : \
'-n+[The last N lines only \[default\: all that are kept\]]:N:_default' \
'--lines=[The last N lines only \[default\: all that are kept\]]:N:_default' \
'--since=[Only what came since then\: a time as in 2026-01-02T03\:04\:05Z, or how long ago, as in 10m]:T:_default' \
'--stream=[Only what came on this stream\: stdout or stderr]:STREAM:(stdout stderr)' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'-f[Go on with what comes, until Ctrl-C or the end of the supervisor]' \
'--follow[Go on with what comes, until Ctrl-C or the end of the supervisor]' \
'(--json)-t[Put the time before each line, in UTC]' \
'(--json)--timestamps[Put the time before each line, in UTC]' \
'(-f --follow -n --lines --since --stream -t --timestamps --json)--reopen[Have all log files opened anew, for their paths may name other files now, and print nothing]' \
'--json[Print each line as a JSON object]' \
'-h[Print help]' \
'--help[Print help]' \
'*::services -- Names of services, or patterns with * and ? \[default\: all\]:_default' \
&& ret=0
;;
(log-level)
_arguments "${_arguments_options[@]}" : \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'-h[Print help]' \
'--help[Print help]' \
'::level -- The new level\: error, warn, info, debug or trace:(error warn info debug trace)' \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'--json[Print the answer as JSON]' \
'-h[Print help]' \
'--help[Print help]' \
':service -- Name of a service:_default' \
&& ret=0
;;
(apply)
_arguments "${_arguments_options[@]}" : \
'--timeout=[Wait this long at most, as in 10s or 1m30s \[default\: as long as it takes\]]:TIME:_default' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'--dry-run[Only print what would change]' \
'(--timeout)--no-wait[Do not wait until it is true]' \
'--json[Print the answer as JSON]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(healthcheck)
_arguments "${_arguments_options[@]}" : \
'--timeout=[How long the supervisor may take to answer]:TIME:_default' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'-h[Print help]' \
'--help[Print help]' \
'*::services -- Names of services, or patterns with * and ? \[default\: all that are wanted\]:_default' \
&& ret=0
;;
(events)
_arguments "${_arguments_options[@]}" : \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'--json[Print the events as they come, one JSON object a line]' \
'-h[Print help]' \
'--help[Print help]' \
'*::services -- Names of services, or patterns with * and ? \[default\: all\]:_default' \
&& ret=0
;;
(timeline)
_arguments "${_arguments_options[@]}" : \
'--svg=[Write a picture to this file; \`-\` is stdout]:FILE:_files' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'(--svg)--json[Print the answer as JSON]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(graph)
_arguments "${_arguments_options[@]}" : \
'*--services=[A further services directory, over those before it]:DIR:_files' \
'--config=[Settings file \[default\: FOSTER_CONFIG, then /etc/foster/foster.toml if it exists\]]:FILE:_files' \
'--format=[How to print it]:FORMAT:((tree\:"For people"
dot\:"For Graphviz"
mermaid\:"For Markdown"
json\:"As the API gives it"))' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::directories -- Services directories, base layer first \[default\: none, but the running tree\]:_files' \
&& ret=0
;;
(shutdown)
_arguments "${_arguments_options[@]}" : \
'--code=[Exit code of the container]:N:_default' \
'--timeout=[Wait this long at most, as in 10s or 1m30s \[default\: as long as it takes\]]:TIME:_default' \
'--socket=[The supervisor'\''s control socket \[default\: FOSTER_SOCKET, then foster.toml, then where \`run\` puts it\]]:PATH:_files' \
'(--timeout)--no-wait[Do not wait until it is true]' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(import)
_arguments "${_arguments_options[@]}" : \
'-o+[The services directory to write\: a new or an empty one]:DIR:_files' \
'--output=[The services directory to write\: a new or an empty one]:DIR:_files' \
'--format=[How to print the report]:FORMAT:((text\:"For people"
json\:"For tools"))' \
'--dry-run[Write nothing]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':kind -- What it is\: supervisord, s6, runit, systemd, cron or procfile:_default' \
':source -- Where it is\: a file or a directory:_files' \
&& ret=0
;;
(install-compat)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
':directory -- Where\: made if it is not there:_files' \
&& ret=0
;;
(schema)
_arguments "${_arguments_options[@]}" : \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::file -- Of which file:((service\:"NAME.toml in a services directory, and its drop-ins"
settings\:"foster.toml"))' \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
'-h[Print help]' \
'--help[Print help]' \
':shell -- For which shell:(bash elvish fish powershell zsh)' \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
'()--out=[Write the pages of all verbs into this directory]:DIR:_files' \
'-h[Print help]' \
'--help[Print help]' \
'::verb -- A verb \[default\: foster itself\]:(run init check status start stop restart reload signal wait logs log-level explain apply healthcheck events timeline graph shutdown import install-compat schema completions man)' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_foster__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:foster-help-command-$line[1]:"
        case $line[1] in
            (run)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(init)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(status)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(start)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(stop)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(restart)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(reload)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(signal)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(wait)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(logs)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(log-level)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(apply)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(healthcheck)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(events)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(timeline)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(graph)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(shutdown)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(import)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(install-compat)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(schema)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(completions)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(man)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_foster_commands] )) ||
_foster_commands() {
    local commands; commands=(
'run:Start the services and supervise them until the container is to end' \
'init:Be the init of one command\: pass signals on, reap orphans, end with its code' \
'check:Validate the configuration without starting anything' \
'status:Show the state of services' \
'start:Start services, with all that they require, and wait until they are ready' \
'stop:Stop services, those that require them first, and wait until they are down' \
'restart:Stop services and start them again, with those that require them; one that is down is started' \
'reload:Have services read their own configuration again, by the signal or command of \[reload\]' \
'signal:Send a signal to the main process of services' \
'wait:Wait until services are ready, or stopped' \
'logs:Print what services wrote last, from the memory of the supervisor' \
'log-level:Print or set how much the supervisor itself says' \
'explain:Tell why a service is in its state, down to the root cause' \
'apply:Read the configuration again and change only what changed' \
'healthcheck:Tell by the exit code whether services are ready' \
'events:Print every change of state, as it happens' \
'timeline:Show what the boot spent its time on, and which services it waited for' \
'graph:Show the dependencies of services and the order in which they start' \
'shutdown:Stop all services and end the container' \
'import:Convert what another supervisor reads into a services directory, with a report' \
'install-compat:Make links to foster under the names of s6'\''s tools, for scripts that call these' \
'schema:Print the JSON schema of a service file, or of foster.toml' \
'completions:Print a script that completes foster'\''s command line in a shell' \
'man:Print a manual page, or write all of them' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'foster commands' commands "$@"
}
(( $+functions[_foster__subcmd__apply_commands] )) ||
_foster__subcmd__apply_commands() {
    local commands; commands=()
    _describe -t commands 'foster apply commands' commands "$@"
}
(( $+functions[_foster__subcmd__check_commands] )) ||
_foster__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'foster check commands' commands "$@"
}
(( $+functions[_foster__subcmd__completions_commands] )) ||
_foster__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'foster completions commands' commands "$@"
}
(( $+functions[_foster__subcmd__events_commands] )) ||
_foster__subcmd__events_commands() {
    local commands; commands=()
    _describe -t commands 'foster events commands' commands "$@"
}
(( $+functions[_foster__subcmd__explain_commands] )) ||
_foster__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'foster explain commands' commands "$@"
}
(( $+functions[_foster__subcmd__graph_commands] )) ||
_foster__subcmd__graph_commands() {
    local commands; commands=()
    _describe -t commands 'foster graph commands' commands "$@"
}
(( $+functions[_foster__subcmd__healthcheck_commands] )) ||
_foster__subcmd__healthcheck_commands() {
    local commands; commands=()
    _describe -t commands 'foster healthcheck commands' commands "$@"
}
(( $+functions[_foster__subcmd__help_commands] )) ||
_foster__subcmd__help_commands() {
    local commands; commands=(
'run:Start the services and supervise them until the container is to end' \
'init:Be the init of one command\: pass signals on, reap orphans, end with its code' \
'check:Validate the configuration without starting anything' \
'status:Show the state of services' \
'start:Start services, with all that they require, and wait until they are ready' \
'stop:Stop services, those that require them first, and wait until they are down' \
'restart:Stop services and start them again, with those that require them; one that is down is started' \
'reload:Have services read their own configuration again, by the signal or command of \[reload\]' \
'signal:Send a signal to the main process of services' \
'wait:Wait until services are ready, or stopped' \
'logs:Print what services wrote last, from the memory of the supervisor' \
'log-level:Print or set how much the supervisor itself says' \
'explain:Tell why a service is in its state, down to the root cause' \
'apply:Read the configuration again and change only what changed' \
'healthcheck:Tell by the exit code whether services are ready' \
'events:Print every change of state, as it happens' \
'timeline:Show what the boot spent its time on, and which services it waited for' \
'graph:Show the dependencies of services and the order in which they start' \
'shutdown:Stop all services and end the container' \
'import:Convert what another supervisor reads into a services directory, with a report' \
'install-compat:Make links to foster under the names of s6'\''s tools, for scripts that call these' \
'schema:Print the JSON schema of a service file, or of foster.toml' \
'completions:Print a script that completes foster'\''s command line in a shell' \
'man:Print a manual page, or write all of them' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'foster help commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__apply_commands] )) ||
_foster__subcmd__help__subcmd__apply_commands() {
    local commands; commands=()
    _describe -t commands 'foster help apply commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__check_commands] )) ||
_foster__subcmd__help__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'foster help check commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__completions_commands] )) ||
_foster__subcmd__help__subcmd__completions_commands() {
    local commands; commands=()
    _describe -t commands 'foster help completions commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__events_commands] )) ||
_foster__subcmd__help__subcmd__events_commands() {
    local commands; commands=()
    _describe -t commands 'foster help events commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__explain_commands] )) ||
_foster__subcmd__help__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'foster help explain commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__graph_commands] )) ||
_foster__subcmd__help__subcmd__graph_commands() {
    local commands; commands=()
    _describe -t commands 'foster help graph commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__healthcheck_commands] )) ||
_foster__subcmd__help__subcmd__healthcheck_commands() {
    local commands; commands=()
    _describe -t commands 'foster help healthcheck commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__help_commands] )) ||
_foster__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'foster help help commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__import_commands] )) ||
_foster__subcmd__help__subcmd__import_commands() {
    local commands; commands=()
    _describe -t commands 'foster help import commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__init_commands] )) ||
_foster__subcmd__help__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'foster help init commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__install-compat_commands] )) ||
_foster__subcmd__help__subcmd__install-compat_commands() {
    local commands; commands=()
    _describe -t commands 'foster help install-compat commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__log-level_commands] )) ||
_foster__subcmd__help__subcmd__log-level_commands() {
    local commands; commands=()
    _describe -t commands 'foster help log-level commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__logs_commands] )) ||
_foster__subcmd__help__subcmd__logs_commands() {
    local commands; commands=()
    _describe -t commands 'foster help logs commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__man_commands] )) ||
_foster__subcmd__help__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'foster help man commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__reload_commands] )) ||
_foster__subcmd__help__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'foster help reload commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__restart_commands] )) ||
_foster__subcmd__help__subcmd__restart_commands() {
    local commands; commands=()
    _describe -t commands 'foster help restart commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__run_commands] )) ||
_foster__subcmd__help__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'foster help run commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__schema_commands] )) ||
_foster__subcmd__help__subcmd__schema_commands() {
    local commands; commands=()
    _describe -t commands 'foster help schema commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__shutdown_commands] )) ||
_foster__subcmd__help__subcmd__shutdown_commands() {
    local commands; commands=()
    _describe -t commands 'foster help shutdown commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__signal_commands] )) ||
_foster__subcmd__help__subcmd__signal_commands() {
    local commands; commands=()
    _describe -t commands 'foster help signal commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__start_commands] )) ||
_foster__subcmd__help__subcmd__start_commands() {
    local commands; commands=()
    _describe -t commands 'foster help start commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__status_commands] )) ||
_foster__subcmd__help__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'foster help status commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__stop_commands] )) ||
_foster__subcmd__help__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'foster help stop commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__timeline_commands] )) ||
_foster__subcmd__help__subcmd__timeline_commands() {
    local commands; commands=()
    _describe -t commands 'foster help timeline commands' commands "$@"
}
(( $+functions[_foster__subcmd__help__subcmd__wait_commands] )) ||
_foster__subcmd__help__subcmd__wait_commands() {
    local commands; commands=()
    _describe -t commands 'foster help wait commands' commands "$@"
}
(( $+functions[_foster__subcmd__import_commands] )) ||
_foster__subcmd__import_commands() {
    local commands; commands=()
    _describe -t commands 'foster import commands' commands "$@"
}
(( $+functions[_foster__subcmd__init_commands] )) ||
_foster__subcmd__init_commands() {
    local commands; commands=()
    _describe -t commands 'foster init commands' commands "$@"
}
(( $+functions[_foster__subcmd__install-compat_commands] )) ||
_foster__subcmd__install-compat_commands() {
    local commands; commands=()
    _describe -t commands 'foster install-compat commands' commands "$@"
}
(( $+functions[_foster__subcmd__log-level_commands] )) ||
_foster__subcmd__log-level_commands() {
    local commands; commands=()
    _describe -t commands 'foster log-level commands' commands "$@"
}
(( $+functions[_foster__subcmd__logs_commands] )) ||
_foster__subcmd__logs_commands() {
    local commands; commands=()
    _describe -t commands 'foster logs commands' commands "$@"
}
(( $+functions[_foster__subcmd__man_commands] )) ||
_foster__subcmd__man_commands() {
    local commands; commands=()
    _describe -t commands 'foster man commands' commands "$@"
}
(( $+functions[_foster__subcmd__reload_commands] )) ||
_foster__subcmd__reload_commands() {
    local commands; commands=()
    _describe -t commands 'foster reload commands' commands "$@"
}
(( $+functions[_foster__subcmd__restart_commands] )) ||
_foster__subcmd__restart_commands() {
    local commands; commands=()
    _describe -t commands 'foster restart commands' commands "$@"
}
(( $+functions[_foster__subcmd__run_commands] )) ||
_foster__subcmd__run_commands() {
    local commands; commands=()
    _describe -t commands 'foster run commands' commands "$@"
}
(( $+functions[_foster__subcmd__schema_commands] )) ||
_foster__subcmd__schema_commands() {
    local commands; commands=()
    _describe -t commands 'foster schema commands' commands "$@"
}
(( $+functions[_foster__subcmd__shutdown_commands] )) ||
_foster__subcmd__shutdown_commands() {
    local commands; commands=()
    _describe -t commands 'foster shutdown commands' commands "$@"
}
(( $+functions[_foster__subcmd__signal_commands] )) ||
_foster__subcmd__signal_commands() {
    local commands; commands=()
    _describe -t commands 'foster signal commands' commands "$@"
}
(( $+functions[_foster__subcmd__start_commands] )) ||
_foster__subcmd__start_commands() {
    local commands; commands=()
    _describe -t commands 'foster start commands' commands "$@"
}
(( $+functions[_foster__subcmd__status_commands] )) ||
_foster__subcmd__status_commands() {
    local commands; commands=()
    _describe -t commands 'foster status commands' commands "$@"
}
(( $+functions[_foster__subcmd__stop_commands] )) ||
_foster__subcmd__stop_commands() {
    local commands; commands=()
    _describe -t commands 'foster stop commands' commands "$@"
}
(( $+functions[_foster__subcmd__timeline_commands] )) ||
_foster__subcmd__timeline_commands() {
    local commands; commands=()
    _describe -t commands 'foster timeline commands' commands "$@"
}
(( $+functions[_foster__subcmd__wait_commands] )) ||
_foster__subcmd__wait_commands() {
    local commands; commands=()
    _describe -t commands 'foster wait commands' commands "$@"
}

if [ "$funcstack[1]" = "_foster" ]; then
    _foster "$@"
else
    compdef _foster foster
fi
