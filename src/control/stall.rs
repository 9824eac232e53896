//! A connection that ends itself when its client takes nothing of what is written to it.

use hyper::rt::{Read, ReadBufCursor, Write};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Both directions of a connection. One type for all kinds, for all that is made of it is large.
pub(super) trait Duplex: Read + Write + Unpin + Send {}

impl<T: Read + Write + Unpin + Send> Duplex for T {}

/// A stream whose writes fail when they have had to wait for so long. Its timer exists only while one waits.
pub(super) struct Stall {
    stream: Box<dyn Duplex>,
    patience: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    pub(super) fn new(stream: Box<dyn Duplex>, patience: Duration) -> Self {
        Self { stream, patience, deadline: None }
    }

    /// Passes on what a write came to.
    fn judge<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let patience = self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(deadline.as_mut().poll(context));
        deadline.as_mut().reset(Instant::now() + patience);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for Stall {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Stall {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper_util::rt::TokioIo;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test);
    }

    /// Writes until it is over, and tells how that was and how many bytes went.
    async fn fill(stream: &mut Stall) -> (io::Error, usize) {
        let mut sum = 0;
        loop {
            match poll_fn(|context| Pin::new(&mut *stream).poll_write(context, &[0; 4096])).await {
                Ok(count) => sum += count,
                Err(error) => return (error, sum),
            }
        }
    }

    #[test]
    fn a_client_that_takes_nothing_is_given_up() {
        run(async {
            let (ours, _theirs) = UnixStream::pair().unwrap();
            let mut stream = Stall::new(Box::new(TokioIo::new(ours)), Duration::from_millis(20));
            let (error, sum) = fill(&mut stream).await;
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(sum > 0, "the socket itself has room");
        });
    }

    #[test]
    fn a_client_that_takes_a_little_now_and_then_has_all_of_the_time_again() {
        run(async {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let mut stream = Stall::new(Box::new(TokioIo::new(ours)), Duration::from_secs(3600));
            let mut buffer = vec![0; 1 << 20];
            let mut last = None;
            for _ in 0..3 {
                let cram = |context: &mut Context<'_>| {
                    while Pin::new(&mut stream).poll_write(context, &[0; 4096]).is_ready() {}
                    Poll::Ready(())
                };
                poll_fn(cram).await;
                let deadline = stream.deadline.as_ref().map(|timer| timer.deadline());
                assert!(deadline > last, "it is {deadline:?} still");
                last = deadline;
                assert!(theirs.read(&mut buffer).await.unwrap() > 0);
                poll_fn(|context| Pin::new(&mut stream).poll_write(context, &[0])).await.unwrap();
                assert!(stream.deadline.is_none());
                // Tokio lets one that never waits have nothing ready now and then.
                tokio::task::yield_now().await;
            }
        });
    }
}
