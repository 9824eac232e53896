//! Users and groups from /etc/passwd and /etc/group, see passwd(5) and group(5).
//!
//! Never through NSS: in a static glibc binary getpwnam(3) loads shared objects and crashes.

use super::files::{FileError, read_bounded};
use crate::model::set_of;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// More than this of /etc/passwd or /etc/group is not read.
const LIMIT: usize = 8 << 20;

/// A user, found or taken at its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Its primary group; 0 for a number without an entry, as Docker has it (but see `prepare`: the own uid keeps its group).
    pub gid: u32,
    /// Login name; `None` for a number without an entry.
    pub name: Option<String>,
    /// Home directory; `/` for a number without an entry.
    pub home: String,
}

/// Why a name has no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// The file has no such name.
    Unknown(PathBuf),
    /// It is 4294967295, which setuid(2) takes for "no change", or larger.
    Reserved,
    /// The file cannot be read.
    File(PathBuf, FileError),
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(path) => write!(f, "not in {}", path.display()),
            Self::Reserved => f.write_str("ids end at 4294967294"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for LookupError {}

/// Where users and groups are looked up.
#[derive(Clone, Debug)]
pub struct Database {
    passwd: PathBuf,
    group: PathBuf,
}

impl Default for Database {
    /// That of the system: /etc/passwd and /etc/group.
    fn default() -> Self {
        Self::below(Path::new("/etc"))
    }
}

impl Database {
    /// The files `passwd` and `group` of this directory.
    #[must_use]
    pub fn below(directory: &Path) -> Self {
        Self { passwd: directory.join("passwd"), group: directory.join("group") }
    }

    /// The user with this name, or else with this number. A number needs no entry and no file.
    ///
    /// # Errors
    /// A name without an entry, a number out of range, an unreadable file.
    pub fn user(&self, user: &str) -> Result<Account, LookupError> {
        let content = read(&self.passwd);
        let text = content.as_deref().unwrap_or_default();
        let accounts = || text.lines().filter_map(parse_account);
        if let Some(account) = accounts().find(|a| a.name.as_deref() == Some(user)) {
            return Ok(account);
        }
        match number(user) {
            Some(Ok(uid)) => Ok(accounts().find(|a| a.uid == uid).unwrap_or(Account {
                uid,
                gid: 0,
                name: None,
                home: "/".to_owned(),
            })),
            Some(Err(error)) => Err(error),
            None => Err(missing(&self.passwd, content)),
        }
    }

    /// The id of the group with this name, or else of this number, which needs no entry.
    ///
    /// # Errors
    /// A name without an entry, a number out of range, an unreadable file.
    pub fn group(&self, group: &str) -> Result<u32, LookupError> {
        let content = read(&self.group);
        let text = content.as_deref().unwrap_or_default();
        if let Some((_, gid, _)) = text.lines().filter_map(parse_group).find(|(name, ..)| *name == group) {
            return Ok(gid);
        }
        number(group).unwrap_or_else(|| Err(missing(&self.group, content)))
    }

    /// Every login name; none where the file cannot be read.
    #[must_use]
    pub fn user_names(&self) -> BTreeSet<String> {
        let content = read(&self.passwd).unwrap_or_default();
        set_of(content.lines().filter_map(parse_account).filter_map(|account| account.name))
    }

    /// Every name of a group; none where the file cannot be read.
    #[must_use]
    pub fn group_names(&self) -> BTreeSet<String> {
        let content = read(&self.group).unwrap_or_default();
        set_of(content.lines().filter_map(parse_group).map(|(name, ..)| name.to_owned()))
    }

    /// The groups of a user as initgroups(3) counts them: `gid`, and all whose members name the user.
    #[must_use]
    pub fn groups_of(&self, user: &str, gid: u32) -> Vec<u32> {
        let content = read(&self.group);
        let mut groups = vec![gid];
        for (_, group, members) in content.as_deref().unwrap_or_default().lines().filter_map(parse_group) {
            if !groups.contains(&group) && members.split(',').any(|m| m.trim() == user) {
                groups.push(group);
            }
        }
        groups
    }
}

fn read(path: &Path) -> Result<String, FileError> {
    read_bounded(path, LIMIT).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn missing(path: &Path, content: Result<String, FileError>) -> LookupError {
    match content {
        Err(error) if error.errno != libc::ENOENT => LookupError::File(path.to_owned(), error),
        _ => LookupError::Unknown(path.to_owned()),
    }
}

/// `None` for what is no number at all.
fn number(text: &str) -> Option<Result<u32, LookupError>> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().ok().filter(|id| *id != u32::MAX).ok_or(LookupError::Reserved))
}

