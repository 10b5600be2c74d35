//! What is heard from a chat system, as entries and as things to do. A person is whom the policy says they are; what they are
//! called in the chat is for people and decides nothing. It must not know how what is to be done is done.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::approval::{ApprovalPolicy, Decided, Decision};
use hearback_core::chat::{Heard, HeardWhat, Press};
use hearback_core::entry::{Actor, Draft};
use hearback_core::happening::Addressee;
use hearback_core::ids::{MessageId, SourceName};
use hearback_core::ports::{DeliveryLog, Expect, RecordError, RecordStore, Recorded};
use hearback_core::{ChannelId, ExternalText, Happening, Incident, IncidentId, ServiceName};
use jiff::{SignedDuration, Timestamp};

use super::commands::{Meant, meant};
use super::speeches::NOTICE;
use super::words::{self, Line};
use crate::alerts::open_incident;
use crate::hypotheses::{self, NotSaid, Saying};
use crate::incidents::Incidents;

/// For how long it is remembered what was heard. Slack repeats a delivery for an hour at most.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(14 * 24);
/// So many characters of who did something are shown, and so many of a stranger's name at least.
const SHOWN: usize = 40;
const SHORTEST: usize = 8;
/// The longest title, in characters.
const TITLE: usize = 300;

/// Hears.
#[derive(Clone, Copy)]
pub struct HearingDesk<'a> {
    /// Where incidents are written.
    pub record: &'a dyn RecordStore,
    /// What was heard before.
    pub deliveries: &'a dyn DeliveryLog,
    /// Who is who.
    pub policy: &'a ApprovalPolicy,
}

/// What is to be done about what was heard. What is written down is done already.
#[derive(Debug, Clone, PartialEq)]
pub enum Heeded {
    /// Nothing more.
    Nothing,
    /// Something was written down: whoever works from the record has something to do.
    Written(IncidentId),
    /// Somebody decided about a proposal.
    Decide(Decision, Actor),
    /// Somebody asked outside the channel of an incident: this, and who.
    Ask(String, Actor),
    /// Whoever spoke is to be told this.
    Reply(Vec<Line>),
}

