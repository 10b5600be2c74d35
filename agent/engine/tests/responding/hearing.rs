//! What is heard, by where and from whom: what is written down, what is to be done, what whoever spoke is told.

use std::collections::BTreeMap;

use hearback_core::approval::{ApprovalPolicy, Decided, Person};
use hearback_core::chat::{Heard, HeardWhat, Press};
use hearback_core::happening::Addressee;
use hearback_core::ports::RecordError;
use hearback_core::{Actor, ChatUserId, Digest, Happening, IncidentId, MessageId, ProposalId, Severity};
use hearback_engine::channel::hearing::{Channels, HearingDesk, Heeded, bound};
use hearback_engine::incidents::Incidents;
use insta::assert_snapshot;

use super::look;
use super::memory::Memory;
use super::story::*;

const ELSEWHERE: &str = "slack:T024BE7LD:C0ELSE";
const ANA: &str = "slack:T024BE7LD:U0ANA";
const STRANGER: &str = "slack:T024BE7LD:U0G9QF9C6";

/// The desk, the record behind it, and what is known of it.
struct Room {
    memory: Memory,
    incidents: Incidents,
    policy: ApprovalPolicy,
}

impl Room {
    fn of(story: &Story) -> Self {
        Room::holding(Memory::of(&story.entries))
    }

    fn holding(memory: Memory) -> Self {
        let user = |name: &str| ChatUserId::new(name).unwrap();
        let ana = Person { name: "Ana Ruiz".into(), chat: vec![user(ANA)], groups: Default::default() };
        let policy = ApprovalPolicy { people: vec![ana], rules: vec![] };
        Room { memory, incidents: Incidents::default(), policy }
    }

    async fn try_hear(&mut self, heard: &Heard) -> Result<Heeded, RecordError> {
        let desk = HearingDesk { record: &self.memory, deliveries: &self.memory, policy: &self.policy };
        desk.hear(heard, &mut self.incidents, at(30)).await
    }

    async fn hear(&mut self, heard: &Heard) -> Heeded {
        self.try_hear(heard).await.unwrap()
    }

    /// What is written down of it, with who did it; and what is to be done.
    async fn news(&mut self, heard: &Heard) -> (Vec<(Actor, Happening)>, Heeded) {
        let before = self.memory.happenings(&id()).len();
        let heeded = self.hear(heard).await;
        let all = self.memory.happenings(&id());
        (all[before..].to_vec(), heeded)
    }

    /// What whoever spoke is told; nothing is written down.
    async fn told(&mut self, heard: &Heard) -> String {
        let (written, heeded) = self.news(heard).await;
        assert_eq!(written, []);
        let Heeded::Reply(lines) = heeded else { panic!("{heeded:?}") };
        look::assert_reads_well(&lines);
        look::lines(&lines)
    }
}

fn heard(by: &str, what: HeardWhat) -> Heard {
    let delivery = match &what {
        HeardWhat::Said { message, .. } => format!("C024BE91L:{message}"),
        other => format!("{by} {other:?}").chars().filter(char::is_ascii_alphanumeric).collect(),
    };
    Heard {
        delivery,
        by: ChatUserId::new(by).unwrap(),
        name: if by == ANA { "ana".into() } else { "Ana Ruiz".into() },
        channel: channel(CHANNEL),
        at: at(29),
        what,
    }
}

fn elsewhere(heard: Heard) -> Heard {
    Heard { channel: channel(ELSEWHERE), ..heard }
}

fn said(by: &str, message: &str, to_us: bool) -> Heard {
    let text = "what changed?".into();
    heard(by, HeardWhat::Said { message: message_id(message), thread: None, text, to_us })
}

fn command(by: &str, text: &str) -> Heard {
    heard(by, HeardWhat::Command { name: "incident".into(), text: text.into() })
}

fn whatchanged(text: &str) -> Heard {
    heard(ANA, HeardWhat::Command { name: "whatchanged".into(), text: text.into() })
}

fn pressed(by: &str, press: Press) -> Heard {
    heard(by, HeardWhat::Pressed { message: message_id("17.3"), press })
}

fn written() -> Heeded {
    Heeded::Written(id())
}

/// A message as it is written down.
fn message(name: &str, to: Addressee) -> Happening {
    Happening::Message {
        channel: CHANNEL.into(),
        text: "what changed?".into(),
        message: Some(message_id(name)),
        thread: None,
        to,
    }
}

/// An incident with an answer and a proposal, all of which stands in its channel.
fn announced() -> Story {
    Story::in_channel().asked(1, None, look_here()).proposed(&revert()).spoken(4)
}

