//! The program starts and says what it can do. Having a test here also makes every test run of the workspace
//! build the binary that `tests/e2e` runs.

use std::process::Command;

#[test]
fn help_lists_every_command() {
    let output = Command::new(env!("CARGO_BIN_EXE_hearback")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for command in ["ask", "declare", "note", "incident", "record", "backtest", "catalog", "doctor", "demo"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {help}");
    }
}
