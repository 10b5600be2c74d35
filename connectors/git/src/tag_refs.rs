//! The tags of a repository, read from `packed-refs` and `refs/tags` themselves. Libgit2 sorts all references before
//! it names the first, and a server's clone may have a hundred thousand that are no tags. It must not know what the
//! tags point at.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use git2::Oid;

/// Folders inside `refs/tags` deeper than this are not looked at.
const DEEPEST: u8 = 16;

/// A file that was written this recently may be written again without a trace in its stamp.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Names (without `refs/tags/`) and targets.
pub(crate) type Tags = BTreeMap<Vec<u8>, Oid>;

/// The tags of one repository. A large `packed-refs` is not read again while it is the same file: git puts a new one in
/// its place and knows by these stamps too whether it did.
#[derive(Default)]
pub(crate) struct TagRefs(Mutex<Option<(Stamp, Arc<Tags>)>>);

impl TagRefs {
    /// What is there now, in the folder that all work trees of a repository share.
    pub(crate) fn load(&self, common_folder: &Path) -> Arc<Tags> {
        let packed = self.packed(&common_folder.join("packed-refs"));
        let mut loose = Tags::new();
        add_loose(&common_folder.join("refs/tags"), b"", DEEPEST, &mut loose);
        if loose.is_empty() {
            return packed;
        }
        // A loose reference overrides a packed one.
        let mut tags = Arc::unwrap_or_clone(packed);
        tags.extend(loose);
        Arc::new(tags)
    }

    fn packed(&self, path: &Path) -> Arc<Tags> {
        // A repository without packed references has no such file.
        let Ok(mut file) = File::open(path) else { return Arc::default() };
        let stamp = file.metadata().ok().and_then(|metadata| Stamp::of(&metadata));
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, tags)) = known().as_ref()
            && Some(*known) == stamp
        {
            return Arc::clone(tags);
        }
        let mut packed = Vec::new();
        if file.read_to_end(&mut packed).is_err() {
            return Arc::default();
        }
        let tags: Arc<Tags> = Arc::new(packed.split(|&byte| byte == b'\n').filter_map(packed_tag).collect());
        *known() = stamp.filter(Stamp::is_settled).map(|stamp| (stamp, Arc::clone(&tags)));
        tags
    }
}

/// What tells one state of a file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    written_at: SystemTime,
    bytes: u64,
    number: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Option<Self> {
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let number = 0;
        Some(Stamp { written_at: metadata.modified().ok()?, bytes: metadata.len(), number })
    }

    fn is_settled(&self) -> bool {
        SystemTime::now().duration_since(self.written_at).is_ok_and(|age| age >= SETTLED_AFTER)
    }
}

/// `<40 hexadecimal digits> refs/tags/<name>`; anything else is another reference, a comment or a peeled target.
fn packed_tag(line: &[u8]) -> Option<(Vec<u8>, Oid)> {
    let (target, name) = line.split_at_checked(40)?;
    let name = name.strip_prefix(b" refs/tags/")?;
    Some((name.to_vec(), oid(target)?))
}

fn add_loose(folder: &Path, prefix: &[u8], depth_left: u8, tags: &mut Tags) {
    let Ok(files) = std::fs::read_dir(folder) else { return };
    for file in files.flatten() {
        let name = [prefix, file.file_name().as_encoded_bytes()].concat();
        match file.file_type() {
            Ok(kind) if kind.is_dir() && depth_left > 0 => {
                add_loose(&file.path(), &[&name[..], b"/"].concat(), depth_left - 1, tags);
            }
            Ok(kind) if kind.is_file() => {
                let content = std::fs::read(file.path()).unwrap_or_default();
                tags.extend(content.get(..40).and_then(oid).map(|target| (name, target)));
            }
            _ => {}
        }
    }
}

fn oid(hex: &[u8]) -> Option<Oid> {
    Oid::from_str(std::str::from_utf8(hex).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_and_loose_tags_are_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(40));
        let packed = format!(
            "# pack-refs with: peeled\n{a} refs/heads/main\n{a} refs/tags/v1\n^{c}\n{a} refs/tags/v2\nshort\n"
        );
        std::fs::write(folder.path().join("packed-refs"), packed).unwrap();
        std::fs::create_dir_all(folder.path().join("refs/tags/web")).unwrap();
        std::fs::write(folder.path().join("refs/tags/v2"), format!("{b}\n")).unwrap();
        std::fs::write(folder.path().join("refs/tags/web/v3"), format!("{b}\n")).unwrap();
        std::fs::write(folder.path().join("refs/tags/v4.lock"), "").unwrap();
        let tags = TagRefs::default().load(folder.path());
        let told: Vec<(String, String)> =
            tags.iter().map(|(name, oid)| (String::from_utf8_lossy(name).into(), oid.to_string())).collect();
        let tag = |name: &str, target: &String| (name.to_owned(), target.clone());
        assert_eq!(told, [tag("v1", &a), tag("v2", &b), tag("web/v3", &b)]);
    }

    #[test]
    fn a_folder_without_references_has_no_tags() {
        assert!(TagRefs::default().load(Path::new("/nowhere")).is_empty());
    }

    #[test]
    fn a_file_that_was_replaced_is_read_again_and_one_that_was_not_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packed-refs");
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        let replace = |digit: &str, written_at: SystemTime| {
            let new = folder.path().join("packed-refs.new");
            std::fs::write(&new, format!("{} refs/tags/v1\n", digit.repeat(40))).unwrap();
            File::options().append(true).open(&new).unwrap().set_modified(written_at).unwrap();
            std::fs::rename(&new, &path).unwrap();
        };
        let refs = TagRefs::default();
        let target = || refs.load(folder.path()).values().next().unwrap().to_string();
        replace("a", hour_ago);
        assert_eq!(target(), "a".repeat(40));
        assert!(Arc::ptr_eq(&refs.load(folder.path()), &refs.load(folder.path())));
        replace("b", hour_ago);
        assert_eq!(target(), "b".repeat(40));
        replace("c", SystemTime::now());
        assert_eq!(target(), "c".repeat(40));
        assert!(
            !Arc::ptr_eq(&refs.load(folder.path()), &refs.load(folder.path())),
            "too fresh to be trusted"
        );
    }
}
