//! What is known of the thing that actions change: who works on it now, and how the last ones ended. Two actions on one
//! target never run at once, too many in an hour are refused, and after failures a person has to look before the next.
//! Pure; a store applies each [`Step`] in a transaction of its own.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{ProposalId, Target};
use crate::text::ExternalText;
use crate::time::format_time;

/// How long it is remembered how actions ended.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How much may be done to one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// So many actions an hour at most.
    pub an_hour: u32,
    /// After so many in a row that failed or did not help, a person has to look.
    pub strikes: u32,
}

impl Default for Limits {
    /// One rollback, and one more to take it back or to go further; the third in an hour is a person's to think about.
    fn default() -> Self {
        Limits { an_hour: 3, strikes: 2 }
    }
}

/// A target is being worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// For which proposal.
    pub proposal: ProposalId,
    /// By which run of the program.
    pub runner: String,
    /// Until when, if it is not given back before.
    pub until: Timestamp,
}

/// How an action ended, for its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It was done; whether it helped is not known yet, or can't be told.
    Done,
    /// It was done and helped.
    Helped,
    /// It was done and did not help.
    DidNotHelp,
    /// Nothing was done.
    Failed,
    /// Nobody knows whether it was done.
    Unknown,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            End::Done => "done",
            End::Helped => "done, and it helped",
            End::DidNotHelp => "done, and it did not help",
            End::Failed => "failed",
            End::Unknown => "unknown",
        })
    }
}

/// An action that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Of which proposal.
    pub proposal: ProposalId,
    /// When.
    pub at: Timestamp,
    /// How.
    pub how: End,
}

/// What is known of a target. The default is one that nobody touched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetState {
    /// Who works on it.
    #[serde(default)]
    pub lease: Option<Lease>,
    /// How the last actions ended, oldest first.
    #[serde(default)]
    pub ended: Vec<Ended>,
    /// Why a person has to look first.
    #[serde(default)]
    pub stopped: Option<String>,
}

/// A change of what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Takes the lease. Whoever has it for the same proposal and run may take it again, to keep it longer.
    Take {
        /// The lease.
        lease: Lease,
        /// How much may be done.
        limits: Limits,
    },
    /// Gives the lease back with nothing done.
    GiveBack {
        /// For which proposal.
        proposal: ProposalId,
        /// By which run.
        runner: String,
    },
    /// Says how an action ended, and its lease ends. Said again of the same one it changes nothing, so that it can be
    /// said again whenever it may have been lost; only whether it helped is learned later.
    End {
        /// How it ended.
        ended: Ended,
        /// How much may be done.
        limits: Limits,
    },
    /// A person has looked. A lease that has run out ends too.
    Reset,
}

/// A target can't be worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFree {
    /// Somebody does.
    #[error("{0} is being worked on for {1} until {until}; wait, then look again", until = format_time(*.2))]
    Leased(Target, ProposalId, Timestamp),
    /// Too much was done already.
    #[error("{0} had {1} actions within an hour, as many as the policy allows; wait, or do it by hand")]
    TooMany(Target, u32),
    /// A person has to look.
    #[error("no more actions on {0} until a person has looked: {1}; then: hearback target reset")]
    Stopped(Target, String),
}

impl TargetState {
    /// Whether it is known, and remembered, that the action of a proposal ended.
    pub fn knows_end_of(&self, proposal: &ProposalId) -> bool {
        self.ended.iter().any(|ended| ended.proposal == *proposal)
    }

    /// The state after a step.
    ///
    /// # Errors
    /// [`NotFree`] if the lease can't be had.
    pub fn after(mut self, target: &Target, step: &Step, now: Timestamp) -> Result<TargetState, NotFree> {
        match step {
            Step::Take { lease, limits } => {
                self.check_free(target, lease, *limits, now)?;
                self.lease = Some(lease.clone());
            }
            Step::GiveBack { proposal, runner } => {
                self.lease = self.lease.filter(|own| own.proposal != *proposal || own.runner != *runner);
            }
            Step::End { ended, limits } => self.end(ended, *limits, now),
            Step::Reset => {
                self.stopped = None;
                self.lease = self.lease.filter(|own| own.until > now);
            }
        }
        Ok(self)
    }