/// `name:password:uid:gid:comment:home:shell`; a bad line is no account.
fn parse_account(line: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|n| !n.is_empty() && !n.starts_with('#'))?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1).filter(|h| !h.is_empty()).unwrap_or("/");
    Some(Account { uid, gid, name: Some(name.to_owned()), home: home.to_owned() })
}

/// `name:password:gid:member,member`; a bad line is no group.
fn parse_group(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|n| !n.is_empty() && !n.starts_with('#'))?;
    let gid = fields.nth(1)?.parse().ok()?;
    Some((name, gid, fields.next().unwrap_or_default()))
}

/// Becomes another user for good, with these groups.
///
/// # Errors
/// Of setgroups(2), setgid(2) and setuid(2), mostly EPERM.
pub fn become_user(uid: u32, gid: u32, groups: &[u32]) -> std::io::Result<()> {
    let done = |result: libc::c_int| if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) };
    // SAFETY: the list lives as long as the call, and has as many elements as it says.
    done(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })?;
    // SAFETY: these take numbers alone.
    done(unsafe { libc::setgid(gid) })?;
    // SAFETY: as above.
    done(unsafe { libc::setuid(uid) })
}

/// Whether this process is root's.
#[must_use]
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn database(passwd: &str, group: &str) -> (tempfile::TempDir, Database) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("passwd"), passwd).unwrap();
        std::fs::write(dir.path().join("group"), group).unwrap();
        let database = Database::below(dir.path());
        (dir, database)
    }

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# no user\n+::::::\nbroken\nbad:x:many:1::/:\n\
                          www:x:33:33:www:/var/www:/usr/sbin/nologin\n1000:x:7:7::/seven:\nnohome:x:8:8\n";
    const GROUP: &str =
        "root:x:0:\nwww:x:33:\nbad:x:\nssl:x:100:www,other\nlog:x:101:other, www\nagain:x:33:www\n";

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let (_dir, db) = database(PASSWD, GROUP);
        let www = Account { uid: 33, gid: 33, name: Some("www".into()), home: "/var/www".into() };
        assert_eq!(db.user("www"), Ok(www.clone()));
        assert_eq!(db.user("33"), Ok(www));
        assert_eq!(db.user("1000").map(|a| a.uid), Ok(7), "a name that looks like a number is a name first");
        assert_eq!(db.user("nohome").map(|a| a.home), Ok("/".into()));
    }

    #[test]
    fn a_number_needs_no_entry_and_a_name_does() {
        let (dir, db) = database(PASSWD, GROUP);
        assert_eq!(db.user("4242"), Ok(Account { uid: 4242, gid: 0, name: None, home: "/".into() }));
        assert_eq!(db.group("4242"), Ok(4242));
        let path = dir.path().join("passwd");
        assert_eq!(db.user("nobody").unwrap_err().to_string(), format!("not in {}", path.display()));
        assert_eq!(db.user("bad"), Err(LookupError::Unknown(path)), "a bad line is no entry");
        assert_eq!(db.user("4294967295"), Err(LookupError::Reserved));
        assert_eq!(db.group("99999999999"), Err(LookupError::Reserved));
        let nothing = Database::below(Path::new("/nonexistent"));
        assert_eq!(nothing.user("0").map(|a| a.uid), Ok(0));
        assert!(nothing.user("root").is_err());
    }

    #[test]
    fn supplementary_groups_are_those_that_name_the_user_and_the_primary_one() {
        let (_dir, db) = database(PASSWD, GROUP);
        assert_eq!(db.groups_of("www", 33), [33, 100, 101]);
        assert_eq!(db.groups_of("root", 0), [0]);
        assert_eq!(db.group("ssl"), Ok(100));
    }
}
