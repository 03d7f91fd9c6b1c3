//! A folder as the kubelet mounts a Secret or a ConfigMap.
//!
//! Each file is a link through `..data`, which is a link to a folder of its own for each version. A change
//! is a new folder, and one rename of the link in the middle.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A mounted Secret or ConfigMap.
#[derive(Debug)]
pub struct Volume {
    folder: PathBuf,
    version: u32,
}

impl Volume {
    /// Mounts these entries, each a name and what it holds.
    pub fn mount(folder: &Path, entries: &[(&str, &str)]) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let mut volume = Self { folder: folder.to_owned(), version: 0 };
        volume.publish(entries);
        for (name, _) in entries {
            symlink(Path::new("..data").join(name), volume.file(name)).expect("a link");
        }
        volume
    }

    /// Where this entry is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Has the entries hold something else, all at once.
    pub fn publish(&mut self, entries: &[(&str, &str)]) {
        let folder_of = |version: u32| format!("..2026_11_20_10_00_00.{version}");
        let old = self.folder.join(folder_of(self.version));
        self.version += 1;
        let new = folder_of(self.version);
        fs::create_dir(self.folder.join(&new)).expect("a folder");
        for (name, content) in entries {
            fs::write(self.folder.join(&new).join(name), content).expect("a file");
        }
        symlink(&new, self.folder.join("..data_tmp")).expect("a link");
        fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data")).expect("a rename");
        if old.exists() {
            fs::remove_dir_all(old).expect("the old one goes");
        }
    }
}
