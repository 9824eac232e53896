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
    drop_code();
}

/// Gives back the pages of this program's own code; those that are used come back. Only in a static program, whose linker
/// defines where its one image begins and where its code ends. Before that end nothing is ever written: relocated data
/// come behind it.
#[cfg(not(all(target_os = "linux", target_feature = "crt-static")))]
pub fn drop_code() {}

/// Gives back the pages of this program's own code; those that are used come back. Only in a static program, whose linker
/// defines where its one image begins and where its code ends. Before that end nothing is ever written: relocated data
/// come behind it.
#[cfg(all(target_os = "linux", target_feature = "crt-static"))]
pub fn drop_code() {
    unsafe extern "C" {
        static __executable_start: u8;
        static etext: u8;
    }
    const PAGE: usize = 4096;
    // SAFETY: sysconf(3) takes a number.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(PAGE);
    let start = (&raw const __executable_start).addr().next_multiple_of(page);
    let end = (&raw const etext).addr() / page * page;
    if let Some(length) = end.checked_sub(start) {
        // SAFETY: the range is this program's read-only image, mapped privately from its file and never written, so
        // that dropping the mapping of its pages (madvise(2), MADV_DONTNEED) brings the same bytes back.
        unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(start), length, libc::MADV_DONTNEED) };
    }
}
