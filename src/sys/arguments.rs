//! The command line and the environment as the kernel handed them over, for `foster init`, which starts no runtime that
//! would copy them.

use libc::c_char;
use std::ffi::CStr;

/// Where glibc says, to what runs before `main`, that the words of the command line are.
#[cfg(target_env = "gnu")]
mod words {
    use libc::{c_char, c_int};
    use std::ptr::null_mut;
    use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

    pub(super) static COUNT: AtomicUsize = AtomicUsize::new(0);
    pub(super) static FIRST: AtomicPtr<*const c_char> = AtomicPtr::new(null_mut());

    #[used]
    #[unsafe(link_section = ".init_array")]
    static KEEP: extern "C" fn(c_int, *mut *const c_char) = keep;

    extern "C" fn keep(count: c_int, first: *mut *const c_char) {
        COUNT.store(usize::try_from(count).unwrap_or(0), Ordering::Relaxed);
        FIRST.store(first, Ordering::Relaxed);
    }
}

/// The words of the command line, the name of the program included.
#[cfg(target_env = "gnu")]
#[must_use]
pub fn arguments() -> Vec<&'static CStr> {
    use std::sync::atomic::Ordering::Relaxed;
    let first = words::FIRST.load(Relaxed);
    let word = |index| {
        // SAFETY: glibc hands its functions of .init_array the vector that the kernel made: so many pointers to strings that
        // live as long as the process. Nobody changes them.
        unsafe { CStr::from_ptr(*first.add(index)) }
    };
    if first.is_null() { Vec::new() } else { (0..words::COUNT.load(Relaxed)).map(word).collect() }
}

/// The words of the command line, the name of the program included.
#[cfg(not(target_env = "gnu"))]
#[must_use]
pub fn arguments() -> Vec<&'static CStr> {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStringExt;
    // A word of the command line has no NUL byte.
    let words = std::env::args_os().filter_map(|word| CString::new(word.into_vec()).ok());
    words.map(|word| &*Box::leak(word.into_boxed_c_str())).collect()
}

/// The value of a variable of the environment that this process was given.
#[must_use]
pub fn variable(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: a C string; this program never changes its environment, so the value lives as long as the process.
    unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value))
    }
}

/// The environment as execve(2) takes it.
pub(super) fn environment() -> *const *const c_char {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    // SAFETY: libc has set it before anything of this program ran, and nobody changes it.
    unsafe { environ }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn the_words_are_those_that_everybody_sees() {
        let known: Vec<_> = std::env::args_os().collect();
        let words = arguments();
        assert!(!words.is_empty());
        assert!(words.iter().map(|word| word.to_bytes()).eq(known.iter().map(|word| word.as_bytes())));
        assert_eq!(
            variable(c"PATH").map(CStr::to_bytes),
            std::env::var_os("PATH").as_deref().map(OsStrExt::as_bytes)
        );
        assert_eq!(variable(c"FOSTER_NO_SUCH_VARIABLE"), None);
    }
}
