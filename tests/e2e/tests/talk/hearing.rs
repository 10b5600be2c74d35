//! What is heard, and what comes of it: who somebody is, what is written down, what is to be done, and what has no effect.

use hearback_core::approval::{ApprovalPolicy, Decided};
use hearback_core::chat::{Heard, HeardWhat, Press};
use hearback_core::entry::Actor;
use hearback_core::happening::Addressee;
use hearback_core::incident::State;
use hearback_core::{ChangeId, ChannelId, ChatUserId, Digest, Happening, IncidentId, MessageId, ProposalId};
use hearback_engine::channel::hearing::{Channels, HearingDesk, Heeded};
use hearback_engine::incidents::Incidents;

use crate::room::{CHANNEL, Room, at, proposal, two_suspects};
use crate::words::seen;

const ANA: &str = "slack:T1:UANA";
const STRANGER: &str = "slack:T1:UEVE";

fn policy() -> ApprovalPolicy {
    serde_json::from_str(
        r#"{"person": [{"name": "Ana", "chat": ["slack:T1:UANA"], "groups": ["sre"]}], "rule": []}"#,
    )
    .unwrap()
}

fn heard(delivery: &str, by: &str, channel: &str, what: HeardWhat) -> Heard {
    Heard {
        delivery: delivery.into(),
        by: ChatUserId::new(by).unwrap(),
        // Everybody calls themselves Ana.
        name: "Ana".into(),
        channel: ChannelId::new(channel).unwrap(),
        at: at(2),
        what,
    }
}

fn said(message: &str, text: &str, to_us: bool) -> HeardWhat {
    HeardWhat::Said { message: MessageId::new(message).unwrap(), thread: None, text: text.into(), to_us }
}

fn command(name: &str, text: &str) -> HeardWhat {
    HeardWhat::Command { name: name.into(), text: text.into() }
}

fn pressed(press: Press) -> HeardWhat {
    HeardWhat::Pressed { message: MessageId::new("m1").unwrap(), press }
}

struct Ears<'a> {
    room: &'a Room,
    incidents: Incidents,
    policy: ApprovalPolicy,
}

impl<'a> Ears<'a> {
    fn new(room: &'a Room) -> Self {
        Ears { room, incidents: Incidents::default(), policy: policy() }
    }

    async fn hear(&mut self, heard: Heard) -> Heeded {
        let record = self.room.record.as_ref();
        let desk = HearingDesk { record, deliveries: record, policy: &self.policy };
        desk.hear(&heard, &mut self.incidents, at(3)).await.unwrap()
    }

    async fn reply(&mut self, heard: Heard) -> String {
        match self.hear(heard).await {
            Heeded::Reply(lines) => seen(&lines),
            other => panic!("{other:?}"),
        }
    }
}

async fn announced() -> Room {
    let room = Room::new().await;
    let (key, message) = ("notice".to_owned(), MessageId::new("m1").unwrap());
    room.happens(1, Happening::Spoke { key, message, digest: Digest::of(b"x") }).await;
    room
}

#[tokio::test]
async fn words_are_written_down_after_the_notice_and_once() {
    let room = Room::new().await;
    let mut ears = Ears::new(&room);
    assert_eq!(
        ears.hear(heard("d1", ANA, CHANNEL, said("1.000001", "too early", false))).await,
        Heeded::Nothing
    );
    assert!(room.incident().await.messages.is_empty(), "nobody was told yet that it would be written down");

    let room = announced().await;
    let mut ears = Ears::new(&room);
    let written = Heeded::Written(room.id.clone());
    assert_eq!(
        ears.hear(heard("d1", ANA, CHANNEL, said("1.000001", "it is the cache", false))).await,
        written
    );
    // Slack delivers the same message as two events, and each again.
    for delivery in ["d1", "d2", "d3"] {
        let again = heard(delivery, ANA, CHANNEL, said("1.000001", "it is the cache", false));
        assert_eq!(ears.hear(again).await, Heeded::Nothing);
    }
    assert_eq!(ears.hear(heard("d4", STRANGER, CHANNEL, said("1.000002", "hello", true))).await, written);
    let told: Vec<(String, Addressee)> =
        room.incident().await.messages.iter().map(|seen| (seen.by.for_people(), seen.to)).collect();
    assert_eq!(
        told,
        [("Ana".to_owned(), Addressee::Everybody), ("Ana (slack:T1:UEVE)".to_owned(), Addressee::Copilot)]
    );
    assert_eq!(room.incident().await.unanswered().count(), 1);
}

