//! The lines of each message, as people read them at three in the morning. Pure; it must not know which messages there are
//! nor how they are drawn.

use std::collections::BTreeMap;

use hearback_core::action::{Action, Outcome, Recovery};
use hearback_core::analysis::Cause;
use hearback_core::answer::{ChangeSummary, Strength, Suspect, Verdict};
use hearback_core::approval::Decided;
use hearback_core::chat::Span;
use hearback_core::happening::Role;
use hearback_core::incident::{SeenDismissal, SeenProposal, State};
use hearback_core::time::{format_length, format_time};
use hearback_core::{Answer, ChangeId, Claim, ExternalText, Incident};
use jiff::Timestamp;

use crate::hypotheses::HypothesisView;
use crate::proposed::{DecisionView, ProposalView, Stage, check, sentence, way_back};
use crate::render::{
    Around, age, around, failing_line, gaps_line, innocent_line, onset_line, searched_line, short_id,
    strength, telling, verdict_line,
};

/// A line of a message.
pub type Line = Vec<Span>;

fn plain(text: impl Into<String>) -> Span {
    Span::Plain(text.into())
}

fn strong(text: impl Into<String>) -> Span {
    Span::Strong(text.into())
}

/// A link if it leads to a web page, else its words.
fn link(says: String, to: Option<&str>) -> Span {
    match to.filter(|to| to.starts_with("https://") || to.starts_with("http://")) {
        Some(to) => Span::Link { says, to: to.to_owned() },
        None => strong(says),
    }
}

/// One line of our own words.
pub fn line(text: impl Into<String>) -> Line {
    vec![plain(text)]
}

/// An answer in at most ten lines. A suspect that somebody dismissed keeps its line, and says so.
pub fn answer(answer: &Answer, dismissed: &BTreeMap<ChangeId, SeenDismissal>) -> Vec<Line> {
    let left = without(answer, dismissed);
    let Around { before, after, room } = around(&left);
    let mut lines = vec![vec![strong(verdict(answer, &left))]];
    lines.extend(before.into_iter().map(line));
    lines.extend(answer.suspects.iter().take(room).map(|one| suspect(answer, one, dismissed)));
    lines.extend(after.into_iter().map(line));
    lines.push(line(searched(answer)));
    lines
}

/// What is left of an answer without what somebody dismissed: other suspects, and if it was blamed, nothing that is.
fn without(answer: &Answer, dismissed: &BTreeMap<ChangeId, SeenDismissal>) -> Answer {
    let mut left = answer.clone();
    left.suspects.retain(|suspect| !dismissed.contains_key(&suspect.change.id));
    if let Some(analysis) = &mut left.analysis
        && analysis.blamed().is_some_and(|change| dismissed.contains_key(&change.id))
    {
        analysis.cause = Cause::CantTell;
    }
    left
}

/// The verdict on what is `left` of an answer: what to check next is never what was checked.
fn verdict(answer: &Answer, left: &Answer) -> String {
    let is_out = |suspect: &&Suspect| left.suspects.iter().all(|one| one.change.id != suspect.change.id);
    let out: Vec<String> = answer.suspects.iter().filter(is_out).map(|one| short_id(&one.change)).collect();
    let is_strong = left.suspects.iter().any(|suspect| suspect.strength == Strength::Strong);
    if answer.verdict == Verdict::LookHere && !is_strong && !out.is_empty() {
        let others = if left.suspects.is_empty() { "" } else { "look at the others, or " };
        return format!(
            "Can't tell any more: no strong suspect is left without {}. Next: {others}ask again with more words of the \
             error.",
            out.join(", ")
        );
    }
    verdict_line(left)
}

/// Where it was looked, in few words; the evidence has them all.
fn searched(answer: &Answer) -> String {
    let mut sources: Vec<String> = Vec::new();
    for coverage in &answer.searched {
        let name = ExternalText::new(coverage.source.as_str()).for_people(60);
        if !sources.contains(&name) {
            sources.push(name);
        }
    }
    match (sources.len(), answer.gaps.len()) {
        (0, _) => "Nothing answered.".to_owned(),
        (_, 0) => format!("Searched {}: no gaps.", sources.join(", ")),
        (_, 1) => format!("Searched {}: 1 gap.", sources.join(", ")),
        (_, gaps) => format!("Searched {}: {gaps} gaps.", sources.join(", ")),
    }
}

