//! The tags of a repository, read from `packed-refs` and `refs/tags` themselves. Libgit2 sorts all references before
//! it names the first, and a server's clone may have a hundred thousand that are no tags. It must not know what the
//! tags point at.

use std::collections::BTreeMap;
use std::path::Path;

use git2::Oid;

/// Folders inside `refs/tags` deeper than this are not looked at.
const DEEPEST: u8 = 16;

/// Names (without `refs/tags/`) and targets, from the folder that all work trees of a repository share.
pub(crate) fn tag_refs(common_folder: &Path) -> BTreeMap<Vec<u8>, Oid> {
    let mut tags = BTreeMap::new();
    // A repository without packed references has no such file.
    let packed = std::fs::read(common_folder.join("packed-refs")).unwrap_or_default();
    tags.extend(packed.split(|&byte| byte == b'\n').filter_map(packed_tag));
    // A loose reference overrides a packed one.
    add_loose(&common_folder.join("refs/tags"), b"", DEEPEST, &mut tags);
    tags
}

/// `<40 hexadecimal digits> refs/tags/<name>`; anything else is another reference, a comment or a peeled target.
fn packed_tag(line: &[u8]) -> Option<(Vec<u8>, Oid)> {
    let (target, name) = line.split_at_checked(40)?;
    let name = name.strip_prefix(b" refs/tags/")?;
    Some((name.to_vec(), oid(target)?))
}

fn add_loose(folder: &Path, prefix: &[u8], depth_left: u8, tags: &mut BTreeMap<Vec<u8>, Oid>) {
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
        let tags = tag_refs(folder.path());
        let told: Vec<(String, String)> =
            tags.iter().map(|(name, oid)| (String::from_utf8_lossy(name).into(), oid.to_string())).collect();
        let tag = |name: &str, target: &String| (name.to_owned(), target.clone());
        assert_eq!(told, [tag("v1", &a), tag("v2", &b), tag("web/v3", &b)]);
    }

    #[test]
    fn a_folder_without_references_has_no_tags() {
        assert!(tag_refs(Path::new("/nowhere")).is_empty());
    }
}
