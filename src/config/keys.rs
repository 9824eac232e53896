//! Every key of the configuration: its name, type, default and meaning, in one place.

use super::schema::{Group, Key, Type};

/// A key, its type, its default, what it does, an example value.
const fn key(
    name: &'static str,
    kind: Type,
    default: &'static str,
    doc: &'static str,
    example: &'static str,
) -> Key {
    Key { name, kind, default, doc, example }
}

/// A service file.
#[rustfmt::skip]
pub static SERVICE: Group = Group {
    name: "",
    repeats: false,
    doc: "",
    keys: &[
        key("type", Type::Choice(&["daemon", "oneshot", "target"]), "`\"daemon\"`", "What it is: a `daemon` runs for ever, a `oneshot` runs to its end and must succeed, a `target` is a milestone without a process, reached when all that it requires is satisfied.", "\"daemon\""),
        key("command", Type::Command, "", "What is executed. A string is split by the quoting rules of the shell, and no shell runs it. A name without a slash is searched in the `PATH` of the service.", "[\"nginx\", \"-g\", \"daemon off;\"]"),
        key("script", Type::Script, "", "A program for `shell`, instead of `command`. `${…}` in it is left to the shell.", "\"exec redis-server --port \\\"$PORT\\\"\""),
        key("shell", Type::Texts, "`[\"/bin/sh\", \"-c\"]`", "What runs `script`: argv, to which the script is added as the last argument.", "[\"/bin/bash\", \"-euc\"]"),
        key("description", Type::Text, "", "One line for people.", "\"Public web server\""),
        key("enabled", Type::Boolean, "`true`", "Whether it starts at boot by itself. A service that requires or wants it starts it all the same.", "false"),
        key("when", Type::Table(&WHEN), "", "Conditions for starting it.", ""),
        key("instances", Type::Integer(1, 1000), "one, without a number", "Runs it this many times, as `NAME@1`, `NAME@2`, …; `{instance}` in every string value stands for the number. Elsewhere `NAME` means all of them and `NAME@2` the second.", "2"),
        key("main", Type::Boolean, "`false`", "Its end ends the container, with its exit code. It starts last and stops first, and is not restarted unless `[restart] policy` says so. A command after `--` takes this role away.", "true"),
        key("essential", Type::Boolean, "`true`", "Whether the container ends when it has failed for good.", "false"),
        key("requires", Type::Services, "`[]`", "Starts these too, starts after each is satisfied (a daemon is ready, a oneshot has succeeded, a target has been reached), and does not run without them.", "[\"db\"]"),
        key("wants", Type::Services, "`[]`", "As `requires`, but it starts and runs even when these fail.", "[\"cache\"]"),
        key("after", Type::Services, "`[]`", "Starts after these and stops before them, if they are started at all.", "[\"db\"]"),
        key("before", Type::Services, "`[]`", "The opposite of `after`.", "[\"db\"]"),
        key("required-by", Type::Services, "`[]`", "As `requires`, written in these services.", "[\"app\"]"),
        key("wanted-by", Type::Services, "`[]`", "As `wants`, written in these services.", "[\"app\"]"),
        key("restart-with", Type::Services, "`[]`", "As `requires`; and when one of these crashes, this is stopped too and starts again after it.", "[\"db\"]"),
        key("user", Type::Identity, "the supervisor's own", "User to run as, by name in `/etc/passwd` or by number. HOME, USER and LOGNAME follow it.", "\"www-data\""),
        key("group", Type::Identity, "the user's", "Group to run as, by name in `/etc/group` or by number.", "\"www-data\""),
        key("supplementary-groups", Type::Identities, "the user's", "Further groups. `[]` for none.", "[\"tls\"]"),
        key("working-directory", Type::Path, "the supervisor's own", "Directory to run in.", "\"/srv\""),
        key("umask", Type::Octal, "the supervisor's own", "Permission bits that new files do not get.", "\"022\""),
        key("nice", Type::Integer(-20, 19), "the supervisor's own", "CPU priority; see nice(2).", "10"),
        key("oom-score-adj", Type::Integer(-1000, 1000), "the supervisor's own", "How soon the kernel's OOM killer takes it; see proc_pid_oom_score_adj(5).", "500"),
        key("limits", Type::Table(&LIMITS), "", "Resource limits.", ""),
        key("capabilities", Type::Capabilities, "all that the supervisor has", "The only capabilities that it keeps; see capabilities(7).", "[\"net-bind-service\"]"),
        key("no-new-privileges", Type::Boolean, "`false`", "Set-user-id programs give it no privileges; see PR_SET_NO_NEW_PRIVS(2const).", "true"),
        key("stdin", Type::PathOr(&["null", "inherit"]), "`\"null\"`", "Where it reads from: `\"null\"`, `\"inherit\"` (the container's own; one service at most) or the absolute path of a file.", "\"inherit\""),
        key("tty", Type::Boolean, "`true` for the main service without a `stdin`, else `false`", "Whether it gets the container's terminal, when there is one (`docker run -t`): it reads from it, its process group is the one in the foreground, and output that would go to the console goes to the terminal as it is. One service at most. Without a terminal it changes nothing.", "true"),
        key("environment", Type::Table(&ENVIRONMENT), "", "Variables.", ""),
        key("environment-files", Type::EnvironmentFiles, "`[]`", "Files of `NAME=value` lines, read at each start. One with a leading `-` may be missing.", "[\"/etc/default/web\", \"-/run/web.env\"]"),
        key("clear-environment", Type::Boolean, "`false`", "Does not pass the container's environment, but for `pass-environment`.", "true"),
        key("pass-environment", Type::Texts, "`[]`", "With `clear-environment`, the variables that still pass.", "[\"PATH\", \"TZ\"]"),
        key("secrets", Type::Table(&SECRETS), "", "Variables whose values are in files.", ""),
        key("ready", Type::Table(&READY), "", "When a daemon is ready.", ""),
        key("restart", Type::Table(&RESTART), "", "What happens after it has ended.", ""),
        key("stop", Type::Table(&STOP), "", "How it is stopped.", ""),
        key("reload", Type::Table(&RELOAD), "", "How it is told to read its own configuration anew.", ""),
        key("health", Type::Table(&HEALTH), "", "Whether a ready daemon still works.", ""),
        key("socket", Type::Tables(&SOCKET), "", "Sockets that the supervisor holds for it.", ""),
        key("on-demand", Type::Boolean, "`false`", "Starts when something arrives on one of its sockets, not before. When it ends well, it waits for the next.", "true"),
        key("fd-store", Type::Integer(0, 512), "`0`", "How many descriptors a daemon may leave in the care of the supervisor, to get them back at its next start: `FDSTORE=1` in sd_notify(3).", "16"),
        key("schedule", Type::Table(&SCHEDULE), "", "Runs of a oneshot at times of the clock.", ""),
        key("log", Type::Table(&LOG), "", "What becomes of its output.", ""),
        key("resources", Type::Table(&RESOURCES), "", "What it may use.", ""),
    ],
};

