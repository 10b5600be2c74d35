//! Links reverts and relands to the changes they name, inside what is visible. Pure; it must not know git.

use std::collections::HashMap;

use crate::revert_message::{Mentions, bare_title, number_of};

/// A visible commit.
pub(crate) struct Visible<'a> {
    pub(crate) sha: String,
    pub(crate) title: &'a str,
    pub(crate) mentions: &'a Mentions,
}

/// What a commit is linked to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) reverts: Vec<Target>,
    pub(crate) relands: Vec<Target>,
    /// Places of the visible commits that reverted this one.
    pub(crate) reverted_by: Vec<usize>,
}

/// The other end of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A visible commit, by its place.
    Visible(usize),
    /// A commit outside of what is visible, by its full sha.
    Outside(String),
}

/// Links `commits`, which stand parents first. `outside` gives the full sha of a commit that is not among them but
/// exists and was already there, from its first digits.
pub(crate) fn link(commits: &[Visible<'_>], outside: &dyn Fn(&str) -> Option<String>) -> Vec<Links> {
    let index = Index::new(commits);
    let mut links: Vec<Links> = vec![Links::default(); commits.len()];
    for (place, commit) in commits.iter().enumerate() {
        let mentions = commit.mentions;
        let by_name = |title: &Option<String>| {
            title.as_deref().and_then(|title| index.latest_before(&index.titles, bare_title(title), place))
        };
        let mut reverts = named(&mentions.reverts, &index, place, outside);
        if reverts.is_empty() {
            for id in &mentions.reverts_change_ids {
                let target = index.with_change_id(id, place).map(Target::Visible);
                reverts.extend(target.filter(|target| !reverts.contains(target)));
            }
        }
        if reverts.is_empty() {
            let by_number = mentions
                .reverted_number
                .as_deref()
                .and_then(|number| index.latest_before(&index.numbers, number, place));
            reverts.extend(by_number.or_else(|| by_name(&mentions.reverted_title)).map(Target::Visible));
        }
        if reverts.is_empty() {
            // A sha that exists nowhere here: the commit was rebased. Its full name is still worth showing.
            reverts.extend(mentions.reverts.iter().filter(|s| s.len() == 40).cloned().map(Target::Outside));
        }
        let mut relands = named(&mentions.relands, &index, place, outside);
        if relands.is_empty() {
            relands.extend(by_name(&mentions.relanded_title).map(Target::Visible));
        }
        if relands.is_empty() && mentions.says == hearback_core::change::Says::Relands {
            // What the revert that is undone had reverted.
            for target in &reverts {
                if let Target::Visible(at) = target
                    && let Some(undone) = links.get(*at)
                {
                    relands.extend(undone.reverts.iter().cloned());
                }
            }
        }
        for target in &reverts {
            if let Target::Visible(at) = target
                && let Some(other) = links.get_mut(*at)
            {
                other.reverted_by.push(place);
            }
        }
        if let Some(own) = links.get_mut(place) {
            own.reverts = reverts;
            own.relands = relands;
        }
    }
    links
}

fn named(
    shas: &[String],
    index: &Index<'_>,
    place: usize,
    outside: &dyn Fn(&str) -> Option<String>,
) -> Vec<Target> {
    let mut targets = Vec::new();
    for sha in shas {
        let target = match index.with_prefix(sha) {
            Some(at) if at == place => None,
            Some(at) => Some(Target::Visible(at)),
            None => outside(sha).map(Target::Outside),
        };
        targets.extend(target.filter(|target| !targets.contains(target)));
    }
    targets
}

struct Index<'a> {
    shas: Vec<(&'a str, usize)>,
    change_ids: Vec<(&'a str, usize)>,
    titles: HashMap<&'a str, Vec<usize>>,
    numbers: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Index<'a> {
    fn new(commits: &'a [Visible<'a>]) -> Self {
        let mut index = Index {
            shas: Vec::new(),
            change_ids: Vec::new(),
            titles: HashMap::new(),
            numbers: HashMap::new(),
        };
        for (place, commit) in commits.iter().enumerate() {
            index.shas.push((&commit.sha, place));
            index.titles.entry(bare_title(commit.title)).or_default().push(place);
            index.change_ids.extend(commit.mentions.change_id.as_deref().map(|id| (id, place)));
            if let Some(number) = number_of(commit.title) {
                index.numbers.entry(number).or_default().push(place);
            }
        }
        index.shas.sort_unstable();
        index.change_ids.sort_unstable();
        index
    }

    /// The only visible commit whose sha begins so.
    fn with_prefix(&self, prefix: &str) -> Option<usize> {
        let start = self.shas.partition_point(|(sha, _)| *sha < prefix);
        let mut found = self.shas.get(start..)?.iter().take_while(|(sha, _)| sha.starts_with(prefix));
        match (found.next(), found.next()) {
            (Some((_, place)), None) => Some(*place),
            _ => None,
        }
    }

    /// The latest earlier commit whose Change-Id begins so. Two commits may share one (a change that was picked to
    /// another branch and merged back), two Change-Ids may not share a beginning.
    fn with_change_id(&self, prefix: &str, place: usize) -> Option<usize> {
        let start = self.change_ids.partition_point(|(id, _)| *id < prefix);
        let mut found =
            self.change_ids.get(start..)?.iter().take_while(|(id, _)| id.starts_with(prefix)).peekable();
        let first = found.peek()?.0;
        let mut latest = None;
        for (id, at) in found {
            if *id != first {
                return None;
            }
            latest = latest.max((*at < place).then_some(*at));
        }
        latest
    }

    fn latest_before(&self, names: &HashMap<&str, Vec<usize>>, name: &str, place: usize) -> Option<usize> {
        let places = names.get(name)?;
        let earlier = places.partition_point(|&at| at < place);
        places.get(earlier.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revert_message::parse_mentions;

    fn sha(n: usize) -> String {
        format!("{n:040x}")
    }

    fn linked(messages: &[(&str, &str)]) -> Vec<Links> {
        let mentions: Vec<Mentions> =
            messages.iter().map(|(title, body)| parse_mentions(title, body)).collect();
        let commits: Vec<Visible<'_>> = messages
            .iter()
            .zip(&mentions)
            .enumerate()
            .map(|(n, ((title, _), mentions))| Visible { sha: sha(n), title, mentions })
            .collect();
        link(&commits, &|prefix| (prefix == "abcdef123").then(|| format!("{prefix:0<40}")))
    }

    #[test]
    fn a_revert_is_known_to_both_sides() {
        let links =
            linked(&[("Add cart", ""), ("Revert \"Add cart\"", &format!("This reverts commit {}.", sha(0)))]);
        assert_eq!(links[1].reverts, [Target::Visible(0)]);
        assert_eq!(links[0].reverted_by, [1]);
    }

    #[test]
    fn a_title_means_the_latest_earlier_change() {
        let links = linked(&[("Add (#1)", ""), ("Add (#2)", ""), ("Revert \"Add\" (#3)", ""), ("Add", "")]);
        assert_eq!(links[2].reverts, [Target::Visible(1)]);
        let links = linked(&[("Add (#1)", ""), ("Add (#2)", ""), ("Revert \"Add\" (#3)", "Reverts a/b#1")]);
        assert_eq!(links[2].reverts, [Target::Visible(0)]);
    }

    #[test]
    fn a_chain_of_reverts_and_relands_is_followed() {
        let links = linked(&[
            ("Add", ""),
            ("Revert \"Add\"", ""),
            ("Reapply \"Add\"", &format!("This reverts commit {}.", sha(1))),
            ("Revert \"Reapply \"Add\"\"", ""),
            ("Revert \"Revert \"Reapply \"Add\"\"\"", ""),
        ]);
        assert_eq!(
            (&links[2].reverts[..], &links[2].relands[..]),
            (&[Target::Visible(1)][..], &[Target::Visible(0)][..])
        );
        assert_eq!(links[3].reverts, [Target::Visible(2)]);
        assert_eq!(
            (&links[4].reverts[..], &links[4].relands[..]),
            (&[Target::Visible(3)][..], &[Target::Visible(2)][..])
        );
        assert_eq!(links[1].reverted_by, [2]);
    }

    #[test]
    fn a_reland_with_a_new_title_finds_the_original_through_the_revert() {
        let links = linked(&[
            ("Add", ""),
            ("Undo", &format!("This reverts commit {}.", sha(0))),
            ("Reland: add, carefully", &format!("This reverts commit {}.", sha(1))),
        ]);
        assert_eq!(links[2].relands, [Target::Visible(0)]);
    }

    #[test]
    fn commits_outside_are_named_in_full() {
        let gone = "f".repeat(40);
        let links = linked(&[
            ("Fix", "This reverts commit abcdef123."),
            ("Fix", &format!("This reverts commit {gone}.")),
            ("Fix", "This reverts commit 1234567."),
        ]);
        assert_eq!(links[0].reverts, [Target::Outside(format!("{:0<40}", "abcdef123"))]);
        assert_eq!(links[1].reverts, [Target::Outside(gone)]);
        assert_eq!(links[2].reverts, []);
    }

    #[test]
    fn a_change_id_means_the_latest_earlier_commit_that_has_it() {
        let first = "Change-Id: Iabcdef0123456789";
        let links = linked(&[
            ("Add", first),
            ("Add again", first),
            ("Other", "Change-Id: Iabcdef9123456789"),
            ("Fix", "This reverts Iabcdef01.\n\nChange-Id: I5555555555"),
            ("Fix", "Partial revert of Iabcdef01 and Iabcdef9\n\nChange-Id: I6666666666"),
            ("Fix", "Reverts Iabcdef"),
            ("Fix", "Reverts I7777777"),
            ("Add for the third time", first),
        ]);
        assert_eq!(links[3].reverts, [Target::Visible(1)]);
        assert_eq!(links[4].reverts, [Target::Visible(1), Target::Visible(2)]);
        assert!(links.iter().skip(5).all(|l| l.reverts.is_empty()));
    }

    #[test]
    fn an_ambiguous_prefix_and_a_commit_that_names_itself_link_nothing() {
        let links = linked(&[
            ("Add", ""),
            ("Fix", "This reverts commit 0000000."),
            ("Self", &format!("Reverts commit {}", sha(2))),
        ]);
        assert!(links.iter().take(2).all(|l| l.reverts.is_empty()));
    }
}
