//! The bundled incident, replayed by the real binary.

use anyhow::Result;
use hearback_e2e::Home;

#[test]
fn the_demo_tells_the_incident_and_names_the_culprit() -> Result<()> {
    let home = Home::new()?;
    let out = home.run(["demo", "--fast"])?.ok()?;
    let answer: Vec<&str> = out.lines().skip_while(|line| !line.starts_with("Look here first")).collect();
    assert!(answer.len() > 3, "{out}");
    assert!(out.contains("Ruled out: ") && out.contains("Searched in "), "{out}");
    assert!(out.contains("replayed and verified"), "{out}");
    Ok(())
}