#[rustfmt::skip]
static WHEN: Group = Group {
    name: "when",
    repeats: false,
    doc: "Conditions, looked at when the service would start. All must hold; otherwise it is skipped.",
    keys: &[
        key("env", Type::TextOrTexts, "", "`\"NAME\"` (set and not empty), `\"NAME=value\"`, or either with a leading `!`: a condition on the container's environment.", "[\"ENABLE_WEB=1\", \"!MAINTENANCE\"]"),
        key("path", Type::TextOrTexts, "", "`\"/path\"` (exists) or `\"!/path\"` (does not).", "\"/etc/nginx/nginx.conf\""),
        key("command", Type::Command, "", "A command that must exit with 0. It runs as the service would.", "[\"test\", \"-s\", \"/etc/web.conf\"]"),
        key("timeout", Type::Duration, "`\"10s\"`", "The time that `command` has; then the service has failed.", "\"10s\""),
    ],
};

#[rustfmt::skip]
static LIMITS: Group = Group {
    name: "limits",
    repeats: false,
    doc: "Resource limits, see setrlimit(2). A limit is an integer, `\"unlimited\"`, a size such as `\"64MiB\"` or `\"10MB\"` where bytes are meant, or `\"SOFT:HARD\"` of those.",
    keys: &[
        key("as", Type::Limit, "", "Bytes of address space.", "\"2GiB\""),
        key("core", Type::Limit, "", "Bytes of a core dump.", "0"),
        key("cpu", Type::Limit, "", "Seconds of CPU time.", "3600"),
        key("data", Type::Limit, "", "Bytes of data segment.", "\"1GiB\""),
        key("fsize", Type::Limit, "", "Bytes of a file that it writes.", "\"100MB\""),
        key("locks", Type::Limit, "", "File locks; without effect since Linux 2.4.25.", "1024"),
        key("memlock", Type::Limit, "", "Bytes of locked memory.", "\"64MiB\""),
        key("msgqueue", Type::Limit, "", "Bytes of POSIX message queues.", "819200"),
        key("nice", Type::Limit, "", "Ceiling of the nice value, as 20 minus it.", "20"),
        key("nofile", Type::Limit, "", "Open files.", "\"1024:65536\""),
        key("nproc", Type::Limit, "", "Processes of the user.", "512"),
        key("rss", Type::Limit, "", "Bytes of resident memory; without effect since Linux 2.4.30.", "\"unlimited\""),
        key("rtprio", Type::Limit, "", "Ceiling of the real-time priority.", "0"),
        key("rttime", Type::Limit, "", "Microseconds of CPU time under a real-time policy.", "\"unlimited\""),
        key("sigpending", Type::Limit, "", "Queued signals.", "1024"),
        key("stack", Type::Limit, "", "Bytes of stack.", "\"8MiB\""),
    ],
};

