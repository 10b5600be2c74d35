//! A repository of more than 100,000 commits for benches, made with `git fast-import` once and kept in the system's folder
//! for temporary files: 2,000 files in nested folders, one to five files a commit, messages of words as common and as
//! rare as in real ones, a merged branch now and then, a revert now and then, and some 300 commits in the last seven
//! days. Packed as `fast-import` packs it: a better pack takes minutes to make and changes both sides of a ratio alike.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;

const COMMITS: u64 = 105_000;
const FILES: u64 = 2_000;
const END_S: u64 = 1_703_980_800;
/// One commit each half hour: about 336 in seven days.
const STEP_S: u64 = 1_800;
/// Part of the folder's name; changes with the recipe.
const RECIPE: u32 = 2;

/// The repository, made if it is not there, and the time before which its last commit was made. `making` hears of it
/// before it takes a minute or two.
///
/// # Errors
/// If git is not installed, or there is no room.
pub fn repository(making: impl FnOnce(&Path, u64)) -> Result<(PathBuf, Timestamp)> {
    let path = std::env::temp_dir().join(format!("hearback-bench-{RECIPE}-{COMMITS}.git"));
    if !path.join("made").exists() {
        making(&path, COMMITS);
        // What is left of one that was not finished.
        let _ = std::fs::remove_dir_all(&path);
        make(&path)?;
        std::fs::write(path.join("made"), "")?;
    }
    Ok((path, Timestamp::from_second(END_S as i64)?))
}

fn make(path: &Path) -> Result<()> {
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").arg("-C").arg(path).args(args);
        command
    };
    std::fs::create_dir_all(path)?;
    ensure!(git(&["init", "-q", "--bare", "-b", "main"]).status()?.success(), "git init failed");
    let mut import = git(&["fast-import", "--quiet", "--depth=50"]).stdin(Stdio::piped()).spawn()?;
    let stdin = import.stdin.take().context("git fast-import takes no input")?;
    write_stream(&mut BufWriter::new(stdin))?;
    ensure!(import.wait()?.success(), "git fast-import failed");
    Ok(())
}

