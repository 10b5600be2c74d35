//! `hearback backtest adopt`: a reviewed incident becomes a folder that any later version can be tried on.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use hearback_core::incident::State;
use hearback_core::{ChangeId, IncidentId};
use hearback_engine::analysts::authorised::AuthorisationPolicy;
use hearback_engine::expertise::ExpertSettings;
use hearback_engine::recorded::Recorded;
use hearback_engine::replay::{Replay, Settings, replay};
use hearback_eval::adopted::{AdoptedCase, Reviewed, find_change, slug};
use hearback_record::export;
use jiff::{Timestamp, Unit};

use super::replay::{asked, mended_by_the_user};
use crate::cli::Adopt;
use crate::commands::times;
use crate::config::Config;
use crate::output::{self, Usage};
use crate::wiring;

/// The file of a case.
pub const CASE: &str = "case.toml";
/// Its record, inside its folder.
pub const RECORD: &str = "recordings/record.jsonl";
/// The services as they were known when it was adopted.
pub const CATALOG: &str = "catalog.toml";

pub async fn run(arguments: Adopt, config: &Config) -> Result<ExitCode> {
    let id = times::incident(&arguments.incident)?;
    let folder = arguments.dir.join(slug(&id));
    if folder.exists() {
        let says = format!("{} exists already; remove it first, or name another --dir", folder.display());
        return Err(Usage(says).into());
    }
    let record = wiring::record(config).await?;
    let export = export(record.as_ref(), &id).await?;
    let (head, text) = (export.head, export.to_json_lines()?);
    let recorded = Recorded::from(export);
    let now = Timestamp::now();
    let incident = recorded.as_of(now);
    if incident.state == State::Open && !arguments.unresolved {
        let says = format!(
            "{id} is still open; first say how it ended: hearback incident resolve {id} --how …, or pass --unresolved"
        );
        return Err(Usage(says).into());
    }
    let (at, ask) = asked(&arguments.asked, &recorded, config, now)?;
    // As `adopted` will replay it: with the catalog beside it, and the policy that comes with the program.
    let policy = AuthorisationPolicy::default();
    let settings = Settings {
        ranker: &config.ranker,
        signals: &config.signals,
        culprit: &config.culprit,
        experts: &ExpertSettings::default(),
        policy: &policy,
        catalog: &config.catalog,
        gaps: &[],
    };
    let replayed = replay(&recorded, at, &ask, settings).await.map_err(mended_by_the_user)?;
    let culprits = culprits(&arguments, &id, &replayed)?;
    let reviewed = Reviewed { by: arguments.who.by.clone(), at: now.round(Unit::Second)? };
    let case = AdoptedCase::of_replay(&replayed, (id, &incident.title), (head, at), culprits, reviewed);
    let catalog = toml::to_string(&config.catalog)?;
    write(&folder, &[(CASE, &case.to_toml()?), (RECORD, &text), (CATALOG, &catalog)])
        .with_context(|| format!("{} could not be written", folder.display()))?;
    if arguments.json {
        output::json(&case)?;
    } else {
        output::line(told(&case, &folder))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who did it, by the word of whoever reviewed it: nothing in a record is sure enough to guess from.
fn culprits(arguments: &Adopt, id: &IncidentId, replayed: &Replay) -> Result<Vec<ChangeId>> {
    if arguments.culprits.is_empty() && !arguments.none {
        // Which one the copilot suspects is not said here: the case is there to judge it.
        let says = format!(
            "say which change caused {id}: --culprit CHANGE (an id or a sha), or --none if no change that was read did"
        );
        return Err(Usage(says).into());
    }
    let mut culprits: Vec<ChangeId> = Vec::new();
    for name in &arguments.culprits {
        let culprit =
            find_change(name, &replayed.changes).map_err(|error| Usage(format!("--culprit: {error}")))?;
        if !culprits.contains(&culprit) {
            culprits.push(culprit);
        }
    }
    Ok(culprits)
}

fn told(case: &AdoptedCase, folder: &Path) -> String {
    let expected = &case.expected;
    let wrong = match expected.strong_at_most.unwrap_or(0) {
        0 => "no change may be called a strong suspect".to_owned(),
        1 => "1 wrong change is called a strong suspect today; no more may be".to_owned(),
        count => format!("{count} wrong changes are called strong suspects today; no more may be"),
    };
    let today = match expected.rank_at_most {
        Some(rank) => format!("the culprit must stay at rank {rank} or better"),
        None if expected.culprits.is_empty() => wrong,
        None => format!("the culprit is ruled out today; {wrong}"),
    };
    format!("{} written: {today}. Next: hearback backtest adopted", folder.display())
}

/// Writes a folder beside its place and moves it there: it is whole or not there.
fn write(folder: &Path, files: &[(&str, &str)]) -> Result<()> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let half = tempfile::Builder::new().prefix(".half-").tempdir_in(parent)?;
    for (name, text) in files {
        let path = half.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = File::create(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    readable(half.path())?;
    // Fails if somebody made a folder with files there meanwhile.
    fs::rename(half.path(), folder)?;
    // It is gone from its temporary place: there is nothing to remove.
    let _ = half.keep();
    Ok(())
}

/// A temporary folder is its owner's alone; a case is for everybody who may read the others.
fn readable(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?)
}
