//! Outcomes made up for tests, the same every time.

use crate::outcome::{BaselineRanks, Outcome, Ranked, Told};
use crate::resample::{Dice, Purpose};

/// One case whose culprit is the newest change and was named first.
pub(crate) fn outcome(id: &str) -> Outcome {
    Outcome {
        id: id.into(),
        repo: "shop".into(),
        symptom_like: true,
        rank: Some(1),
        ranked: vec![Ranked { sha: "a".repeat(40), confidence: 0.6 }],
        none_of_these: 0.1,
        abstained: false,
        ms: 12.0,
        candidates: 100,
        culprit_age_h: Some(2.0),
        newer_than_culprit: Some(0),
        shares_a_word: true,
        told: Told::default(),
        baselines: BaselineRanks { most_recent: Some(1), bm25: Some(1), bm25_with_age: Some(1) },
    }
}

/// A history of many cases in three repositories: a ranker a little better than the baselines, and a little too sure.
pub(crate) fn history(n: u32) -> Vec<Outcome> {
    let mut dice = Dice::new(2023, Purpose::Scores);
    (0..n).map(|i| drawn(i, &mut dice)).collect()
}

fn drawn(i: u32, dice: &mut Dice) -> Outcome {
    let repos = ["acme/checkout", "acme/a-repository-with-a-very-long-name", "acme/web"];
    let confidence = 0.05 + 0.9 * dice.unit() * dice.unit();
    let right = dice.unit() < confidence * 0.9 + 0.05;
    let behind =
        |dice: &mut Dice, reach: f64| Some(1 + (reach * dice.unit() * dice.unit() * dice.unit()) as u32);
    let rank = if right { Some(1) } else { behind(dice, 90.0).map(|rank| rank + 1) };
    let newer = (dice.unit() * dice.unit() * 60.0) as u32;
    // Now and then none of the candidates did it.
    let is_there = i % 60 != 59;
    Outcome {
        id: format!("case-{i:04}"),
        repo: repos[dice.below(repos.len())].into(),
        symptom_like: i % 4 != 3,
        rank: rank.filter(|_| is_there && dice.below(20) > 0),
        ranked: vec![Ranked { sha: format!("{i:040x}"), confidence }],
        abstained: confidence < 0.12,
        ms: 4.0 + 30.0 * dice.unit() * dice.unit(),
        candidates: 200 + i,
        culprit_age_h: is_there.then(|| f64::from(newer) * 1.7),
        newer_than_culprit: is_there.then_some(newer),
        shares_a_word: dice.below(4) > 0,
        told: Told {
            symptom: format!("Checkout answers 500 since the {i}. deploy: | pipes, *stars* and <tags> included"),
            culprit: "Cache the price list for an hour".into(),
            first: "Read the price list from the replica, and do not wait for it when the primary is busy".into(),
            why: "The first suspect shares \"checkout\" and \"500\" with the symptom (+2.1) and is 3 h newer (+1.4); \
                  the culprit shares no word (0.0) but touches prices/cache.rs (+0.4)."
                .into(),
        },
        baselines: BaselineRanks {
            most_recent: is_there.then_some(newer + 1),
            bm25: behind(dice, 120.0).filter(|_| is_there && dice.below(10) > 0),
            bm25_with_age: behind(dice, 80.0).filter(|_| is_there),
        },
        ..outcome("")
    }
}
