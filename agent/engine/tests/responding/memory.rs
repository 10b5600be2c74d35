//! The stores of a copilot in memory: the record, what was delivered, what is known of targets. Strict where the real ones
//! are; and a call can be made to fail, or somebody else to write in between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use hearback_core::entry::{Draft, Entry, Head};
use hearback_core::ports::{DeliveryLog, Expect, RecordError, RecordStore, Recorded, TargetLedger};
use hearback_core::target::{NotFree, Step, TargetState};
use hearback_core::{
    Actor, Evidence, EvidenceId, ExternalText, Happening, Incident, IncidentId, SourceName, Target,
};
use jiff::Timestamp;

#[derive(Default)]
struct Shelves {
    chains: BTreeMap<IncidentId, Vec<Entry>>,
    snapshots: BTreeMap<EvidenceId, Evidence>,
    delivered: BTreeSet<(String, String)>,
    targets: BTreeMap<Target, TargetState>,
    /// What others write right before the next appends, first things first.
    interruptions: Vec<Draft>,
    /// So many appends from now on fail.
    failures: usize,
}

/// A record in memory.
#[derive(Default)]
pub struct Memory {
    shelves: Mutex<Shelves>,
}

impl Memory {
    /// A record that holds these entries.
    pub fn of(entries: &[Entry]) -> Self {
        let memory = Memory::default();
        for entry in entries {
            memory.open().chains.entry(entry.incident.clone()).or_default().push(entry.clone());
        }
        memory
    }

    fn open(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap()
    }

    /// Somebody else writes this right before the next append.
    pub fn interrupt(&self, draft: Draft) {
        self.open().interruptions.push(draft);
    }

    /// The next append fails, and writes nothing.
    pub fn fail_once(&self) {
        self.open().failures += 1;
    }

    /// Nothing fails any more.
    pub fn calm(&self) {
        self.open().failures = 0;
    }

    pub fn entries(&self, id: &IncidentId) -> Vec<Entry> {
        self.open().chains.get(id).cloned().unwrap_or_default()
    }

    /// What happened, with who did it, in order.
    pub fn happenings(&self, id: &IncidentId) -> Vec<(Actor, Happening)> {
        self.entries(id).iter().map(|entry| (entry.by.clone(), entry.happening().unwrap())).collect()
    }

    pub fn incident(&self, id: &IncidentId) -> Incident {
        Incident::as_of(id.clone(), &self.entries(id), Timestamp::MAX)
    }

    pub fn ids(&self) -> Vec<IncidentId> {
        self.open().chains.keys().cloned().collect()
    }

    pub fn kept(&self) -> Vec<Evidence> {
        self.open().snapshots.values().cloned().collect()
    }

    pub fn set_target(&self, target: Target, state: TargetState) {
        self.open().targets.insert(target, state);
    }

    pub fn target_state(&self, target: &Target) -> TargetState {
        self.open().targets.get(target).cloned().unwrap_or_default()
    }
}

impl Shelves {
    fn append(&mut self, incident: &IncidentId, drafts: &[Draft]) -> Vec<Entry> {
        let chain = self.chains.entry(incident.clone()).or_default();
        let from = chain.len();
        for draft in drafts {
            let prev = chain.last().map(Entry::head);
            chain.push(Entry::seal(draft, incident, prev, [7; 16]).unwrap());
        }
        chain[from..].to_vec()
    }

    fn head(&self, incident: &IncidentId) -> Option<Head> {
        Some(self.chains.get(incident)?.last()?.head())
    }
}

#[async_trait]
impl RecordStore for Memory {
    async fn append(
        &self,
        incident: &IncidentId,
        expect: Expect,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Entry>, RecordError> {
        let mut shelves = self.open();
        if let Some(left) = shelves.failures.checked_sub(1) {
            shelves.failures = left;
            return Err(RecordError::Store("the disk is away".into()));
        }
        if !shelves.interruptions.is_empty() {
            let first = shelves.interruptions.remove(0);
            shelves.append(incident, &[first]);
        }
        let head = shelves.head(incident);
        if let Expect::Head(expected) = expect
            && expected != head
        {
            return Err(RecordError::Conflict { incident: incident.clone(), head });
        }
        Ok(shelves.append(incident, &drafts))
    }

    async fn read(&self, incident: &IncidentId, after: u64, limit: usize) -> Result<Vec<Entry>, RecordError> {
        Ok(self.entries(incident).into_iter().filter(|entry| entry.seq > after).take(limit).collect())
    }

    async fn head(&self, incident: &IncidentId) -> Result<Option<Head>, RecordError> {
        Ok(self.open().head(incident))
    }

    async fn incidents(&self) -> Result<Vec<(IncidentId, Head)>, RecordError> {
        let shelves = self.open();
        Ok(shelves.chains.keys().filter_map(|id| Some((id.clone(), shelves.head(id)?))).collect())
    }

    async fn redact(&self, _: &IncidentId, _: u64, _: &ExternalText, _: Draft) -> Result<Entry, RecordError> {
        Err(RecordError::Refused("nothing is redacted in these tests".into()))
    }

    async fn import(&self, _: Vec<Entry>, _: Vec<Evidence>) -> Result<Head, RecordError> {
        Err(RecordError::Refused("nothing is imported in these tests".into()))
    }

    async fn keep(&self, snapshot: &Evidence) -> Result<Recorded, RecordError> {
        assert!(snapshot.is_intact());
        Ok(match self.open().snapshots.insert(snapshot.id, snapshot.clone()) {
            None => Recorded::New,
            Some(_) => Recorded::AlreadyThere,
        })
    }

    async fn snapshot(&self, id: EvidenceId) -> Result<Option<Evidence>, RecordError> {
        Ok(self.open().snapshots.get(&id).cloned())
    }
}

#[async_trait]
impl DeliveryLog for Memory {
    async fn was_delivered(&self, sender: &SourceName, delivery: &str) -> Result<bool, RecordError> {
        Ok(self.open().delivered.contains(&(sender.as_str().to_owned(), delivery.to_owned())))
    }

    async fn mark_delivered(
        &self,
        sender: &SourceName,
        delivery: &str,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Recorded, RecordError> {
        match self.open().delivered.insert((sender.as_str().to_owned(), delivery.to_owned())) {
            true => Ok(Recorded::New),
            false => Ok(Recorded::AlreadyThere),
        }
    }
}

#[async_trait]
impl TargetLedger for Memory {
    async fn step_target(
        &self,
        target: &Target,
        step: &Step,
        now: Timestamp,
    ) -> Result<Result<TargetState, NotFree>, RecordError> {
        let mut shelves = self.open();
        let known = shelves.targets.get(target).cloned().unwrap_or_default();
        Ok(known.after(target, step, now).inspect(|next| {
            shelves.targets.insert(target.clone(), next.clone());
        }))
    }

    async fn target(&self, target: &Target) -> Result<TargetState, RecordError> {
        Ok(self.target_state(target))
    }
}
