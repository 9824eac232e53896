//! Giving back memory that only the start needed.

/// Gives back to the kernel what reading the configuration and starting left over: free pages of the heap, and the
/// pages of this program's own code, which come back from the page cache as they are used, one minor fault for each 64
/// KiB. An idle supervisor is then charged for the little code that it uses, not for all that it once used.
pub fn give_back() {
    // SAFETY: takes no pointer; malloc_trim(3) may be called at any time.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
    let (start, length) = code();
    // SAFETY: see there; nothing is given back that would not come again.
    unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(start), length, libc::MADV_DONTNEED) };
}

const PAGE: usize = 4096;

/// Has the pages around the start of a function be a mapping of their own, so that the kernel, which brings in up to 64 KiB
/// around a page that is needed, brings in no more than these.
pub(super) fn keep_apart(function: *const ()) {
    let (start, length) = code();
    let page = function.addr() / PAGE * PAGE;
    if page >= start && page.saturating_add(2 * PAGE) <= start.saturating_add(length) {
        // SAFETY: pages of this program's code; the advice, which is for read-ahead, changes nothing in them.
        unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(page), 2 * PAGE, libc::MADV_RANDOM) };
    }
}

/// No range, where it is not known what is never written.
#[cfg(not(all(target_os = "linux", target_feature = "crt-static")))]
pub(super) fn code() -> (usize, usize) {
    (0, 0)
}

/// The address and the length of this program's own code. Only in a static program, whose linker defines where its one image
/// begins and where its code ends. Before that end nothing is ever written: relocated data come behind it. So this is a
/// read-only image, mapped privately from its file, and dropping the mapping of its pages (madvise(2), MADV_DONTNEED) brings
/// the same bytes back.
#[cfg(all(target_os = "linux", target_feature = "crt-static"))]
pub(super) fn code() -> (usize, usize) {
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    // SAFETY: sysconf(3) takes a number.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(PAGE);
    let start = (&raw const __executable_start).addr().next_multiple_of(page);
    let end = (&raw const etext).addr() / page * page;
    (start, end.saturating_sub(start))
}
