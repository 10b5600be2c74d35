//! A made-up company on the day of its incident: services, who calls whom, who breaks and who suffers, and the hours of
//! it. It must not know what is logged or measured.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::draw::Draw;
use super::names::{FIRST, LAST, LIBRARIES, NODES, PROVIDERS, TRADES, pascal};
use super::recipe::{Recipe, Topology};
use super::script::{Reach, Script, Upstream};
use crate::resample::Dice;

/// 2025-02-03 00:00 UTC, a Monday. The days of the incidents follow.
const FIRST_DAY: i64 = 1_738_540_800;

/// A company on that day.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// The services; the first is at the edge, the last has nothing to do with it.
    pub services: Vec<Service>,
    /// Who waits for whom.
    pub calls: Vec<(usize, usize)>,
    /// Who breaks by itself, the first failing first.
    pub broken: Vec<usize>,
    /// Who takes from a queue what others put there.
    pub consumer: Option<usize>,
    /// Who fails, those that break among them.
    pub affected: Vec<usize>,
    pub start: Timestamp,
    /// How many minutes are told.
    pub minutes: i64,
    pub onset: Timestamp,
    pub alert: Timestamp,
    /// When the change came, or would have.
    pub changed: Timestamp,
    pub people: Vec<String>,
    /// How metrics are named.
    pub flavour: usize,
    /// What words between «» mean, but those that differ by service or line.
    pub words: BTreeMap<&'static str, String>,
}

/// A service.
#[derive(Debug, Clone, Default)]
pub(super) struct Service {
    pub name: String,
    /// The name without what says that it is a service.
    pub scope: String,
    pub dir: String,
    pub pods: Vec<String>,
    /// Which words it has for severities.
    pub loudness: usize,
    /// Whether it writes attributes into the message.
    pub is_flat: bool,
    /// Requests a second.
    pub rate: f64,
    /// Seconds of the slowest in a hundred.
    pub latency: f64,
}

impl World {
    pub(super) fn new(recipe: &Recipe, script: &Script, dice: &mut Dice) -> World {
        let trade = TRADES.get(dice.below(TRADES.len())).unwrap_or(&TRADES[0]);
        let (names, calls, faulty) = layout(recipe.topology, script, dice);
        let words = dice.mixed(trade.services.to_vec());
        let ending = dice.one(&["-service", "-api", "service", "", "-svc"]);
        let root = dice.one(&["services", "apps", "backend"]);
        let mut services: Vec<Service> = words
            .into_iter()
            .take(names + 1)
            .map(|word| service(&format!("{word}{ending}"), word, root, dice))
            .collect();
        if names > 1
            && let Some(first) = services.first_mut()
        {
            *first = service(trade.edge, trade.edge, root, dice);
        }
        let mut broken = vec![faulty];
        if script.reach == Reach::Several {
            let others = (0..services.len()).filter(|at| *at != faulty && (*at != 0 || names == 1));
            broken.extend(dice.mixed(others.collect()).into_iter().take(2));
        }
        let mut affected = broken.clone();
        let mut at = 0;
        while let Some(callee) = affected.get(at).copied() {
            let callers = calls.iter().filter(|(_, to)| *to == callee).map(|(from, _)| *from);
            let new: Vec<usize> = callers.filter(|from| !affected.contains(from)).collect();
            if script.upstream != Upstream::None {
                affected.extend(new);
            }
            at += 1;
        }
        affected.sort_unstable();
        let day = FIRST_DAY + 86_400 * dice.between(0, 600);
        let start = moment(day + 60 * dice.between(0, 1_260));
        let before = if script.leak { dice.between(120, 140) } else { dice.between(42, 62) };
        let onset = start + minutes(before);
        let alert = onset + minutes(dice.between(4, 11));
        let changed = match script.lead {
            [0, 0] => onset - minutes(dice.between(3, 15)),
            [from, to] => {
                onset - minutes(dice.between(from, to)) - SignedDuration::from_secs(dice.between(5, 50))
            }
        };
        let people = (0..7).map(|_| format!("{}.{}", dice.one(&FIRST), dice.one(&LAST))).collect();
        let flavour = dice.below(4);
        let mut world = World {
            services,
            calls,
            broken,
            consumer: (recipe.topology == Topology::Queue).then_some(faulty),
            affected,
            start,
            minutes: before + dice.between(18, 30),
            onset,
            alert,
            changed,
            people,
            flavour,
            words: BTreeMap::new(),
        };
        world.words = meanings(&world, trade.org, trade.entity, script, dice);
        world
    }

    /// Who fails first.
    pub(super) fn faulty(&self) -> usize {
        self.broken.first().copied().unwrap_or_default()
    }

    /// Who has nothing to do with it.
    pub(super) fn bystander(&self) -> usize {
        let aside = (0..self.services.len()).rev().find(|at| !self.affected.contains(at));
        aside.unwrap_or(self.services.len().saturating_sub(1))
    }

    pub(super) fn name(&self, at: usize) -> &str {
        self.services.get(at).map_or("", |service| service.name.as_str())
    }

    /// Whom a service asks.
    pub(super) fn callee(&self, at: usize) -> Option<usize> {
        self.calls.iter().find(|(from, _)| *from == at).map(|(_, to)| *to)
    }

    /// The way of a request from the edge, or from nearest to it, to a service.
    pub(super) fn path_to(&self, at: usize) -> Vec<usize> {
        let mut path = vec![at];
        while let Some((from, _)) =
            path.last().and_then(|first| self.calls.iter().find(|(_, to)| to == first))
        {
            path.push(*from);
        }
        path.reverse();
        path
    }

