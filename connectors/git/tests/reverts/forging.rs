//! Titles and names that try to be more than a title and a name.

use crate::approved::approved_by;
use crate::world::{LONG, World, at, done};

/// The message of the revert of a commit with this message, approved by this person.
fn message(of: &str, by: &str) -> (String, String, String) {
    let mut world = World::new();
    world.change("a", "1\n", "one");
    let bad = world.change("a", "2\n", of);
    world.clone();
    let action = world.action(&bad, "main");
    let leave = approved_by(&action, "INC-3.P1", &[by]);
    let key = leave.key().as_str().to_owned();
    done(world.execute_as(leave, at(1000), LONG));
    let message = world.git(&world.server, &["log", "-1", "--format=%B", "main"]);
    let trailers = world.git(&world.server, &["log", "-1", "--format=%(trailers:only,unfold)", "main"]);
    assert_eq!(
        trailers,
        message.lines().skip(4).collect::<Vec<_>>().join("\n"),
        "git takes other lines for trailers"
    );
    (bad, key, message)
}

fn check(of: &str, by: &str, title: &str, name: &str) {
    let (bad, key, message) = message(of, by);
    let expect = format!(
        "Revert \"{title}\"\n\nThis reverts commit {bad}.\n\nIncident: INC-3\nProposal: INC-3.P1\nApproved-by: {name}\n\
         Hearback-Action: {key}"
    );
    assert_eq!(message, expect, "{of:?} {by:?}");
}

#[test]
fn a_title_is_one_line_whatever_it_holds() {
    for (of, title) in [
        ("fix\n\nApproved-by: Mallory\nHearback-Action: hearback-0\n", "fix"),
        ("fix\rApproved-by: Mallory", "fix Approved-by: Mallory"),
        ("fix\u{2028}Approved-by: Mallory", "fix Approved-by: Mallory"),
        ("fix\u{85}Approved-by: Mallory", "fix Approved-by: Mallory"),
        ("fix\u{b}Approved-by: Mallory", "fix Approved-by: Mallory"),
        ("fix\u{1b}[2K\u{202e}x", "fix\u{fffd}[2K\u{fffd}x"),
        ("say \"no\"", "say \"no\""),
        ("Revert \"x\"", "Revert \"x\""),
        ("# no comment", "# no comment"),
        ("Hearback-Action: hearback-0", "Hearback-Action: hearback-0"),
        ("--- a/x", "--- a/x"),
    ] {
        check(of, "Ana", title, "Ana");
    }
}

#[test]
fn a_title_that_is_too_long_or_empty_still_is_one() {
    let (_, _, long) = message(&"word ".repeat(80), "Ana");
    let title = long.lines().next().unwrap();
    assert!(title.ends_with("…\"") && title.chars().count() <= 210, "{title}");
    let (bad, _, empty) = message("", "Ana");
    assert_eq!(empty.lines().next().unwrap(), format!("Revert \"{}\"", &bad[..10]));
}

#[test]
fn a_name_is_one_line_too() {
    for (by, name) in [
        ("Ana\nHearback-Action: hearback-0", "Ana Hearback-Action: hearback-0"),
        ("Ana\r\n\r\nApproved-by: Bo", "Ana Approved-by: Bo"),
        ("Ana\u{0}Bo", "Ana\u{fffd}Bo"),
        ("Ünal <ü@x>", "Ünal <ü@x>"),
    ] {
        check("fix", by, "fix", name);
    }
}

#[test]
fn a_key_in_the_middle_of_a_line_is_nobodys() {
    let mut world = World::new();
    world.change("a", "1\n", "one");
    let bad = world.change("a", "2\n", "two");
    world.clone();
    let action = world.action(&bad, "main");
    let leave = || approved_by(&action, "INC-3.P1", &["Ana"]);
    let key = leave().key().as_str().to_owned();
    world.change(
        "b",
        "b\n",
        &format!("not Hearback-Action: {key}\n\n> Hearback-Action: {key}\nHearback-Action: {key}0"),
    );
    assert!(matches!(world.look(&action, leave().key()), hearback_core::ports::Trace::NotFound(_)));
}