#[rustfmt::skip]
static RESOURCES: Group = Group {
    name: "resources",
    repeats: false,
    doc: "What the service may use, with all its processes together, by a cgroup of its own; see cgroups(7). It needs a cgroup v2 that foster may write to: [how to get one](howto-resources.md). Where there is none, that is said once, and the service runs without limits. What the services use is counted as soon as one of them has this table.",
    keys: &[
        key("memory", Type::SizeOrUnlimited, "`\"unlimited\"`", "Memory; beyond that, the OOM killer takes a process of it (`memory.max`).", "\"256MiB\""),
        key("memory-high", Type::SizeOrUnlimited, "`\"unlimited\"`", "Memory beyond which it is slowed down and its memory is reclaimed (`memory.high`).", "\"200MiB\""),
        key("swap", Type::Size(MOST_SWAP), "that of the container", "Swap, beside its memory; `0` for none (`memory.swap.max`).", "0"),
        key("oom-group", Type::Boolean, "`false`", "When the OOM killer takes one of its processes, it takes all of them (`memory.oom.group`).", "true"),
        key("cpu", Type::Number(0.01), "all that there are", "Processors: `1.5` is one and a half (`cpu.max`).", "1.5"),
        key("cpu-weight", Type::Integer(1, 10000), "`100`", "Its share when the processors are wanted by more than there are for, beside those of others (`cpu.weight`).", "200"),
        key("pids", Type::Integer(1, 4_194_304), "that of the container", "Processes and threads; beyond that, fork(2) fails with EAGAIN (`pids.max`).", "64"),
    ],
};
/// More than any machine has.
const MOST_SWAP: u64 = 1 << 50;

static ENVIRONMENT: Group = Group {
    name: "environment",
    repeats: false,
    doc: "Variables, in the order in which they are written: a value may refer to those above it, to `environment-files` that exist, and to the container's environment. They override all of these.",
    keys: &[],
};

static SECRETS: Group = Group {
    name: "secrets",
    repeats: false,
    doc: "Variables whose values are the contents of files (without the last newline), read at each start and never printed.",
    keys: &[],
};