fn write_stream(out: &mut impl Write) -> std::io::Result<()> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut files: Vec<Vec<u32>> = Vec::new();
    let start_s = END_S - COMMITS * STEP_S;
    let mut branch_tip = None;
    let mut titles: Vec<String> = Vec::new();
    for number in 1..=COMMITS {
        let at_s = start_s + (number - 1) * STEP_S + random.below(STEP_S);
        // Of forty commits the 35th and 36th are on a branch, which the 39th merges.
        let place = number % 40;
        let on_branch = number > 40 && (place == 35 || place == 36);
        let merges = place == 39 && branch_tip.is_some();
        let branch = if on_branch { "refs/heads/side" } else { "refs/heads/main" };
        write!(out, "commit {branch}\nmark :{number}\n")?;
        let who = random.below(40);
        writeln!(out, "author Person {who} <p{who}@example.com> {at_s} +0000")?;
        writeln!(out, "committer Person {who} <p{who}@example.com> {at_s} +0000")?;
        let message = message(merges, number, &mut titles, &mut random);
        write!(out, "data {}\n{message}\n", message.len())?;
        if place == 35 && on_branch {
            writeln!(out, "from :{}", number - 1)?;
        } else if place == 37 && branch_tip.is_some() {
            writeln!(out, "from :{}", number - 3)?;
        }
        if merges {
            writeln!(out, "merge :{}", branch_tip.take().unwrap_or(number - 1))?;
            writeln!(out)?;
            continue;
        }
        if on_branch && place == 36 {
            branch_tip = Some(number);
        }
        for _ in 0..=random.below(5).min(random.below(6)) {
            let file = if (files.len() as u64) < FILES && (number < FILES || random.below(40) == 0) {
                files.push((0..10 + random.below(60) as u32).collect());
                files.len() - 1
            } else {
                // Some files are changed far more often than others.
                (random.below(files.len() as u64).min(random.below(files.len() as u64))) as usize
            };
            edit(&mut files, file, number, &mut random);
            let text = render(files.get(file).map_or(&[], Vec::as_slice));
            write!(out, "M 100644 inline {}\ndata {}\n{text}\n", name(file), text.len())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// How many commits later the oldest is reverted.
const REVERTED_WITHIN: usize = 200;

fn message(merges: bool, number: u64, titles: &mut Vec<String>, random: &mut Random) -> String {
    if merges {
        return format!("Merge branch 'side' at {number}\n");
    }
    let reverts = titles.len() > REVERTED_WITHIN && random.below(60) == 0;
    let title = match titles.len().checked_sub(1 + random.below(REVERTED_WITHIN as u64) as usize) {
        Some(at) if reverts => titles.get(at).map(|title| format!("Revert \"{title}\"")).unwrap_or_default(),
        _ => {
            let [part, what] = [word(random), word(random)];
            let details: Vec<String> = (0..2 + random.below(4)).map(|_| word(random)).collect();
            format!("{part}: {} {what} {}", of(VERBS, random), details.join(" "))
        }
    };
    titles.push(title.clone());
    let mut text = format!("{title}\n\n");
    for _ in 0..random.below(4) {
        let words: Vec<String> = (0..6 + random.below(9)).map(|_| word(random)).collect();
        let _ = writeln!(text, "The {} {} when {}.", of(NOUNS, random), of(VERBS, random), words.join(" "));
    }
    let _ = write!(text, "\nBug: T{}\nChange-Id: I{number:040x}\n", 100_000 + random.below(90_000));
    text
}

/// A word: the first of the list most often, and half of the time joined to a second one, so that there are thousands
/// and most are rare.
fn word(random: &mut Random) -> String {
    let rank = |random: &mut Random| {
        let end = 1 + random.below(NOUNS.len() as u64);
        random.below(end) as usize
    };
    let noun = NOUNS.get(rank(random)).copied().unwrap_or_default();
    match random.below(4) {
        0 => format!("{noun}_{}", of(NOUNS, random)),
        1 => format!("{noun}-{}", of(NOUNS, random)),
        _ => noun.to_owned(),
    }
}

fn of<'w>(words: &[&'w str], random: &mut Random) -> &'w str {
    words.get(random.below(words.len() as u64) as usize).copied().unwrap_or_default()
}

const VERBS: &[&str] = &[
    "add", "allow", "avoid", "bump", "cap", "check", "clean", "close", "count", "delay", "deploy", "disable",
    "drop", "enable", "enforce", "expire", "expose", "fix", "flush", "handle", "ignore", "limit", "log",
    "merge", "migrate", "move", "parse", "pin", "raise", "refactor", "remove", "rename", "replace",
    "require", "retry", "rotate", "round", "route", "set", "shard", "simplify", "skip", "split", "stop",
    "switch", "tune", "update", "upgrade", "use", "validate",
];

