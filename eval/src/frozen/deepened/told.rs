//! What a model made of answers, as a tired person reads it: a line an incident, then a table beside the answers without
//! it. It must not know how anything was counted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hearback_core::ExternalText;
use hearback_core::investigation::Ending;
use hearback_core::model::Spent;

use super::{Accuracy, Case, Money, ScoredLook, Summary};
use crate::frozen::scored::{Mark, NONE, short};

/// As many characters of what a server says of an error.
const WHY: usize = 160;

/// An incident in a line: the answer, then each look of the model.
pub fn line(case: &Case) -> String {
    let answer = case.answer.as_deref().map_or_else(|| "can't tell".to_owned(), named);
    let answer = format!("{}: answer {}{answer}", case.id, judged(case.answer_mark));
    let looks: Vec<String> = match case.looks.as_slice() {
        [one] => vec![look(one)],
        all => (1..).zip(all).map(|(round, one)| format!("\n  {round}. {}", look(one))).collect(),
    };
    let between = if case.looks.len() == 1 { "; " } else { "" };
    format!("{answer}{between}{}\n", looks.concat())
}

fn look(scored: &ScoredLook) -> String {
    let look = &scored.look;
    let first = look.blames.first().map_or_else(|| "without a hypothesis".to_owned(), |first| named(first));
    let judged = if look.blames.is_empty() { String::new() } else { judged(scored.first) };
    let agrees = match look.agrees {
        Some(true) => ", agrees",
        Some(false) => ", differs",
        None => "",
    };
    let also = if scored.among == Some(true) && scored.first != Some(Mark::Right) {
        ", the right one further down"
    } else {
        ""
    };
    let why = look
        .why
        .as_deref()
        .map_or_else(String::new, |why| format!(" ({})", ExternalText::from(why).for_people(WHY)));
    let mut text = format!("model {judged}{first}{agrees}{also}; {}{why}", ended(look.ending));
    let unmetered = if look.spent.unmetered > 0 { " or more" } else { "" };
    let _ = write!(
        text,
        "; {}, {}, {} tokens{unmetered}, {}, {:.1} s",
        plural(look.turns, "turn", "turns"),
        plural(look.lookups, "look-up", "look-ups"),
        look.tokens(),
        money(&look.spent),
        look.seconds
    );
    if look.dropped.count() > 0 {
        let _ = write!(text, "; {} dropped", plural(look.dropped.count(), "statement", "statements"));
    }
    if look.only_outsiders > 0 {
        let _ =
            write!(text, "; {} of {} hypotheses only by outsiders", look.only_outsiders, look.blames.len());
    }
    text
}

fn judged(mark: Option<Mark>) -> String {
    match mark {
        Some(Mark::Right) => "right, ".to_owned(),
        Some(Mark::Wrong) => "wrong, ".to_owned(),
        Some(Mark::Abstained) | None => String::new(),
    }
}

fn named(name: &str) -> String {
    if name == NONE { "no change".to_owned() } else { ExternalText::new(short(name)).for_people(80) }
}

fn ended(ending: Ending) -> &'static str {
    match ending {
        Ending::Finished => "finished",
        Ending::OutOfTurns => "out of turns",
        Ending::OutOfTokens => "out of tokens",
        Ending::OutOfTime => "out of time",
        Ending::OutOfMoney => "out of money",
        Ending::Looped => "asked for the same again and again",
        Ending::Unreadable => "not to be understood",
        Ending::Refused => "refused",
        Ending::Missing => "missing",
    }
}

fn money(spent: &Spent) -> String {
    let mut costs: Vec<String> = spent.costs.iter().map(ToString::to_string).collect();
    if spent.requests > 0 && (costs.is_empty() || spent.unpriced > 0) {
        costs.push("price not known".into());
    }
    if costs.is_empty() { "no cost".to_owned() } else { costs.join(" and ") }
}

