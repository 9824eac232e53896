//! Bytes from a client, through hyper, the routes and the reading of bodies, to a shell that has an answer for everything.
//!
//! The first byte says what the client has connected to and whether it may act, and into pieces of which length the rest is
//! cut.
#![no_main]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use foster::control::{Answer, Ask, Busy, Call, Site, converse_over};
use hyper_util::rt::TokioIo;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::mpsc;
use tokio::task::yield_now;

/// Turns without a byte after which nothing more is expected.
const QUIET: usize = 20;

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (ours, mut theirs) = duplex(4096);
        let (sender, calls) = mpsc::channel(4);
        let site = if first & 2 == 2 { Site::Pages } else { Site::Control { may_act: first & 1 == 1 } };
        let server = tokio::spawn(converse_over(TokioIo::new(ours), site, Busy::default(), sender));
        let shell = tokio::spawn(answer_all(calls));
        let mut answers = Vec::new();
        for piece in rest.chunks(1 + usize::from(first >> 2)) {
            if theirs.write_all(piece).await.is_err() {
                break;
            }
            take(&mut theirs, &mut answers, 1).await;
        }
        take(&mut theirs, &mut answers, QUIET).await;
        assert!(answers.is_empty() || answers.starts_with(b"HTTP/1."), "it answers something else than HTTP");
        drop(theirs);
        assert!(server.await.is_ok(), "the connection panicked");
        assert!(shell.await.is_ok());
    });
});

/// Takes what is there, until nothing comes for so many turns. A stream never ends by itself, so it is left then.
async fn take(stream: &mut tokio::io::DuplexStream, to: &mut Vec<u8>, turns: usize) {
    let mut quiet = 0;
    let mut buffer = [0; 4096];
    while quiet < turns && to.len() < 1 << 20 {
        tokio::select! {
            biased;
            count = stream.read(&mut buffer) => match count {
                Ok(count @ 1..) => {
                    to.extend_from_slice(&buffer[..count]);
                    quiet = 0;
                }
                _ => return,
            },
            () = yield_now() => quiet += 1,
        }
    }
}

async fn answer_all(mut calls: mpsc::Receiver<Call>) {
    let mut streamed = 0;
    while let Some(Call { ask, may_act, reply }) = calls.recv().await {
        let acts = matches!(
            ask,
            Ask::Act(..)
                | Ask::Signal(_)
                | Ask::Apply(_)
                | Ask::Shutdown(_)
                | Ask::Logs(_)
                | Ask::MoreLogs(_)
        );
        assert!(may_act || !acts, "somebody acts who may not: {ask:?}");
        match ask {
            Ask::Events(_) | Ask::Logs(_) | Ask::MoreLogs(_) if streamed < 100 => {
                streamed += 1;
                let more = Some(Ask::MoreLogs(Box::new(()))).filter(|_| may_act && streamed % 7 != 0);
                reply.send(Answer::Lines { lines: b"{\"line\":1}\n"[..].into(), more });
            }
            // Who asked waits for ever, or until it leaves.
            Ask::Wait(wait) if wait.timeout.is_none() => drop(reply),
            ask => reply.json(200, &format!("{ask:?}")),
        }
    }
}
