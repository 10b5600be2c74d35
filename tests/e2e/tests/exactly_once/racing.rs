//! Several desks, each with connections of its own, race on one record: people approve, reject and break the glass at the
//! same time, runs of the program are killed or told lies at random, and the next ones settle. Who is first is up to the
//! machine; what is pressed and what goes wrong is drawn by a seed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use hearback_core::approval::Decided;
use hearback_core::target::Limits;
use hearback_core::{Incident, Target};
use hearback_record::{Record, RecordUrl};
use hearback_testkit::postgres::Database;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use tokio::task::JoinSet;

use crate::check::all_that_is_wrong;
use crate::deployer::{Ending, Sight};
use crate::process::{Fault, Mishap, Process};
use crate::room::{Room, Rules, at};
use crate::setting;

/// The replicas that run at the same time.
const REPLICAS: usize = 3;
/// How often people press in each phase, on each replica.
const PRESSES: usize = 6;
/// The minutes at which people press; between them lies more time than a lease lasts.
const PHASES: [i64; 4] = [2, 12, 22, 32];

struct Dice(Pcg64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn mishap(&mut self) -> Option<Mishap> {
        (self.below(3) > 0).then(|| (self.below(60), self.pick(&Fault::ALL)))
    }
}

/// What one run of the program does in a phase.
struct Shift {
    process: Arc<Process>,
    incident: Incident,
    presses: Vec<(usize, &'static str, Decided)>,
    minute: i64,
}

impl Shift {
    async fn work(self, room: Arc<Room>) {
        let Shift { process, incident, presses, minute } = self;
        let presses = presses.into_iter().map(|(proposal, who, verdict)| {
            let (process, decision) = (&process, room.says(proposal, verdict));
            async move { drop(process.press(decision, who, at(minute)).await) }
        });
        let settles = async { drop(process.settle(&[incident], at(minute)).await) };
        let all = futures::future::join(settles, futures::future::join_all(presses));
        process.live(all).await;
    }
}

/// One round: what went wrong in it, and how many actions were started.
async fn round(records: &[Arc<dyn Record>], number: u64, seed: u64) -> (Vec<String>, usize) {
    let mut dice = Dice(Pcg64::seed_from_u64(seed));
    let free = Limits { an_hour: 100, strikes: 100 };
    let rules = Rules::new(dice.pick(&[1, 1, 2]), dice.pick(&[free, free, Limits::default()]));
    let sight = dice.pick(&Sight::ALL);
    let endings = [&Ending::ALL[..], &[Ending::Done; 8]].concat();
    let targets: Vec<(&str, Ending)> =
        (0..8).map(|_| (dice.pick(&["shop", "till", "cart"]), dice.pick(&endings))).collect();
    let room = Arc::new(Room::new(&records[0], number, &targets, sight, rules).await);
    let mut reset: BTreeSet<Target> = BTreeSet::new();
    for (phase, minute) in PHASES.into_iter().enumerate() {
        let mut shifts = JoinSet::new();
        let incident = room.folded().await;
        for (replica, record) in records.iter().enumerate() {
            let process = room.process(&format!("{replica}.{phase}"), record, dice.mishap());
            let presses = (0..PRESSES).map(|_| {
                // Most presses of a phase are about the same two proposals.
                let any = dice.below(8);
                let proposal = dice.pick(&[phase, phase, phase + 4, any]);
                match dice.below(24) {
                    0 => (proposal, dice.pick(&["Ana", "Ben", "Cleo"]), Decided::Reject),
                    1..4 => (proposal, "Cleo", Decided::BreakGlass),
                    4 => (proposal, "Dora", Decided::Approve),
                    _ => (proposal, dice.pick(&["Ana", "Ben"]), Decided::Approve),
                }
            });
            let presses = presses.collect();
            let shift = Shift { process, incident: incident.clone(), presses, minute };
            shifts.spawn(shift.work(room.clone()));
        }
        shifts.join_all().await;
        room.tell(at(minute + 1)).await;
        if dice.below(2) == 0 {
            let target = room.proposals[dice.below(8)].action.target();
            room.reset(&target, at(minute + 1)).await;
            reset.insert(target);
        }
    }
    // Everybody who is left settles at the same time, until there is nothing left to do.
    for minute in [80, 90] {
        let incident = room.folded().await;
        let last: Vec<Arc<Process>> =
            records.iter().map(|record| room.process(&format!("last {minute}"), record, None)).collect();
        let settles = last.iter().map(|process| process.settle(std::slice::from_ref(&incident), at(minute)));
        for settled in futures::future::join_all(settles).await {
            settled.unwrap();
        }
        room.tell(at(minute)).await;
    }
    let started = room.folded().await.proposals.values().filter(|seen| seen.started_at.is_some()).count();
    (all_that_is_wrong(&room, &reset, at(91)).await, started)
}

async fn race(store: &str, url: &RecordUrl) {
    let (rounds, seed) = (setting("HEARBACK_TORTURE_ROUNDS", 5), setting("HEARBACK_SEED", 1));
    let began = Instant::now();
    let mut records = Vec::new();
    for _ in 0..REPLICAS {
        records.push(hearback_record::open(url).await.unwrap());
    }
    let (mut bad, mut started) = (Vec::new(), 0);
    for seed in seed..seed + rounds {
        let (wrong, count) = round(&records, seed, seed).await;
        started += count;
        if !wrong.is_empty() {
            bad.push(format!("HEARBACK_SEED={seed}: {}", wrong.join("\n  ")));
        }
    }
    println!("{store}: {rounds} rounds, {started} actions, {:.1} s", began.elapsed().as_secs_f64());
    assert!(bad.is_empty(), "{} of {rounds} rounds went wrong on {store}:\n{}", bad.len(), bad.join("\n"));
    assert!(started as u64 > rounds, "hardly anything was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_race_on_sqlite_do_each_action_once_and_never_two_on_one_target() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("record.sqlite").to_str().unwrap().parse().unwrap();
    race("sqlite", &url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_race_on_postgresql_do_each_action_once_and_never_two_on_one_target() {
    let database = Database::create().unwrap();
    race("postgresql", &database.url().parse().unwrap()).await;
}
