//! The bundled incident, replayed by the real binary.

use anyhow::Result;
use hearback_e2e::Home;
use hearback_testkit::scenario::checkout_cart_rounding::checkout_cart_rounding;

#[test]
fn the_demo_tells_the_incident_and_names_the_culprit_and_not_the_red_herring() -> Result<()> {
    let home = Home::new()?;
    let out = home.run(["demo", "--fast"])?.ok()?;
    let answer: Vec<&str> = out
        .lines()
        .skip_while(|line| !line.starts_with("Look here first"))
        .take_while(|line| !line.is_empty())
        .collect();
    assert!((4..=10).contains(&answer.len()), "at most ten lines: {out}");
    let culprit = checkout_cart_rounding().culprit;
    let sha = culprit.sha().unwrap_or_default();
    assert!(answer[2].starts_with("1 strong") && answer[2].contains(&sha[..10]), "{out}");
    assert!(answer[2].contains("(in "), "the rollout that a rollback would undo is named: {}", answer[2]);
    assert!(!answer.iter().skip(3).any(|line| line.contains(" strong ")), "one strong suspect: {out}");
    assert!(out.contains("Ruled out: ") && out.contains("Searched in "), "{out}");
    assert!(out.contains("replayed and verified"), "{out}");
    Ok(())
}
