//! A line as a syslog message, RFC 5424, in octet-counting framing, RFC 6587 section 3.4.1: `LEN SP MESSAGE`.

use crate::log::{Stream, TimeText};
use crate::model::{Syslog, SyslogAddress};
use std::ops::Range;

/// The longest message over UDP: what RFC 5426 section 3.2 wants every receiver to take.
const LONGEST_UDP: usize = 2048;
/// The longest message elsewhere: a little less than receivers take if nobody told them otherwise (rsyslog: 8096).
const LONGEST: usize = 8000;
/// What the messages of one service have in common, made once and copied into each.
#[derive(Clone, Debug)]
pub struct Header {
    /// `<PRI>1 ` for either stream.
    priority: [Box<[u8]>; 2],
    /// ` HOSTNAME APP-NAME PROCID MSGID SD`, of which the first two never change.
    middle: Vec<u8>,
    named: usize,
    longest: usize,
}

impl Header {
    /// For a service whose main process is not known. HOSTNAME is that of the kernel.
    #[must_use]
    pub fn new(syslog: &Syslog) -> Self {
        let priority = [6, 3].map(|severity| {
            format!("<{}>1 ", u32::from(syslog.facility) * 8 + severity).into_bytes().into_boxed_slice()
        });
        let middle = format!(" {} {} ", hostname(), syslog.tag).into_bytes();
        let longest = match syslog.address {
            SyslogAddress::Udp(_) => LONGEST_UDP,
            SyslogAddress::Unix(_) | SyslogAddress::Tcp(_) => LONGEST,
        };
        let mut header = Self { priority, named: middle.len(), middle, longest };
        header.set_pid(None);
        header
    }

    /// The lines that come now are those of this process.
    pub fn set_pid(&mut self, pid: Option<i32>) {
        self.middle.truncate(self.named);
        match pid.and_then(|pid| usize::try_from(pid).ok()) {
            Some(pid) => decimal(pid, &mut self.middle),
            None => self.middle.push(b'-'),
        }
        self.middle.extend_from_slice(b" - -");
    }

    /// Appends a line, or the piece of one, that arrived at this time; as several messages where one would be too long, so
    /// that nothing of it is lost.
    ///
    /// Control characters but the tab become `#ooo`, octal, as receivers (rsyslog) would write them. A carriage return at
    /// the end is left out. There is no byte order mark: who wrote the line did not say what encoding it is in, and to most
    /// receivers it would be three strange bytes.
    pub fn frame(&self, time: &TimeText, stream: Stream, line: &[u8], to: &mut Vec<u8>) {
        let mut line = line.strip_suffix(b"\r").unwrap_or(line);
        let priority = &self.priority[stream.index()];
        let head = priority.len() + time.as_bytes().len() + self.middle.len();
        let room = self.longest.saturating_sub(head + 1).max(1);
        loop {
            let (piece, rest) = line.split_at(split(line, room));
            let escapes = piece.iter().filter(|byte| is_control(**byte)).count();
            let text = piece.len() + escapes * 3;
            // An empty text has no space before it.
            let length = head + text + usize::from(text > 0);
            to.reserve(length + 8);
            decimal(length, to);
            to.push(b' ');
            to.extend_from_slice(priority);
            to.extend_from_slice(time.as_bytes());
            to.extend_from_slice(&self.middle);
            if text > 0 {
                to.push(b' ');
            }
            if escapes == 0 {
                to.extend_from_slice(piece);
            } else {
                escape(piece, to);
            }
            line = rest;
            if line.is_empty() {
                return;
            }
        }
    }
}

/// The message of the frame that begins at `at`, without its length. None when there is none.
pub(super) fn message(frames: &[u8], at: usize) -> Option<Range<usize>> {
    let frame = frames.get(at..)?;
    let digits = frame.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(frame.get(..digits)?).ok()?.parse().ok()?;
    let from = at + digits + 1;
    let to = from.checked_add(length).filter(|to| *to <= frames.len())?;
    Some(from..to)
}