#[tokio::test]
async fn somebody_who_writes_in_between_costs_nothing() {
    let room = announced().await;
    let mut ears = Ears::new(&room);
    ears.hear(heard("d0", ANA, CHANNEL, said("1.000001", "one", false))).await;
    // Written by another program since our ears last looked.
    for number in 2..6 {
        room.happens(2, Happening::note("cli", "meanwhile")).await;
        ears.hear(heard(
            &format!("d{number}"),
            ANA,
            CHANNEL,
            said(&format!("1.00000{number}"), "more", false),
        ))
        .await;
    }
    room.happens(2, Happening::note("cli", "meanwhile")).await;
    ears.hear(heard("c1", ANA, CHANNEL, command("incident", "resolve rolled back"))).await;
    let incident = room.incident().await;
    assert_eq!(incident.heard.len(), 5);
    assert!(matches!(incident.state, State::Resolved { .. }));
}

#[tokio::test]
async fn a_press_is_a_decision_of_who_the_user_is() {
    let room = announced().await;
    let stored = proposal(&room.id);
    let (id, digest) = (stored.id.clone(), stored.digest().unwrap());
    room.happens(1, Happening::Proposed(stored)).await;
    let mut ears = Ears::new(&room);
    let approve = || pressed(Press::Approve { proposal: id.clone(), digest });
    let decided = |heeded: Heeded| match heeded {
        Heeded::Decide(decision, by) => (decision.verdict, decision.digest, by),
        other => panic!("{other:?}"),
    };
    let by = |name: &str| Actor::Person(name.into());
    let ana = decided(ears.hear(heard("p1", ANA, CHANNEL, approve())).await);
    assert_eq!(ana, (Decided::Approve, digest, by("Ana")));
    assert_eq!(ears.hear(heard("p1", ANA, CHANNEL, approve())).await, Heeded::Nothing, "delivered twice");
    let stranger = decided(ears.hear(heard("p2", STRANGER, CHANNEL, approve())).await);
    assert_eq!(stranger, (Decided::Approve, digest, by(STRANGER)), "whatever they call themselves");
    let reject = pressed(Press::Reject { proposal: id.clone(), digest });
    let rejected = decided(ears.hear(heard("p3", ANA, CHANNEL, reject)).await);
    assert_eq!(rejected.0, Decided::Reject);
}

#[tokio::test]
async fn a_button_of_another_channel_does_nothing() {
    let room = announced().await;
    room.answered(None, two_suspects()).await;
    let other = IncidentId::numbered(9);
    let mut ears = Ears::new(&room);
    let change = ChangeId::commit("shop", "3f2a91c0aa3f2a91c0aa3f2a91c0aa3f2a91c0aa").unwrap();
    let elsewhere = "That button is of another channel's incident; nothing was done.";
    let digest = Digest::of(b"x");
    for (number, (channel, press)) in [
        ("slack:T1:C2", Press::Approve { proposal: ProposalId::numbered(&room.id, 1), digest }),
        ("slack:T1:C2", Press::NotIt { incident: room.id.clone(), change: change.clone() }),
        ("slack:T1:C2", Press::Why { incident: room.id.clone(), answer: 4 }),
        (CHANNEL, Press::Reject { proposal: ProposalId::numbered(&other, 1), digest }),
        (CHANNEL, Press::Why { incident: other, answer: 1 }),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(ears.reply(heard(&format!("p{number}"), ANA, channel, pressed(press))).await, elsewhere);
    }
    assert!(room.incident().await.dismissed.is_empty());
    let strange = Press::NotIt { incident: room.id.clone(), change: ChangeId::new("flag:x:1").unwrap() };
    let says = ears.reply(heard("p8", ANA, CHANNEL, pressed(strange))).await;
    assert_eq!(says, "That change is no suspect here; nothing was noted.");
    let not_it = || pressed(Press::NotIt { incident: room.id.clone(), change: change.clone() });
    assert_eq!(ears.hear(heard("p9", ANA, CHANNEL, not_it())).await, Heeded::Written(room.id.clone()));
    assert_eq!(ears.hear(heard("p10", ANA, CHANNEL, not_it())).await, Heeded::Nothing);
    assert_eq!(room.incident().await.dismissed[&change].by.for_people(), "Ana");
}

