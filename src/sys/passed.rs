//! What a child gets beside the three standard descriptors: further ones, and variables that name its own pid.

use libc::{c_char, c_int};
use std::cell::Cell;

/// Made by the parent, carried out by the child.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// What the parent has open, and where the child is to have it: 3 or above, each once.
    pub(super) fds: Vec<(Cell<c_int>, c_int)>,
    /// Variables that the child completes, for nobody knows its pid before.
    pub(super) own_pid: Vec<PidVariable>,
}

/// `NAME=`, and room for the digits of a pid and a NUL.
#[derive(Debug)]
pub(super) struct PidVariable {
    text: Box<[Cell<u8>]>,
    digits: usize,
}

/// Digits of the largest number of 32 bits.
const DIGITS: usize = 10;

impl PidVariable {
    pub(super) fn new(name: &str) -> Self {
        let start = name.bytes().chain([b'=']);
        Self { text: start.chain([0; DIGITS + 1]).map(Cell::new).collect(), digits: name.len() + 1 }
    }

    /// For execve(2); good for as long as `self` is.
    pub(super) fn as_ptr(&self) -> *const c_char {
        self.text.as_ptr().cast()
    }

    /// Fills in the number. Called by the child: it allocates nothing and cannot panic.
    pub(super) fn write(&self, pid: u32) {
        let (mut rest, mut length) = (pid, 1);
        while rest >= 10 {
            rest /= 10;
            length += 1;
        }
        let mut rest = pid;
        for place in self.text.iter().skip(self.digits).take(length).rev() {
            place.set(b'0'.wrapping_add((rest % 10) as u8));
            rest /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_of_any_length_is_written_out() {
        for pid in [1, 9, 10, 4_194_304, u32::MAX] {
            let variable = PidVariable::new("LISTEN_PID");
            variable.write(pid);
            let text: Vec<u8> = variable.text.iter().map(Cell::get).take_while(|byte| *byte != 0).collect();
            assert_eq!(String::from_utf8_lossy(&text), format!("LISTEN_PID={pid}"));
            assert!(variable.text.last().is_some_and(|end| end.get() == 0));
        }
    }
}