fn suspect(answer: &Answer, suspect: &Suspect, dismissed: &BTreeMap<ChangeId, SeenDismissal>) -> Line {
    let change = &suspect.change;
    let mut spans = vec![plain(format!("{}. ", suspect.rank))];
    if let Some(one) = dismissed.get(&change.id) {
        spans.push(plain(format!("(not it, says {}) ", one.by.for_people())));
    }
    spans.push(plain(format!("{}, {}: ", strength(suspect), when(answer, change))));
    spans.extend(named(change));
    if let Some(deploy) = &suspect.delivered_by {
        spans.push(plain(" in "));
        spans.push(Span::Quoted(ExternalText::new(deploy.title.for_people(60))));
    }
    let reasons: Vec<&str> = telling(suspect).map(|reason| reason.claim.says()).collect();
    if !reasons.is_empty() {
        spans.push(plain(format!("; {}", reasons.join("; "))));
    }
    spans
}

/// When it took effect, seen from the onset, or from the question if nobody knows when it began.
fn when(answer: &Answer, change: &ChangeSummary) -> String {
    let (reference, what) = match &answer.onset {
        Some(onset) => (onset.latest, "onset"),
        None => (answer.as_of, "the question"),
    };
    let side = if change.effective_at <= reference { "before" } else { "after" };
    format!("{} {side} {what}", age(answer, change))
}

fn named(change: &ChangeSummary) -> Vec<Span> {
    vec![
        link(short_id(change), change.link.as_deref()),
        plain(" "),
        Span::Quoted(ExternalText::new(change.title.for_people(100))),
        plain(" by "),
        Span::Quoted(ExternalText::new(change.author.for_people(40))),
    ]
}

/// What a claim rests on.
fn cited(claim: &Claim) -> String {
    let cited = claim.citations().iter().map(|citation| match (&citation.path, citation.line) {
        (Some(path), Some(line)) => format!("{}:{line}", ExternalText::new(path.as_str()).for_people(80)),
        _ => format!("evidence {}", citation.evidence.0.short()),
    });
    cited.collect::<Vec<_>>().join(", ")
}

/// The evidence of an answer: who fails first, the chain to what explains it, every reason of the first suspects, with what it counts, and what was measured.
pub fn evidence(answer: &Answer) -> Vec<Line> {
    let mut lines = vec![vec![strong(verdict_line(answer))]];
    lines.extend(onset_line(answer).map(line));
    lines.extend(failing_line(answer).map(line));
    let because = answer.analysis.iter().flat_map(|analysis| &analysis.because);
    lines.extend(because.map(|claim| line(format!("   {} [{}]", claim.says(), cited(claim)))));
    lines.extend(innocent_line(answer).map(line));
    for finding in answer.findings.iter().take(6) {
        let says = vec![plain(finding.claim.says().to_owned())];
        let more = finding.link.as_deref().map(|to| vec![plain(" "), link("graph".to_owned(), Some(to))]);
        lines.push(says.into_iter().chain(more.unwrap_or_default()).collect());
    }
    for suspect in answer.suspects.iter().take(3) {
        let mut head = vec![plain(format!("{}. ", suspect.rank))];
        head.extend(named(&suspect.change));
        lines.push(head);
        for reason in &suspect.reasons {
            lines.push(line(format!(
                "   {:+.1} {} [{}]",
                reason.points,
                reason.claim.says(),
                cited(&reason.claim)
            )));
        }
    }
    lines.extend(gaps_line(answer).map(line));
    lines.push(line(searched_line(answer, None)));
    lines
}

/// A proposal, and how far it has come.
pub fn proposal(view: &ProposalView) -> Vec<Line> {
    let proposal = &view.proposal;
    let head = match view.stage {
        Stage::Waiting => "Proposed",
        Stage::Expired => "Expired",
        Stage::Rejected => "Rejected",
        Stage::UnderWay => "Under way",
        Stage::Done => "Done",
        Stage::NotDone => "Not done",
        Stage::Unknown => "Outcome unknown",
    };
    let mut lines = vec![vec![strong(format!("{head}: {}", view.says)), plain(format!(" ({})", view.id))]];
    lines.push(says("Why: ", proposal.why.says()));
    let risks: Vec<String> =
        proposal.risks.iter().map(|risk| ExternalText::new(risk.says.as_str()).for_people(200)).collect();
    let risks = if risks.is_empty() { "none was found".to_owned() } else { risks.join("; ") };
    lines.push(says("Risk: ", &risks));
    lines.push(line(format!(
        "{} {}",
        sentence(&format!("Way back: {}", way_back(&proposal.inverse))),
        sentence(&format!("Check: {}", check(proposal.check.as_ref())))
    )));
    lines.extend(view.diff().into_iter().map(|line| vec![Span::Exact(line)]));
    lines.extend(view.decisions.iter().map(|made| says("", &made.says())));
    let next = match view.stage {
        Stage::Expired => " Next: ask again what changed, for a new proposal.",
        _ => "",
    };
    lines.push(line(format!("{}{next}", sentence(&first_upper(&view.state())))));
    lines
}