#[tokio::test]
async fn commands_in_a_channel_of_no_incident_and_of_one() {
    let room = announced().await;
    let mut ears = Ears::new(&room);
    let mut told = Vec::new();
    for (number, (channel, by, what)) in [
        ("slack:T1:C2", ANA, HeardWhat::Joined),
        ("slack:T1:C2", ANA, command("incident", "status")),
        ("slack:T1:C2", ANA, command("incident", "resolve it is over")),
        ("slack:T1:C2", ANA, command("incident", "declare")),
        ("slack:T1:C2", ANA, command("incident", "help me")),
        ("slack:T1:C2", STRANGER, command("incident", "bind INC-3")),
        ("slack:T1:C2", ANA, command("incident", "bind INC-3")),
        ("slack:T1:C2", ANA, command("incident", "bind INC-7")),
        (CHANNEL, ANA, command("incident", "declare SEV-1 another")),
        (CHANNEL, ANA, command("incident", "bind INC-3")),
        (CHANNEL, ANA, command("incident", "resolve")),
    ]
    .into_iter()
    .enumerate()
    {
        let says = ears.reply(heard(&format!("c{number}"), by, channel, what.clone())).await;
        let what = match what {
            HeardWhat::Command { name, text } => format!("/{name} {}", text.as_untrusted()),
            _ => "(invited)".to_owned(),
        };
        told.push(format!("{channel} {by} {what}\n  {}", says.replace('\n', "\n  ")));
    }
    insta::assert_snapshot!(told.join("\n"));
    assert!(matches!(
        ears.hear(heard("c20", ANA, "slack:T1:C2", command("whatchanged", "checkout"))).await,
        Heeded::Ask(text, _) if text == "checkout"
    ));
    assert_eq!(
        ears.hear(heard("c21", ANA, "slack:T1:C2", said("9.000001", "just talk", false))).await,
        Heeded::Nothing
    );
    // In the channel of an incident it is a question like any other, and not lost.
    ears.hear(heard("c22", ANA, CHANNEL, command("whatchanged", ""))).await;
    let incident = room.incident().await;
    let asked: Vec<String> = incident.unanswered().map(|seen| seen.text.for_people(40)).collect();
    assert_eq!(asked, ["what changed?"]);
}

#[tokio::test]
async fn who_declares_in_a_channel_binds_it() {
    let room = announced().await;
    let mut ears = Ears::new(&room);
    let declare = || command("incident", "declare SEV-1 search is down");
    let declared = ears.hear(heard("c1", ANA, "slack:T1:C2", declare())).await;
    let Heeded::Written(id) = declared else { panic!("{declared:?}") };
    ears.incidents.refresh(room.record.as_ref()).await.unwrap();
    let incident = ears.incidents.get(&id).unwrap();
    assert_eq!(incident.channel.as_ref().unwrap().channel().to_string(), "slack:T1:C2");
    assert_eq!(incident.title.for_people(60), "search is down");
    // Delivered twice it is one incident; said again it is none.
    assert_eq!(ears.hear(heard("c1", ANA, "slack:T1:C2", declare())).await, Heeded::Nothing);
    assert!(
        ears.reply(heard("c2", ANA, "slack:T1:C2", declare())).await.starts_with("This channel is of INC-4")
    );
}

#[tokio::test]
async fn incidents_that_nobody_declared_in_a_channel_get_theirs() {
    let room = announced().await;
    let record = room.record.as_ref();
    let opened = |number: u64, service: &str| {
        let what = Happening::Declared {
            title: "x".into(),
            severity: hearback_core::Severity::Sev2,
            services: vec![hearback_core::ServiceName::new(service).unwrap()],
            impact_since: None,
        };
        let now = at(number as i64);
        hearback_core::Draft {
            happened_at: now,
            known_at: now,
            recorded_at: now,
            by: Actor::hearback(),
            what,
        }
    };
    for (number, service) in [(4, "checkout"), (5, "checkout"), (6, "search")] {
        let id = IncidentId::numbered(number);
        let draft = opened(number, service);
        record.append(&id, hearback_core::ports::Expect::Head(None), vec![draft]).await.unwrap();
    }
    let channel = |name: &str| ChannelId::new(format!("slack:T1:{name}")).unwrap();
    let channels = Channels {
        of_services: [(hearback_core::ServiceName::new("checkout").unwrap(), channel("CCHECKOUT"))].into(),
        others: Some(channel("COTHERS")),
    };
    let mut incidents = Incidents::default();
    for _ in 0..2 {
        incidents.refresh(record).await.unwrap();
        channels.bind(record, &incidents, at(10)).await.unwrap();
    }
    incidents.refresh(record).await.unwrap();
    let of = |number| {
        let incident = incidents.get(&IncidentId::numbered(number)).unwrap();
        incident.channel.as_ref().map(|bound| bound.channel().to_string())
    };
    let (checkout, others) = ("slack:T1:CCHECKOUT".to_owned(), "slack:T1:COTHERS".to_owned());
    // A channel is of one incident: the second of the checkout waits for one.
    assert_eq!((of(4), of(5), of(6)), (Some(checkout), None, Some(others)));
    assert_eq!(of(3).as_deref(), Some(CHANNEL), "who has one keeps it");
}