#[tokio::test]
async fn nothing_is_written_down_before_everybody_was_told_that_it_is() {
    let mut room = Room::of(&Story::in_channel());
    assert_eq!(room.news(&said(ANA, "1.1", false)).await, (vec![], Heeded::Nothing));
    // Who speaks to the copilot is answered, and that is in the record.
    let (news, heeded) = room.news(&said(ANA, "1.2", true)).await;
    assert_eq!((news, heeded), (vec![(person("Ana Ruiz"), message("1.2", Addressee::Copilot))], written()));
    let mut room = Room::of(&announced());
    let (news, heeded) = room.news(&said(ANA, "1.1", false)).await;
    assert_eq!((news, heeded), (vec![(person("Ana Ruiz"), message("1.1", Addressee::Everybody))], written()));
    let entry = room.memory.entries(&id()).pop().unwrap();
    assert_eq!((entry.happened_at, entry.known_at, entry.recorded_at), (at(29), at(30), at(30)));
}

#[tokio::test]
async fn a_message_in_a_thread_is_written_down_with_it() {
    let mut room = Room::of(&announced());
    let text = "what changed?".into();
    let what =
        HeardWhat::Said { message: message_id("1.7"), thread: Some(message_id("1.2")), text, to_us: true };
    assert_eq!(room.hear(&heard(ANA, what)).await, written());
    let incident = room.memory.incident(&id());
    let seen = incident.messages.last().unwrap();
    assert_eq!((&seen.message, &seen.thread), (&Some(message_id("1.7")), &Some(message_id("1.2"))));
}

#[tokio::test]
async fn who_is_not_of_the_policy_is_a_name_and_an_id() {
    let mut room = Room::of(&announced());
    let mut by = async |name: &str, message: &str| {
        let heard = Heard { name: name.into(), ..said(STRANGER, message, false) };
        room.news(&heard).await.0.remove(0).0.for_people()
    };
    // Who calls themselves by somebody's name is not taken for them, and neither is who has a long one.
    assert_eq!(by("Ana Ruiz", "1.1").await, "Ana Ruiz (slack:T024BE7LD:U0G9QF9C6)");
    assert_eq!(
        by("Ana Ruiz, incident commander of it all", "1.2").await,
        "Ana Ruiz, i… (slack:T024BE7LD:U0G9QF9C6)"
    );
    assert_eq!(by("Ana (slack:T024BE7LD:U0ANA)", "1.3").await, "Ana (slack:… (slack:T024BE7LD:U0G9QF9C6)");
    assert_eq!(by("", "1.4").await, "(slack:T024BE7LD:U0G9QF9C6)");
}

#[tokio::test]
async fn what_is_delivered_twice_has_one_effect() {
    let press = |press| pressed(ANA, press);
    let not_it = Press::NotIt { incident: id(), change: rounding().id };
    let (proposal, digest) = (revert().id, revert().digest().unwrap());
    for once in [
        said(ANA, "1.1", false),
        said(ANA, "1.2", true),
        whatchanged("checkout"),
        command(ANA, "status"),
        command(ANA, "resolve rolled back"),
        press(not_it),
        press(Press::Why { incident: id(), answer: 4 }),
        press(Press::Approve { proposal, digest }),
        elsewhere(said(ANA, "1.3", true)),
        elsewhere(command(ANA, "declare SEV-1 cart is down")),
        elsewhere(heard(ANA, HeardWhat::Joined)),
    ] {
        let mut room = Room::of(&announced());
        assert_ne!(room.hear(&once).await, Heeded::Nothing, "{once:?}");
        let (before, incidents) = (room.memory.happenings(&id()), room.memory.ids());
        assert_eq!(room.hear(&once).await, Heeded::Nothing, "{once:?}");
        // Nor for a copilot that was started since.
        let mut next = Room::holding(room.memory);
        assert_eq!(next.hear(&once).await, Heeded::Nothing, "{once:?}");
        assert_eq!((next.memory.happenings(&id()), next.memory.ids()), (before, incidents), "{once:?}");
    }
}

#[tokio::test]
async fn what_could_not_be_written_down_is_taken_when_it_is_sent_again() {
    for sent in [
        said(ANA, "1.1", false),
        whatchanged("checkout"),
        command(ANA, "resolve rolled back"),
        pressed(ANA, Press::NotIt { incident: id(), change: rounding().id }),
    ] {
        let mut room = Room::of(&announced());
        room.memory.fail_once();
        assert!(room.try_hear(&sent).await.is_err(), "{sent:?}");
        let (news, heeded) = room.news(&sent).await;
        assert_eq!((news.len(), heeded), (1, written()), "{sent:?}");
    }
}

