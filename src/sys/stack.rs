//! The stacks on which children run until exec.

use std::ptr::NonNull;

/// What a child's stack can grow to; only what is touched costs memory. The child needs less than a page of it; the
/// rest is for the frame of a signal on machines with large vector registers.
const SIZE: usize = 32 << 10;

/// A stack with an unmapped page below it, so that an overflow could not reach the supervisor's own memory.
#[derive(Debug)]
pub(super) struct Stack {
    base: NonNull<libc::c_void>,
    length: usize,
}

// SAFETY: it owns its mapping; nothing in it belongs to a thread.
unsafe impl Send for Stack {}

impl Stack {
    /// Maps a new stack; `None` when there is no memory.
    pub(super) fn new() -> Option<Self> {
        // SAFETY: sysconf(3) takes no memory.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let length = SIZE.next_multiple_of(page) + page;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        // SAFETY: a new anonymous mapping where the kernel likes, which replaces nothing.
        let base = unsafe {
            libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0)
        };
        if base == libc::MAP_FAILED {
            return None;
        }
        let stack = Self { base: NonNull::new(base)?, length };
        // SAFETY: the first page of the mapping just made, in which nothing is yet.
        (unsafe { libc::mprotect(base, page, libc::PROT_NONE) } == 0).then_some(stack)
    }

    /// Its end, from which it grows down; aligned to a page.
    pub(super) fn top(&self) -> *mut usize {
        self.base.as_ptr().wrapping_byte_add(self.length).cast()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is this stack's own, and whoever drops it knows that no child is on it.
        unsafe { libc::munmap(self.base.as_ptr(), self.length) };
    }
}

/// How many children may be between clone and exec at a time on borrowed stacks.
const MOST: usize = 16;
/// How many free stacks are kept mapped for a restart now and then.
const KEPT: usize = 2;

/// Lends stacks to children.
pub(super) struct Pool {
    free: Vec<Stack>,
    lent: usize,
    /// How many free stacks are kept. All of them until [`Pool::calm`]: to unmap one interrupts the processor on which
    /// another child is on its way to exec.
    kept: usize,
}

impl Default for Pool {
    fn default() -> Self {
        Self { free: Vec::new(), lent: 0, kept: MOST }
    }
}

impl Pool {
    /// The many starts are over: from here on few free stacks are kept.
    pub(super) fn calm(&mut self) {
        self.kept = KEPT;
        self.free.truncate(KEPT);
        self.free.shrink_to_fit();
    }

    /// Whether [`Pool::lend`] has one to give.
    pub(super) fn ready(&self) -> bool {
        self.lent < MOST
    }

    /// A stack; `None` when all are lent or there is no memory.
    pub(super) fn lend(&mut self) -> Option<Stack> {
        if !self.ready() {
            return None;
        }
        let stack = self.free.pop().or_else(Stack::new)?;
        self.lent += 1;
        Some(stack)
    }

    /// Takes a stack back on which no child is any more.
    pub(super) fn give_back(&mut self, stack: Stack) {
        self.lent = self.lent.saturating_sub(1);
        if self.free.len() < self.kept {
            self.free.push(stack);
        }
    }

    /// How many are lent.
    pub(super) fn lent(&self) -> usize {
        self.lent
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_lent_up_to_the_limit_and_few_are_kept_when_it_is_calm() {
        let mut pool = Pool::default();
        let stacks: Vec<_> = std::iter::from_fn(|| pool.lend()).collect();
        assert_eq!(stacks.len(), MOST);
        assert!(!pool.ready());
        for stack in stacks {
            assert_eq!(stack.top() as usize % 16, 0);
            // SAFETY: the word below the top is the stack's own.
            unsafe { stack.top().sub(1).write(7) };
            pool.give_back(stack);
        }
        assert!(pool.ready());
        assert_eq!((pool.lent(), pool.free.len()), (0, MOST));
        pool.calm();
        assert_eq!(pool.free.len(), KEPT);
        let stacks: Vec<_> = std::iter::from_fn(|| pool.lend()).collect();
        stacks.into_iter().for_each(|stack| pool.give_back(stack));
        assert_eq!((pool.lent(), pool.free.len()), (0, KEPT));
    }
}