const NOUNS: &[&str] = &[
    "server",
    "config",
    "user",
    "request",
    "error",
    "cache",
    "timeout",
    "database",
    "service",
    "host",
    "client",
    "queue",
    "log",
    "token",
    "session",
    "cluster",
    "node",
    "alert",
    "metric",
    "query",
    "index",
    "header",
    "key",
    "file",
    "path",
    "proxy",
    "backend",
    "job",
    "worker",
    "page",
    "limit",
    "pool",
    "cart",
    "order",
    "payment",
    "checkout",
    "price",
    "currency",
    "invoice",
    "search",
    "login",
    "password",
    "certificate",
    "dns",
    "network",
    "port",
    "socket",
    "packet",
    "disk",
    "memory",
    "cpu",
    "thread",
    "lock",
    "transaction",
    "replica",
    "primary",
    "schema",
    "column",
    "table",
    "row",
    "migration",
    "backup",
    "snapshot",
    "volume",
    "bucket",
    "object",
    "image",
    "thumbnail",
    "video",
    "stream",
    "upload",
    "download",
    "parser",
    "encoder",
    "decoder",
    "codec",
    "buffer",
    "batch",
    "window",
    "retry",
    "backoff",
    "latency",
    "throughput",
    "quota",
    "tenant",
    "region",
    "zone",
    "rack",
    "switch",
    "router",
    "firewall",
    "balancer",
    "gateway",
    "ingress",
    "egress",
    "sidecar",
    "container",
    "pod",
    "namespace",
    "volume",
    "secret",
    "role",
    "policy",
    "grant",
    "audit",
    "ledger",
    "refund",
    "discount",
    "coupon",
    "basket",
    "shipment",
    "warehouse",
    "stock",
    "catalogue",
    "product",
    "variant",
    "review",
    "rating",
    "comment",
    "mail",
    "template",
    "locale",
    "timezone",
    "calendar",
    "schedule",
    "cron",
    "trigger",
    "webhook",
    "callback",
    "handler",
    "listener",
    "observer",
    "factory",
    "adapter",
    "driver",
    "plugin",
    "module",
    "package",
    "release",
    "version",
    "flag",
    "experiment",
    "cohort",
    "segment",
    "campaign",
    "banner",
    "widget",
    "button",
    "form",
    "field",
    "checkbox",
    "menu",
    "sidebar",
    "toolbar",
    "dialog",
    "tooltip",
    "theme",
    "font",
    "icon",
    "layout",
    "grid",
    "chart",
    "graph",
    "legend",
    "axis",
    "histogram",
    "percentile",
    "trace",
    "span",
    "baggage",
    "sampler",
    "exporter",
    "collector",
    "scraper",
    "dashboard",
    "panel",
    "threshold",
    "anomaly",
    "baseline",
    "forecast",
    "model",
    "feature",
    "vector",
    "tensor",
    "kernel",
    "shader",
    "texture",
    "mesh",
    "sprite",
    "sound",
    "codepath",
    "allocator",
    "arena",
    "slab",
    "heap",
    "stack",
    "frame",
    "register",
    "opcode",
    "compiler",
    "linker",
    "loader",
    "symbol",
    "section",
    "relocation",
    "signal",
    "interrupt",
    "semaphore",
    "barrier",
    "fence",
    "epoch",
    "lease",
    "quorum",
    "leader",
    "follower",
    "election",
    "heartbeat",
    "gossip",
    "tombstone",
    "compaction",
    "bloom",
    "merkle",
];

fn edit(files: &mut [Vec<u32>], file: usize, number: u64, random: &mut Random) {
    let Some(lines) = files.get_mut(file) else { return };
    for _ in 0..=random.below(4) {
        let at = random.below(lines.len() as u64) as usize;
        match random.below(5) {
            0 if lines.len() > 10 => {
                lines.remove(at);
            }
            1 | 2 if lines.len() < 150 => {
                for extra in 0..=random.below(6) as u32 {
                    lines.insert(at, number as u32 * 10 + extra);
                }
            }
            _ => {
                if let Some(line) = lines.get_mut(at) {
                    *line = number as u32 * 10 + 9;
                }
            }
        }
    }
}

fn render(lines: &[u32]) -> String {
    let mut text = String::with_capacity(lines.len() * 40);
    for line in lines {
        let _ = match line % 7 {
            0 => writeln!(text, "}}"),
            1 => writeln!(text),
            _ => {
                let noun = |n: u32| NOUNS.get(n as usize % NOUNS.len()).copied().unwrap_or_default();
                let verb = VERBS.get(*line as usize / 7 % VERBS.len()).copied().unwrap_or_default();
                let (a, b) = (noun(line / 11), noun(line / 13));
                writeln!(text, "    let {a}_{line} = {verb}_{b}({}, {line});", line % 97)
            }
        };
    }
    text
}

fn name(file: usize) -> String {
    format!("services/s{}/src/module{}/part{}/file{file}.rs", file % 12, file % 60 / 12, file % 300 / 60)
}

/// A small generator (xorshift), so that the repository is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
