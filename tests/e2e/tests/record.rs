//! The incident record from the command line: declare, note, show, verify, redact, export, import, tampering.

use anyhow::Result;
use hearback_e2e::Home;

fn incident() -> Result<Home> {
    let home = Home::new()?;
    let declared =
        home.run(["declare", "Checkout 5xx", "--severity", "sev1", "--service", "checkout"])?.ok()?;
    assert!(declared.starts_with("INC-1 declared, SEV-1. Next: "), "{declared}");
    home.run(["note", "INC-1", "db password=hunter2hunter2 in the log", "--by", "Bo"])?.ok()?;
    home.run(["note", "INC-1", "customer 4711 called", "--at", "3m ago"])?.ok()?;
    Ok(home)
}

/// Whether the record's own files hold `needle`: what a thief would find.
fn on_disk(home: &Home, needle: &str) -> Result<bool> {
    let mut found = false;
    for file in std::fs::read_dir(home.path(".local/share/hearback"))? {
        let bytes = std::fs::read(file?.path())?;
        found |= bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
    }
    Ok(found)
}

#[test]
fn an_incident_is_told_in_order_and_verifies() -> Result<()> {
    let home = incident()?;
    let shown = home.run(["incident", "show", "INC-1"])?.ok()?;
    for expect in ["INC-1 SEV-1 open for", "Checkout 5xx", "services: checkout", "customer 4711 called", "Bo"]
    {
        assert!(shown.contains(expect), "{expect}: {shown}");
    }
    let listed = home.run(["incident", "list"])?.ok()?;
    assert!(listed.starts_with("INC-1    SEV-1  open for"), "{listed}");
    let verified = home.run(["record", "verify", "inc-1"])?.ok()?;
    assert!(verified.starts_with("INC-1 verifies: 3 entries, 0 redacted, head 3:"), "{verified}");
    Ok(())
}

#[test]
fn numbers_of_incidents_count_up() -> Result<()> {
    let home = incident()?;
    let second = home.run(["declare", "Search slow", "--severity", "SEV-3"])?.ok()?;
    assert!(second.starts_with("INC-2 "), "{second}");
    Ok(())
}

#[test]
fn a_secret_in_a_note_never_reaches_the_disk() -> Result<()> {
    let home = incident()?;
    assert!(!on_disk(&home, "hunter2")?);
    assert!(on_disk(&home, "customer 4711")?, "the search finds what is there");
    Ok(())
}

#[test]
fn a_redacted_entry_is_gone_for_good_and_the_chain_still_verifies() -> Result<()> {
    let home = incident()?;
    home.run(["record", "redact", "INC-1", "3", "--why", "customer data"])?.ok()?;
    assert!(!on_disk(&home, "customer 4711")?, "neither in the database nor in its log");
    let verified = home.run(["record", "verify", "INC-1"])?.ok()?;
    assert!(verified.starts_with("INC-1 verifies: 4 entries, 1 redacted"), "{verified}");
    let shown = home.run(["record", "show", "INC-1"])?.ok()?;
    assert!(
        shown.contains("entry 3 was redacted") && shown.contains("redacted entry 3: customer data"),
        "{shown}"
    );
    Ok(())
}

#[test]
fn a_record_moves_to_another_home_and_arrives_whole() -> Result<()> {
    let (home, other) = (incident()?, Home::new()?);
    let file = home.path("inc-1.jsonl");
    home.run(["record", "export", "INC-1", "--output", "inc-1.jsonl"])?.ok()?;
    let imported = other.run(["record".as_ref(), "import".as_ref(), file.as_os_str()])?.ok()?;
    assert!(imported.starts_with("INC-1 imported: 3 entries"), "{imported}");
    let show = |home: &Home| home.run(["record", "show", "INC-1", "--json"])?.ok();
    assert_eq!(show(&home)?, show(&other)?);
    let again = other.run(["record".as_ref(), "import".as_ref(), file.as_os_str()])?;
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("INC-1"), "{}", again.err);
    let twice = home.run(["record", "export", "INC-1", "--output", "inc-1.jsonl"])?;
    assert_eq!(twice.code, Some(2), "an export never overwrites");
    Ok(())
}

#[test]
fn a_tampered_export_is_refused_with_the_entry_named() -> Result<()> {
    let (home, other) = (incident()?, Home::new()?);
    let text = home.run(["record", "export", "INC-1"])?.ok()?;
    std::fs::write(other.path("bad.jsonl"), text.replace("customer 4711", "customer 4712"))?;
    let run = other.run(["record", "import", "bad.jsonl"])?;
    assert_eq!(run.code, Some(2));
    assert_eq!(
        run.err,
        "hearback: bad.jsonl: the record does not verify: entry 3 was changed: its body does not match its digest\n"
    );
    let cut: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
    std::fs::write(other.path("cut.jsonl"), cut)?;
    let run = other.run(["record", "import", "cut.jsonl"])?;
    assert!(run.err.contains("cut short"), "{}", run.err);
    Ok(())
}

/// Replaces a text everywhere in the record's database, as somebody with the file could.
const TAMPER: &str = r#"
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
    for column in [row[1] for row in db.execute(f"pragma table_info({table})")]:
        db.execute(f"update {table} set {column} = replace({column}, 'customer 4711', 'customer 4712') where typeof({column}) = 'text'")
db.commit()
"#;

#[test]
fn tampering_in_the_database_itself_is_noticed() -> Result<()> {
    let home = incident()?;
    let verified = home.run(["record", "verify", "INC-1"])?.ok()?;
    let head = verified.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    std::fs::write(home.path("tamper.py"), TAMPER)?;
    home.shell("python3 tamper.py .local/share/hearback/record.sqlite")?.ok()?;
    let run = home.run(["record", "verify", "INC-1"])?;
    assert_eq!(run.code, Some(1));
    assert_eq!(
        run.err,
        "hearback: INC-1 does not verify: entry 3 was changed: its body does not match its digest\n"
    );
    let run = home.run(["incident", "show", "INC-1"])?;
    assert_eq!(run.code, Some(1), "nothing is told from a broken record");
    let run = home.run(["record", "verify", "INC-1", "--head", &head, "--json"])?;
    assert!(run.out.contains("\"intact\": false"), "{}", run.out);
    Ok(())
}

#[test]
fn what_a_file_says_never_reaches_the_terminal_raw() -> Result<()> {
    let home = Home::new()?;
    std::fs::write(home.path("evil.jsonl"), r#"{"\u001b[2J": {}}"#)?;
    let run = home.run(["record", "import", "evil.jsonl"])?;
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("evil.jsonl: line 1 is not a line of an exported record"), "{:?}", run.err);
    assert!(run.err.contains("\u{fffd}[2J") && !run.err.contains('\u{1b}'), "{:?}", run.err);
    Ok(())
}
