//! What a model found, as people read it: what stands in evidence, what may have caused it and what would show that it did
//! not, what it cost. It is told apart from what was computed: every line says that a model wrote it.

use hearback_core::hypothesis::SeenHypothesis;
use hearback_core::ids::HypothesisId;
use hearback_core::investigation::{Ending, Hypothesis, Investigated, Statement};
use hearback_core::{ExternalText, Incident};

/// As many claims and hypotheses are told.
const CLAIMS: usize = 3;
const HYPOTHESES: usize = 2;
/// As many characters of a statement.
const WIDTH: usize = 300;

/// In a few lines, the last of which says who said so and what it cost. Where it stands in an incident's record, by the entry
/// of this number, its hypotheses have names, and what people made of them is told.
pub fn lines(found: &Investigated, recorded: Option<(u64, &Incident)>) -> Vec<String> {
    let mut lines: Vec<String> =
        found.claims.iter().take(CLAIMS).map(|one| format!("Model: {}", says(one))).collect();
    for (place, one) in (1..).zip(&found.hypotheses).take(HYPOTHESES) {
        let (name, settled) =
            recorded.map_or_else(Default::default, |recorded| known_as(recorded, place, one));
        let wrong = match one.disproved_by.is_blank() {
            true => String::new(),
            false => format!(" Wrong if: {}", one.disproved_by.for_people(WIDTH)),
        };
        lines.push(format!(
            "Model, hypothesis{name}, {}{settled}: {}{wrong}",
            one.strength,
            says(&one.statement)
        ));
    }
    if found.patch.is_some() {
        lines.push(
            "Model: suggests a small patch; if it can be made it is proposed, for somebody to read."
                .to_owned(),
        );
    }
    lines.push(footer(found));
    lines
}

/// What a hypothesis is called in an incident, and what people made of it.
fn known_as((seq, incident): (u64, &Incident), place: usize, one: &Hypothesis) -> (String, String) {
    let id = HypothesisId::found(seq, place);
    let says = one.statement.claim.says();
    let is_it = |seen: &&SeenHypothesis| seen.id == id || seen.says.as_untrusted() == says;
    let Some(seen) = incident.hypotheses.iter().find(is_it) else { return Default::default() };
    let settled = seen
        .settled
        .as_ref()
        .map(|settled| format!(", {} by {}", settled.verdict.as_str(), settled.by.for_people()));
    (format!(" {}", seen.id), settled.unwrap_or_default())
}

fn says(statement: &Statement) -> String {
    let by = if statement.only_outsiders { " (only by text that anybody could have written)" } else { "" };
    format!("{}{by}", ExternalText::from(statement.claim.says()).for_people(WIDTH))
}

fn footer(found: &Investigated) -> String {
    let by = found.by.as_ref().map_or("The model".to_owned(), ToString::to_string);
    if found.ending == Ending::Missing && found.claims.is_empty() && found.hypotheses.is_empty() {
        let why = found
            .why
            .as_ref()
            .map_or(String::new(), |why| format!(": {}", ExternalText::from(why.as_str()).for_people(200)));
        return format!("The model is missing{why}. What stands above was found without it.");
    }
    let ended = match found.ending {
        Ending::Finished => "",
        Ending::OutOfTurns => ", stopped: asked as often as it may",
        Ending::OutOfTokens => ", stopped: as many tokens as it may",
        Ending::OutOfTime => ", stopped: out of time",
        Ending::OutOfMoney => ", stopped: as much money as it may",
        Ending::Looped => ", stopped: it asked for the same again and again",
        Ending::Unreadable => ", stopped: it could not be understood",
        Ending::Refused => ", stopped: it refused",
        Ending::Missing => ", stopped: it went away",
    };
    let usage = &found.spent.usage;
    let unmetered = if found.spent.unmetered > 0 { " or more" } else { "" };
    let mut costs: Vec<String> = found.spent.costs.iter().map(ToString::to_string).collect();
    if costs.is_empty() || found.spent.unpriced > 0 {
        costs.push("price not known".into());
    }
    let dropped = match found.dropped.count() {
        0 => String::new(),
        1 => ", 1 statement dropped: not in the evidence".to_owned(),
        count => format!(", {count} statements dropped: not in the evidence"),
    };
    format!(
        "{by}: {} turns, {} look-ups, {} tokens{unmetered}, {}, {:.1} s{dropped}{ended}.",
        found.turns,
        found.fetches,
        usage.input_tokens.saturating_add(usage.output_tokens),
        costs.join(" and "),
        found.took.as_secs_f64(),
    )
}
