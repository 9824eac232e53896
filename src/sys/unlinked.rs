//! What a static release has no use of, and leaves out: these definitions are found before those of libc.a and
//! libgcc_eh.a, which are not linked then, nor what only they need.
//!
//! Where a panic aborts, nobody unwinds; and a file without symbols and without tables for unwinding (`discard.ld`)
//! cannot show a backtrace either, but would carry the reader of DWARF that std's panic message has for it.

use libc::{c_int, c_void, pthread_attr_t, pthread_t};

/// pthread_getattr_np(3), which has std tell an overflow of the stack from other bad accesses. glibc's reads
/// /proc/self/maps with scanf, at every start. Without an answer, an overflow is a SIGSEGV like any other.
// SAFETY: the signature is that of libc, and callers look at the error before the attributes.
#[unsafe(no_mangle)]
extern "C" fn pthread_getattr_np(_: pthread_t, _: *mut pthread_attr_t) -> c_int {
    libc::ENOSYS
}

/// Calls nothing for no frame. `_URC_END_OF_STACK` of the Itanium C++ ABI, exception handling, 1.1.
// SAFETY: the signature is that of unwind.h, as it is of all below.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_: *const c_void, _: *mut c_void) -> c_int {
    5
}

/// What only somebody calls who unwinds.
macro_rules! never_called {
    ($($name:ident($($argument:ty),*)$( -> $result:ty)?;)+) => {$(
        // SAFETY: as above.
        #[unsafe(no_mangle)]
        extern "C" fn $name($(_: $argument),*) $(-> $result)? {
            std::process::abort()
        }
    )+};
}

never_called! {
    _Unwind_DeleteException(*mut c_void);
    _Unwind_FindEnclosingFunction(*mut c_void) -> *mut c_void;
    _Unwind_ForcedUnwind(*mut c_void, *const c_void, *mut c_void) -> c_int;
    _Unwind_GetCFA(*mut c_void) -> usize;
    _Unwind_GetDataRelBase(*mut c_void) -> usize;
    _Unwind_GetGR(*mut c_void, c_int) -> usize;
    _Unwind_GetIP(*mut c_void) -> usize;
    _Unwind_GetIPInfo(*mut c_void, *mut c_int) -> usize;
    _Unwind_GetLanguageSpecificData(*mut c_void) -> *mut c_void;
    _Unwind_GetRegionStart(*mut c_void) -> usize;
    _Unwind_GetTextRelBase(*mut c_void) -> usize;
    _Unwind_RaiseException(*mut c_void) -> c_int;
    _Unwind_Resume(*mut c_void);
    _Unwind_Resume_or_Rethrow(*mut c_void) -> c_int;
    _Unwind_SetGR(*mut c_void, c_int, usize);
    _Unwind_SetIP(*mut c_void, usize);
    __gcc_personality_v0(c_int, c_int, u64, *mut c_void, *mut c_void) -> c_int;
}