#[rustfmt::skip]
static READY: Group = Group {
    name: "ready",
    repeats: false,
    doc: "When a daemon is ready, by one sign of it. Without this, once exec has succeeded.",
    keys: &[
        key("notify", Type::Boolean, "`false`", "When it says `READY=1` on the socket in `NOTIFY_SOCKET`; see sd_notify(3).", "true"),
        key("fd", Type::Integer(3, 1023), "", "When it writes a newline to this descriptor, as for s6.", "3"),
        key("http", URL, "", "When a request to this URL is answered well: by default with a status from 200 to 399.", "\"http://127.0.0.1:8080/healthz\""),
        METHOD, STATUS, key("headers", Type::Table(&READY_HEADERS), "", "Headers of the request.", ""), BODY,
        key("tcp", HOST_AND_PORT, "", "When a connection to this host and port is accepted. The host is an address or `localhost`.", "\"localhost:5432\""),
        key("unix", UNIX, "", "When a connection to this socket is accepted.", "\"/run/app.sock\""),
        key("exec", Type::Command, "", "When this command exits with 0. It runs as the service does, with its pid in `MAINPID`.", "[\"pg_isready\", \"-q\"]"),
        key("file", Type::Path, "", "When this file comes to be, or is replaced, after the start.", "\"/run/app/ready\""),
        key("log", REGEX, "", "When a line of its output matches.", "\"listening on port [0-9]+\""),
        key("delay", Type::Duration, "", "When it has run this long.", "\"1s\""),
        key("interval", Type::Duration, "`\"200ms\"`", "The longest time between two attempts of `http`, `tcp`, `unix` or `exec`; the first follow each other faster.", "\"200ms\""),
        key("timeout", Type::Duration, "`\"60s\"`", "From its start on; then it is stopped, and that counts as a failure. Not for `delay`.", "\"2m\""),
    ],
};

static READY_HEADERS: Group = Group { name: "ready.headers", repeats: false, doc: HEADERS, keys: &[] };
static HEALTH_HEADERS: Group = Group { name: "health.headers", repeats: false, doc: HEADERS, keys: &[] };
const HEADERS: &str = "Headers of the request of `http`; `Host` too, if it is not to be that of the URL.";

/// A URL without https, user, password and `#`.
const URL: Type = Type::Form("a URL", "^[hH][tT][tT][pP]://[^#@]+$");
const HOST_AND_PORT: Type = Type::Form("`HOST:PORT`", "^.+:[0-9]+$");
const UNIX: Type = Type::Form("an absolute path or `@name`", "^[/@]");
const REGEX: Type = Type::Form("a regular expression", "");
/// What a socket listens on.
const ADDRESS: Type =
    Type::Form("an address", "^(udp:)?([0-9.]*:|\\[[0-9a-fA-F:.]+\\]:)?[0-9]+$|^(unixgram:)?[/@]");
const METHOD: Key =
    key("method", Type::Form("a method", "^[!-~]+$"), "`\"GET\"`", "Method of `http`.", "\"GET\"");
const STATUS: Key = key(
    "status",
    Type::Statuses,
    "`\"200-399\"`",
    "What status of the answer is a good one: `204`, `\"200-299\"` or an array of such.",
    "[\"200-299\", 301]",
);
const BODY: Key = key(
    "body",
    REGEX,
    "",
    "What must match in the first 64 KiB of the answer to `http`.",
    "\"\\\"status\\\": *\\\"ok\\\"\"",
);

#[rustfmt::skip]
static HEALTH: Group = Group {
    name: "health",
    repeats: false,
    doc: "Whether a ready daemon still works: by looking at it, by what it says itself, or both.",
    keys: &[
        key("http", URL, "", "A request to this URL must be answered well: by default with a status from 200 to 399.", "\"http://127.0.0.1:8080/healthz\""),
        METHOD, STATUS, key("headers", Type::Table(&HEALTH_HEADERS), "", "Headers of the request.", ""), BODY,
        key("tcp", HOST_AND_PORT, "", "A connection to this host and port must be accepted. The host is an address or `localhost`.", "\"localhost:5432\""),
        key("unix", UNIX, "", "A connection to this socket must be accepted.", "\"/run/app.sock\""),
        key("exec", Type::Command, "", "This command must exit with 0. It runs as the service does, with its pid in `MAINPID`.", "[\"pg_isready\", \"-q\"]"),
        key("interval", Type::Duration, "`\"10s\"`", "From the end of one probe to the next.", "\"5s\""),
        key("timeout", Type::Duration, "`\"3s\"`", "Of one probe; then it is given up, and has failed.", "\"2s\""),
        key("failures", Type::Integer(1, 1000), "`3`", "Failed probes in a row that make it unhealthy.", "5"),
        key("grace", Type::Duration, "`interval`", "From readiness to the first probe.", "\"30s\""),
        key("watchdog", Type::Duration, "", "It must say `WATCHDOG=1` within each such time (`WATCHDOG_USEC` tells it); if not, it gets SIGABRT, and has failed. See sd_notify(3).", "\"30s\""),
        key("on-failure", Type::Choice(&["restart", "shutdown", "none"]), "`\"restart\"`", "What becomes of an unhealthy service: `restart` stops it, and that counts as a failure, after which `[restart]` decides; `shutdown` ends the container with code 1; `none` only tells. `shutdown` holds for one that is not ready in time, too.", "\"restart\""),
    ],
};

