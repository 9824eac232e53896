//! A service that answers, as the test says: the helper that readiness and health are tried on.

use super::helper::say;
use super::pause;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

/// `answer NAME PLACE`: says `up NAME PID`, listens as soon as the file `go` is in the directory of the test, and then
/// says `asked NAME` for each connection. `http=ADDRESS` answers each with what the file `answer` holds then, not at all
/// if that is empty; `tcp=ADDRESS` and `unix=PATH` accept.
pub fn answer(name: &str, place: &str) -> i32 {
    let directory = PathBuf::from(std::env::var_os("DIRECTORY").unwrap_or_default());
    say(&format!("up {name} {}", std::process::id()));
    while !directory.join("go").exists() {
        pause(Duration::from_millis(2));
    }
    match place.split_once('=') {
        Some(("unix", path)) => {
            let _ = std::fs::remove_file(path);
            let listener = UnixListener::bind(path).unwrap();
            listener.incoming().for_each(|_| say(&format!("asked {name}")));
        }
        Some((kind, address)) => {
            let listener = TcpListener::bind(address).unwrap();
            let mut silent = Vec::new();
            for mut stream in listener.incoming().flatten() {
                if kind == "http" {
                    let mut request = Vec::new();
                    let mut piece = [0; 1024];
                    while !request.ends_with(b"\r\n\r\n") {
                        match stream.read(&mut piece) {
                            Ok(count @ 1..) => request.extend_from_slice(&piece[..count]),
                            _ => break,
                        }
                    }
                    let answer = std::fs::read(directory.join("answer")).unwrap_or_default();
                    let _ = std::fs::write(directory.join("request"), &request);
                    let _ = stream.write_all(&answer);
                    if answer.is_empty() {
                        silent.push(stream);
                    }
                }
                say(&format!("asked {name}"));
            }
        }
        None => return 64,
    }
    0
}
