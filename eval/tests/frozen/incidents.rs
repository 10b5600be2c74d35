//! What the answers about made-up incidents are worth: those of `eval/cases/incidents.toml`, the same causes with other
//! dice, and the same incidents told in other words. Nothing here was measured on anybody's incidents.

use hearback_eval::frozen::ask::Weights;
use hearback_eval::frozen::generator::{self, Recipe};
use hearback_eval::frozen::scored::{
    Kept, NONE, Scored, Sums, Without, kept, score, sums, text, variants, without,
};
use hearback_eval::frozen::{Folder, Perturbation, Truth, perturb};

use super::{asked, weights};

fn scores(incidents: &[(Folder, Truth)], weights: &Weights) -> (Sums, Vec<Scored>) {
    let score_of = |(folder, truth): &(Folder, Truth)| score(&folder.id, &asked(folder, weights), truth);
    let scored: Vec<Scored> = incidents.iter().map(score_of).collect();
    let sums = sums(scored.iter().zip(incidents.iter().map(|(_, truth)| truth)));
    (sums, scored)
}

fn of_the_file() -> Vec<(Folder, Truth)> {
    generator::all().unwrap().into_iter().map(|(_, folder, truth)| (folder, truth)).collect()
}

/// The same causes with other dice, topologies, languages and red herrings.
fn of_other_dice(rounds: usize) -> Vec<(Folder, Truth)> {
    let entries = generator::recipes().unwrap();
    let recipe = |round: usize, place: usize| {
        let other = &entries[(place * 7 + round * 3 + 1) % entries.len()].recipe;
        Recipe {
            id: format!("{round}-{place}"),
            language: None,
            topology: other.topology,
            red_herrings: other.red_herrings.clone(),
            seed: 500_000 + (round * 1_000 + place) as u64,
            ..entries[place].recipe.clone()
        }
    };
    let recipes = (0..rounds).flat_map(|round| (0..entries.len()).map(move |place| (round, place)));
    recipes.filter_map(|(round, place)| generator::generate(&recipe(round, place)).ok()).collect()
}

#[test]
fn the_incidents_of_the_file_are_answered_as_expected() {
    let (sums, scored) = scores(&of_the_file(), &weights());
    insta::assert_snapshot!(text(&sums, &scored));
    assert_eq!((sums.culprit.wrong, sums.decoys_blamed), (0, 0));
}

#[test]
fn the_same_causes_with_other_dice_are_answered_nearly_as_well_and_nobody_is_blamed_wrongly() {
    let incidents = of_other_dice(2);
    assert!(incidents.len() > 50);
    let (sums, scored) = scores(&incidents, &weights());
    let told = text(&sums, &scored);
    assert!(sums.culprit.right * 10 >= sums.n * 9, "{told}");
    assert!(sums.culprit.wrong <= 1 && sums.decoys_blamed == 0, "{told}");
    assert!(sums.first_failing_service.right * 10 >= sums.n * 9, "{told}");
}

#[test]
fn other_names_times_and_orders_do_not_change_an_answer_and_nobody_is_blamed_for_a_culprit_that_is_away() {
    let weights = weights();
    let (mut same, mut away): (Vec<Kept>, Vec<Without>) = (Vec::new(), Vec::new());
    for (folder, truth) in of_the_file() {
        let said = asked(&folder, &weights);
        let culprit = Some(truth.root_cause_commit.as_str());
        let renamed = perturb(&folder, culprit, 7, Perturbation::Renamed);
        same.push(kept(&folder.id, 7, &said, &asked(&renamed.folder, &weights), &renamed.names));
        if truth.root_cause_commit != NONE {
            let removed = perturb(&folder, culprit, 7, Perturbation::CulpritRemoved);
            away.push(without(&asked(&removed.folder, &weights), &truth, &removed));
        }
    }
    let told = variants(&same, &away);
    assert!(told.together.count * 10 >= told.together.of * 9, "{told:?} {same:?}");
    assert!(told.none_or_null.count * 10 >= told.none_or_null.of * 9, "{told:?} {away:?}");
    assert!(told.decoys_blamed.count * 20 <= told.decoys_blamed.of, "{told:?} {away:?}");
}

#[test]
fn the_name_of_a_folder_tells_nothing() {
    let weights = weights();
    for (mut folder, _) in of_the_file().into_iter().take(5) {
        let said = asked(&folder, &weights);
        folder.id = "x".into();
        assert_eq!(asked(&folder, &weights), said);
    }
}