#[rustfmt::skip]
static SOCKET: Group = Group {
    name: "socket",
    repeats: true,
    doc: "A socket that the supervisor makes before the service starts, and holds until it is stopped for good: connections wait while it restarts, and ports below 1024 need no root. The service inherits it as descriptor 3 (the next one as 4, …), as `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` say; see sd_listen_fds(3). A file may have several `[[socket]]`; those of a drop-in replace all of them.",
    keys: &[
        key("listen", ADDRESS, "", "`\"ADDRESS:PORT\"`; `\":PORT\"` or `\"PORT\"` for all addresses of IPv6 and IPv4; `\"udp:ADDRESS:PORT\"` for datagrams; the absolute path of a Unix socket, `\"@name\"` in the abstract namespace, `\"unixgram:/path\"` for datagrams.", "\"0.0.0.0:80\""),
        key("name", Type::Text, "the service's, without the number of an instance", "Its name in `LISTEN_FDNAMES`.", "\"http\""),
        key("mode", Type::Octal, "`\"666\"`", "Mode of the path of a Unix socket.", "\"660\""),
        key("user", Type::Identity, "the supervisor's own", "Owner of the path of a Unix socket.", "\"www-data\""),
        key("group", Type::Identity, "that of `user`", "Group of the path of a Unix socket.", "\"www-data\""),
        key("backlog", Type::Integer(1, 65535), "`4096`", "Connections that wait to be accepted, at most; the kernel cuts it to `net.core.somaxconn`.", "1024"),
        key("reuse-port", Type::Boolean, "`false`", "Lets several sockets have the same port, between which the kernel divides what comes: one for each instance, say. See SO_REUSEPORT in socket(7).", "true"),
    ],
};

#[rustfmt::skip]
static SCHEDULE: Group = Group {
    name: "schedule",
    repeats: false,
    doc: "Runs of a oneshot at times of the clock, in its environment and with its output in the log. It does not run at boot but for `run-at-start`, it is not essential unless `essential = true` says so, and a run that fails is told and does not keep the next one back.",
    keys: &[
        key("cron", Type::Form("a cron expression", "^@[a-zA-Z]+$|^ *([^ ]+ +){4,5}[^ ]+ *$"), "", "Minute, hour, day, month and weekday, such as `\"30 3 * * mon-fri\"`; or six fields, with seconds before them; or `\"@hourly\"`, `\"@daily\"`, `\"@weekly\"`, `\"@monthly\"`, `\"@yearly\"`. `L`, `W` and `#` mean the last, the nearest weekday and the n-th.", "\"30 3 * * *\""),
        key("timezone", Type::Text, "that of the container: `TZ`, else `/etc/localtime`, else UTC", "Name of the time zone, such as `\"Europe/Berlin\"`, which needs the package tzdata in the image; or a rule, such as `\"CET-1CEST,M3.5.0,M10.5.0/3\"`, which needs nothing.", "\"UTC\""),
        key("overlap", Type::Choice(&["skip", "queue", "allow"]), "`\"skip\"`", "What happens when it is due while it still runs: `skip` leaves that run out, `queue` has it run once more afterwards, `allow` runs the next free one of its `instances`.", "\"skip\""),
        key("run-at-start", Type::Boolean, "`false`", "Runs at boot, too.", "true"),
    ],
};

