//! Bad input gets one clear sentence and the right exit code; no stack trace, nothing lost.

use anyhow::Result;
use hearback_e2e::{Home, Repository};

/// Runs the binary in `home` and compares exit code and the one line it says.
fn check(home: &Home, arguments: &[&str], code: i32, says: &str) -> Result<()> {
    let run = home.run(arguments)?;
    assert_eq!(run.code, Some(code), "{arguments:?}: {}{}", run.err, run.out);
    assert_eq!(run.err.lines().count(), 1, "one sentence: {}", run.err);
    assert!(run.err.contains(says), "{arguments:?}: {}", run.err);
    assert!(!run.err.contains("panicked") && !run.err.contains("RUST_BACKTRACE"), "{}", run.err);
    Ok(())
}

fn one_commit() -> Result<Repository> {
    let repository = Repository::new()?;
    repository.commit("2026-03-02T13:00:00Z", "Import", &[("a.go", "package a\n")])?;
    Ok(repository)
}

#[test]
fn wrong_questions_are_refused_with_what_to_do() -> Result<()> {
    let home = Home::new()?;
    let (empty, shop) = (Repository::new()?, one_commit()?);
    let path = shop.path();
    check(&home, &["ask", "--repo", "/nowhere"], 2, "/nowhere")?;
    check(&home, &["ask", "--repo", "."], 2, "git repository")?;
    check(&home, &["ask", "--repo", empty.path()], 2, "no commits")?;
    check(
        &home,
        &["ask", "--repo", path, "--as-of", "2999-01-01"],
        2,
        "--as-of: 2999-01-01 is in the future",
    )?;
    check(
        &home,
        &["ask", "--repo", path, "--as-of", "noon"],
        2,
        "--as-of: \"noon\" is not a time; write it as",
    )?;
    check(&home, &["ask", "--repo", path, "--since", "soon"], 2, "--since: \"soon\" is neither")?;
    check(
        &home,
        &["ask", "--repo", path, "--as-of", "2026-03-02", "--since", "2026-03-03"],
        2,
        "not before",
    )?;
    check(&home, &["ask", "--repo", path, "--revision", "nope"], 2, "nope")?;
    check(&home, &["ask", "--repo", path, "--service", "a b"], 2, "\"a b\" is not a service name")?;
    check(&home, &["ask", "--repo", path, "--incident", "INC-9"], 1, "there is no incident INC-9")?;
    check(&home, &["ask", "--repo", path, "--incident", "../x"], 2, "is not an incident id")?;
    check(&home, &["note", "INC-9", "x"], 1, "there is no incident INC-9")?;
    check(&home, &["declare", "x", "--severity", "P1"], 2, "\"P1\" is not a severity; use SEV-1")?;
    check(&home, &["declare", " ", "--severity", "SEV-1"], 2, "the title is empty")?;
    check(&home, &["record", "verify", "INC-9"], 1, "there is no incident INC-9")?;
    check(&home, &["record", "import", "missing.jsonl"], 2, "missing.jsonl can't be read")?;
    check(&home, &["record", "import", path], 2, "can't be read")?;
    check(
        &home,
        &["--record", "mysql://x/y", "incident", "list"],
        2,
        "\"mysql:\" is not a kind of record store",
    )?;
    check(&home, &["--record", "/nowhere/at/all.sqlite", "incident", "list"], 1, "/nowhere/at")?;
    Ok(())
}

#[test]
fn an_unknown_service_is_answered_and_said() -> Result<()> {
    let (home, shop) = (Home::new()?, one_commit()?);
    let out =
        home.run(["ask", "--repo", shop.path(), "--service", "chekout", "--since", "2026-01-01"])?.ok()?;
    assert!(out.contains("Gaps: catalog: service chekout is not in the catalog, and nothing"), "{out}");
    Ok(())
}

#[test]
fn an_unknown_option_is_named_with_the_nearest_one() -> Result<()> {
    let home = Home::new()?;
    let run = home.run(["ask", "--symptoms", "x"])?;
    assert_eq!(run.code, Some(2));
    assert!(
        run.err.contains("unexpected argument '--symptoms'") && run.err.contains("'--symptom'"),
        "{}",
        run.err
    );
    Ok(())
}

#[test]
fn a_broken_configuration_is_named_with_line_and_column() -> Result<()> {
    let home = Home::new()?;
    std::fs::write(home.path("hearback.toml"), "[ask]\nwindow = \"24h\"\nbudgt = \"2s\"\n")?;
    let says = "hearback.toml, line 3, column 1: unknown field `budgt`";
    check(&home, &["incident", "list"], 2, says)?;
    let doctor = home.run(["doctor"])?;
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.out.contains("BROKEN configuration") && doctor.out.contains(says), "{}", doctor.out);
    std::fs::write(home.path("hearback.toml"), "[ask]\nwindow = \"tomorrow\"\n")?;
    check(&home, &["incident", "list"], 2, "ask.window: \"tomorrow\" is not a duration")?;
    std::fs::write(home.path("hearback.toml"), "[ranker]\npath = \"my.toml\"\n")?;
    check(&home, &["incident", "list"], 2, "my.toml can't be read")?;
    Ok(())
}

/// A file system of 1 MB in a mount namespace of its own, which needs no rights, filled by the record itself.
const FULL_DISK: &str = r#"
mkdir disk && mount -t tmpfs -o size=1m none disk || exit 90
export HEARBACK_RECORD=disk/record.sqlite
"$HEARBACK" declare "Checkout 5xx" --severity SEV-1 || exit 91
text=$(head -c 90000 /dev/zero | tr '\0' x)
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do "$HEARBACK" note INC-1 "$text" || break; done
"$HEARBACK" record verify INC-1 || exit 92
mount -o remount,size=8m disk || exit 93
"$HEARBACK" note INC-1 "room again"
"#;

#[test]
fn a_full_disk_is_said_and_what_was_written_stays() -> Result<()> {
    let home = Home::new()?;
    std::fs::write(home.path("fill.sh"), FULL_DISK)?;
    if home.shell("unshare --map-root-user --mount true")?.code != Some(0) {
        eprintln!(
            "user namespaces are not allowed here: the record's own test of a full database stands alone"
        );
        return Ok(());
    }
    let run = home.shell("unshare --map-root-user --mount sh fill.sh")?;
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(run.err.contains("the disk of the record is full; nothing was written"), "{}", run.err);
    assert!(run.out.contains("INC-1 verifies"), "{}", run.out);
    assert!(run.out.lines().last().is_some_and(|line| line.ends_with("written")), "{}", run.out);
    Ok(())
}

#[test]
fn help_has_an_example_for_every_command() -> Result<()> {
    let home = Home::new()?;
    let commands: [&[&str]; 12] = [
        &["ask"],
        &["declare"],
        &["note"],
        &["incident", "list"],
        &["incident", "show"],
        &["record", "show"],
        &["record", "verify"],
        &["record", "redact"],
        &["record", "export"],
        &["record", "import"],
        &["doctor"],
        &["demo"],
    ];
    for command in commands {
        let help = home.run(command.iter().chain(&["--help"]))?.ok()?;
        assert!(help.contains("Example"), "{command:?}: {help}");
    }
    Ok(())
}