impl HearingDesk<'_> {
    /// Takes what was heard. A delivery that was taken before has no effect. `incidents` is brought up to date as far as
    /// that is needed.
    ///
    /// # Errors
    /// The record is away; then the delivery may be sent again.
    pub async fn hear(
        &self,
        heard: &Heard,
        incidents: &mut Incidents,
        now: Timestamp,
    ) -> Result<Heeded, RecordError> {
        let here = bound(incidents, &heard.channel).map(|incident| incident.id.clone());
        if let Some(id) = &here {
            incidents.refresh_one(self.record, id).await?;
        }
        // The channel may have become another incident's since.
        if bound(incidents, &heard.channel).is_none() {
            incidents.refresh(self.record).await?;
        }
        let is_bound = bound(incidents, &heard.channel).is_some();
        let is_declared = match &heard.what {
            // The message's own id makes it one entry, however often it is delivered.
            HeardWhat::Said { .. } if is_bound => return self.take_surely(heard, incidents, now).await,
            HeardWhat::Said { to_us: false, .. } => return Ok(Heeded::Nothing),
            HeardWhat::Command { name, text } => {
                matches!(meant(name, text.as_untrusted()), Meant::Declare { .. })
            }
            HeardWhat::Said { .. } | HeardWhat::Pressed { .. } | HeardWhat::Joined => false,
        };
        let sender = sender(heard)?;
        if is_declared {
            // Two copilots that hear it at once would declare two incidents: who marks it first declares it.
            if self.mark(&sender, heard, now).await? == Recorded::AlreadyThere {
                return Ok(Heeded::Nothing);
            }
            return self.take_surely(heard, incidents, now).await;
        }
        if self.deliveries.was_delivered(&sender, &heard.delivery).await? {
            return Ok(Heeded::Nothing);
        }
        // It counts as taken once it was: what could not be written down may be sent again. Taken twice, it is written
        // once all the same.
        let taken = self.take_surely(heard, incidents, now).await?;
        if let Err(error) = self.mark(&sender, heard, now).await {
            tracing::warn!(%error, "that something was heard could not be noted");
        }
        Ok(taken)
    }

    /// What is written is written on the condition that nobody wrote in between: else it is looked at anew.
    async fn take_surely(
        &self,
        heard: &Heard,
        incidents: &mut Incidents,
        now: Timestamp,
    ) -> Result<Heeded, RecordError> {
        loop {
            match self.take(heard, incidents, now).await {
                Err(RecordError::Conflict { .. }) => incidents.refresh(self.record).await?,
                taken => return taken,
            }
        }
    }

    async fn take(
        &self,
        heard: &Heard,
        incidents: &Incidents,
        now: Timestamp,
    ) -> Result<Heeded, RecordError> {
        let here = bound(incidents, &heard.channel);
        match &heard.what {
            HeardWhat::Said { text, to_us, message, thread } => match here {
                Some(incident) => {
                    let to = if *to_us { Addressee::Copilot } else { Addressee::Everybody };
                    // Nobody's words are written down before everybody was told that they are.
                    let is_announced = incident.spoken.contains_key(NOTICE);
                    if !is_announced && !to_us {
                        return Ok(Heeded::Nothing);
                    }
                    let what = Happening::Message {
                        channel: heard.channel.to_string(),
                        text: text.clone(),
                        message: Some(message.clone()),
                        thread: thread.clone(),
                        to,
                    };
                    if incident.heard.contains(message) {
                        return Ok(Heeded::Nothing);
                    }
                    self.write(incident, incidents, what, heard, now).await
                }
                None if *to_us => Ok(Heeded::Ask(text.as_untrusted().to_owned(), self.identity(heard))),
                // The incident ended while it was written.
                None => Ok(Heeded::Nothing),
            },
            HeardWhat::Command { name, text } => {
                self.command(meant(name, text.as_untrusted()), heard, (here, incidents), now).await
            }
            HeardWhat::Pressed { press, .. } => self.pressed(press, heard, incidents, now).await,
            HeardWhat::Joined => Ok(match here {
                Some(_) => Heeded::Nothing,
                None => Heeded::Reply(vec![
                    words::line(
                        "I'm here. This channel is of no incident: nothing that is said in it is written down.",
                    ),
                    words::line(
                        "Make it one: /incident declare SEV-2 what fails. Ask without one: /whatchanged SERVICE.",
                    ),
                ]),
            }),
        }
    }

    async fn command(
        &self,
        meant: Meant,
        heard: &Heard,
        (here, incidents): (Option<&Incident>, &Incidents),
        now: Timestamp,
    ) -> Result<Heeded, RecordError> {
        Ok(match (meant, here) {
            (Meant::Help(says), _) => Heeded::Reply(vec![words::line(says)]),
            (Meant::WhatChanged(text), None) => Heeded::Ask(text, self.identity(heard)),
            (Meant::WhatChanged(text), Some(incident)) => {
                // A command is no message; its own id stands for one.
                let id = MessageId::of_command(&heard.delivery);
                if incident.heard.contains(&id) {
                    return Ok(Heeded::Nothing);
                }
                let says = if text.is_empty() { crate::asking::WHAT_CHANGED.to_owned() } else { text };
                let what = Happening::Message {
                    channel: heard.channel.to_string(),
                    text: ExternalText::new(says),
                    message: Some(id),
                    thread: None,
                    to: Addressee::Copilot,
                };
                self.write(incident, incidents, what, heard, now).await?
            }
            (Meant::Declare { .. }, Some(incident)) => Heeded::Reply(vec![words::line(format!(
                "This channel is of {} already; /incident status tells how it stands.",
                incident.id
            ))]),
            (Meant::Declare { severity, title }, None) => {
                let by = self.identity(heard);
                let declared = Happening::Declared {
                    title: ExternalText::new(title.chars().take(TITLE).collect::<String>()),
                    severity,
                    services: Vec::new(),
                    impact_since: None,
                };
                let bound = channel_bound(&heard.channel);
                let drafts = vec![draft(declared, by.clone(), now), draft(bound, by, now)];
                Heeded::Written(open_incident(self.record, drafts).await?.incident)
            }
            (Meant::Bind(_), Some(incident)) => Heeded::Reply(vec![words::line(format!(
                "This channel is of {} already; an incident has one channel, and a channel one incident.",
                incident.id
            ))]),
            (Meant::Bind(id), None) => self.bind(&id, heard, incidents, now).await?,
            (Meant::Status, Some(incident)) => Heeded::Reply(words::status(incident, now)),
            (Meant::Resolve(how), Some(incident)) => {
                let what = Happening::Resolved { how: ExternalText::new(how) };
                self.write(incident, incidents, what, heard, now).await?
            }
            (Meant::Suspect(says), Some(incident)) => {
                let saying = Saying::Raise { says, change: None };
                self.say(incident, incidents, &saying, heard, now).await?
            }
            (Meant::Settle { hypothesis, verdict, why }, Some(incident)) => {
                let saying = Saying::Settle { hypothesis, verdict, why };
                self.say(incident, incidents, &saying, heard, now).await?
            }
            (Meant::Status | Meant::Resolve(_) | Meant::Suspect(_) | Meant::Settle { .. }, None) => {
                Heeded::Reply(vec![words::line(
                    "This channel is of no incident. Make it one: /incident declare SEV-2 what fails.",
                )])
            }
        })
    }

    /// Writes down what somebody says of what may have caused it.
    async fn say(
        &self,
        incident: &Incident,
        incidents: &Incidents,
        saying: &Saying,
        heard: &Heard,
        now: Timestamp,
    ) -> Result<Heeded, RecordError> {
        match hypotheses::happening(incident, saying) {
            Ok(what) => self.write(incident, incidents, what, heard, now).await,
            Err(NotSaid::Record(error)) => Err(error),
            Err(why) => Ok(Heeded::Reply(vec![words::line(format!("Nothing was noted: {why}."))])),
        }
    }

    /// Makes this channel an incident's. What the incident holds will be read here: only who is known may do that.
    async fn bind(
        &self,
        id: &IncidentId,
        heard: &Heard,
        incidents: &Incidents,
        now: Timestamp,
    ) -> Result<Heeded, RecordError> {
        let says = |text: String| Ok(Heeded::Reply(vec![words::line(text)]));
        if self.policy.in_chat(&heard.by).is_none() {
            return says(
                "Only people of the approval policy may bind a channel; ask one of them.".to_owned(),
            );
        }
        match incidents.open().find(|incident| incident.id == *id) {
            None => says(format!("There is no open incident {id}; nothing was bound.")),
            Some(Incident { channel: Some(bound), .. }) => {
                says(format!("{id} has the channel {} already.", bound.channel()))
            }
            Some(incident) => {
                let what = channel_bound(&heard.channel);
                self.write(incident, incidents, what, heard, now).await
            }
        }
    }

    async fn pressed(
        &self,
        press: &Press,
        heard: &Heard,
        incidents: &Incidents,
        now: Timestamp,
    ) -> Result<Heeded, RecordError> {
        // What a button names must be of the channel it stands in: nothing is told or done across channels.
        let of_here = |id: &IncidentId| {
            incidents.get(id).filter(|incident| {
                incident.channel.as_ref().is_some_and(|bound| *bound.channel() == heard.channel)
            })
        };
        let elsewhere = || {
            Heeded::Reply(vec![words::line(
                "That button is of another channel's incident; nothing was done.",
            )])
        };
        Ok(match press {
            Press::Approve { proposal, digest } | Press::Reject { proposal, digest } => {
                if proposal.incident().and_then(|id| of_here(&id)).is_none() {
                    return Ok(elsewhere());
                }
                let (verdict, why) = match press {
                    Press::Approve { .. } => (Decided::Approve, ExternalText::default()),
                    _ => (Decided::Reject, "with the button in the channel".into()),
                };
                let decision = Decision { proposal: proposal.clone(), digest: *digest, verdict, why };
                Heeded::Decide(decision, self.decider(heard))
            }
            Press::Why { incident, answer } => {
                let Some(incident) = of_here(incident) else { return Ok(elsewhere()) };
                let mut answers = incident.questions.iter().filter_map(|asked| asked.answer.as_ref());
                match answers.find(|(seq, _)| seq == answer) {
                    Some((_, found)) => Heeded::Reply(words::evidence(found)),
                    None => Heeded::Reply(vec![words::line("That answer can't be read any more.")]),
                }
            }
            Press::NotIt { incident, change } => {
                let Some(incident) = of_here(incident) else { return Ok(elsewhere()) };
                let is_suspect =
                    incident.questions.iter().filter_map(|asked| asked.answer.as_ref()).any(|(_, answer)| {
                        answer.suspects.iter().any(|suspect| suspect.change.id == *change)
                    });
                if !is_suspect {
                    return Ok(Heeded::Reply(vec![words::line(
                        "That change is no suspect here; nothing was noted.",
                    )]));
                }
                let what = Happening::Dismissed { change: change.clone() };
                match incident.dismissed.contains_key(change) {
                    true => Heeded::Nothing,
                    false => self.write(incident, incidents, what, heard, now).await?,
                }
            }
        })
    }

    /// Writes it down, on the condition that nobody wrote in between.
    async fn write(
        &self,
        incident: &Incident,
        incidents: &Incidents,
        what: Happening,
        heard: &Heard,
        now: Timestamp,
    ) -> Result<Heeded, RecordError> {
        let at = heard.at.min(now);
        let by = self.identity(heard);
        let draft = Draft { happened_at: at, known_at: now, recorded_at: now, by, what };
        self.record.append(&incident.id, Expect::Head(incidents.head(&incident.id)), vec![draft]).await?;
        Ok(Heeded::Written(incident.id.clone()))
    }

    /// Marks this delivery as taken.
    async fn mark(
        &self,
        sender: &SourceName,
        heard: &Heard,
        now: Timestamp,
    ) -> Result<Recorded, RecordError> {
        let forget = now.checked_sub(REMEMBERED).unwrap_or(now);
        self.deliveries.mark_delivered(sender, &heard.delivery, now, forget).await
    }

    /// Who spoke, for the record: the name that the policy has, else what they are called with their id, so that nobody can
    /// be taken for another by what they call themselves.
    fn identity(&self, heard: &Heard) -> Actor {
        Actor::Person(match self.policy.in_chat(&heard.by) {
            Some(person) => ExternalText::new(person.name.as_str()),
            None => {
                let id = heard.by.as_str();
                // So long that the id stands wherever the name is shown.
                let width = SHOWN.saturating_sub(id.chars().count() + 3).max(SHORTEST);
                ExternalText::new(format!("{} ({id})", heard.name.for_people(width)))
            }
        })
    }

    /// Who decides: whom the policy does not know is an id and nothing else.
    fn decider(&self, heard: &Heard) -> Actor {
        Actor::Person(match self.policy.in_chat(&heard.by) {
            Some(person) => ExternalText::new(person.name.as_str()),
            None => ExternalText::new(heard.by.as_str()),
        })
    }
}

