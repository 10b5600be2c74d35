//! Which authors are programs, by name and address. Pure, and plain enough to be read as a list.

use hearback_core::change::Nature;

/// Parts of a name or an address that only programs bear.
const MARKS: &[&str] = &[
    "[bot]",
    "-bot@",
    "_bot@",
    ".bot@",
    "+bot@",
    "bot@noreply",
    "dependabot",
    "renovate",
    "greenkeeper",
    "pyup-bot",
    "snyk-bot",
    "l10n-bot",
    "jenkins",
    "github-actions",
    "translation updater",
    "proposal bot",
    "semantic-release",
    "release-please",
    "mergify",
    "copybara",
    "pre-commit-ci",
    "weblate",
    "zuul@",
    "noreply+autoroll",
    "autoroller",
    "libraryupgrader",
];

/// Whether the author is a program: one of the marks, or a name whose last word is "bot" (`Code Review Bot`,
/// `l10n-bot`), or an address whose user is called bot.
pub(crate) fn nature(name: &str, email: &str) -> Nature {
    let name = name.to_lowercase();
    let email = email.to_lowercase();
    let marked = MARKS.iter().any(|mark| name.contains(mark) || email.contains(mark));
    let named = name.rsplit([' ', '-', '_', '.']).next() == Some("bot");
    let user = email.split('@').next().unwrap_or_default();
    let addressed = user.split(['-', '_', '.', '+']).any(|word| word == "bot");
    if marked || named || addressed { Nature::Bot } else { Nature::Person }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_from_people() {
        for (name, email) in [
            ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
            ("Renovate", "bot@renovateapp.com"),
            ("Translation updater bot", "l10n-bot@translatewiki.net"),
            ("jenkins-bot", "jenkins@example.org"),
            ("OpenStack Proposal Bot", "openstack-infra@lists.openstack.org"),
            ("ci", "deploy-bot@example.com"),
        ] {
            assert_eq!(nature(name, email), Nature::Bot, "{name}");
        }
        for (name, email) in [
            ("Abbot Lee", "abbot@example.com"),
            ("Bot Tom", "tom@example.com"),
            ("Talbot", "t@robots.example"),
            ("", ""),
        ] {
            assert_eq!(nature(name, email), Nature::Person, "{name}");
        }
    }
}