/// What somebody supposes, and what was made of it.
pub fn hypothesis(view: &HypothesisView) -> Vec<Line> {
    let mut first = vec![strong(format!("{}, says {}: ", view.id, view.by))];
    first.push(Span::Quoted(ExternalText::new(view.says.for_people(300))));
    let next = match (view.verdict, &view.settled_by) {
        (Some(verdict), Some(by)) => {
            let why =
                if view.why.is_blank() { String::new() } else { format!(": {}", view.why.for_people(200)) };
            sentence(&format!("It is {} by {by}{why}", verdict.as_str()))
        }
        _ => format!(
            "Next: say what speaks for it or against it; then /incident confirm {0} or /incident dismiss {0} why.",
            view.id
        ),
    };
    vec![first, line(next)]
}

/// How an action ended, and what is next.
pub fn ended(seen: &SeenProposal, outcome: &Outcome) -> Vec<Line> {
    let id = &seen.proposal.id;
    let word = |text: &str| sentence(&ExternalText::new(text).for_people(300));
    match outcome {
        Outcome::Done(receipt) => {
            let mut first = vec![strong(format!("{id} is done: {}", word(&receipt.says)))];
            if let Some(to) = &receipt.link {
                first.extend([plain(" "), link("Look".to_owned(), Some(to))]);
            }
            // What lies on a branch of its own, or in a pull request, changes nothing by itself.
            let merge = match &seen.proposal.action {
                Action::RevertCommit(revert) if revert.push_to != revert.branch => {
                    "have it merged and deployed; "
                }
                Action::OpenPullRequest(_) | Action::PushPatch(_) => "have it merged and deployed; ",
                Action::RevertCommit(_) | Action::CallHook(_) | Action::Redeploy(_) => "",
            };
            let next = match &seen.proposal.check {
                None => format!("Next: {merge}look yourself whether it helped."),
                Some(look_at) => {
                    sentence(&format!("Next: {merge}I look whether it helps: {}", check(Some(look_at))))
                }
            };
            vec![first, line(next)]
        }
        Outcome::NotAsExpected { why } => vec![
            vec![strong(format!("{id} was not done, the target is not as expected: {}", word(why)))],
            line("Next: ask again what changed; what was proposed does not fit any more."),
        ],
        Outcome::Failed { why } => vec![
            vec![strong(format!("{id} failed: {}", word(why)))],
            line("Next: do it by hand, or ask again what changed, for a new proposal."),
        ],
        Outcome::Unknown { why } => vec![
            vec![strong(format!("A person must look: nobody knows whether {id} was done."))],
            line(format!("What is known: {} It is not tried again.", word(why))),
            line(format!(
                "Next: look at {}; then: hearback target reset \"{}\"",
                place(seen),
                seen.proposal.action.target()
            )),
        ],
    }
}

/// Where a person looks what became of an action.
fn place(seen: &SeenProposal) -> String {
    let word = |text: &str| ExternalText::new(text).for_people(80);
    match &seen.proposal.action {
        Action::RevertCommit(revert) => {
            format!("branch {} of {}", word(&revert.push_to), word(&revert.repository))
        }
        Action::PushPatch(patch) => {
            format!("branch {} of {}", word(&patch.push_to), word(&patch.repository))
        }
        Action::CallHook(call) => format!("{} in {}", call.service, word(&call.environment)),
        Action::OpenPullRequest(open) => format!("the pull requests of {}", word(&open.repository)),
        Action::Redeploy(redeploy) => {
            format!("the deployments of {} in {}", word(&redeploy.repository), word(&redeploy.environment))
        }
    }
}

/// Whether an action helped, and what is next. `offer` is the proposal that takes it back.
pub fn helped(view: &ProposalView, offer: Option<&ProposalView>) -> Option<Vec<Line>> {
    let id = &view.id;
    let because = sentence(view.recovery_because.as_ref().map_or("", Claim::says));
    let (first, next) = match view.recovery? {
        Recovery::Recovered => (
            format!("{id} helped: {because}"),
            "Next: keep watching; when users say so too, /incident resolve what ended it.".to_owned(),
        ),
        Recovery::NotRecovered => (
            format!("{id} did not help: {because}"),
            match offer {
                None => {
                    sentence(&format!("Next: look elsewhere. Way back: {}", way_back(&view.proposal.inverse)))
                }
                Some(offer) if offer.stage == Stage::Waiting => sentence(&format!(
                    "Next: look elsewhere. To take it back, approve {}: {}",
                    offer.id, offer.says
                )),
                Some(offer) => {
                    format!(
                        "Next: look elsewhere. {}, which takes it back, {}.",
                        offer.id,
                        stands(offer.stage)
                    )
                }
            },
        ),
        Recovery::CantTell => (
            format!("Can't tell whether {id} helped: {because}"),
            "Next: look at the graph yourself.".to_owned(),
        ),
    };
    Some(vec![vec![strong(first)], line(next)])
}

