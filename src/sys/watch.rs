//! Waiting in the runtime for a descriptor of our own.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A descriptor that the runtime watches for being readable.
#[derive(Debug)]
pub struct Watch(AsyncFd<OwnedFd>);

impl Watch {
    /// Watches a copy of `fd`. Inside the runtime only.
    ///
    /// # Errors
    /// No descriptor is to be had, or it cannot be watched.
    pub fn new(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let copy = fd.try_clone_to_owned()?;
        // SAFETY: the copy is open and is nobody else's; it is never exchanged, for it is private here, and the
        // registration drops it only after it has deregistered it.
        let watched = unsafe { AsyncFd::register_with_interest(copy, Interest::READABLE) };
        Ok(Self(watched.map_err(|error| error.into_parts().1)?))
    }

    /// Waits until it is readable. It is taken to stay so until [`Watch::forget`].
    ///
    /// # Errors
    /// The runtime is ending.
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await.map(|mut ready| ready.retain_ready())
    }

    /// It was seen not to be readable any more.
    pub fn forget(&self) {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        if let std::task::Poll::Ready(Ok(mut ready)) = self.0.poll_read_ready(&mut context) {
            ready.clear_ready();
        }
    }
}