/// Where the output of a service goes, but for `service:NAME`.
pub const SINKS: [&str; 5] = ["console", "file", "syslog", "null", "inherit"];
const SHAPES: Type = Type::Choice(&["prefix", "raw", "json"]);
/// The most that is kept in memory of one service.
pub const MOST_MEMORY: u64 = 16 << 20;

#[rustfmt::skip]
static LOG: Group = Group {
    name: "log",
    repeats: false,
    doc: "What becomes of its standard output and standard error. Each is a pipe that the supervisor holds across restarts; a line is never split or mixed with another's.",
    keys: &[
        key("to", Type::Sinks(&SINKS), "`\"console\"`", "Where lines go: `console` is the container's own output; `file` and `syslog` have a table below; `service:NAME` is the standard input of another service, which starts before this one and stops after it; `null` is nowhere but into memory; `inherit` gives it the supervisor's own descriptors, so that foster sees nothing of what it writes.", "[\"console\", \"file\"]"),
        key("format", SHAPES, "that of `[log]` in `foster.toml`", "How a line looks on the console, in a file and for another service: `prefix` puts the name of the service before it, `raw` leaves it as it is, `json` makes it an object with `time`, `service`, `instance`, `stream` and `message`, where a line that is an object already becomes the message as such.", "\"json\""),
        key("timestamps", Type::Boolean, "that of `[log]` in `foster.toml`", "The time of its arrival before each line, as in `2026-01-02T03:04:05.678Z`. JSON always has it.", "true"),
        key("stderr", Type::Choice(&["stderr", "stdout", "null"]), "`\"stderr\"`", "What becomes of standard error: `stderr` keeps it apart, `stdout` puts it into the same pipe as standard output, `null` keeps it in memory only.", "\"stdout\""),
        key("on-full", Type::Choice(&["block", "drop"]), "`\"block\"`", "What happens when a sink does not keep up: `block` has the service wait, so nothing is lost; `drop` loses what the sink has no room for, and counts it.", "\"block\""),
        key("memory", Type::Size(MOST_MEMORY), "`\"64KiB\"`", "How much of its newest output stays in memory, for `foster logs` and reports of failures. `0` for none.", "\"256KiB\""),
        key("file", Type::Table(&LOG_FILE), "", "The file.", ""),
        key("syslog", Type::Table(&LOG_SYSLOG), "", "The syslog server.", ""),
    ],
};

#[rustfmt::skip]
static LOG_FILE: Group = Group {
    name: "log.file",
    repeats: false,
    doc: "A file for its output, with `to = \"file\"`. When it is large or old, it is put away as `PATH.1`, what was `PATH.1` becomes `PATH.2`, and so on. Directories that are missing are made. Services may name the same file, if they say the same of it.",
    keys: &[
        key("path", Type::Path, "", "Where it is.", "\"/var/log/web/web.log\""),
        key("stderr-path", Type::Path, "the same file", "A file of its own for standard error.", "\"/var/log/web/error.log\""),
        key("format", SHAPES, "that of `[log]`", "How a line looks in the file.", "\"raw\""),
        key("timestamps", Type::Boolean, "that of `[log]`", "The time before each line in the file.", "true"),
        key("max-size", Type::SizeOrUnlimited, "`\"10MB\"`", "Before it gets larger than this, it is put away.", "\"100MB\""),
        key("max-age", Type::Duration, "", "When its first line is older than this, the next one begins another file.", "\"1d\""),
        key("keep", Type::Integer(0, 1000), "`5`", "How many files that were put away are kept.", "10"),
        key("compress", Type::Boolean, "`false`", "Compresses them with gzip, as `PATH.1.gz`.", "true"),
        key("mode", Type::Octal, "`\"640\"`", "Mode of new files.", "\"644\""),
    ],
};

