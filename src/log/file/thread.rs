//! The thread that writes. It takes what waits for one file at a time, so that none is forgotten for another.

use super::desk::{Desk, Entry, Room};
use super::press::{self, Pressed};
use super::shelf;
use super::target::Target;
use crate::log::outlet::Notice;
use crate::sys::error_text;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long spare buffers are kept when there is nothing to do.
const LINGER: Duration = Duration::from_secs(1);

/// The life of the thread: until no file is left.
pub(super) fn run(room: &Arc<Room>) {
    let mut idle_since = None;
    let mut desk = room.desk();
    loop {
        let now = Instant::now();
        if let Some(pressed) = desk.pressed.take() {
            desk = finish_pressing(room, desk, pressed);
        } else if let Some(key) = desk.next(now) {
            idle_since = None;
            desk = work(room, desk, key, now);
        } else if let Some(key) = to_press(&desk) {
            desk = begin_pressing(room, desk, key);
        } else if desk.files.is_empty() && desk.pressing.is_none() {
            desk.spare = Vec::new();
            desk.is_staffed = false;
            return;
        } else {
            let idle = now.saturating_duration_since(*idle_since.get_or_insert(now));
            if idle >= LINGER {
                desk.spare = Vec::new();
            }
            let linger = (!desk.spare.is_empty()).then(|| LINGER.saturating_sub(idle));
            let rest = desk.rest(now).into_iter().chain(linger).min();
            desk = room.wait(desk, rest);
        }
    }
}

/// Does what there is to do for one file.
fn work<'a>(room: &'a Room, mut desk: MutexGuard<'a, Desk>, key: u64, now: Instant) -> MutexGuard<'a, Desk> {
    let Some(mail) = desk.files.get_mut(&key) else { return desk };
    let entry = Arc::clone(&mail.entry);
    let spec = mail.spec.take();
    let mut target = match (mail.target.take(), &spec) {
        (Some(target), _) => target,
        (None, Some(spec)) => Box::new(Target::new(spec.clone())),
        (None, None) => return desk,
    };
    let is_new = spec.is_some();
    let reopen = std::mem::take(&mut mail.reopen);
    let is_closed = mail.handles == 0;
    if target.backlog.is_empty() {
        std::mem::swap(&mut target.backlog, &mut mail.waiting);
    }
    // What the disk may make wait is done without the lock.
    drop(desk);
    if let Some(spec) = spec {
        target.treat(spec);
    }
    if reopen {
        target.reopen();
    }
    let mut written = Vec::new();
    let result = write(room, &mut target, &entry, now, &mut written);
    let was_failing = entry.failing.swap(result.is_err(), Ordering::SeqCst);
    match &result {
        Err(error) if !was_failing => entry.tell(Notice::Failing(error_text(error)), &room.bell),
        Ok(()) if was_failing => entry.tell(Notice::Recovered(0), &room.bell),
        _ => {}
    }
    if let Some(told) = target.take_told() {
        entry.tell(Notice::Told(told), &room.bell);
    }
    let was_put_away = target.take_put_away();
    if is_closed && result.is_err() {
        let lost = target.give_up();
        entry.done(lost, &room.bell);
    }

    let mut desk = room.desk();
    written.into_iter().for_each(|buffer| desk.give_back(buffer));
    let Some(mail) = desk.files.get_mut(&key) else { return desk };
    mail.to_press |= is_new || was_put_away;
    mail.retry = (!target.backlog.is_empty()).then(|| now + RETRY);
    let is_idle = target.backlog.is_empty() && mail.waiting.is_empty();
    mail.target = Some(target);
    if mail.handles == 0 && is_idle {
        if desk.pressing != Some(key) {
            desk.files.remove(&key);
        }
    } else if !is_idle && mail.retry.is_none() {
        desk.call(key);
    }
    desk
}

/// Writes what the target has taken over. Each buffer counts as soon as it is done.
fn write(
    room: &Room,
    target: &mut Target,
    entry: &Entry,
    now: Instant,
    written: &mut Vec<Vec<u8>>,
) -> std::io::Result<()> {
    target.begin(now)?;
    while let Some(count) = target.write_first(now)? {
        entry.done(count, &room.bell);
        written.extend(target.backlog.pop_front());
    }
    Ok(())
}

fn to_press(desk: &Desk) -> Option<u64> {
    if desk.pressing.is_some() {
        return None;
    }
    desk.files.iter().find(|(_, mail)| mail.to_press && mail.target.is_some()).map(|(key, _)| *key)
}

/// Has the newest file that is not compressed yet compressed.
fn begin_pressing<'a>(room: &'a Arc<Room>, mut desk: MutexGuard<'a, Desk>, key: u64) -> MutexGuard<'a, Desk> {
    let Some(mail) = desk.files.get_mut(&key) else { return desk };
    mail.to_press = false;
    let Some((base, keep)) = mail.target.as_ref().and_then(|target| target.wants_press()) else {
        return desk;
    };
    let entry = Arc::clone(&mail.entry);
    drop(desk);
    let theirs = Arc::clone(room);
    let tell = move |pressed| {
        let mut desk = theirs.desk();
        desk.pressed = Some(pressed);
        theirs.release(desk);
    };
    let begun = shelf::newest_plain(&base, keep).map(|source| press::begin(source, base, keep, tell));
    if let Some(Err(error)) = &begun {
        tell_of_pressing(room, &entry, error);
    }
    let mut desk = room.desk();
    desk.pressing = matches!(begun, Some(Ok(()))).then_some(key);
    desk
}

/// The compressed file takes the place of the other, which may have moved on meanwhile.
fn finish_pressing<'a>(room: &'a Room, desk: MutexGuard<'a, Desk>, pressed: Pressed) -> MutexGuard<'a, Desk> {
    drop(desk);
    let result = pressed.finish();
    let mut desk = room.desk();
    let Some(key) = desk.pressing.take() else { return desk };
    if let Some(mail) = desk.files.get_mut(&key) {
        match result {
            // There may be another one.
            Ok(()) => mail.to_press = true,
            // It is tried again when the next is put away.
            Err(error) => tell_of_pressing(room, &mail.entry, &error),
        }
    }
    // If it was closed meanwhile, it goes now.
    desk.call(key);
    desk
}

fn tell_of_pressing(room: &Room, entry: &Entry, error: &std::io::Error) {
    let (path, why) = (entry.path.display(), error_text(error));
    let told = format!("cannot compress {path}.1: {why}; it stays as it is");
    entry.tell(Notice::Told(told), &room.bell);
}
