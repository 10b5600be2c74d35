//! `hearback target`: what is known of the things that actions change, and that a person has looked at one.

use std::process::ExitCode;

use anyhow::Result;
use hearback_core::ExternalText;
use hearback_core::access::Right;
use hearback_core::ids::Target as TargetId;
use hearback_core::ports::Notice;
use hearback_core::target::{Step, TargetState};
use hearback_core::time::format_time;
use jiff::Timestamp;

use super::holder;
use crate::cli;
use crate::config::Config;
use crate::output::{self, Usage};
use crate::wiring;

pub async fn run(command: cli::Target, config: &Config) -> Result<ExitCode> {
    let record = wiring::record(config).await?;
    let now = Timestamp::now();
    match command {
        cli::Target::Show { target, json } => {
            let target = named(&target)?;
            let state = record.target(&target).await?;
            if json { output::json(&state)? } else { output::print(&shown(&target, &state, now))? }
        }
        cli::Target::Reset { target, why, key } => {
            let target = named(&target)?;
            if why.trim().is_empty() {
                return Err(Usage("--why: say what you saw; everybody will read it".into()).into());
            }
            let by = holder(record.as_ref(), &key, Right::Approve, None, now).await?;
            let Some(stopped) = record.target(&target).await?.stopped else {
                output::line(format!("{target} is not stopped"))?;
                return Ok(ExitCode::SUCCESS);
            };
            let text = format!(
                "{} has looked at {target} ({}) and lets actions on it go on: {}",
                by.for_people(),
                ExternalText::new(stopped).for_people(200),
                ExternalText::new(why.trim()).for_people(200)
            );
            // Told first: a target that goes on without anybody hearing of it would be the worse half.
            let key = format!("reset {target} {now}");
            let notice = Notice { key, at: now, text: ExternalText::new(text.as_str()), told_at: None };
            record.queue_notice(&notice).await?;
            record
                .step_target(&target, &Step::Reset, now)
                .await?
                .map_err(|error| Usage(error.to_string()))?;
            output::line(text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn named(text: &str) -> Result<TargetId> {
    Ok(TargetId::new(text).map_err(|error| Usage(error.to_string()))?)
}

fn shown(target: &TargetId, state: &TargetState, now: Timestamp) -> String {
    let name = ExternalText::new(target.as_str()).for_people(200);
    let mut lines = vec![match (&state.stopped, &state.lease) {
        (Some(why), _) => format!(
            "{name}: stopped until a person has looked: {}. Then: hearback target reset \"{name}\" --why \"…\"",
            ExternalText::new(why.as_str()).for_people(200)
        ),
        (None, Some(lease)) if lease.until > now => {
            format!("{name}: worked on for {} until {}", lease.proposal, format_time(lease.until))
        }
        (None, _) => format!("{name}: free"),
    }];
    for ended in &state.ended {
        lines.push(format!("  {}  {}  {}", format_time(ended.at), ended.proposal, ended.how));
    }
    lines.join("\n") + "\n"
}