/// How much of a line fits into so much room. A character of UTF-8 stays whole where the line is UTF-8.
fn split(line: &[u8], room: usize) -> usize {
    if line.len() * 4 <= room {
        return line.len();
    }
    let mut used = 0;
    let fits = line.iter().position(|byte| {
        used += if is_control(*byte) { 4 } else { 1 };
        used > room
    });
    let Some(fits) = fits.map(|fits| fits.max(1)) else { return line.len() };
    let begins = |at: &usize| line.get(*at).is_some_and(|byte| byte & 0xC0 != 0x80);
    (fits.saturating_sub(3).max(1)..=fits).rev().find(begins).unwrap_or(fits)
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

fn escape(bytes: &[u8], to: &mut Vec<u8>) {
    for byte in bytes {
        if is_control(*byte) {
            to.extend_from_slice(&[b'#', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
        } else {
            to.push(*byte);
        }
    }
}

/// The name of this host: printable ASCII, or the `-` of a value that is not known.
fn hostname() -> String {
    let name = nix::sys::utsname::uname().ok();
    let name = name.as_ref().and_then(|name| name.nodename().to_str()).unwrap_or_default();
    let printable = !name.is_empty() && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic());
    if printable { name.to_owned() } else { "-".to_owned() }
}

fn decimal(number: usize, to: &mut Vec<u8>) {
    let mut place = 1;
    while number / place >= 10 {
        place *= 10;
    }
    while place > 0 {
        to.push(b'0' + (number / place % 10) as u8);
        place /= 10;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn header(address: SyslogAddress) -> Header {
        let mut header = Header::new(&Syslog { address, facility: 16, tag: "web".to_owned() });
        header.set_pid(Some(42));
        header
    }

    fn messages(frames: &[u8]) -> Vec<&[u8]> {
        let (mut at, mut found) = (0, Vec::new());
        while at < frames.len() {
            let message = message(frames, at).unwrap();
            at = message.end;
            found.push(&frames[message]);
        }
        found
    }

    /// What comes after the header.
    fn text(message: &[u8]) -> &[u8] {
        let mut parts = message.splitn(8, |byte| *byte == b' ');
        assert_eq!(parts.by_ref().take(7).count(), 7);
        parts.next().unwrap_or_default()
    }

    #[test]
    fn a_line_is_a_message_of_rfc_5424_with_its_length_before_it() {
        let header = header(SyslogAddress::Unix("/dev/log".to_owned()));
        let mut frames = Vec::new();
        let mut time = TimeText::default();
        time.set(UNIX_EPOCH + Duration::from_millis(1_767_323_045_678));
        header.frame(&time, Stream::Out, b"up and \tr\xC3\xBCnning\r", &mut frames);
        header.frame(&TimeText::default(), Stream::Err, b"", &mut frames);
        header.frame(&TimeText::default(), Stream::Err, b"a\0b\x1b[31m\x7f\xFF", &mut frames);
        let host = hostname();
        let mut expected = vec![
            format!("<134>1 2026-01-02T03:04:05.678Z {host} web 42 - - up and \trünning").into_bytes(),
            format!("<131>1 1970-01-01T00:00:00.000Z {host} web 42 - -").into_bytes(),
            format!("<131>1 1970-01-01T00:00:00.000Z {host} web 42 - - a#000b#033[31m#177").into_bytes(),
        ];
        expected[2].push(0xFF);
        assert_eq!(messages(&frames), expected);
    }

    #[test]
    fn a_long_line_is_told_in_messages_that_receivers_take_and_between_characters() {
        let header = header(SyslogAddress::Udp("192.0.2.1:514".parse().unwrap()));
        let line = "ü".repeat(3000);
        let mut frames = Vec::new();
        header.frame(&TimeText::default(), Stream::Out, line.as_bytes(), &mut frames);
        let messages = messages(&frames);
        assert!(messages.len() > 2 && messages.iter().all(|message| message.len() <= LONGEST_UDP));
        let told: String =
            messages.iter().map(|message| std::str::from_utf8(text(message)).unwrap()).collect();
        assert_eq!(told, line);
    }

    proptest! {
        #[test]
        fn whatever_the_lines_are_the_frames_are_told_apart_and_nothing_is_missing(
            lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..8),
            udp in any::<bool>(),
        ) {
            let header = header(if udp {
                SyslogAddress::Udp("[::1]:514".parse().unwrap())
            } else {
                SyslogAddress::Unix("/dev/log".to_owned())
            });
            let (mut frames, mut expected) = (Vec::new(), Vec::new());
            for line in &lines {
                header.frame(&TimeText::default(), Stream::Out, line, &mut frames);
                escape(line.strip_suffix(b"\r").unwrap_or(line), &mut expected);
            }
            let messages = messages(&frames);
            prop_assert!(messages.iter().all(|message| message.len() <= header.longest));
            prop_assert!(messages.iter().all(|message| !message.iter().any(|byte| is_control(*byte))));
            prop_assert_eq!(messages.iter().flat_map(|message| text(message).to_vec()).collect::<Vec<_>>(), expected);
        }
    }
}
