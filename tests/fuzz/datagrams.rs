//! Bytes as a service could send them, to the reader of notifications.
//!
//! The first byte says how many descriptors come with the rest.
#![no_main]
#![allow(missing_docs)]

use foster::model::{LONGEST_NOTIFICATION, Malformed, Notification, Store};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&descriptors, text)) = data.split_first() else { return };
    match Notification::parse(text, usize::from(descriptors)) {
        Ok(said) => {
            assert!(text.len() <= LONGEST_NOTIFICATION);
            assert!(!said.barrier || (descriptors == 1 && said == Notification { barrier: true, ..Notification::default() }));
            assert!(!said.stopping || !(said.ready || said.reloading));
            assert!(said.main.is_none_or(|pid| pid > 1) && said.extend != Some(0));
            let status = said.status.as_deref().unwrap_or_default();
            assert!(status.len() <= 1024 && !status.chars().any(char::is_control), "{status:?}");
            if let Some(Store::Keep { name, .. } | Store::Drop(name)) = &said.store {
                let fits = name.len() <= 255 && name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b':');
                assert!(fits, "{name:?}");
            }
        }
        Err(Malformed::TooLong) => assert!(text.len() > LONGEST_NOTIFICATION),
        Err(Malformed::Nul) => assert!(text.contains(&0)),
        Err(Malformed::Empty | Malformed::Barrier) => {}
    }
});
