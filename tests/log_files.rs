//! Log files: nothing lost, nothing doubled, no line cut, whatever becomes of the file meanwhile.
#![allow(clippy::unwrap_used, clippy::panic)]

use flate2::read::MultiGzDecoder;
use foster::log::{FileOutlet, FileSpec, Files, HIGH, Notice, Outlet, Progress};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proptest::prelude::*;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

struct Fixture {
    files: Files,
    dir: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { files: Files::new(), dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn spec(&self, name: &str) -> FileSpec {
        spec(self.path(name))
    }

    fn open(&mut self, spec: &FileSpec) -> FileOutlet {
        let outlet = self.files.open(spec.clone()).unwrap();
        self.files.hurry();
        outlet
    }

    /// Waits, as PID 1 does, until the outlet is as wanted.
    fn until(&self, outlet: &mut FileOutlet, what: &str, mut wanted: impl FnMut(&mut FileOutlet) -> bool) {
        while !wanted(outlet) {
            let mut fd = [PollFd::new(self.files.fd().unwrap(), PollFlags::POLLIN)];
            let rang = poll(&mut fd, PollTimeout::try_from(PATIENCE).unwrap()).unwrap();
            assert!(rang > 0, "it never came to this: {what}; {outlet:?}");
            self.files.rang();
        }
    }

    fn write(&self, outlet: &mut FileOutlet, bytes: &[u8]) {
        outlet.buffer().extend_from_slice(bytes);
        self.until(outlet, "all is written", |outlet| {
            (outlet.flush(), outlet.pending()) == (Progress::Empty, 0)
        });
    }

    fn notice(&self, outlet: &mut FileOutlet) -> Notice {
        let mut notice = None;
        self.until(outlet, "a notice", |outlet| {
            notice = outlet.take_notice();
            notice.is_some()
        });
        notice.unwrap()
    }

    /// Closes it and waits until the thread is gone.
    fn close(&self, outlet: FileOutlet) {
        drop(outlet);
        let deadline = Instant::now() + PATIENCE;
        while !self.files.is_idle() {
            assert!(Instant::now() < deadline, "the thread does not end");
            std::thread::yield_now();
        }
    }
}

fn spec(path: PathBuf) -> FileSpec {
    FileSpec { path, max_size: None, max_age: None, keep: 5, compress: false, mode: 0o640 }
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    PathBuf::from(format!("{}.{number}", path.display()))
}

fn unzip(path: impl AsRef<Path>) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// The names in a directory.
fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn failing(text: &str) -> Notice {
    Notice::Failing(text.to_owned())
}

#[test]
fn a_file_is_made_with_its_directories_and_its_mode_and_what_is_there_stays() {
    let mut test = Fixture::new();
    assert!(test.files.fd().is_none(), "nothing is started before the first file");
    let spec = FileSpec { mode: 0o666, ..test.spec("a/b/web.log") };
    let mut outlet = test.open(&spec);
    test.write(&mut outlet, b"one\n");
    test.close(outlet);
    let mut outlet = test.open(&spec);
    test.write(&mut outlet, b"two\n");
    test.write(&mut outlet, b"\xff\0\n");
    assert_eq!(fs::read(&spec.path).unwrap(), b"one\ntwo\n\xff\0\n");
    assert_eq!(fs::metadata(&spec.path).unwrap().mode() & 0o7777, 0o666, "whatever the umask");
    assert_eq!(fs::metadata(test.path("a")).unwrap().mode() & 0o777, 0o755);
    assert_eq!(outlet.take_notice(), None);
}

#[test]
fn a_line_that_an_earlier_life_left_without_an_end_gets_one() {
    let mut test = Fixture::new();
    let spec = test.spec("web.log");
    fs::write(&spec.path, "half a li").unwrap();
    let mut outlet = test.open(&spec);
    test.write(&mut outlet, b"whole\n");
    assert_eq!(text(&spec.path), "half a li\nwhole\n");
}

#[test]
fn what_waits_is_written_before_the_file_is_closed() {
    let mut test = Fixture::new();
    let spec = test.spec("web.log");
    let mut outlet = test.open(&spec);
    outlet.buffer().extend_from_slice(b"last words\n");
    test.close(outlet);
    assert_eq!(text(&spec.path), "last words\n");
}

#[test]
fn two_outlets_of_one_path_are_one_file_which_the_newer_rules() {
    let mut test = Fixture::new();
    let spec = test.spec("web.log");
    let mut first = test.open(&spec);
    test.write(&mut first, b"one\n");
    let mut second = test.open(&FileSpec { max_size: Some(8), ..spec.clone() });
    test.write(&mut second, b"two\n");
    test.write(&mut first, b"three\n");
    drop(first);
    test.write(&mut second, b"4\n");
    assert_eq!((text(numbered(&spec.path, 1)), text(&spec.path)), ("one\ntwo\n".into(), "three\n4\n".into()));
    test.close(second);
}

#[test]
fn it_tells_how_much_waits_until_that_is_written() {
    let mut test = Fixture::new();
    let spec = test.spec("web.log");
    let mut outlet = test.open(&spec);
    let line = [&[b'x'; 99][..], b"\n"].concat();
    let mut lines = 0;
    for _ in 0..20 {
        while !outlet.is_full() {
            for _ in 0..100 {
                outlet.buffer().extend_from_slice(&line);
                lines += 1;
            }
            outlet.flush();
        }
        assert!(outlet.pending() < HIGH + 100 * line.len());
        test.until(&mut outlet, "there is room", |outlet| {
            outlet.flush();
            outlet.is_low()
        });
    }
    test.until(&mut outlet, "all is written", |outlet| {
        (outlet.flush(), outlet.pending()) == (Progress::Empty, 0)
    });
    assert_eq!(outlet.pending(), 0);
    assert_eq!(fs::metadata(&spec.path).unwrap().len(), lines * 100);
}

#[test]
fn files_that_were_put_away_are_numbered_from_the_newest_and_the_oldest_go() {
    let mut test = Fixture::new();
    let mut spec = FileSpec { max_size: Some(4), keep: 3, ..test.spec("web.log") };
    // Not ours, whatever is kept.
    fs::write(test.path("web.log.2024"), "").unwrap();
    let mut outlet = test.open(&spec);
    for n in 1..=6 {
        test.write(&mut outlet, format!("{n}\n{n}\n").as_bytes());
    }
    assert_eq!([1, 2, 3].map(|n| text(numbered(&spec.path, n))), ["5\n5\n", "4\n4\n", "3\n3\n"]);
    spec.keep = 1;
    let mut outlet = {
        drop(outlet);
        test.open(&spec)
    };
    test.write(&mut outlet, b"7\n");
    assert_eq!(names(test.dir.path()), ["web.log", "web.log.1", "web.log.2024"]);
    spec.keep = 0;
    let mut outlet = {
        drop(outlet);
        test.open(&spec)
    };
    test.write(&mut outlet, b"8\n8\n");
    test.write(&mut outlet, b"9\n");
    assert_eq!(names(test.dir.path()), ["web.log", "web.log.2024"]);
    assert_eq!(text(&spec.path), "8\n9\n");
}

#[test]
fn a_line_that_is_larger_than_a_file_may_be_has_one_of_its_own() {
    let mut test = Fixture::new();
    let spec = FileSpec { max_size: Some(6), ..test.spec("web.log") };
    let mut outlet = test.open(&spec);
    test.write(&mut outlet, b"ab\n0123456789\ncd\nef\n");
    let all = [2, 1].map(|n| text(numbered(&spec.path, n)));
    assert_eq!((all, text(&spec.path)), (["ab\n".into(), "0123456789\n".into()], "cd\nef\n".into()));
    // In pieces, nobody knows how long it will be when it begins; it is not cut for that.
    test.write(&mut outlet, b"0123");
    test.write(&mut outlet, b"4567");
    test.write(&mut outlet, b"89\nend\n");
    assert_eq!((text(numbered(&spec.path, 1)), text(&spec.path)), ("0123456789\n".into(), "end\n".into()));
}

#[test]
fn a_line_without_an_end_does_not_fill_the_disk() {
    let mut test = Fixture::new();
    let spec = FileSpec { max_size: Some(1000), keep: 2, ..test.spec("web.log") };
    let mut outlet = test.open(&spec);
    for _ in 0..80 {
        test.write(&mut outlet, &[b'x'; 64 << 10]);
    }
    let sizes = [numbered(&spec.path, 2), numbered(&spec.path, 1), spec.path.clone()]
        .map(|path| fs::metadata(path).unwrap().len());
    assert!(sizes.iter().all(|size| *size <= (1 << 20) + (64 << 10)), "{sizes:?}");
}

#[test]
fn a_file_is_put_away_when_its_first_line_is_too_old() {
    let mut test = Fixture::new();
    let spec = FileSpec { max_age: Some(Duration::from_secs(3600)), ..test.spec("web.log") };
    let mut outlet = test.open(&spec);
    test.write(&mut outlet, b"young\n");
    test.write(&mut outlet, b"too\n");
    assert_eq!(names(test.dir.path()), ["web.log"]);
    let mut outlet = {
        drop(outlet);
        test.open(&FileSpec { max_age: Some(Duration::from_nanos(1)), ..spec.clone() })
    };
    test.write(&mut outlet, b"three\nfour\n");
    assert_eq!(
        (text(numbered(&spec.path, 1)), text(&spec.path)),
        ("young\ntoo\n".into(), "three\nfour\n".into())
    );
    test.close(outlet);
    // The age of what an earlier life wrote counts as well.
    let mut outlet = test.open(&FileSpec { max_age: Some(Duration::from_nanos(1)), ..spec.clone() });
    test.write(&mut outlet, b"five\n");
    assert_eq!((text(numbered(&spec.path, 1)), text(&spec.path)), ("three\nfour\n".into(), "five\n".into()));
}

#[test]
fn what_was_put_away_is_compressed_with_its_mode_and_its_time_and_ends_under_the_right_number() {
    let mut test = Fixture::new();
    let spec = FileSpec { max_size: Some(200_000), keep: 20, compress: true, ..test.spec("web.log") };
    let mut outlet = test.open(&spec);
    let mut all = String::new();
    for n in 0..30_000 {
        let line = format!("line {n} of many that are alike\n");
        all += &line;
        outlet.buffer().extend_from_slice(line.as_bytes());
        if n % 500 == 0 {
            test.until(&mut outlet, "there is room", |outlet| {
                outlet.flush();
                outlet.is_low()
            });
        }
    }
    test.write(&mut outlet, b"");
    let count = all.len() / 200_000;
    let deadline = Instant::now() + PATIENCE;
    let pressed = |n| PathBuf::from(format!("{}.gz", numbered(&spec.path, n).display()));
    while !(1..=count).all(|n| pressed(n).exists() && !numbered(&spec.path, n).exists()) {
        assert!(Instant::now() < deadline, "{:?}", names(test.dir.path()));
        std::thread::yield_now();
    }
    let mut found: String = (1..=count).rev().map(|n| unzip(pressed(n))).collect();
    found += &text(&spec.path);
    assert!(found == all);
    assert_eq!(names(test.dir.path()).len(), count + 1, "nothing else is left behind");
    assert_eq!(fs::metadata(pressed(1)).unwrap().mode() & 0o777, 0o640);
}

#[test]
fn what_an_end_in_the_middle_of_a_compression_left_behind_is_cleared_up() {
    let mut test = Fixture::new();
    let spec = FileSpec { max_size: Some(4), compress: true, ..test.spec("web.log") };
    let gzip = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    fs::write(test.path("web.log"), "now\n").unwrap();
    fs::write(test.path("web.log.1"), "not yet\n").unwrap();
    fs::write(test.path("web.log.2"), "done\n").unwrap();
    fs::write(test.path("web.log.2.gz"), gzip("done\n")).unwrap();
    fs::write(test.path("web.log.3"), "something else\n").unwrap();
    fs::write(test.path("web.log.3.gz"), gzip("of a user\n")).unwrap();
    fs::write(test.path("web.log.gz.tmp"), "half").unwrap();
    let outlet = test.open(&spec);
    let wanted = ["web.log", "web.log.1.gz", "web.log.2.gz", "web.log.3", "web.log.3.gz"];
    let deadline = Instant::now() + PATIENCE;
    while names(test.dir.path()) != wanted {
        assert!(Instant::now() < deadline, "{:?}", names(test.dir.path()));
        std::thread::yield_now();
    }
    assert_eq!(unzip(test.path("web.log.1.gz")), "not yet\n");
    assert_eq!(text(test.path("web.log.3")), "something else\n");
    test.close(outlet);
}

#[test]
fn a_file_that_was_removed_or_renamed_is_made_anew() {
    let mut test = Fixture::new();
    let spec = test.spec("logs/web.log");
    let mut outlet = test.open(&spec);
    test.write(&mut outlet, b"one\n");
    // As logrotate does, with a signal after it.
    fs::rename(&spec.path, test.path("logs/old")).unwrap();
    test.files.reopen();
    test.write(&mut outlet, b"two\n");
    assert_eq!((text(test.path("logs/old")), text(&spec.path)), ("one\n".into(), "two\n".into()));
    // A line under way is finished in the file in which it began.
    test.write(&mut outlet, b"half ");
    fs::rename(&spec.path, test.path("logs/old")).unwrap();
    test.files.reopen();
    test.write(&mut outlet, b"whole\nthree\n");
    assert_eq!(
        (text(test.path("logs/old")), text(&spec.path)),
        ("two\nhalf whole\n".into(), "three\n".into())
    );
    // Without any signal it is noticed within a second.
    fs::remove_dir_all(test.path("logs")).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut count = 0;
    while !spec.path.exists() {
        assert!(Instant::now() < deadline);
        count += 1;
        test.write(&mut outlet, format!("{count}\n").as_bytes());
    }
    assert_eq!(text(&spec.path), format!("{count}\n"));
    assert_eq!(outlet.take_notice(), None, "that is no failure");
}

#[test]
fn a_file_that_somebody_else_empties_goes_on_from_there() {
    let mut test = Fixture::new();
    let spec = FileSpec { max_size: Some(10), ..test.spec("web.log") };
    let mut outlet = test.open(&spec);
    test.write(&mut outlet, b"12345678\n");
    fs::write(&spec.path, "").unwrap();
    test.files.reopen();
    test.write(&mut outlet, b"12345678\n");
    assert_eq!(names(test.dir.path()), ["web.log"]);
    assert_eq!(text(&spec.path), "12345678\n");
}

#[test]
fn a_link_stays_where_it_is_and_its_target_is_put_away() {
    let mut test = Fixture::new();
    fs::create_dir(test.path("data")).unwrap();
    symlink("data/real", test.path("web.log")).unwrap();
    let spec = FileSpec { max_size: Some(4), ..test.spec("web.log") };
    let mut outlet = test.open(&spec);
    test.write(&mut outlet, b"one\ntwo\n");
    assert_eq!(text(test.path("data/real.1")), "one\n");
    assert_eq!(text(&spec.path), "two\n");
    assert_eq!(names(test.dir.path()), ["data", "web.log"]);
}

#[test]
fn what_is_no_file_is_refused_and_tried_again() {
    let mut test = Fixture::new();
    for (name, what) in [("pipe", "a pipe"), ("directory", "a directory"), ("socket", "a socket")] {
        let spec = test.spec(name);
        match name {
            "pipe" => nix::unistd::mkfifo(&spec.path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
            "directory" => fs::create_dir(&spec.path).unwrap(),
            _ => drop(std::os::unix::net::UnixListener::bind(&spec.path).unwrap()),
        }
        let mut outlet = test.open(&spec);
        assert_eq!(test.notice(&mut outlet), failing(&format!("it is {what}, not a file")));
        assert!(outlet.is_failing());
        outlet.buffer().extend_from_slice(b"kept\n");
        outlet.flush();
        fs::rename(&spec.path, test.path("away")).unwrap();
        assert_eq!(test.notice(&mut outlet), Notice::Recovered(0));
        assert!(!outlet.is_failing());
        assert_eq!(text(&spec.path), "kept\n");
        test.close(outlet);
        let away = test.path("away");
        fs::remove_dir(&away).or_else(|_| fs::remove_file(&away)).unwrap();
    }
}

#[test]
fn devices_take_what_they_take_and_are_never_put_away() {
    let mut test = Fixture::new();
    let mut null = test.open(&FileSpec { max_size: Some(4), ..spec("/dev/null".into()) });
    test.write(&mut null, b"one\ntwo\nthree\n");
    assert_eq!(null.take_notice(), None);
    let mut full = test.open(&FileSpec { max_size: Some(4), ..spec("/dev/full".into()) });
    full.buffer().extend_from_slice(b"one\ntwo\n");
    full.flush();
    assert_eq!(test.notice(&mut full), failing("No space left on device"));
    assert_eq!((full.pending(), full.take_notice()), (8, None), "it is kept, and said once");
    // What is not to be written is not waited for when it is closed.
    drop(null);
    test.close(full);
}

#[test]
fn a_directory_that_cannot_be_written_to_is_told_once_and_nothing_is_lost() {
    if nix::unistd::geteuid().is_root() {
        eprintln!("skipped: root may write everywhere");
        return;
    }
    let mut test = Fixture::new();
    let spec = FileSpec { max_size: Some(4), ..test.spec("logs/web.log") };
    let mut outlet = test.open(&spec);
    test.write(&mut outlet, b"one\n");
    fs::set_permissions(test.path("logs"), Permissions::from_mode(0o555)).unwrap();
    test.write(&mut outlet, b"two\nthree\n");
    test.write(&mut outlet, b"four\n");
    let path = spec.path.display();
    let told = format!("cannot put {path} away: Permission denied; it is written to until that works");
    let told = Notice::Told(told);
    assert_eq!((outlet.take_notice(), outlet.take_notice()), (Some(told), None));
    assert_eq!(text(&spec.path), "one\ntwo\nthree\nfour\n");
    fs::set_permissions(test.path("logs"), Permissions::from_mode(0o755)).unwrap();
}

/// What rotation comes to, in a few lines: the files, oldest first, the last one under its own name.
#[derive(Debug)]
struct Model {
    files: Vec<Vec<u8>>,
    max: usize,
    keep: usize,
}

impl Model {
    fn write(&mut self, line: &[u8]) {
        let current = self.files.last().unwrap();
        if !current.is_empty() && current.len() + line.len() > self.max {
            self.files.push(Vec::new());
        }
        self.files.last_mut().unwrap().extend_from_slice(line);
        let beyond = self.files.len().saturating_sub(self.keep + 1);
        self.files.drain(..beyond);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn rotation_agrees_with_the_model(
        max in 1..400usize,
        keep in 0..6u32,
        // Lines, each with what happens after it: nothing, a hand-over, a restart, a look at all that is there.
        steps in prop::collection::vec((prop::collection::vec(0..=u8::MAX, 0..90), 0..8u8), 0..80),
    ) {
        let mut test = Fixture::new();
        let spec = FileSpec { max_size: Some(max as u64), keep, ..test.spec("x.log") };
        let mut model = Model { files: vec![Vec::new()], max, keep: keep as usize };
        let mut outlet = test.open(&spec);
        for (mut line, then) in steps {
            line.retain(|byte| *byte != b'\n');
            line.push(b'\n');
            outlet.buffer().extend_from_slice(&line);
            model.write(&line);
            match then {
                0..=2 => {}
                3 | 4 => drop(outlet.flush()),
                5 => {
                    test.close(outlet);
                    outlet = test.open(&spec);
                }
                6 => test.files.reopen(),
                _ => test.write(&mut outlet, b""),
            }
        }
        // Without one, the file may not be there yet.
        test.write(&mut outlet, b"the last\n");
        model.write(b"the last\n");
        let mut found = Vec::new();
        for n in (1..model.files.len()).rev() {
            found.push(fs::read(numbered(&spec.path, n)).unwrap());
        }
        found.push(fs::read(&spec.path).unwrap());
        prop_assert_eq!(&found, &model.files);
        prop_assert_eq!(names(test.dir.path()).len(), model.files.len());
        test.close(outlet);
    }
}
