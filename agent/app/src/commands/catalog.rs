//! `hearback catalog`: the services that are known, and what the catalog lacks. It must not know how files are read.

mod text;
mod view;

use std::process::ExitCode;

use anyhow::{Result, bail};
use hearback_core::ExternalText;
use hearback_core::catalog::{Problem, Service, Tree, problems, uncovered};

use crate::cli;
use crate::config::Config;
use crate::output;
use crate::wiring::catalog::look;
use view::{Checked, ServiceView, Services};

pub async fn run(command: cli::Catalog, config: &Config) -> Result<ExitCode> {
    match command {
        cli::Catalog::Show { service: None, json } => {
            let services = Services::of(config);
            if json {
                output::json(&services)?;
            } else {
                output::print(&text::table(&services))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        cli::Catalog::Show { service: Some(name), json } => {
            let Some(service) = config.catalog.find(&name) else { bail!(unknown(&name, config)) };
            let (looked, unseen) = look(&config.repositories, config.budget).await;
            let whole = ServiceView::whole(service, config, &looked, unseen);
            if json {
                output::json(&whole)?;
            } else {
                output::print(&text::one(&whole))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        cli::Catalog::Check { json } => {
            let (looked, unseen) = look(&config.repositories, config.budget).await;
            let trees: Vec<Tree> = looked.into_iter().map(|one| one.tree).collect();
            let mut found = problems_of_files(config);
            found.extend(uncovered(&config.catalog, &config.catalog_files.people, &trees));
            found.extend(unseen);
            found.sort_by_key(|problem| (problem.level, problem.kind));
            let checked = Checked::of(config, &trees, found);
            if json {
                output::json(&checked)?;
            } else {
                output::print(&text::check(&checked))?;
            }
            Ok(if checked.errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
    }
}

/// What is wrong with the catalog without a look into the repositories.
pub fn problems_of_files(config: &Config) -> Vec<Problem> {
    let mut found = config.catalog_files.problems.clone();
    found.extend(problems(&config.catalog));
    found
}

fn unknown(name: &str, config: &Config) -> String {
    let shown = ExternalText::new(name).for_people(80);
    let near = nearest(name, &config.catalog.services);
    let meant = near.map(|service| format!("did you mean {}? ", service.name)).unwrap_or_default();
    format!(
        "{shown} is not in the catalog; {meant}`hearback catalog show` lists what is. A question may name it all the \
         same"
    )
}

/// The service whose name is spelt most alike, if it differs in a third of the letters at most.
fn nearest<'c>(name: &str, services: &'c [Service]) -> Option<&'c Service> {
    let name: Vec<char> = name.to_lowercase().chars().take(100).collect();
    let distance = |service: &&Service| {
        let other: Vec<char> = service.name.as_str().to_lowercase().chars().collect();
        edits(&name, &other)
    };
    services.iter().min_by_key(distance).filter(|service| distance(service) * 3 <= name.len().max(3))
}

/// Letters to add, take out or change (Levenshtein 1966), row by row.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, a) in from.iter().enumerate() {
        let mut next = vec![index + 1];
        for (b, (above_left, above)) in to.iter().zip(row.iter().zip(row.iter().skip(1))) {
            let left = next.last().copied().unwrap_or_default();
            next.push((above_left + usize::from(a != b)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearback_core::ServiceName;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let services: Vec<Service> = ["cart", "checkout"]
            .iter()
            .map(|name| Service::named(ServiceName::new(*name).unwrap()))
            .collect();
        for (name, expect) in
            [("chekout", Some("checkout")), ("Crat", None), ("kart", Some("cart")), ("zzz", None), ("", None)]
        {
            assert_eq!(nearest(name, &services).map(|s| s.name.as_str()), expect, "{name}");
        }
    }
}
