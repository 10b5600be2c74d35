//! What must hold of every frozen incident that is told with other words.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

const CULPRIT: &str = "7dacc6c8a3c3fe7053afd5d8518ffef1f9843b01";
const OTHER: &str = "5116e67e199f0149d13cd94f320233bb37a6cd02";

/// A small incident in which names stand wherever they may.
fn folder() -> Folder {
    let files = [
        ("alert.json", r#"{"service": "gateway", "metric": "shop_errors_ratio", "fired_at": "2026-09-14T10:21:00Z",
            "monitor": "gateway-errors", "summary": "paymentservice fails since 10:05; 504 Gateway Timeout"}"#.to_owned()),
        ("logs.ndjson", [
            r#"{"timestamp":"2026-09-14T10:05:00.250Z","service":"paymentservice","msg":"dial paymentservice.prod.svc:8080\npaymentservice-7d9f-x2k is away","host.name":"node-kestrel-3","peer.service":"postgres"}"#,
            r#"{"timestamp":"2026-09-14T10:06:00Z","service":"gateway","msg":"PaymentService.Charge failed exp=1789380060 for http://pay.kestrel.internal/x, see 7dacc6c8"}"#,
            r#"{"timestamp":"2026-09-14T10:07:00Z","service":"stock-worker","msg":"PAYMENTSERVICE_URL is set; order by id"}"#,
            "no json at 2026-09-14T10:08:00Z from stock-worker",
        ].join("\n")),
        ("metrics.csv", "timestamp,service,metric,value\n2026-09-14T10:00:00Z,gateway,shop_errors_ratio,0.25\n\
            2026-09-14T10:01:00Z,paymentservice,shop_requests_total,1789380060\n2026-09-14T10:02:00Z,gateway,http_requests,3\n".to_owned()),
        ("traces.json", r#"[{"trace_id":"2434f5275a1119710dd7de328f93b031","service":"gateway","name":"POST /payment/1","start":"2026-09-14T10:05:10Z"},
            {"trace_id":"2434f5275a1119710dd7de328f93b031","service":"paymentservice","name":"stock_worker.Reserve","start":"2026-09-14T10:05:11Z"}]"#.to_owned()),
        ("patterns.json", r#"[{"signature":"dial paymentservice <*>","service":"paymentservice","count":3}]"#.to_owned()),
        ("context/commits.json", format!(r#"[{{"sha":"{CULPRIT}","author":"mira.holt","timestamp":"2026-09-14T09:00:00Z",
            "message":"fix(payment): drop leeway\n\nCo-authored-by: Otto Brandt <otto.brandt@kestrel.com>","files_changed":["services/payment/leeway.go"],"diff":"+shop_errors_ratio"}},
            {{"sha":"{OTHER}","author":"otto.brandt","timestamp":"2026-09-14T09:30:00Z","message":"Revert \"{CULPRIT}\"","files_changed":[]}},
            {{"sha":"0123456789012345678901234567890123456703","author":"renovate[bot]","timestamp":"2026-09-14T09:31:00Z","message":"bump","files_changed":["go.mod"]}}]"#)),
        ("context/deploys.json", format!(r#"[{{"timestamp":"2026-09-14T10:04:00Z","service":"paymentservice","commit_sha":"{CULPRIT}","version":"v2026.09.14-7dacc6c"}},
            {{"timestamp":"2026-09-14T10:14:00Z","service":"gateway","commit_sha":"{OTHER}","version":"v2"}}]"#)),
        ("context/flags.json", r#"[{"timestamp":"2026-09-14T10:03:00Z","flag":"payment_strict_mode","service":"paymentservice","change":"off->on","actor":"mira.holt"}]"#.to_owned()),
        ("status.md", "# kestrel\n\nMonday, 14 Sep 2026: all is well, says Mira Holt of paymentservice\n".to_owned()),
    ];
    Folder { id: "small".into(), files: files.map(|(name, text)| (name.to_owned(), text)).into() }
}

fn renamed(seed: u64) -> Perturbed {
    perturb(&folder(), Some(CULPRIT), seed, Perturbation::Renamed)
}

/// Every time of the folder, in the order of time.
fn times(folder: &Folder) -> Vec<Timestamp> {
    let iso = regex::Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    let texts = folder.files.values().flat_map(|text| iso.find_iter(text));
    let mut times: Vec<Timestamp> = texts.map(|time| time.as_str().parse().unwrap()).collect();
    times.sort();
    times
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_seed_gives_the_same_bytes(seed: u64) {
        prop_assert_eq!(renamed(seed), renamed(seed));
        prop_assert_ne!(renamed(seed).folder, renamed(seed ^ 1).folder);
    }

    #[test]
    fn no_two_names_become_one_and_none_stays(seed: u64) {
        let names = renamed(seed).names;
        let new: BTreeSet<&String> = names.values().collect();
        prop_assert_eq!(new.len(), names.len());
        prop_assert!(names.iter().all(|(old, new)| old != new), "{:?}", names);
        let services: Vec<&str> = names.keys().map(String::as_str).filter(|name| name.len() < 20).collect();
        prop_assert_eq!(services, ["flag:payment_strict_mode", "gateway", "paymentservice", "stock-worker"]
            .into_iter().filter(|name| name.len() < 20).collect::<Vec<_>>());
    }

    #[test]
    fn no_old_name_is_left_anywhere(seed: u64) {
        let told = renamed(seed).folder;
        let all: String = told.files.values().cloned().collect::<String>().to_lowercase()
            .replace("gateway timeout", "").replace("\\n", " ");
        for old in ["payment", "gateway", "stock", "kestrel", "mira", "holt", "otto", "brandt", "shop_", "7dacc6c", "5116e67", "2026-09-14", "2026.09.14", "14 sep 2026", "1789380060 for"] {
            prop_assert!(!all.contains(old), "{} is left: {}", old, all);
        }
        for kept in ["renovate[bot]", "\"postgres\"", "http_requests", "order by id", "10:05:00.250z", "504 ", ",1789380060"] {
            prop_assert!(all.contains(kept), "{} is gone: {}", kept, all);
        }
    }

    #[test]
    fn all_times_move_by_the_same_length(seed: u64) {
        let (old, new) = (times(&folder()), times(&renamed(seed).folder));
        let moved: BTreeSet<i64> =
            old.iter().zip(&new).map(|(old, new)| new.duration_since(*old).as_secs()).collect();
        prop_assert_eq!((old.len(), moved.len()), (new.len(), 1));
    }

    #[test]
    fn json_stays_json_and_nothing_is_lost(seed: u64) {
        let old = folder();
        let new = renamed(seed).folder;
        prop_assert_eq!(old.files.keys().collect::<Vec<_>>(), new.files.keys().collect::<Vec<_>>());
        for (name, text) in &new.files {
            let lines = |text: &str| text.lines().count();
            if name.ends_with(".json") {
                let items = |text: &str| serde_json::from_str::<Value>(text).unwrap().as_array().map(Vec::len);
                prop_assert_eq!(items(text), items(&old.files[name]));
            } else {
                prop_assert_eq!(lines(text), lines(&old.files[name]));
            }
        }
        for line in new.files["logs.ndjson"].lines().filter(|line| line.starts_with('{')) {
            prop_assert!(serde_json::from_str::<Value>(line).is_ok());
        }
    }

    #[test]
    fn without_its_culprit_it_has_the_same_words(seed: u64) {
        let whole = renamed(seed);
        let without = perturb(&folder(), Some(CULPRIT), seed, Perturbation::CulpritRemoved);
        prop_assert_eq!(&without.names, &whole.names);
        let items = |of: &Perturbed, name: &str| -> Vec<String> {
            let value: Value = serde_json::from_str(&of.folder.files[name]).unwrap();
            value.as_array().unwrap().iter().map(Value::to_string).collect()
        };
        let gone = whole.name(CULPRIT);
        for (name, left) in [("context/commits.json", 2), ("context/deploys.json", 1), ("context/flags.json", 1), ("traces.json", 2)] {
            prop_assert_eq!(items(&without, name).len(), left, "{}", name);
            let mut expect = items(&whole, name);
            expect.retain(|item| !item.contains(&format!("sha\":\"{gone}")));
            let (mut seen, mut expect) = (items(&without, name), expect);
            seen.sort();
            expect.sort();
            prop_assert_eq!(seen, expect);
        }
    }
}

#[test]
fn a_name_keeps_its_form_and_what_belongs_together_stays_together() {
    let told = renamed(7);
    let (service, stock) = (told.name("paymentservice"), told.name("stock-worker"));
    let stem = service.strip_suffix("service").unwrap();
    let all: String = told.folder.files.values().cloned().collect();
    for expect in [
        format!("{service}.prod.svc"),
        format!("{service}-7d9f-x2k"),
        format!("{}_URL", service.to_uppercase()),
        format!("services/{stem}/leeway.go"),
        format!("fix({stem}): drop leeway"),
        format!("/{stem}/1"),
        format!("{stem}_strict_mode"),
        format!("{}.Reserve", stock.replace('-', "_")),
        format!("see {}", &told.name(CULPRIT)[..8]),
    ] {
        assert!(all.contains(&expect), "{expect} in {all}");
    }
}

#[test]
fn a_flag_that_did_it_is_taken_out_of_the_flags() {
    let without = perturb(&folder(), Some("flag:payment_strict_mode"), 3, Perturbation::CulpritRemoved);
    assert_eq!(without.folder.files["context/flags.json"], "[]\n");
    assert!(without.folder.files["context/commits.json"].contains(without.name(CULPRIT)));
    let none = perturb(&folder(), None, 3, Perturbation::CulpritRemoved);
    assert_eq!(none.folder, renamed(3).folder);
}
