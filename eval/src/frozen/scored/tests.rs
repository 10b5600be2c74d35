//! What answers are worth, by hand.

use super::*;
use crate::frozen::Folder;

fn sha(n: u32) -> String {
    format!("{n:02x}{:038x}", 0xabc)
}

fn truth(culprit: &str) -> Truth {
    Truth {
        root_cause_commit: culprit.into(),
        first_failing_service: "quotes".into(),
        blast_radius: vec!["quotes".into(), "cart".into()],
        remediation: "rollback".into(),
        decoy_deploy_commits: vec![sha(8), sha(9)],
    }
}

fn said(culprit: Option<&str>, first: Option<&str>, remediation: Option<&str>) -> Said {
    Said {
        culprit: culprit.map(Into::into),
        first_failing_service: first.map(Into::into),
        remediation: remediation.map(Into::into),
        ..Said::default()
    }
}

#[test]
fn a_culprit_is_right_or_wrong_or_not_named() {
    fn check(said_culprit: Option<&str>, was: &str, expect: Mark, decoy: Option<&str>) {
        let scored = score("a", &said(said_culprit, None, None), &truth(was));
        assert_eq!(
            (scored.culprit, scored.decoy_blamed.as_deref()),
            (expect, decoy),
            "{said_culprit:?} {was}"
        );
    }
    check(Some(&sha(1)), &sha(1), Mark::Right, None);
    check(Some(&sha(1).to_uppercase()), &sha(1), Mark::Right, None);
    check(Some(&sha(2)), &sha(1), Mark::Wrong, None);
    check(Some(&sha(9)), &sha(1), Mark::Wrong, Some(&sha(9)));
    check(Some(&sha(9)), NONE, Mark::Wrong, Some(&sha(9)));
    check(Some(NONE), NONE, Mark::Right, None);
    check(Some(NONE), &sha(1), Mark::Wrong, None);
    check(None, &sha(1), Mark::Abstained, None);
    check(None, NONE, Mark::Abstained, None);
    check(Some("flag:new_cart"), "flag:new_cart", Mark::Right, None);
}

#[test]
fn service_and_remediation_are_compared_as_words() {
    fn check(first: Option<&str>, remediation: Option<&str>, expect: (Mark, Mark)) {
        let scored = score("a", &said(None, first, remediation), &truth(NONE));
        assert_eq!((scored.first_failing_service, scored.remediation), expect);
    }
    check(Some("quotes"), Some("Rollback"), (Mark::Right, Mark::Right));
    check(Some("cart"), Some("config_revert"), (Mark::Wrong, Mark::Wrong));
    check(None, None, (Mark::Abstained, Mark::Abstained));
    assert!(same("config_revert", "config-revert"));
}

#[test]
fn a_blast_radius_has_a_precision_and_a_recall() {
    fn check(services: &[&str], precision: Option<f64>, recall: Option<f64>) {
        let said = services.iter().map(|name| (*name).to_owned()).collect();
        let scored = score("a", &Said { blast_radius: said, ..Said::default() }, &truth(NONE));
        assert_eq!(scored.blast_radius, Radius { precision, recall }, "{services:?}");
    }
    check(&["quotes", "cart"], Some(1.0), Some(1.0));
    check(&["quotes"], Some(1.0), Some(0.5));
    check(&["quotes", "mail"], Some(0.5), Some(0.5));
    check(&[], None, Some(0.0));
    assert_eq!(radius(&[], &[]).recall, None);
}

/// Four incidents: right, wrong with a decoy, wrong about none, nothing said.
fn four() -> (Vec<Scored>, Vec<Truth>) {
    let truths = vec![truth(&sha(1)), truth(&sha(1)), truth(NONE), truth(NONE)];
    let answers = [
        said(Some(&sha(1)), Some("quotes"), Some("rollback")),
        said(Some(&sha(8)), Some("cart"), Some("rollback")),
        said(Some("flag:x"), Some("quotes"), Some("flag-off")),
        said(None, None, None),
    ];
    let ids = ["right", "decoy", "blamed", "silent"];
    let scored = ids.iter().zip(&answers).zip(&truths).map(|((id, said), truth)| score(id, said, truth));
    (scored.collect(), truths)
}

