//! Unit files: their syntax, which of several assignments counts, and specifiers; see systemd.syntax(7) and systemd.unit(5).

use super::super::Reading;
use crate::config::diagnostic::Span;

/// One assignment.
#[derive(Clone, Debug)]
pub struct Setting {
    /// `Service`.
    pub section: String,
    /// `ExecStart`.
    pub key: String,
    /// What it is set to, on one line.
    pub value: String,
    /// Where.
    pub span: Span,
}

impl Setting {
    /// As the report calls it.
    pub fn what(&self) -> String {
        format!("[{}] {}", self.section, self.key)
    }

    /// The words of a list.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.value.split_whitespace()
    }
}

/// One unit with its drop-ins.
#[derive(Debug)]
pub struct Unit {
    /// Its full name: `x@1.service`.
    pub name: String,
    /// What its service is called here.
    pub service: String,
    /// Its file.
    pub span: Span,
    /// What it says, in the order of its files.
    pub settings: Vec<Setting>,
    /// Whether a directory `X.wants` or `X.requires` has it.
    pub is_linked: bool,
}

impl Unit {
    /// `service`, `socket`, …
    pub fn kind(&self) -> &str {
        self.name.rsplit_once('.').map_or("", |(_, kind)| kind)
    }

    /// The name without the kind.
    pub fn stem(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(stem, _)| stem)
    }

    /// The last assignment of a key.
    pub fn last(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().rev().find(|setting| setting.key == key)
    }

    /// The value of the last assignment of a key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.last(key).map(|setting| setting.value.as_str())
    }

    /// All assignments of a key.
    pub fn all<'u>(&'u self, key: &'u str) -> impl Iterator<Item = &'u Setting> {
        self.settings.iter().filter(move |setting| setting.key == key)
    }
}

/// More assignments than this are surely no unit.
const MOST_SETTINGS: usize = 5000;

/// The assignments of a file.
pub fn parse(file: u32, reading: &Reading<'_>) -> Vec<Setting> {
    let text = reading.sources.text(file);
    let mut settings: Vec<Setting> = Vec::new();
    let mut section = String::new();
    let mut start = 0;
    // An assignment that goes on in the next line.
    let mut open: Option<Setting> = None;
    for line in text.split_inclusive('\n') {
        let span = Span::new(file, start..start + line.trim_end().len());
        start += line.len();
        if settings.len() == MOST_SETTINGS {
            reading.broken(span, format!("there are more than {MOST_SETTINGS} assignments in it"));
            return Vec::new();
        }
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) || (trimmed.is_empty() && open.is_none()) {
            continue;
        }
        let (content, goes_on) = match trimmed.strip_suffix('\\') {
            Some(content) => (content.trim_end(), true),
            None => (trimmed, false),
        };
        if let Some(mut setting) = open.take() {
            setting.value.push(' ');
            setting.value.push_str(content);
            setting.span.end = span.end;
            if goes_on {
                open = Some(setting);
            } else {
                settings.push(setting);
            }
            continue;
        }
        if let Some(name) = content.strip_prefix('[') {
            match name.strip_suffix(']') {
                Some(name) => section = name.to_owned(),
                None => reading.broken(span, "a section is `[NAME]`"),
            }
            continue;
        }
        let Some((key, value)) = content.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
            reading.broken(span, "a line of a unit file is `[SECTION]` or `KEY=value`");
            continue;
        };
        if section.is_empty() {
            reading.broken(span, "an assignment before the first `[SECTION]`");
            continue;
        }
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        let setting = Setting { section: section.clone(), key, value, span };
        if goes_on {
            open = Some(setting);
        } else {
            settings.push(setting);
        }
    }
    // systemd takes what there is of it; but who has cut it off?
    if let Some(setting) = open {
        reading.broken(setting.span, "its last line goes on, behind a `\\`, and there is no other");
    }
    settings
}

