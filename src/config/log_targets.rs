//! What `[log]` of all services is together: loggers that can be such, and files that do not get in each other's way. And
//! the addresses of syslog.

use super::diagnostic::{Code, Diagnostic, Span};
use super::probe::{Fault, port};
use super::resolve::Names;
use super::service::{Context, Draft, Relation};
use crate::model::{Kind, LogFile, Sink, Socket, SyslogAddress};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// `/path`, `unix:/path`, `udp:ADDRESS:PORT` or `tcp:ADDRESS:PORT`.
pub fn syslog_address(text: &str) -> Result<SyslogAddress, Fault> {
    if let Some(path) = text.strip_prefix("unix:").or(text.starts_with('/').then_some(text)) {
        return match path.len() {
            _ if !path.starts_with('/') => Err(Fault::new(format!("`{path}` is no absolute path"), "")),
            length if length > Socket::LONGEST => {
                let message =
                    format!("it has {length} bytes; a Unix socket takes {} at most", Socket::LONGEST);
                Err(Fault::new(message, ""))
            }
            _ => Ok(SyslogAddress::Unix(path.to_owned())),
        };
    }
    match text.split_once(':') {
        Some(("udp", rest)) => internet(rest, "udp", 514).map(SyslogAddress::Udp),
        Some(("tcp", rest)) => internet(rest, "tcp", 601).map(SyslogAddress::Tcp),
        _ => {
            let help = "write \"/dev/log\", \"udp:ADDRESS:514\" or \"tcp:ADDRESS:601\"";
            Err(Fault::new(format!("`{text}` is no address"), help))
        }
    }
}

/// `ADDRESS:PORT` behind `protocol:`.
fn internet(text: &str, protocol: &str, usual: u16) -> Result<SocketAddr, Fault> {
    let bare = |host: &str| {
        let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inside.unwrap_or(host).parse::<IpAddr>().ok()
    };
    if let Some(ip) = bare(text) {
        let help = format!("write \"{protocol}:{}\"", SocketAddr::new(ip, usual));
        return Err(Fault::new(format!("`{text}` has no port"), &help));
    }
    let Some((host, number)) = text.rsplit_once(':') else {
        let help = format!("write \"{protocol}:ADDRESS:{usual}\"");
        return Err(Fault::new(format!("`{text}` is no address"), &help));
    };
    let port = port(number)?;
    match bare(host) {
        Some(ip) if ip.is_unspecified() => {
            Err(Fault::new(format!("nothing can be sent to `{host}`"), "write the address of the server"))
        }
        Some(ip) => Ok(SocketAddr::new(ip, port)),
        None => {
            let help = format!("write the address of the server, as in \"{protocol}:192.0.2.1:{port}\"");
            Err(Fault::new(format!("`{host}` is no address, and names are not resolved"), &help))
        }
    }
}

/// Reports loggers that cannot be such, and files that services do not agree on.
pub fn check(context: &Context<'_>, drafts: &[Draft<'_>], names: &Names<'_>) {
    check_loggers(context, drafts, names);
    check_files(context, drafts);
}

fn check_loggers(context: &Context<'_>, drafts: &[Draft<'_>], names: &Names<'_>) {
    for (index, draft) in drafts.iter().enumerate() {
        for (_, name) in draft.references.iter().filter(|(relation, _)| *relation == Relation::Log) {
            let found = names.find(&name.value).unwrap_or(0..0);
            if found.contains(&index) {
                continue;
            }
            let Some(logger) = drafts.get(found.clone()).and_then(|loggers| loggers.first()) else {
                continue;
            };
            let stem = logger.stem;
            let error = |code, message: String| Diagnostic::error(code, name.span, message);
            if found.len() > 1 {
                let message = format!("`log.to`: `{stem}` has {} instances", found.len());
                let help = format!(
                    "write \"service:{stem}@1\" for one of them, or \"service:{stem}@{{instance}}\" in as many instances"
                );
                context.findings.push(error(Code::Reference, message).help(help));
                continue;
            }
            let name = &logger.service.name;
            let why = match logger.service.kind {
                Kind::Target => "is a target, and has no standard input",
                Kind::Oneshot => "is a oneshot, and ends while others write",
                Kind::Daemon if logger.service.on_demand => "runs on demand, and ends while others write",
                Kind::Daemon => {
                    if let Some(stdin) = logger.stdin {
                        let message = format!("`log.to`: `{name}` has a standard input of its own");
                        let help = "what it reads is what others write; take that away".to_owned();
                        let error = error(Code::Conflict, message).related(stdin, "given here");
                        context.findings.push(error.help(help));
                    }
                    continue;
                }
            };
            let help = "a logger is a daemon that reads its standard input".to_owned();
            context.findings.push(error(Code::Conflict, format!("`log.to`: `{name}` {why}")).help(help));
        }
    }
}

