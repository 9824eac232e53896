//! What is made of a whole table: manual pages and completions of that of the verbs, JSON schemas of that of the keys.
//! Tests make them and keep them in `docs`, the build packs what is there: their generators would be a twentieth of the
//! file.

use flate2::bufread::DeflateDecoder;
use std::io::Read;

/// The texts, each with the name of its file.
pub(super) fn texts() -> Vec<(String, String)> {
    const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/generated.deflated"));
    let mut all = String::new();
    // The build has packed it whole.
    let _ = DeflateDecoder::new(PACKED).read_to_string(&mut all);
    let mut parts = all.split_terminator('\0').map(str::to_owned);
    std::iter::from_fn(|| parts.next().zip(parts.next())).collect()
}

/// The text that is kept under this name.
pub(super) fn text(name: &str) -> Option<String> {
    texts().into_iter().find_map(|(file, text)| (file == name).then_some(text))
}