fn plural(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The sums, with the answers without a model beside what the model made of them.
pub fn text(summary: &Summary) -> String {
    let mut text = format!(
        "{}, {} of a model\n\n",
        plural(summary.incidents, "frozen incident", "frozen incidents"),
        plural(summary.looks, "look", "looks")
    );
    if summary.incidents > 0 {
        table(summary, &mut text);
    }
    if summary.without_truth > 0 {
        let _ = writeln!(
            text,
            "{} without a truth.json: answered and looked at, not scored",
            summary.without_truth
        );
    }
    if summary.missing > 0 {
        let _ = writeln!(text, "The model was missing {}.", times(summary.missing));
    }
    if let (Some(tokens), Some(seconds)) = (&summary.tokens, &summary.seconds) {
        let or_more = if summary.spent.unmetered > 0 { " or more" } else { "" };
        let _ = writeln!(
            text,
            "tokens   {:.0}{or_more} in all, median {:.0}, most {:.0}",
            tokens.total, tokens.median, tokens.most
        );
        let _ = match &summary.cost {
            Some(Money { spending: cost, currency }) => writeln!(
                text,
                "cost     {} in all, median {:.4} {currency}, most {:.4} {currency}",
                money(&summary.spent),
                cost.median,
                cost.most
            ),
            None => writeln!(text, "cost     {}", money(&summary.spent)),
        };
        let _ = writeln!(
            text,
            "seconds  {:.1} in all, median {:.1}, most {:.1}",
            seconds.total, seconds.median, seconds.most
        );
    }
    text
}

fn table(summary: &Summary, text: &mut String) {
    let _ = writeln!(text, "{:<28}{:>7}{:>7}{:>9}   right, 95 % interval", "", "right", "wrong", "nothing");
    for (what, Accuracy { marks, right }) in
        [("answer without a model", &summary.answer), ("model's first hypothesis", &summary.model)]
    {
        let share = right.map_or_else(String::new, |share| {
            let percent = |value: f64| format!("{:.0}", 100.0 * value);
            format!("{} % ({} to {})", percent(share.value), percent(share.low), percent(share.high))
        });
        let (right, wrong, nothing) = (marks.right, marks.wrong, marks.abstained);
        let _ = writeln!(text, "{what:<28}{right:>7}{wrong:>7}{nothing:>9}   {share}");
    }
    let _ = writeln!(text, "{:<28}{:>7} of {}", "right in any hypothesis", summary.among, summary.looks);
    let _ = writeln!(
        text,
        "{:<28}{:>7} of {}",
        "decoys blamed by the model", summary.decoys_blamed, summary.looks
    );
    let accused = &summary.false_accusations;
    if accused.incidents > 0 {
        let _ = writeln!(
            text,
            "Where no change did it, a change is blamed by {} of {} and {} of {}.",
            accused.by_answer,
            plural(accused.incidents, "answer", "answers"),
            accused.by_model,
            plural(accused.looks, "look", "looks")
        );
    }
    let _ = writeln!(text, "Answer not right, model right: {}", ids(&summary.mended));
    let _ = writeln!(text, "Answer right, model wrong: {}", ids(&summary.spoiled));
    let _ = writeln!(
        text,
        "The answer stands in any case: what a model says is told below it and changes nothing in it."
    );
    if let Some(spread) = &summary.spread {
        let rounds: Vec<String> = spread.right_by_round.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "Right by round: {} of {}. Right in one and not in another: {}",
            if rounds.is_empty() { "no whole round".to_owned() } else { rounds.join(", ") },
            summary.incidents,
            if spread.unsteady.is_empty() { "none".to_owned() } else { spread.unsteady.join(", ") }
        );
        text.push_str("The interval counts incidents, not looks: to ask again makes no new incident.\n");
    }
    let _ = writeln!(
        text,
        "{} dropped: not in what they cite. {} of {} hypotheses rest only on text that anybody could have written.",
        plural(summary.dropped, "statement", "statements"),
        summary.only_outsiders,
        summary.hypotheses
    );
}

fn ids(counts: &BTreeMap<String, u32>) -> String {
    let told = |(id, count): (&String, &u32)| match count {
        1 => id.clone(),
        count => format!("{id} ({})", times(*count)),
    };
    if counts.is_empty() { "none".to_owned() } else { counts.iter().map(told).collect::<Vec<_>>().join(", ") }
}

fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}