#[test]
fn silence_is_counted_apart_from_errors() {
    let (scored, truths) = four();
    let sums = sums(scored.iter().zip(&truths));
    assert_eq!(sums.culprit, Marks { right: 1, wrong: 2, abstained: 1 });
    assert_eq!(sums.culprit_of_none, Marks { right: 0, wrong: 1, abstained: 1 });
    assert_eq!((sums.n, sums.all_right, sums.decoys_blamed), (4, 1, 1));
    assert_eq!(serde_json::to_value(&sums).unwrap()["remediation"]["wrong"], 1);
}

#[test]
fn the_text_people_read() {
    let (scored, truths) = four();
    insta::assert_snapshot!(text(&sums(scored.iter().zip(&truths)), &scored), @r"
    4 frozen incidents

                               right   wrong  can't tell
    culprit                        1       2           1
      a change did it              1       1           0
      no change did it             0       1           1
    first failing service          2       1           1
    remediation                    2       1           1
    all three                      1
    decoys blamed                  1
    blast radius                   – of those named fail, 0 % of those that fail are named

    decoy: culprit: 0800000000 said, a decoy, it was 0100000000; first failing: cart said, it was quotes
    blamed: culprit: flag:x said, it was none; remediation: flag-off said, it was rollback
    silent: culprit: nothing said, it was none; first failing: nothing said, it was quotes; remediation: nothing said, it was rollback
    ");
    assert!(text(&sums([]), &[]).ends_with("No case was wrong.\n"));
}

#[test]
fn an_answer_is_the_same_if_only_its_names_are_others() {
    let names: BTreeMap<String, String> =
        [("quotes", "velmora"), ("cart", "tarnik")].map(|(old, new)| (old.into(), new.into())).into();
    let base = said(Some(NONE), Some("quotes"), Some("scale"));
    let check = |variant: Said, expect: [bool; 3]| {
        let kept = kept("a", 1, &base, &variant, &names);
        assert_eq!([kept.culprit, kept.first_failing_service, kept.remediation], expect);
        assert_eq!(kept.changed.len(), expect.iter().filter(|same| !**same).count());
        kept
    };
    check(said(Some(NONE), Some("velmora"), Some("scale")), [true; 3]);
    check(said(None, Some("velmora"), Some("scale")), [false, true, true]);
    let other = check(said(Some(NONE), Some("tarnik"), None), [true, false, false]);
    assert_eq!(other.changed, ["first failing: quotes became cart", "remediation: scale became nothing"]);
}

#[test]
fn without_its_culprit_an_incident_should_blame_nobody() {
    let names = [(sha(9), sha(19))].into();
    let perturbed = Perturbed { folder: Folder { id: "a".into(), files: BTreeMap::new() }, names };
    let check = |culprit: Option<&str>, expect| {
        assert_eq!(without(&said(culprit, None, None), &truth(&sha(1)), &perturbed), expect);
    };
    check(None, Without::CantTell);
    check(Some(NONE), Without::None);
    check(Some(&sha(19)), Without::Decoy);
    check(Some(&sha(5)), Without::Another);
}

#[test]
fn what_other_words_did_is_told_in_shares() {
    let names = [("quotes".to_owned(), "velmora".to_owned())].into();
    let base = said(Some(NONE), Some("quotes"), Some("scale"));
    let all = [
        kept("same", 1, &base, &said(Some(NONE), Some("velmora"), Some("scale")), &names),
        kept("other", 2, &base, &said(None, Some("velmora"), Some("scale")), &names),
    ];
    let without = [Without::None, Without::CantTell, Without::Decoy, Without::Another];
    let variants = variants(&all, &without);
    assert_eq!(variants.together, Share { count: 1, of: 2 });
    assert_eq!(variants.none_or_null, Share { count: 2, of: 4 });
    insta::assert_snapshot!(variants_text(&variants, &all), @r"
    same answer in other words                    1 of    2     50 %
      culprit                                     1 of    2     50 %
      first failing service                       2 of    2    100 %
      remediation                                 2 of    2    100 %
    without the culprit: none or can't tell       2 of    4     50 %
    without the culprit: a decoy blamed           1 of    4     25 %

    other (seed 2): culprit: none became nothing
    ");
}