#[tokio::test]
async fn who_writes_in_between_neither_loses_nor_doubles_anything() {
    for sent in [
        said(ANA, "1.1", false),
        said(ANA, "1.2", true),
        whatchanged("checkout"),
        command(ANA, "resolve rolled back"),
        pressed(ANA, Press::NotIt { incident: id(), change: rounding().id }),
    ] {
        let mut room = Room::of(&announced());
        for _ in 0..3 {
            room.memory.interrupt(draft(29, person("Ben"), Happening::note("cli", "still slow")));
        }
        let (news, heeded) = room.news(&sent).await;
        assert_eq!((news.len(), heeded), (4, written()), "{sent:?}");
        assert!(!matches!(&news[3].1, Happening::Message { channel, .. } if channel == "cli"), "{sent:?}");
    }
}

#[tokio::test]
async fn what_another_copilot_wrote_meanwhile_is_not_written_again() {
    let not_it = Press::NotIt { incident: id(), change: rounding().id };
    let cases = [
        (said(ANA, "1.1", false), message("1.1", Addressee::Everybody)),
        (pressed(ANA, not_it), Happening::Dismissed { change: rounding().id }),
    ];
    for (sent, theirs) in cases {
        let mut room = Room::of(&announced());
        room.memory.interrupt(draft(29, person("Ana Ruiz"), theirs.clone()));
        let (news, heeded) = room.news(&sent).await;
        assert_eq!((news, heeded), (vec![(person("Ana Ruiz"), theirs)], Heeded::Nothing));
    }
}

#[tokio::test]
async fn outside_an_incident_only_who_asks_is_heard() {
    let mut room = Room::of(&announced());
    let ask = |text: &str| Heeded::Ask(text.into(), person("Ana Ruiz"));
    let (news, heeded) = room.news(&elsewhere(said(ANA, "1.1", false))).await;
    assert_eq!((news, heeded), (vec![], Heeded::Nothing));
    let (news, heeded) = room.news(&elsewhere(said(ANA, "1.2", true))).await;
    assert_eq!((news, heeded), (vec![], ask("what changed?")));
    let (news, heeded) = room.news(&elsewhere(whatchanged("cart"))).await;
    assert_eq!((news, heeded), (vec![], ask("cart")));
}

#[tokio::test]
async fn a_command_that_asks_stands_for_a_message() {
    for (text, says) in [("checkout", "checkout"), ("", "what changed?")] {
        let mut room = Room::of(&announced());
        let heard = whatchanged(text);
        let (news, heeded) = room.news(&heard).await;
        let what = Happening::Message {
            channel: CHANNEL.into(),
            text: says.into(),
            message: Some(MessageId::of_command(&heard.delivery)),
            thread: None,
            to: Addressee::Copilot,
        };
        assert_eq!((news, heeded), (vec![(person("Ana Ruiz"), what)], written()));
    }
}

#[tokio::test]
async fn a_decision_is_of_exactly_what_was_shown_and_of_who_pressed() {
    let (proposal, digest) = (revert().id, Digest::of(b"as it was shown"));
    let approve = Press::Approve { proposal: proposal.clone(), digest };
    let reject = Press::Reject { proposal: proposal.clone(), digest };
    let check = async |press: &Press, by: &str, verdict, name: &str| {
        let mut room = Room::of(&announced());
        let (news, heeded) = room.news(&pressed(by, press.clone())).await;
        let Heeded::Decide(decision, actor) = heeded else { panic!("{heeded:?}") };
        assert_eq!(news, []);
        assert_eq!((&decision.proposal, decision.digest, decision.verdict), (&proposal, digest, verdict));
        assert_eq!(decision.why.is_blank(), verdict == Decided::Approve);
        assert_eq!(actor, person(name));
    };
    check(&approve, ANA, Decided::Approve, "Ana Ruiz").await;
    check(&reject, ANA, Decided::Reject, "Ana Ruiz").await;
    // A stranger who calls themselves Ana Ruiz is an id and nothing else.
    check(&approve, STRANGER, Decided::Approve, STRANGER).await;
    check(&reject, STRANGER, Decided::Reject, STRANGER).await;
}

#[tokio::test]
async fn an_account_that_two_people_claim_is_nobodys() {
    let mut room = Room::of(&announced());
    let ben = Person { name: "Ben".into(), ..room.policy.people[0].clone() };
    room.policy.people.push(ben);
    let press = Press::Approve { proposal: revert().id, digest: revert().digest().unwrap() };
    let Heeded::Decide(_, actor) = room.hear(&pressed(ANA, press)).await else { panic!() };
    assert_eq!(actor, person(ANA));
}

