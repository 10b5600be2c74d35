//! What the program sees, and that it ends.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::pipes::KEPT_BYTES;

/// A stand-in for git: a script.
fn stand_in(script: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stand-in");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    (folder, path)
}

fn run(script: &str, environment: &[(&str, &str)], within: Duration) -> Ran {
    let (folder, path) = stand_in(script);
    let environment: Vec<(OsString, OsString)> = std::iter::once(("PATH", "/usr/bin:/bin"))
        .chain(environment.iter().copied())
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let program = Program::new(&path, &environment);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let until = Instant::now() + within;
    let settings = [("remote.x.url".to_owned(), "y".to_owned())];
    let on = On { settings: &settings, ..on(folder.path()) };
    runtime.block_on(program.run(&on, &["fetch".to_owned()], until)).unwrap()
}

fn on(folder: &Path) -> On<'_> {
    On { git_dir: folder, folder, ssh: None, settings: &[] }
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn the_environment_is_what_is_passed_on_and_no_more() {
    let ran = run("env", &[("GIT_DIR", "/elsewhere"), ("HOME", "/h"), ("LD_PRELOAD", "x")], LONG);
    let text = String::from_utf8(ran.out).unwrap();
    let mut names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.retain(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(name));
    names.sort_unstable();
    let mut expect: Vec<&str> = ALWAYS.iter().map(|(name, _)| *name).collect();
    expect.extend(["GIT_SSH_COMMAND", "HOME", "PATH"]);
    expect.extend(["GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"]);
    expect.sort_unstable();
    assert_eq!(names, expect);
}

#[test]
fn ssh_asks_nobody_and_what_somebody_chose_stays() {
    let check = |environment: &[(&str, &str)], configured: Option<&str>, expect: Option<&str>| {
        let environment: Vec<(OsString, OsString)> =
            environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let program = Program::new(Path::new("git"), &environment);
        assert_eq!(program.ssh(configured), expect.map(OsString::from));
    };
    check(&[], None, Some("ssh -oBatchMode=yes"));
    check(&[("GIT_SSH_COMMAND", "ssh -i key")], Some("other"), Some("ssh -oBatchMode=yes -i key"));
    check(&[], Some("/usr/bin/ssh -v"), Some("/usr/bin/ssh -v -oBatchMode=yes"));
    check(&[], Some("wrapper"), Some("wrapper"));
    check(&[("GIT_SSH", "plink")], None, None);
}

#[test]
fn a_flood_is_read_and_cut() {
    let ran =
        run("i=0; while [ $i -lt 6000 ]; do echo $(printf '%0100d' $i); i=$((i+1)); done; exit 3", &[], LONG);
    assert_eq!((ran.code, ran.out.len()), (Some(3), KEPT_BYTES));
}

#[test]
fn what_it_leaves_behind_does_not_hold_us_up() {
    let begun = Instant::now();
    let ran = run("sleep 30 & echo $!", &[], LONG);
    assert_eq!(ran.code, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let left: i32 = String::from_utf8(ran.out).unwrap().trim().parse().unwrap();
    rustix::process::kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn the_deadline_ends_it_and_its_children() {
    // The child writes its number before anything waits.
    let ran = run("sleep 300 & echo $!; wait", &[], Duration::from_millis(700));
    assert!(ran.is_late && ran.code.is_none());
    assert_eq!(ran.complaint(), "the time was up");
    let child = String::from_utf8(ran.out).unwrap();
    assert_gone(child.trim());
}

#[test]
fn nobody_who_waits_is_the_end_of_it() {
    let (folder, path) = stand_in("sleep 300 & echo $! > \"$2/child\"; mv \"$2/child\" \"$2/there\"; wait");
    let program = Program::new(&path, &[("PATH".into(), "/usr/bin:/bin".into())]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let there = folder.path().join("there");
    runtime.block_on(async {
        let on = on(folder.path());
        let running = program.run(&on, &[], Instant::now() + LONG);
        let seen = async {
            while !there.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            _ = running => panic!("it ended by itself"),
            () = seen => {}
        }
    });
    assert_gone(std::fs::read_to_string(there).unwrap().trim());
}

/// Polls until no process of this number runs any more.
fn assert_gone(number: &str) {
    let status = format!("/proc/{number}/stat");
    let until = Instant::now() + LONG;
    let runs = || std::fs::read_to_string(&status).is_ok_and(|text| !text.contains(") Z "));
    while runs() {
        assert!(Instant::now() < until, "{number} still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_told_is_the_complaint_without_secrets() {
    let said = |err: &str| Ran { code: Some(1), err: err.into(), ..Ran::default() }.complaint();
    assert_eq!(said(""), "git said nothing");
    assert_eq!(
        said("hint: x\nremote: no \u{1b}[31mway\nfatal: unable to access 'https://ann:hunter22@h/r': 403\n"),
        "remote: no \u{fffd}[31mway; fatal: unable to access 'https://ann:[redacted: password in a URL]@h/r': 403"
    );
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let program = Program::new(Path::new("/no/such/git"), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ran = runtime.block_on(program.run(&on(Path::new("/")), &[], Instant::now() + LONG));
    assert!(ran.unwrap_err().to_string().starts_with("git can't be started: "));
}