    /// When a service begins to fail; none if it does not.
    pub(super) fn fails_from(&self, at: usize) -> Option<Timestamp> {
        if !self.affected.contains(&at) {
            return None;
        }
        let place = self.broken.iter().position(|broken| *broken == at);
        // Those that break by themselves follow the first after minutes; callers within one.
        Some(match place {
            Some(place) => self.onset + minutes(2 * place as i64),
            None => self.onset + SignedDuration::from_secs(40),
        })
    }

    /// A text with its words between «» filled in. `line` draws what differs from line to line.
    pub(super) fn fill(&self, text: &str, at: usize, line: &mut dyn FnMut(&str) -> String) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text.strip_prefix('\n').unwrap_or(text);
        while let Some((before, after)) = rest.split_once('«') {
            let (word, behind) = after.split_once('»').unwrap_or((after, ""));
            filled.push_str(before);
            filled.push_str(&match self.words.get(word) {
                // A meaning may hold words itself.
                Some(meaning) if meaning.contains('«') => self.fill(meaning, at, line),
                Some(meaning) => meaning.clone(),
                None => self.of_service(word, at).unwrap_or_else(|| line(word)),
            });
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }

    /// What a word means for a service.
    fn of_service(&self, word: &str, at: usize) -> Option<String> {
        let service = self.services.get(at)?;
        let callee = self.callee(at).and_then(|callee| self.services.get(callee));
        let peer = callee.map_or_else(|| format!("{}-ledger", service.scope), |callee| callee.name.clone());
        let caller =
            self.calls.iter().find(|(_, to)| *to == at).and_then(|(from, _)| self.services.get(*from));
        Some(match word {
            "svc" => service.name.clone(),
            "scope" => service.scope.clone(),
            "scope_" | "py" => service.scope.replace('-', "_"),
            "pkg" => service.scope.replace('-', ""),
            "dir" => service.dir.clone(),
            "peer" => peer,
            "PEER" => peer.to_uppercase().replace('-', "_"),
            "caller" => caller.map_or_else(|| "batch-import".to_owned(), |caller| caller.name.clone()),
            "nodepod" => service.pods.first().cloned()?,
            _ => return None,
        })
    }
}

/// How many services there are, who waits for whom, and who breaks.
fn layout(topology: Topology, script: &Script, dice: &mut Dice) -> (usize, Vec<(usize, usize)>, usize) {
    // What fails at a peer needs one.
    let needs_peer = script.span.peer.as_deref() == Some("«peer»");
    match topology {
        Topology::Single => (1, Vec::new(), 0),
        Topology::Chain => {
            let length = dice.between(3, 5) as usize;
            let calls = (1..length).map(|at| (at - 1, at)).collect();
            (length, calls, if needs_peer { length - 2 } else { length - 1 })
        }
        Topology::FanOut => {
            let leaves = dice.between(3, 4) as usize;
            (
                leaves + 1,
                (1..=leaves).map(|leaf| (0, leaf)).collect(),
                dice.between(1, leaves as i64) as usize,
            )
        }
        Topology::Diamond => (4, vec![(0, 1), (0, 2), (1, 3), (2, 3)], if needs_peer { 1 } else { 3 }),
        // Nobody waits for the consumer.
        Topology::Queue => (4, vec![(0, 1), (2, 3)], 2),
    }
}

fn service(name: &str, scope: &str, root: &str, dice: &mut Dice) -> Service {
    let (set, pods) = (dice.hex(9), dice.between(2, 4));
    Service {
        name: name.to_owned(),
        scope: scope.to_owned(),
        dir: format!("{root}/{scope}"),
        pods: (0..pods).map(|_| format!("{name}-{set}-{}", dice.hex(5))).collect(),
        loudness: dice.below(4),
        is_flat: dice.happens(0.35),
        rate: dice.within(40.0, 420.0),
        latency: dice.within(0.06, 0.35),
    }
}

fn meanings(
    world: &World,
    org: &str,
    entity: &str,
    script: &Script,
    dice: &mut Dice,
) -> BTreeMap<&'static str, String> {
    let provider = dice.one(&PROVIDERS);
    let small = provider.to_lowercase();
    let domain = format!("{small}.example");
    let faulty = world.services.get(world.faulty());
    let scope = faulty.map_or("", |service| service.scope.as_str()).to_owned();
    let db = format!("{}_{}", org, scope.replace('-', "_"));
    let flag = script.flag.as_deref().unwrap_or("«scope_»_compact_view");
    let flag = flag.replace("«scope_»", &scope.replace('-', "_"));
    [
        ("ent", entity.to_owned()),
        ("Ent", pascal(entity)),
        ("ents", format!("{entity}s")),
        ("org", org.to_owned()),
        ("gomod", format!("code.{org}.example/platform")),
        ("db", db.clone()),
        ("dbhost", format!("pg-{scope}-0.{org}.internal")),
        ("provider", provider.to_owned()),
        ("Provider", provider.to_owned()),
        ("PROVIDER", provider.to_uppercase()),
        ("providerid", format!("{small}-api")),
        ("providerhost", format!("api.{domain}")),
        ("providerdomain", domain),
        ("lib", dice.one(&LIBRARIES).to_owned()),
        ("topic", format!("{org}.{entity}.events")),
        ("node", format!("node-{}-{:02}", dice.one(&NODES), dice.between(1, 40))),
        ("onset", world.onset.to_string()),
        ("alert", world.alert.to_string()),
        ("onsetid", format!("{}", dice.between(10_000, 99_999))),
        ("flag", flag),
        ("echo", script.echo.clone()),
    ]
    .into()
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}