#[tokio::test]
async fn a_button_of_another_channel_does_nothing() {
    let (proposal, digest) = (revert().id, revert().digest().unwrap());
    let unknown = ProposalId::numbered(&IncidentId::numbered(99), 1);
    let elsewhere = [
        elsewhere(pressed(ANA, Press::Approve { proposal: proposal.clone(), digest })),
        elsewhere(pressed(ANA, Press::Reject { proposal, digest })),
        elsewhere(pressed(ANA, Press::Why { incident: id(), answer: 4 })),
        elsewhere(pressed(ANA, Press::NotIt { incident: id(), change: rounding().id })),
        pressed(ANA, Press::Approve { proposal: unknown, digest }),
        pressed(ANA, Press::Why { incident: IncidentId::numbered(99), answer: 4 }),
    ];
    for press in elsewhere {
        let told = Room::of(&announced()).told(&press).await;
        assert_eq!(told, "That button is of another channel's incident; nothing was done.", "{press:?}");
    }
}

#[tokio::test]
async fn only_suspects_can_be_dismissed_and_once() {
    let not_it = |change: &hearback_core::Change| {
        pressed(STRANGER, Press::NotIt { incident: id(), change: change.id.clone() })
    };
    let mut room = Room::of(&announced());
    let (news, heeded) = room.news(&not_it(&bump())).await;
    let by = person("Ana Ruiz (slack:T024BE7LD:U0G9QF9C6)");
    assert_eq!((news, heeded), (vec![(by, Happening::Dismissed { change: bump().id })], written()));
    // By somebody else, later: it is known.
    let again = Heard { delivery: "another".into(), ..not_it(&bump()) };
    assert_eq!(room.news(&again).await, (vec![], Heeded::Nothing));
    let other = not_it(&commit("0000", -5, "Tidy", &["a.go"]));
    assert_eq!(room.told(&other).await, "That change is no suspect here; nothing was noted.");
}

#[tokio::test]
async fn the_evidence_is_shown_of_the_answer_that_was_asked_about() {
    let mut room = Room::of(&announced());
    let why = |answer| pressed(ANA, Press::Why { incident: id(), answer });
    assert!(room.told(&why(4)).await.starts_with("**Look here first: "));
    assert_eq!(room.told(&why(3)).await, "That answer can't be read any more.");
}

#[tokio::test]
async fn to_declare_makes_the_channel_the_incidents() {
    let mut room = Room::of(&announced());
    let heeded = room.hear(&elsewhere(command(ANA, "declare SEV-1 cart is  down"))).await;
    let new = IncidentId::numbered(18);
    assert_eq!(heeded, Heeded::Written(new.clone()));
    let incident = room.memory.incident(&new);
    assert_eq!((incident.title.as_untrusted(), incident.severity), ("cart is down", Some(Severity::Sev1)));
    assert_eq!(incident.channel.unwrap().channel(), &channel(ELSEWHERE));
    assert!(room.memory.happenings(&new).iter().all(|(by, _)| *by == person("Ana Ruiz")));
    // From then on it is heard there.
    assert_eq!(room.hear(&elsewhere(said(ANA, "1.1", true))).await, Heeded::Written(new));
}

#[tokio::test]
async fn a_title_without_end_has_one() {
    let mut room = Room::of(&announced());
    room.hear(&elsewhere(command(ANA, &format!("declare {}", "é".repeat(5000))))).await;
    let incident = room.memory.incident(&IncidentId::numbered(18));
    assert_eq!(incident.title.as_untrusted().chars().count(), 300);
}

#[tokio::test]
async fn to_resolve_ends_it_and_its_channel_is_of_no_incident_any_more() {
    let mut room = Room::of(&announced());
    let (news, heeded) = room.news(&command(ANA, "resolve rolled back checkout")).await;
    let how = Happening::Resolved { how: "rolled back checkout".into() };
    assert_eq!((news, heeded), (vec![(person("Ana Ruiz"), how)], written()));
    assert_eq!(room.news(&said(ANA, "1.1", false)).await, (vec![], Heeded::Nothing));
    assert!(matches!(room.hear(&said(ANA, "1.2", true)).await, Heeded::Ask(..)));
    // Its buttons are still of this channel.
    let why = pressed(ANA, Press::Why { incident: id(), answer: 4 });
    assert!(room.told(&why).await.starts_with("**Look here first: "));
}