/// A file, and the service that named it first.
struct Named<'d> {
    service: &'d str,
    file: &'d LogFile,
    span: Span,
}

fn check_files(context: &Context<'_>, drafts: &[Draft<'_>]) {
    let mut files: BTreeMap<&str, Named<'_>> = BTreeMap::new();
    for draft in drafts {
        for file in draft.service.log.to.iter().filter_map(|sink| match sink {
            Sink::File(file) => Some(file),
            _ => None,
        }) {
            let paths = [Some(&file.path), file.stderr_path.as_ref()];
            for (path, span) in paths.into_iter().flatten().zip(&draft.log_paths) {
                let named = Named { service: &draft.service.name, file, span: *span };
                match files.get(path.as_str()) {
                    None => drop(files.insert(path, named)),
                    Some(first) => {
                        if let Some(key) = disagreement(first.file, file) {
                            let message = format!(
                                "`{}` and `{}` write to {path} and do not agree on `{key}`",
                                first.service, named.service
                            );
                            let error = Diagnostic::error(Code::Conflict, named.span, message);
                            let help = "say the same of it in both, or give one another path".to_owned();
                            context.findings.push(error.related(first.span, "the other one").help(help));
                        }
                    }
                }
            }
        }
    }
    for (path, named) in &files {
        let Some((owner, other)) = put_away_from(path).and_then(|owner| Some((owner, files.get(owner)?)))
        else {
            continue;
        };
        let message = format!("{path} is the name of a file put away from {owner}");
        let error = Diagnostic::error(Code::Conflict, named.span, message);
        let help = "give one of them another path".to_owned();
        context.findings.push(error.related(other.span, "the other one").help(help));
    }
}

/// The key on which two say something else of the same file. How lines look may differ.
fn disagreement(one: &LogFile, other: &LogFile) -> Option<&'static str> {
    let keys = [
        ("max-size", one.max_size != other.max_size),
        ("max-age", one.max_age != other.max_age),
        ("keep", one.keep != other.keep),
        ("compress", one.compress != other.compress),
        ("mode", one.mode != other.mode),
    ];
    keys.into_iter().find(|(_, differs)| *differs).map(|(key, _)| key)
}

/// `PATH` of `PATH.1` and `PATH.1.gz`.
fn put_away_from(path: &str) -> Option<&str> {
    let (owner, number) = path.strip_suffix(".gz").unwrap_or(path).rsplit_once('.')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_put_away_is_known_by_its_name() {
        for (path, owner) in [("/a.log.1", "/a.log"), ("/a.log.12.gz", "/a.log"), ("/a.1", "/a")] {
            assert_eq!(put_away_from(path), Some(owner), "{path}");
        }
        for path in ["/a.log", "/a.log.gz", "/a.log.", "/a"] {
            assert_eq!(put_away_from(path), None, "{path}");
        }
    }

    #[test]
    fn addresses_of_syslog_are_paths_and_numbers() {
        for (text, address) in [
            ("/dev/log", Ok(SyslogAddress::Unix("/dev/log".into()))),
            ("unix:/run/log", Ok(SyslogAddress::Unix("/run/log".into()))),
            ("udp:192.0.2.1:514", Ok(SyslogAddress::Udp(([192, 0, 2, 1], 514).into()))),
            (
                "tcp:[2001:db8::1]:601",
                Ok(SyslogAddress::Tcp("[2001:db8::1]:601".parse().expect("an address"))),
            ),
            ("192.0.2.1:514", Err("`192.0.2.1:514` is no address")),
            ("udp:192.0.2.1", Err("`192.0.2.1` has no port")),
            ("udp:logs:514", Err("`logs` is no address, and names are not resolved")),
            ("udp:logs", Err("`logs` is no address")),
            ("tcp:0.0.0.0:601", Err("nothing can be sent to `0.0.0.0`")),
            ("tcp::601", Err("`` is no address, and names are not resolved")),
            ("unix:log", Err("`log` is no absolute path")),
        ] {
            let found = syslog_address(text).map_err(|fault| fault.parts().0);
            assert_eq!(found, address.map_err(str::to_owned), "{text}");
        }
    }
}