fn stands(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waits for approval",
        Stage::Expired => "expired",
        Stage::Rejected => "was rejected",
        Stage::UnderWay => "is under way",
        Stage::Done => "is done",
        Stage::NotDone => "was not done",
        Stage::Unknown => "must be looked at by a person",
    }
}

/// Why nothing is proposed.
pub fn not_proposed(why: &str) -> Vec<Line> {
    vec![says("Nothing is proposed: ", why)]
}

/// Why somebody's decision did not let it be done.
pub fn denied(made: &DecisionView) -> Option<Vec<Line>> {
    let what = match made.verdict {
        Decided::Reject => "It does not count. ",
        Decided::Approve | Decided::BreakGlass => "Not done. ",
    };
    made.denied_says().map(|why| vec![says(what, &why)])
}

/// What is said when the copilot begins to listen in a channel.
pub fn notice(incident: &Incident) -> Vec<Line> {
    vec![
        vec![
            strong(format!("This channel is of {} now, and I listen:", incident.id)),
            plain(" "),
            Span::Quoted(ExternalText::new(incident.title.for_people(100))),
        ],
        line("What is written here from now on goes into the incident's record, with names and times."),
        line(
            "Ask me what changed. /incident status tells how it stands, /incident resolve ends it. Nothing is done that \
             nobody approved.",
        ),
    ]
}

/// How an incident stands.
pub fn status(incident: &Incident, now: Timestamp) -> Vec<Line> {
    let severity = incident.severity.map_or("no severity".to_owned(), |severity| severity.to_string());
    let state = match (incident.state, incident.declared_at) {
        (State::Resolved { at }, _) => format!("resolved at {}", format_time(at)),
        (State::Open, Some((at, _))) => format!("open for {}", format_length(now.duration_since(at))),
        (State::Open, None) => "open".to_owned(),
    };
    let mut lines = vec![vec![
        strong(format!("{} {severity}, {state}:", incident.id)),
        plain(" "),
        Span::Quoted(ExternalText::new(incident.title.for_people(100))),
    ]];
    let commander = incident.roles.get(&Role::IncidentCommander);
    lines.push(line(match commander {
        Some(name) => format!("Incident commander: {}.", name.for_people(40)),
        None => "Nobody is incident commander.".to_owned(),
    }));
    let services: Vec<&str> = incident.services.iter().map(|service| service.as_str()).collect();
    if !services.is_empty() {
        lines.push(line(format!("Services: {}.", services.join(", "))));
    }
    let firing: Vec<String> = incident
        .alerts
        .iter()
        .filter(|seen| seen.resolved_at.is_none())
        .map(|seen| seen.alert.name.for_people(40))
        .collect();
    if !firing.is_empty() {
        lines.push(line(format!("Firing: {}.", firing.join(", "))));
    }
    lines.extend(open_proposals(incident, now, &[Stage::Waiting, Stage::UnderWay, Stage::Unknown]));
    lines
}

/// What is said when an incident is over.
pub fn resolved(incident: &Incident, now: Timestamp) -> Vec<Line> {
    let after = match (incident.state, incident.declared_at) {
        (State::Resolved { at }, Some((from, _))) => {
            format!(", {} after it was declared", format_length(at.duration_since(from)))
        }
        _ => String::new(),
    };
    let first = match incident.ended_by.as_ref().filter(|how| !how.is_blank()) {
        None => vec![strong(format!("{} is resolved{after}.", incident.id))],
        Some(how) => vec![
            strong(format!("{} is resolved{after}:", incident.id)),
            plain(" "),
            Span::Quoted(ExternalText::new(how.for_people(200))),
        ],
    };
    let mut lines = vec![first, line("What is written here from now on goes into no record.")];
    lines.extend(open_proposals(incident, now, &[Stage::UnderWay, Stage::Unknown]));
    lines
}

/// The proposals that came so far, and no further.
fn open_proposals(incident: &Incident, now: Timestamp, stages: &[Stage]) -> impl Iterator<Item = Line> {
    let views = incident.proposals.values().filter_map(move |seen| ProposalView::of(seen, now));
    let open = views.filter(|view| stages.contains(&view.stage));
    open.map(|view| says("", &format!("{}: {}; {}", view.id, view.says, view.state())))
}

/// A line of our own words that ends as a sentence does.
fn says(before: &str, text: &str) -> Line {
    line(sentence(&format!("{before}{text}")))
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}