#[tokio::test]
async fn who_is_of_the_policy_binds_a_channel_to_an_incident_that_has_none() {
    let bind = |by: &str| elsewhere(command(by, "bind inc-17"));
    let mut room = Room::of(&Story::declared());
    let told = room.told(&bind(STRANGER)).await;
    assert_eq!(told, "Only people of the approval policy may bind a channel; ask one of them.");
    let (news, heeded) = room.news(&bind(ANA)).await;
    let what = Happening::ChannelBound {
        channel: channel(ELSEWHERE),
        name: hearback_core::ExternalText::new(ELSEWHERE),
    };
    assert_eq!((news, heeded), (vec![(person("Ana Ruiz"), what)], written()));
    let mut room = Room::of(&announced());
    assert_eq!(room.told(&bind(ANA)).await, format!("INC-17 has the channel {CHANNEL} already."));
}

#[tokio::test]
async fn a_channel_that_became_another_incidents_is_heard_for_that_one() {
    let mut room = Room::of(&announced());
    room.hear(&said(ANA, "1.1", false)).await;
    // Another copilot ends it and declares the next one here; this one has not seen that yet.
    let mut other = Room::holding(std::mem::take(&mut room.memory));
    other.hear(&command(ANA, "resolve rolled back")).await;
    other.hear(&command(ANA, "declare SEV-2 cart is down")).await;
    room.memory = other.memory;
    assert_eq!(room.hear(&said(ANA, "1.2", true)).await, Heeded::Written(IncidentId::numbered(18)));
}

#[tokio::test]
async fn what_whoever_spoke_is_told() {
    let mut text = String::new();
    let inside = ["declare SEV-1 again", "bind INC-3", "status", "resolve", "delete everything", "bind it"];
    let outside = ["status", "resolve it is over", "declare", "declare SEV-9 cart", "bind INC-99"];
    for says in inside {
        let told = Room::of(&announced()).told(&command(ANA, says)).await;
        text += &format!("> /incident {says}\n{told}\n\n");
    }
    for says in outside {
        let told = Room::of(&announced()).told(&elsewhere(command(ANA, says))).await;
        text += &format!("(elsewhere)> /incident {says}\n{told}\n\n");
    }
    let joined = Room::of(&announced()).told(&elsewhere(heard(ANA, HeardWhat::Joined))).await;
    text += &format!("(invited elsewhere)\n{joined}");
    assert_snapshot!(text);
    let mut room = Room::of(&announced());
    assert_eq!(room.news(&heard(ANA, HeardWhat::Joined)).await, (vec![], Heeded::Nothing));
}

#[tokio::test]
async fn incidents_that_nobody_declared_in_a_channel_get_the_one_that_is_configured() {
    let declared = |number: u64, name: &str| {
        let what = Happening::Declared {
            title: name.into(),
            severity: Severity::Sev3,
            services: vec![service(name)],
            impact_since: None,
        };
        let id = IncidentId::numbered(number);
        hearback_core::Entry::seal(&draft(0, Actor::hearback(), what), &id, None, [7; 16]).unwrap()
    };
    let memory =
        Memory::of(&[declared(1, "cart"), declared(2, "search"), declared(3, "cart"), declared(4, "mail")]);
    let channels = Channels {
        of_services: BTreeMap::from([(service("cart"), channel(ELSEWHERE))]),
        others: Some(channel(CHANNEL)),
    };
    let bind = async |memory: &Memory| {
        let mut incidents = Incidents::default();
        incidents.refresh(memory).await.unwrap();
        let count = channels.bind(memory, &incidents, at(1)).await.unwrap();
        incidents.refresh(memory).await.unwrap();
        let here =
            |name: &str| bound(&incidents, &channel(name)).map(|incident| incident.id.number().unwrap());
        (count, here(ELSEWHERE), here(CHANNEL))
    };
    assert_eq!(bind(&memory).await, (2, Some(1), Some(2)), "one incident a channel");
    assert_eq!(bind(&memory).await, (0, Some(1), Some(2)), "and once");
    // When one is over, the next has the channel.
    use hearback_core::ports::{Expect, RecordStore as _};
    let over = draft(2, person("Ana"), Happening::Resolved { how: "".into() });
    memory.append(&IncidentId::numbered(1), Expect::Any, vec![over]).await.unwrap();
    memory.interrupt(draft(2, person("Ana"), Happening::note("cli", "in between")));
    assert_eq!(bind(&memory).await, (0, None, Some(2)), "somebody wrote in between: the next call does it");
    assert_eq!(bind(&memory).await, (1, Some(3), Some(2)));
}
