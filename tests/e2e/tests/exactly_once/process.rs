//! One run of the program: an approval desk whose every call to the outside is counted, and which can be killed at any of
//! them or told a lie by one. It must not know what is right.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hearback_core::action::Outcome;
use hearback_core::approval::Decision;
use hearback_core::entry::Actor;
use hearback_core::ports::{ActionExecutor, FreezeSource, RecordError};
use hearback_core::{Catalog, Incident, ProposalId, SourceName};
use hearback_engine::approval::{ApprovalDesk, NotTaken, Ruling};
use hearback_record::Record;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::deployer::Deployer;
use crate::room::{Rules, at};

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before the call has any effect.
    KilledBefore,
    /// The call has its effect, and the process is killed before it hears so.
    KilledAfter,
    /// The call fails and has no effect.
    FailsBefore,
    /// The call has its effect and says that it failed.
    FailsAfter,
    /// The process stands still before the call, as on a machine that sleeps, and goes on when it is woken.
    StallsBefore,
    /// It stands still right after the call had its effect.
    StallsAfter,
}

impl Fault {
    /// Those after which nobody goes on later.
    pub const ALL: [Fault; 4] =
        [Fault::KilledBefore, Fault::KilledAfter, Fault::FailsBefore, Fault::FailsAfter];
}

/// Something that goes wrong: at which call, counted from 0, and what.
pub type Mishap = (usize, Fault);

/// What came of a press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    Noted(String),
    Rejected,
    Ended(Outcome),
}

/// A run of the program.
pub struct Process {
    runner: String,
    pub record: Arc<dyn Record>,
    pub deployer: Arc<Deployer>,
    rules: Arc<Rules>,
    catalog: Catalog,
    pub calendar: SourceName,
    mishap: Option<Mishap>,
    calls: Mutex<Vec<&'static str>>,
    is_dead: AtomicBool,
    killed: Notify,
    stalled: Notify,
    woken: Notify,
    clock: Mutex<Timestamp>,
    /// Before so many appends somebody else writes to the incident.
    pub interruptions: AtomicUsize,
}

impl Process {
    pub fn start(
        runner: &str,
        record: &Arc<dyn Record>,
        deployer: &Arc<Deployer>,
        rules: &Arc<Rules>,
        mishap: Option<Mishap>,
    ) -> Arc<Self> {
        Arc::new(Process {
            runner: runner.to_owned(),
            record: record.clone(),
            deployer: deployer.clone(),
            rules: rules.clone(),
            catalog: Catalog::default(),
            calendar: SourceName::new("calendar").unwrap(),
            mishap,
            calls: Mutex::new(Vec::new()),
            is_dead: AtomicBool::new(false),
            killed: Notify::new(),
            stalled: Notify::new(),
            woken: Notify::new(),
            clock: Mutex::new(at(0)),
            interruptions: AtomicUsize::new(0),
        })
    }

    /// Lets somebody else write before the next append.
    pub fn interrupt(&self) {
        self.interruptions.fetch_add(1, Ordering::SeqCst);
    }

    /// The calls that were made, in order.
    pub fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().unwrap().clone()
    }

    /// Does `work` until it is done or the process is killed: then its futures are dropped where they stand.
    pub async fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.killed.notified() => None,
            done = work => Some(done),
        }
    }

    /// Does `work` until it is done or stands still: then the rest of it is given back.
    pub async fn until_it_stalls<F: Future>(&self, work: F) -> Option<Pin<Box<F>>> {
        let mut work = Box::pin(work);
        tokio::select! {
            biased;
            () = self.stalled.notified() => Some(work),
            _ = &mut work => None,
        }
    }

    /// Wakes a process that stands still; its clock is right again.
    pub fn wake(&self, now: Timestamp) {
        *self.clock.lock().unwrap() = now;
        self.woken.notify_one();
    }

    /// Somebody presses a button; what is started is done.
    pub async fn press(
        self: &Arc<Self>,
        decision: Decision,
        by: &str,
        now: Timestamp,
    ) -> Result<Pressed, NotTaken> {
        let (executors, freezes) = (self.executors(), self.calendars());
        let desk = self.desk(&executors, &freezes);
        *self.clock.lock().unwrap() = now;
        let clock = || *self.clock.lock().unwrap();
        Ok(match desk.decide(decision, Actor::Person(by.into()), now).await? {
            Ruling::Noted(why) => Pressed::Noted(why),
            Ruling::Rejected => Pressed::Rejected,
            Ruling::Started(started) => Pressed::Ended(desk.carry_out(*started, &clock).await?),
        })
    }

    /// Finds out what became of actions whose end nobody heard.
    pub async fn settle(
        self: &Arc<Self>,
        incidents: &[Incident],
        now: Timestamp,
    ) -> Result<Vec<(ProposalId, Outcome)>, RecordError> {
        let (executors, freezes) = (self.executors(), self.calendars());
        self.desk(&executors, &freezes).settle(incidents.iter(), now).await
    }

    fn executors(self: &Arc<Self>) -> [Arc<dyn ActionExecutor>; 1] {
        [self.clone()]
    }

    fn calendars(self: &Arc<Self>) -> [Arc<dyn FreezeSource>; 1] {
        [self.clone()]
    }

    fn desk<'a>(
        &'a self,
        executors: &'a [Arc<dyn ActionExecutor>],
        freezes: &'a [Arc<dyn FreezeSource>],
    ) -> ApprovalDesk<'a> {
        ApprovalDesk {
            record: self,
            targets: self,
            outbox: self,
            policy: &self.rules.policy,
            limits: self.rules.limits,
            catalog: &self.catalog,
            freezes,
            executors,
            runner: &self.runner,
        }
    }

    /// Makes one call to the outside. `failed` is what a failing one gives back.
    pub async fn call<T>(
        &self,
        what: &'static str,
        effect: impl Future<Output = T>,
        failed: impl FnOnce(Fault) -> T,
    ) -> T {
        if self.is_dead.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(what);
            calls.len() - 1
        };
        match self.mishap.filter(|(at, _)| *at == number).map(|(_, fault)| fault) {
            None => effect.await,
            Some(Fault::KilledBefore) => self.die().await,
            Some(Fault::KilledAfter) => {
                effect.await;
                self.die().await
            }
            Some(Fault::StallsBefore) => {
                self.stall().await;
                effect.await
            }
            Some(Fault::StallsAfter) => {
                let done = effect.await;
                self.stall().await;
                done
            }
            Some(fault @ Fault::FailsBefore) => failed(fault),
            Some(fault @ Fault::FailsAfter) => {
                effect.await;
                failed(fault)
            }
        }
    }

    async fn stall(&self) {
        self.stalled.notify_one();
        self.woken.notified().await;
    }

    async fn die<T>(&self) -> T {
        self.is_dead.store(true, Ordering::SeqCst);
        self.killed.notify_one();
        std::future::pending().await
    }
}
