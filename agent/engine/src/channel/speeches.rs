//! Which messages an incident calls for, and what each says now. A function of the incident: what was said stands in it too,
//! so that what is left to say is the difference.

use hearback_core::Incident;
use hearback_core::MessageId;
use hearback_core::chat::{ChatMessage, Press, Span};
use hearback_core::hash::{Digest, NotCanonical, canonical_json};
use hearback_core::incident::{SeenQuestion, State};
use jiff::Timestamp;

use super::words;
use crate::hypotheses::HypothesisView;
use crate::proposed::{ProposalView, Stage};
use crate::render_investigation;

/// The key of the message with which the copilot begins to listen.
pub const NOTICE: &str = "notice";

/// All messages that the incident calls for, in the order in which they are to be said. Empty without a channel. What
/// belongs in the thread of a message that does not stand yet is left out: it comes when that stands.
pub fn speeches(incident: &Incident, now: Timestamp) -> Vec<ChatMessage> {
    if incident.channel.is_none() {
        return Vec::new();
    }
    let mut speeches = vec![message(NOTICE, None, words::notice(incident), Vec::new())];
    for asked in &incident.questions {
        speeches.extend(answered(incident, asked));
    }
    for seen in incident.hypotheses.iter().filter(|seen| seen.is_by_person()) {
        let lines = words::hypothesis(&HypothesisView::of(seen));
        speeches.push(message(&format!("hypothesis {}", seen.id), None, lines, Vec::new()));
    }
    if let Some((seq, why)) = &incident.not_proposed {
        speeches.push(message(&format!("not proposed {seq}"), None, words::not_proposed(why), Vec::new()));
    }
    let views = incident.proposals.values().filter_map(|seen| Some((seen, ProposalView::of(seen, now)?)));
    let mut views: Vec<_> = views.collect();
    // By number: P10 comes after P9.
    views.sort_by_key(|(_, view)| view.id.as_str().len());
    for (seen, view) in &views {
        let id = &view.id;
        let key = format!("proposal {id}");
        let buttons = match view.stage {
            Stage::Waiting if incident.state == State::Open => vec![
                Press::Approve { proposal: id.clone(), digest: view.digest },
                Press::Reject { proposal: id.clone(), digest: view.digest },
            ],
            _ => Vec::new(),
        };
        speeches.push(message(&key, None, words::proposal(view), buttons));
        if let Some(spoken) = incident.spoken.get(&key) {
            for (seq, place, _) in &seen.denied {
                let Some(lines) = view.decisions.get(*place).and_then(words::denied) else { continue };
                speeches.push(message(&format!("denied {seq}"), Some(&spoken.message), lines, Vec::new()));
            }
        }
        if let Some((_, outcome)) = &seen.outcome {
            speeches.push(message(&format!("ended {id}"), None, words::ended(seen, outcome), Vec::new()));
        }
        let offer = views
            .iter()
            .map(|(_, other)| other)
            .find(|other| other.proposal.why.says().starts_with(&format!("{id} did not help: ")));
        if let Some(lines) = words::helped(view, offer) {
            speeches.push(message(&format!("helped {id}"), None, lines, Vec::new()));
        }
    }
    if let State::Resolved { .. } = incident.state {
        speeches.push(message("resolved", None, words::resolved(incident, now), Vec::new()));
    }
    speeches
}

/// The answer of a question: in the thread of the message that asked; else, for what the copilot asked by itself, in the
/// channel. What somebody asked elsewhere (on the command line) is not said here, unless it is the first answer.
fn answered(incident: &Incident, asked: &SeenQuestion) -> Option<ChatMessage> {
    let (seq, answer) = asked.answer.as_ref()?;
    let is_first = incident.questions.first().is_some_and(|first| first.seq == asked.seq);
    let by_message = asked.question.message.as_ref();
    if by_message.is_none() && !is_first {
        return None;
    }
    // A thread is named by its first message: a question inside one is answered there.
    let thread = asked.question.thread.as_ref().or(by_message).filter(|message| !message.is_of_command());
    let mut buttons = vec![Press::Why { incident: incident.id.clone(), answer: *seq }];
    let left = answer.suspects.iter().find(|suspect| !incident.dismissed.contains_key(&suspect.change.id));
    buttons.extend(
        left.map(|suspect| Press::NotIt { incident: incident.id.clone(), change: suspect.change.id.clone() }),
    );
    let mut lines = words::answer(answer, &incident.dismissed);
    if let Some((seq, found)) = &asked.investigation.found {
        let told = render_investigation::lines(found, Some((*seq, incident)));
        lines.extend(told.into_iter().map(words::line));
    }
    // What the button below shows; an answer without it has none.
    lines.last_mut().into_iter().for_each(|last| last.push(Span::Plain(" Why? says more.".to_owned())));
    Some(message(&format!("answer {}", asked.seq), thread, lines, buttons))
}

fn message(
    key: &str,
    thread: Option<&MessageId>,
    lines: Vec<words::Line>,
    buttons: Vec<Press>,
) -> ChatMessage {
    ChatMessage { key: key.to_owned(), thread: thread.cloned(), lines, buttons }
}

/// The digest of what a message says: another one means other words.
///
/// # Errors
/// [`NotCanonical`] never happens for these types; it is passed on rather than hidden.
pub fn digest(message: &ChatMessage) -> Result<Digest, NotCanonical> {
    Ok(Digest::of(canonical_json(&(&message.lines, &message.buttons))?.as_bytes()))
}
