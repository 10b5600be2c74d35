//! Whether a pull request was approved before it was merged. Pure.

use std::collections::BTreeMap;

use hearback_core::change::Review;
use jiff::Timestamp;

use crate::text::is_bot;
use crate::wire;

/// Reads the reviews of a pull request: of each reviewer other than the author the latest by the merge counts, a program's
/// never. A comment takes no approval back; a request for changes or a dismissal does.
pub(crate) fn review(reviews: &[wire::Review], author: Option<&str>, merged_at: Timestamp) -> Review {
    let mut latest: BTreeMap<String, (Timestamp, bool)> = BTreeMap::new();
    for review in reviews {
        let Some(at) = review.submitted_at.filter(|at| *at <= merged_at) else { continue };
        let approves = match review.state.to_ascii_uppercase().as_str() {
            "APPROVED" => true,
            "CHANGES_REQUESTED" | "DISMISSED" => false,
            _ => continue,
        };
        if review.user.as_ref().is_some_and(is_bot) {
            continue;
        }
        // Accounts that were deleted are one reviewer, called ghost, and could be the author if theirs is deleted too.
        let reviewer = review.user.as_ref().map(|user| user.login.as_str());
        if reviewer.map(str::to_ascii_lowercase) == author.map(str::to_ascii_lowercase) {
            continue;
        }
        let kept = latest.entry(reviewer.unwrap_or("ghost").to_ascii_lowercase()).or_insert((at, approves));
        if at >= kept.0 {
            *kept = (at, approves);
        }
    }
    if latest.values().any(|(_, approves)| *approves) { Review::Approved } else { Review::Missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reviews: &[(&str, &str, &str)], expect: Review) {
        let reviews: Vec<wire::Review> = reviews
            .iter()
            .map(|(login, state, at)| {
                let kind = if login.ends_with("bot") { "Bot" } else { "User" };
                let user = if *login == "-" {
                    serde_json::Value::Null
                } else {
                    serde_json::json!({"login": login, "type": kind})
                };
                let at = (!at.is_empty()).then(|| format!("2026-11-23T{at}:00Z"));
                serde_json::from_value(serde_json::json!({"user": user, "state": state, "submitted_at": at}))
                    .unwrap()
            })
            .collect();
        let merged_at = "2026-11-23T12:00:00Z".parse().unwrap();
        assert_eq!(review(&reviews, Some("ann"), merged_at), expect, "{reviews:?}");
    }

    #[test]
    fn the_latest_word_of_somebody_else_before_the_merge_counts() {
        check(&[], Review::Missing);
        check(&[("bob", "APPROVED", "11:00")], Review::Approved);
        check(&[("bob", "APPROVED", "12:00")], Review::Approved);
        check(&[("bob", "APPROVED", "12:01")], Review::Missing);
        check(&[("ann", "APPROVED", "11:00")], Review::Missing);
        check(&[("Ann", "APPROVED", "11:00")], Review::Missing);
        check(&[("lint-bot", "APPROVED", "11:00")], Review::Missing);
        check(&[("-", "APPROVED", "11:00")], Review::Approved);
        check(&[("bob", "COMMENTED", "11:00")], Review::Missing);
        check(&[("bob", "PENDING", "")], Review::Missing);
    }

    #[test]
    fn an_approval_can_be_taken_back_and_given_again() {
        check(&[("bob", "APPROVED", "10:00"), ("bob", "CHANGES_REQUESTED", "11:00")], Review::Missing);
        check(&[("bob", "CHANGES_REQUESTED", "11:00"), ("bob", "APPROVED", "10:00")], Review::Missing);
        check(&[("bob", "CHANGES_REQUESTED", "10:00"), ("bob", "APPROVED", "11:00")], Review::Approved);
        check(&[("bob", "APPROVED", "10:00"), ("bob", "COMMENTED", "11:00")], Review::Approved);
        check(&[("bob", "APPROVED", "10:00"), ("bob", "DISMISSED", "11:00")], Review::Missing);
        check(&[("bob", "APPROVED", "10:00"), ("cleo", "CHANGES_REQUESTED", "11:00")], Review::Approved);
        check(&[("bob", "APPROVED", "10:00"), ("bob", "CHANGES_REQUESTED", "13:00")], Review::Approved);
    }
}