/// Under which name the deliveries of a chat system are remembered.
fn sender(heard: &Heard) -> Result<SourceName, RecordError> {
    let system = heard.channel.as_str().split(':').next().unwrap_or_default();
    SourceName::new(format!("chat:{system}")).map_err(|error| RecordError::Refused(error.to_string()))
}

fn channel_bound(channel: &ChannelId) -> Happening {
    Happening::ChannelBound { channel: channel.clone(), name: ExternalText::new(channel.as_str()) }
}

/// The channels of incidents that nobody declared in one: by service, and one for all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channels {
    /// Of incidents of these services.
    pub of_services: BTreeMap<ServiceName, ChannelId>,
    /// Of all others.
    pub others: Option<ChannelId>,
}

impl Channels {
    /// Binds open incidents without a channel to the one that is theirs, unless another open incident has it: a channel is
    /// of one incident. Says how many it bound.
    ///
    /// # Errors
    /// The record is away; the next call does it.
    pub async fn bind(
        &self,
        record: &dyn RecordStore,
        incidents: &Incidents,
        now: Timestamp,
    ) -> Result<usize, RecordError> {
        let mut taken: BTreeSet<ChannelId> = BTreeSet::new();
        let bound = incidents.open().filter_map(|incident| incident.channel.as_ref());
        taken.extend(bound.map(|bound| bound.channel().clone()));
        let mut count = 0;
        for incident in incidents.open().filter(|incident| incident.channel.is_none()) {
            let of_service = incident.services.iter().find_map(|service| self.of_services.get(service));
            let Some(channel) = of_service.or(self.others.as_ref()) else { continue };
            if !taken.insert(channel.clone()) {
                continue;
            }
            let drafts = vec![draft(channel_bound(channel), Actor::hearback(), now)];
            match record.append(&incident.id, Expect::Head(incidents.head(&incident.id)), drafts).await {
                Ok(_) => count += 1,
                // Somebody wrote in between; the next call looks again.
                Err(RecordError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

/// The open incident that this channel is of.
pub fn bound<'i>(incidents: &'i Incidents, channel: &ChannelId) -> Option<&'i Incident> {
    let is_here =
        |incident: &&Incident| incident.channel.as_ref().is_some_and(|bound| bound.channel() == channel);
    incidents.open().filter(is_here).last()
}

fn draft(what: Happening, by: Actor, now: Timestamp) -> Draft {
    Draft { happened_at: now, known_at: now, recorded_at: now, by, what }
}