    fn check_free(
        &self,
        target: &Target,
        wanted: &Lease,
        limits: Limits,
        now: Timestamp,
    ) -> Result<(), NotFree> {
        if let Some(own) = &self.lease
            && own.until > now
            && (&own.proposal, &own.runner) != (&wanted.proposal, &wanted.runner)
        {
            return Err(NotFree::Leased(target.clone(), own.proposal.clone(), own.until));
        }
        if let Some(why) = &self.stopped {
            return Err(NotFree::Stopped(target.clone(), ExternalText::new(why.as_str()).for_people(200)));
        }
        let hour_ago = now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now);
        let lately = self.ended.iter().filter(|ended| ended.at > hour_ago).count() as u32;
        if lately >= limits.an_hour {
            return Err(NotFree::TooMany(target.clone(), lately));
        }
        Ok(())
    }

    fn end(&mut self, ended: &Ended, limits: Limits, now: Timestamp) {
        self.lease = self.lease.take().filter(|own| own.proposal != ended.proposal);
        let old = now.checked_sub(REMEMBERED).unwrap_or(now);
        self.ended.retain(|ended| ended.at > old);
        match self.ended.iter_mut().find(|other| other.proposal == ended.proposal) {
            Some(known) if matches!(ended.how, End::Helped | End::DidNotHelp) => known.how = ended.how,
            // A person may have looked since it was said first: it must not stop the target once more.
            Some(_) => return,
            None if ended.at <= old => return,
            None => self.ended.push(ended.clone()),
        }
        if ended.how == End::Unknown {
            self.stopped = Some(format!("nobody knows whether {} was done", ended.proposal));
            return;
        }
        let is_strike = |ended: &&Ended| matches!(ended.how, End::Failed | End::DidNotHelp);
        let strikes = self.ended.iter().rev().take_while(is_strike).count() as u32;
        if strikes > 0 && strikes >= limits.strikes {
            let these = if strikes == 1 { "action".to_owned() } else { format!("{strikes} actions") };
            self.stopped = Some(format!("the last {these} failed or did not help"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + 60 * minutes).unwrap()
    }

    fn id(number: u32) -> ProposalId {
        ProposalId::new(format!("INC-1.P{number}")).unwrap()
    }

    fn take(number: u32, runner: &str, from: i64) -> Step {
        let lease = Lease { proposal: id(number), runner: runner.into(), until: at(from + 10) };
        Step::Take { lease, limits: Limits::default() }
    }

    fn end(number: u32, minute: i64, how: End) -> Step {
        Step::End { ended: Ended { proposal: id(number), at: at(minute), how }, limits: Limits::default() }
    }

    #[test]
    fn each_end_has_words_of_its_own() {
        let ends = [End::Done, End::Helped, End::DidNotHelp, End::Failed, End::Unknown];
        let said = ends.map(|end| end.to_string()).join("; ");
        assert_eq!(said, "done; done, and it helped; done, and it did not help; failed; unknown");
    }

    /// Each step with the minute it is made in; what the last one is told.
    fn check(steps: &[(i64, Step)], expect: &str) {
        let target = Target::nearest("git:checkout:main");
        let mut state = TargetState::default();
        let mut told = String::from("free");
        for (minute, step) in steps {
            match state.clone().after(&target, step, at(*minute)) {
                Ok(next) => (state, told) = (next, "free".into()),
                Err(why) => told = why.to_string(),
            }
        }
        assert_eq!(told, expect, "{state:?}");
    }

    #[test]
    fn one_at_a_time() {
        let held = "git:checkout:main is being worked on for INC-1.P1 until 2023-11-14 22:23:20Z; wait, then look \
                    again";
        check(&[(0, take(1, "a", 0)), (1, take(2, "a", 1))], held);
        check(&[(0, take(1, "a", 0)), (1, take(1, "b", 1))], held);
        check(&[(0, take(1, "a", 0)), (9, take(1, "a", 9))], "free");
        check(&[(0, take(1, "a", 0)), (10, take(2, "b", 10))], "free");
        check(&[(0, take(1, "a", 0)), (1, end(1, 1, End::Done)), (2, take(2, "b", 2))], "free");
        let give = |number, runner: &str| Step::GiveBack { proposal: id(number), runner: runner.into() };
        check(&[(0, take(1, "a", 0)), (1, give(1, "a")), (1, take(2, "b", 1))], "free");
        check(&[(0, take(1, "a", 0)), (1, give(1, "b")), (1, take(2, "b", 1))], held);
        check(&[(0, take(1, "a", 0)), (1, give(2, "a")), (1, take(2, "b", 1))], held);
        // A person's look ends no lease that still holds.
        check(&[(0, take(1, "a", 0)), (9, Step::Reset), (9, take(2, "b", 9))], held);
        // The end of another action leaves the lease alone.
        check(&[(0, take(1, "a", 0)), (1, end(2, 1, End::Helped)), (2, take(3, "b", 2))], held);
    }

    #[test]
    fn a_person_has_to_look_after_failures() {
        let stopped = |why: &str| {
            format!(
                "no more actions on git:checkout:main until a person has looked: {why}; then: hearback target reset"
            )
        };
        let twice = stopped("the last 2 actions failed or did not help");
        check(&[(0, end(1, 0, End::Failed)), (1, take(2, "a", 1))], "free");
        check(
            &[(0, end(1, 0, End::Failed)), (1, end(2, 1, End::DidNotHelp)), (90, take(3, "a", 90))],
            &twice,
        );
        check(
            &[
                (0, end(1, 0, End::Failed)),
                (1, end(2, 1, End::Failed)),
                (2, Step::Reset),
                (90, take(3, "a", 90)),
            ],
            "free",
        );
        check(
            &[
                (0, end(1, 0, End::Failed)),
                (1, end(2, 1, End::Helped)),
                (2, end(3, 2, End::Failed)),
                (90, take(4, "a", 90)),
            ],
            "free",
        );
        // That it did not help is learned after it was done.
        check(
            &[
                (0, end(1, 0, End::Failed)),
                (1, end(2, 1, End::Done)),
                (8, end(2, 8, End::DidNotHelp)),
                (90, take(3, "a", 90)),
            ],
            &twice,
        );
        check(
            &[(0, end(1, 0, End::Unknown)), (90, take(2, "a", 90))],
            &stopped("nobody knows whether INC-1.P1 was done"),
        );
        let strictly = |strikes, how| {
            let ended = Ended { proposal: id(1), at: at(0), how };
            [(0, Step::End { ended, limits: Limits { an_hour: 9, strikes } }), (90, take(2, "a", 90))]
        };
        for strikes in [0, 1] {
            check(&strictly(strikes, End::Failed), &stopped("the last action failed or did not help"));
            check(&strictly(strikes, End::Done), "free");
        }
    }

    #[test]
    fn a_third_action_within_the_hour_is_the_last() {
        let many = "git:checkout:main had 3 actions within an hour, as many as the policy allows; wait, or do it by \
                    hand";
        let three = [(0, end(1, 0, End::Helped)), (1, end(2, 1, End::Helped)), (2, end(3, 2, End::Helped))];
        check(&[three.to_vec(), vec![(59, take(4, "a", 59))]].concat(), many);
        check(&[three.to_vec(), vec![(60, take(4, "a", 60))]].concat(), "free");
    }

    #[test]
    fn a_lease_that_ran_out_ends_when_a_person_has_looked() {
        let target = Target::nearest("git:checkout:main");
        let leased = TargetState::default().after(&target, &take(1, "a", 0), at(0)).unwrap();
        let after = |minute| leased.clone().after(&target, &Step::Reset, at(minute)).unwrap().lease;
        assert_eq!((after(9).is_some(), after(10)), (true, None));
    }

    #[test]
    fn an_end_that_is_said_again_changes_nothing() {
        let unknown = || end(1, 0, End::Unknown);
        // Nobody has looked yet; somebody has.
        let stopped = "no more actions on git:checkout:main until a person has looked: nobody knows whether INC-1.P1 \
                       was done; then: hearback target reset";
        check(&[(0, unknown()), (1, unknown()), (90, take(2, "a", 90))], stopped);
        check(&[(0, unknown()), (1, Step::Reset), (2, unknown()), (90, take(2, "a", 90))], "free");
        // What was learned since stands.
        let did_not_help =
            [(0, end(1, 0, End::Done)), (8, end(1, 8, End::DidNotHelp)), (9, end(1, 9, End::Done))];
        let target = Target::nearest("git:checkout:main");
        let after = |steps: &[(i64, Step)]| {
            steps.iter().fold(TargetState::default(), |state, (minute, step)| {
                state.after(&target, step, at(*minute)).unwrap()
            })
        };
        let state = after(&did_not_help);
        assert_eq!((state.ended.len(), state.ended[0].how), (1, End::DidNotHelp));
        assert_eq!(state.ended[0].at, at(0), "it ended when it ended");
        assert!(state.knows_end_of(&id(1)) && !state.knows_end_of(&id(2)));
        // What was forgotten is not news.
        let week = 7 * 24 * 60;
        assert_eq!(after(&[(0, unknown()), (1, Step::Reset), (week, unknown())]), TargetState::default());
        // Said again, it ends the lease of its own proposal and of no other.
        let freed = after(&[(0, end(1, 0, End::Done)), (1, take(1, "b", 1)), (2, end(1, 0, End::Done))]);
        assert_eq!(freed.lease, None);
    }

    #[test]
    fn what_is_a_week_old_is_forgotten() {
        let target = Target::nearest("git:checkout:main");
        let week = 7 * 24 * 60;
        let old = TargetState::default().after(&target, &end(1, 0, End::Failed), at(0)).unwrap();
        let after = |minute| old.clone().after(&target, &end(2, minute, End::Failed), at(minute)).unwrap();
        assert_eq!((after(week).ended.len(), after(week).stopped), (1, None));
        assert_eq!((after(week - 1).ended.len(), after(week - 1).stopped.is_some()), (2, true));
    }
}