#[rustfmt::skip]
static LOG_SYSLOG: Group = Group {
    name: "log.syslog",
    repeats: false,
    doc: "A syslog server for its output, with `to = \"syslog\"`: RFC 5424, severity `info` for standard output and `err` for standard error.",
    keys: &[
        key("address", Type::Form("an address", "^(unix:)?/|^(udp|tcp):.+:[0-9]+$"), "`\"/dev/log\"`", "The path of a Unix socket, or `\"udp:ADDRESS:PORT\"` or `\"tcp:ADDRESS:PORT\"`.", "\"udp:192.0.2.1:514\""),
        key("facility", Type::Choice(&FACILITIES), "`\"daemon\"`", "The facility.", "\"local0\""),
        key("tag", Type::Form("1 to 48 printable characters", "^[!-~]{1,48}$"), "the name of the service", "The name under which the lines appear (APP-NAME).", "\"shop-web\""),
    ],
};

/// The facilities of RFC 5424 by their numbers; 12 to 15 have the names that rsyslog gives them.
pub const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

#[rustfmt::skip]
static RESTART: Group = Group {
    name: "restart",
    repeats: false,
    doc: "What happens after it has ended by itself. The first restart of a service that had run well is immediate.",
    keys: &[
        key("policy", Type::Choice(&["always", "on-failure", "never"]), "`\"always\"`; with `on-demand` `\"on-failure\"`; for a oneshot and the main service `\"never\"`", "After which ends it is restarted.", "\"on-failure\""),
        key("delay", Type::Duration, "`\"100ms\"`", "Before the first delayed restart; ±10 % at random.", "\"1s\""),
        key("factor", Type::Number(1.0), "`2`", "By which the delay grows with each failure.", "1.5"),
        key("max-delay", Type::Duration, "`\"30s\"`", "The longest delay.", "\"1m\""),
        key("limit", Type::Count, "`10`", "Consecutive ends after which it has failed for good.", "\"unlimited\""),
        key("reset-after", Type::Duration, "`\"60s\"`", "After this long in readiness the count begins anew.", "\"5m\""),
        key("success-codes", Type::Exits, "`[0]`", "Ends that are a success.", "[0, 143, \"SIGTERM\"]"),
        key("never-on", Type::Exits, "`[]`", "Ends after which it is never restarted.", "[2, \"SIGQUIT\"]"),
    ],
};

#[rustfmt::skip]
static STOP: Group = Group {
    name: "stop",
    repeats: false,
    doc: "How it is stopped: the command, then the signal, and SIGKILL at the timeout.",
    keys: &[
        key("signal", Type::Signal, "`\"SIGTERM\"`", "The stop signal.", "\"SIGQUIT\""),
        key("timeout", Type::Duration, "`\"5s\"`", "Of the whole stop; then SIGKILL.", "\"5s\""),
        key("command", Type::Command, "", "Run first, as the service is, with its pid in `MAINPID`.", "[\"redis-cli\", \"shutdown\"]"),
        key("group", Type::Boolean, "`true`", "Whether the signal goes to the whole process group.", "false"),
    ],
};

#[rustfmt::skip]
static RELOAD: Group = Group {
    name: "reload",
    repeats: false,
    doc: "How `foster reload` tells it to read its own configuration anew: a command, or else a signal to its main process.",
    keys: &[
        key("signal", Type::Signal, "`\"SIGHUP\"`", "The signal; not beside `command`.", "\"SIGUSR1\""),
        key("command", Type::Command, "", "Run as the service is, with its pid in `MAINPID`. The reload is done when it has exited with 0.", "[\"nginx\", \"-s\", \"reload\"]"),
        key("notify", Type::Boolean, "`false`", "After the signal it says `RELOADING=1`, and when it is through `READY=1`, for which `foster reload` waits; see sd_notify(3). Not beside `command`.", "true"),
        key("timeout", Type::Duration, "`\"10s\"`", "The time that `command` has, or the answer of `notify`; then the reload has failed, and a command is killed.", "\"10s\""),
    ],
};

