//! A memory cgroup around one run: what a container's limit sees, kernel memory included.

use crate::procfs::field;
use std::fs;
use std::path::PathBuf;

pub struct Cgroup {
    pub path: PathBuf,
    unified: bool,
}

impl Cgroup {
    /// A fresh one, or why there is none.
    pub fn create(label: &str) -> Result<Self, String> {
        let name = format!("foster-bench-{}-{label}", std::process::id());
        let mut why = String::from("no cgroup with a memory controller is mounted");
        for (root, unified) in
            [("/sys/fs/cgroup", true), ("/sys/fs/cgroup/unified", true), ("/sys/fs/cgroup/memory", false)]
        {
            let root = PathBuf::from(root);
            if unified {
                let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
                if !controllers.split_whitespace().any(|one| one == "memory") {
                    continue;
                }
                let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
            } else if !root.join("memory.usage_in_bytes").exists() {
                continue;
            }
            let path = root.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => {
                    let cgroup = Self { path, unified };
                    if cgroup.read().is_some() {
                        return Ok(cgroup);
                    }
                    why = format!("{} has no memory statistics", cgroup.path.display());
                }
                Err(error) => why = format!("cannot create {}: {error}", path.display()),
            }
        }
        Err(why)
    }

    /// Kernel and anonymous memory in MiB.
    pub fn read(&self) -> Option<(f64, f64)> {
        let stat = fs::read_to_string(self.path.join("memory.stat")).ok()?.replace(' ', ": ");
        let bytes = |name: &str| field(&stat, name)?.parse::<f64>().ok();
        let mib = 1024.0 * 1024.0;
        if self.unified {
            return Some((bytes("kernel")? / mib, bytes("anon")? / mib));
        }
        let kernel = fs::read_to_string(self.path.join("memory.kmem.usage_in_bytes")).ok()?;
        Some((kernel.trim().parse::<f64>().ok()? / mib, bytes("total_rss").or_else(|| bytes("rss"))? / mib))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}
