"""What supervisord itself makes of configuration files: each argument is one, each line of the output JSON."""

import contextlib
import io
import json
import os
import platform
import shlex
import sys

import supervisor.datatypes
import supervisor.options
from supervisor.datatypes import Automatic, RestartUnconditionally, RestartWhenExitUnexpected
from supervisor.events import getEventNameByType
from supervisor.options import ServerOptions

# Of the machine it asks nothing: neither who it is, nor what users and directories it has.
platform.node = lambda: "HOST"
supervisor.datatypes.existing_dirpath = lambda path: path
for name in ("existing_dirpath", "existing_directory", "name_to_uid", "gid_for_uid"):
    setattr(supervisor.options, name, lambda value: value)

RESTARTS = {RestartUnconditionally: "always", RestartWhenExitUnexpected: "unexpected", False: "never"}


def words(command):
    try:
        return shlex.split(command)
    except ValueError:
        return None


def logs(config, stream):
    def value(key):
        return getattr(config, "%s_%s" % (stream, key))

    file = value("logfile")
    return {
        "file": "AUTO" if file is Automatic else file,
        "maxbytes": value("logfile_maxbytes"),
        "backups": value("logfile_backups"),
        "capture": value("capture_maxbytes"),
        "events": value("events_enabled"),
        "syslog": value("syslog"),
    }


def process(group, config):
    socket = getattr(group, "socket_config", None)
    events = getattr(group, "pool_events", None)
    return {
        "group": group.name,
        "group_priority": group.priority,
        "name": config.name,
        "argv": words(config.command),
        "directory": config.directory,
        "user": config.uid,
        "umask": config.umask,
        "priority": config.priority,
        "autostart": config.autostart,
        "autorestart": RESTARTS[config.autorestart],
        "startsecs": config.startsecs,
        "startretries": config.startretries,
        "exitcodes": config.exitcodes,
        "stopsignal": int(config.stopsignal),
        "stopwaitsecs": config.stopwaitsecs,
        "stopasgroup": config.stopasgroup,
        "killasgroup": config.killasgroup,
        "environment": config.environment,
        "redirect_stderr": config.redirect_stderr,
        "stdout": logs(config, "stdout"),
        "stderr": logs(config, "stderr"),
        "socket": socket and socket.url,
        "events": events and sorted(getEventNameByType(event) for event in events),
    }


def resolved(path):
    options = ServerOptions()
    told = io.StringIO()
    options.stderr = told
    try:
        with contextlib.redirect_stderr(told):
            options.realize(["-n", "-c", path])
    except SystemExit:
        return {"error": told.getvalue()}
    return {"processes": [process(g, c) for g in options.process_group_configs for c in g.process_configs]}


for path in sys.argv[1:]:
    print(json.dumps(resolved(path)))