/// `foster.toml`.
#[rustfmt::skip]
pub static SETTINGS: Group = Group {
    name: "",
    repeats: false,
    doc: "",
    keys: &[
        key("shutdown", Type::Table(&SHUTDOWN), "", "How the container ends.", ""),
        key("log-level", Type::Choice(&["error", "warn", "info", "debug", "trace"]), "`\"warn\"`", "How much the supervisor itself says. `FOSTER_LOG_LEVEL` overrides it.", "\"info\""),
        key("services", Type::Paths, "`[\"/etc/foster/services.d\"]`", "Services directories, used when the command line and `FOSTER_SERVICES` (separated by colons) name none.", "[\"/etc/foster/services.d\", \"/srv/services.d\"]"),
        key("socket", Type::PathOr(&["none"]), "the first that can be written to of `/run/foster/control.sock`, `$XDG_RUNTIME_DIR/foster/control.sock` and `/tmp/foster-UID/control.sock`", "The control socket: an absolute path of at most 107 bytes, or `\"none\"` for no control. `FOSTER_SOCKET` overrides it.", "\"/run/app/foster.sock\""),
        key("http", Type::Table(&HTTP), "", "Pages for those who watch.", ""),
        key("cgroup", Type::PathOr(&["own", "none"]), "`\"own\"`", "Below which cgroup each service gets one: `\"own\"` is that of foster itself, if it is a cgroup v2 that can be written to and holds nobody else; or the directory of one, which is made if it is not there; `\"none\"` makes none. `FOSTER_CGROUP` overrides it.", "\"own\""),
        key("log", Type::Table(&LOG_SETTINGS), "", "How lines look.", ""),
    ],
};

#[rustfmt::skip]
static SHUTDOWN: Group = Group {
    name: "shutdown",
    repeats: false,
    doc: "How the container ends.",
    keys: &[
        key("timeout", Type::Duration, "`\"9s\"`", "From the request to stop to the end of the supervisor, whatever happens. Keep it below what the container runtime waits (Docker 10 s, Kubernetes 30 s). `FOSTER_SHUTDOWN_TIMEOUT` overrides it.", "\"25s\""),
        key("signals", Type::Signals, "`[]`", "Signals that mean \"stop\", beside TERM, INT, QUIT, PWR and RTMIN+3: the STOPSIGNAL of the image, say. `FOSTER_SHUTDOWN_SIGNALS` (separated by commas or spaces) overrides it.", "[\"SIGWINCH\"]"),
    ],
};

#[rustfmt::skip]
static HTTP: Group = Group {
    name: "http",
    repeats: false,
    doc: "Read-only pages for those who watch: `/livez`, `/readyz`, `/startupz`, `/healthz`, `/services/NAME` and `/metrics`. Anybody who reaches the port may read them.",
    keys: &[
        key("listen", Type::Form("an address", "^([0-9.]*:|\\[[0-9a-fA-F:.]+\\]:)?[0-9]+$|^none$"), "", "`\"ADDRESS:PORT\"`; `\":PORT\"` for all addresses of IPv6 and IPv4; `\"none\"` for no pages. `FOSTER_HTTP_LISTEN` overrides it.", "\"0.0.0.0:9102\""),
    ],
};

#[rustfmt::skip]
static LOG_SETTINGS: Group = Group {
    name: "log",
    repeats: false,
    doc: "How the supervisor's own lines look, and those of services that do not say it themselves.",
    keys: &[
        key("format", SHAPES, "`\"prefix\"`", "`prefix`, `raw` or `json`, as in a service file. `FOSTER_LOG_FORMAT` overrides it.", "\"json\""),
        key("timestamps", Type::Boolean, "`false`", "The time of its arrival before each line. `FOSTER_LOG_TIMESTAMPS` (`true` or `false`) overrides it.", "true"),
    ],
};

/// The variables that override `foster.toml`.
pub const VARIABLES: [&str; 9] = [
    "FOSTER_SERVICES",
    "FOSTER_LOG_LEVEL",
    "FOSTER_LOG_FORMAT",
    "FOSTER_LOG_TIMESTAMPS",
    "FOSTER_SHUTDOWN_TIMEOUT",
    "FOSTER_SHUTDOWN_SIGNALS",
    "FOSTER_SOCKET",
    "FOSTER_HTTP_LISTEN",
    "FOSTER_CGROUP",
];