/// Leaves what counts: of a key what stands behind its last empty assignment, and of most the last one alone. What does not
/// count is told.
pub fn effective(settings: Vec<Setting>, reading: &mut Reading<'_>) -> Vec<Setting> {
    let mut kept: Vec<Setting> = Vec::with_capacity(settings.len());
    let trail = &mut reading.output.trail;
    for setting in settings {
        let key = setting.key.as_str();
        if setting.value.is_empty() || key.starts_with("Limit") || ONCE.contains(&key) {
            kept.retain(|old| {
                let counts = old.key != setting.key || old.section != setting.section;
                if !counts {
                    trail.exact(old.span, old.what(), "overridden below");
                }
                counts
            });
        }
        // No capability at all is something to say; so are all other keys that are set to nothing no more.
        if setting.value.is_empty() && key != "CapabilityBoundingSet" {
            trail.exact(setting.span, setting.what(), "");
        } else {
            kept.push(setting);
        }
    }
    kept
}

/// Keys of which the last assignment counts, among those that are carried.
const ONCE: &[&str] = &[
    "Accept",
    "Backlog",
    "CPUQuota",
    "CPUWeight",
    "Description",
    "FileDescriptorName",
    "Group",
    "KillMode",
    "KillSignal",
    "MemoryHigh",
    "MemoryMax",
    "MemorySwapMax",
    "Nice",
    "NoNewPrivileges",
    "NotifyAccess",
    "OOMPolicy",
    "OOMScoreAdjust",
    "PIDFile",
    "Persistent",
    "RemainAfterExit",
    "Restart",
    "RestartSec",
    "ReusePort",
    "Service",
    "SocketGroup",
    "SocketMode",
    "SocketUser",
    "StandardError",
    "StandardInput",
    "StandardOutput",
    "StartLimitBurst",
    "StartLimitInterval",
    "StartLimitIntervalSec",
    "TasksMax",
    "TimeoutSec",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Type",
    "UMask",
    "Unit",
    "User",
    "WatchdogSec",
    "WorkingDirectory",
];

/// Expands `%i` and the like.
///
/// # Errors
/// One that only the running manager knows, or none at all.
pub fn specifiers(text: &str, unit: &str) -> Result<String, String> {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let last = |text: &str| text.rsplit('-').next().unwrap_or(text).to_owned();
    let mut expanded = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            expanded.push(c);
            continue;
        }
        let value = match chars.next() {
            Some('%') => "%".to_owned(),
            Some('i') => instance.to_owned(),
            Some('I') => unescaped(instance),
            Some('n') => unit.to_owned(),
            Some('N') => stem.to_owned(),
            Some('p') => prefix.to_owned(),
            Some('P') => unescaped(prefix),
            Some('j') => last(prefix),
            Some('J') => unescaped(&last(prefix)),
            Some('f') if instance.is_empty() => format!("/{}", unescaped(prefix)),
            Some('f') => format!("/{}", unescaped(instance).trim_start_matches('/')),
            Some('t') => "/run".to_owned(),
            Some('S') => "/var/lib".to_owned(),
            Some('C') => "/var/cache".to_owned(),
            Some('L') => "/var/log".to_owned(),
            Some('E') => "/etc".to_owned(),
            Some('T') => "/tmp".to_owned(),
            Some('V') => "/var/tmp".to_owned(),
            // Those of the manager, which is root's.
            Some('h') => "/root".to_owned(),
            Some('u' | 'g') => "root".to_owned(),
            Some('U' | 'G') => "0".to_owned(),
            Some('s') => "/bin/sh".to_owned(),
            Some(other) => return Err(format!("what `%{other}` stands for is not known before it runs")),
            None => return Err("a `%` at its end; `%%` is one".to_owned()),
        };
        expanded.push_str(&value);
    }
    Ok(expanded)
}

/// The other way round of systemd-escape: `-` is `/`, and `\x2d` is `-`.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        let code = match (first, more) {
            (b'\\', [b'x', high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        match code {
            Some(code) => {
                bytes.push(code);
                rest = more.get(3..).unwrap_or_default();
            }
            None => bytes.push(if *first == b'-' { b'/' } else { *first }),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_stand_for_what_the_name_says() {
        let expand = |text| specifiers(text, "pg@15-main\\x2da.service").unwrap();
        assert_eq!(expand("/etc/%i/%I"), "/etc/15-main\\x2da/15/main-a");
        assert_eq!(expand("%n %N %p %t %%i"), "pg@15-main\\x2da.service pg@15-main\\x2da pg /run %i");
        assert!(specifiers("%H", "a.service").is_err() && specifiers("%", "a.service").is_err());
    }
}
