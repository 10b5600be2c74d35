//! `hearback backtest services` as a user runs it, on a tiny made-up data set in PetShop's form.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use serde_json::{Value, json};

/// Who is there: the front door, the cart behind it, and the stock behind that.
const SERVICES: [&str; 3] = ["web", "cart::A", "stock"];
const GRAPH: &str = ",web,cart::A,stock\nweb,0.0,1.0,0.0\ncart::A,0.0,0.0,1.0\nstock,0.0,0.0,0.0\n";

/// A `metrics.csv` of so many steps, in which one service after the other has the latency that is given for it.
fn metrics(steps: usize, latency_s: impl Fn(&str, usize) -> f64) -> String {
    let mut heads = ["microservice", "metric", "statistic", "unix_timestamp"].map(str::to_owned);
    for service in SERVICES {
        for (metric, statistic) in [("latency", "Average"), ("availability", "Average"), ("requests", "Sum")]
        {
            for (head, cell) in heads.iter_mut().zip([service, metric, statistic, ""]) {
                let _ = write!(head, ",{cell}");
            }
        }
    }
    let mut text = heads.map(|head| format!("{head}\n")).concat();
    for step in 0..steps {
        let _ = write!(text, "{}.0", 1_700_000_000 + 300 * step);
        for service in SERVICES {
            let _ = write!(text, ",{},100.0,50.0", latency_s(service, step));
        }
        text.push('\n');
    }
    text
}

/// A data set of one scenario: in one issue of `train` the cart is slow, in one of `test` the stock.
fn shop(home: &Home) -> Result<()> {
    let folder = home.path("shop/dataset/low_traffic");
    let write = |file: &str, text: &str| -> Result<()> {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().context("a file stands in a folder")?)?;
        Ok(fs::write(path, text)?)
    };
    write("graph.csv", GRAPH)?;
    write("noissue/metrics.csv", &metrics(24, |_, step| if step % 2 == 0 { 0.1 } else { 0.101 }))?;
    for (issue, slow) in [("train/issue_0", &SERVICES[..2]), ("test/issue_0", &SERVICES[..])] {
        let is_slow = |service: &str, step| (1..3).contains(&step) && slow.contains(&service);
        let latency_s = |service: &str, step| if is_slow(service, step) { 0.4 } else { 0.1 };
        write(&format!("{issue}/metrics.csv"), &metrics(5, latency_s))?;
        let target = json!({"target": {"node": "web"}, "root_cause": {"node": slow.last()}});
        write(&format!("{issue}/target.json"), &target.to_string())?;
    }
    Ok(())
}

fn services<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["backtest", "services", "--dataset", "petshop"], more].concat()
}

/// The lines of `--json`, without what a clock says.
fn lines(out: &str) -> Result<Vec<Value>> {
    let line = |line: &str| -> Result<Value> {
        let mut value: Value = serde_json::from_str(line)?;
        value.as_object_mut().context("a line is an object")?.remove("ms");
        Ok(value)
    };
    out.lines().map(line).collect()
}

#[test]
fn each_issue_is_a_line_and_the_summary_the_last() -> Result<()> {
    let home = Home::new()?;
    shop(&home)?;
    let json = services(&["--dir", "shop", "--json"]);
    let told = lines(&home.run(&json)?.ok()?)?;
    assert_eq!(told, lines(&home.run(&json)?.ok()?)?, "the same each time");
    let short = |line: &Value| {
        let ranked = line["ranked"].as_array().into_iter().flatten();
        let ranked: Vec<&str> = ranked.filter_map(|one| one["service"].as_str()).collect();
        format!("{} {} {} {}", line["id"], line["target"], line["rank"], ranked.join(" "))
    };
    let issues: Vec<String> = told.iter().take(2).map(short).collect();
    assert_eq!(
        issues,
        [
            r#""low_traffic/train/issue_0" "cart__A" 1 cart__A web"#,
            r#""low_traffic/test/issue_0" "stock" 1 stock cart__A web"#
        ]
    );
    let because = told[0]["ranked"][0]["because"].as_str().unwrap_or_default();
    assert!(because.starts_with("latency 0.1 s → 0.4 s at 22:18Z, 100 % of the loss"), "{because}");
    let summary = &told.get(2).context("the summary is the last line")?["summary"];
    let slices = summary["slices"].as_array().into_iter().flatten();
    let slices: Vec<String> = slices.map(|one| format!("{} {}", one["slice"], one["n"])).collect();
    assert_eq!(slices, [r#""all" 2"#, r#""test" 1"#, r#""train" 1"#]);
    assert_eq!((&summary["n"], &summary["slices"][0]["top_1"]["value"]), (&json!(2), &json!(1.0)));
    Ok(())
}

#[test]
fn a_split_is_asked_alone_and_the_other_is_not_opened() -> Result<()> {
    let home = Home::new()?;
    shop(&home)?;
    fs::remove_dir_all(home.path("shop/dataset/low_traffic/test/issue_0"))?;
    fs::create_dir(home.path("shop/dataset/low_traffic/test/issue_0"))?;
    let text = home.run(services(&["--dir", "shop/dataset", "--split", "train"]))?.ok()?;
    assert!(text.starts_with("Names the service at the root first in 100 % of 1 issue, "), "{text}");
    assert!(home.run(["backtest", "services", "--help"])?.ok()?.contains("Examples:"));
    Ok(())
}

#[test]
fn bad_input_is_one_sentence_with_its_exit_code() -> Result<()> {
    let home = Home::new()?;
    shop(&home)?;
    let check = |dir: &str, split: &str, says: &str| -> Result<()> {
        let run = home.run(services(&["--dir", dir, "--split", split]))?;
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{dir}: {}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(run.err.contains(says), "{}", run.err);
        Ok(())
    };
    let scenario = home.path("shop/dataset/low_traffic");
    check("nowhere", "all", "nowhere can't be read: No such file")?;
    check(
        "shop/dataset/low_traffic",
        "all",
        "shop/dataset/low_traffic holds no scenario: a folder with graph.csv",
    )?;

    let metrics = scenario.join("train/issue_0/metrics.csv");
    let whole = fs::read_to_string(&metrics)?;
    fs::write(&metrics, whole.replacen("0.4", "slow", 1))?;
    check("shop", "train", "low_traffic/train/issue_0/metrics.csv: line 6: \"slow\" is not a number")?;
    fs::write(&metrics, whole)?;
    fs::write(scenario.join("train/issue_0/target.json"), "{}")?;
    check("shop", "train", "train/issue_0/target.json: it is not a target: missing field `root_cause`")?;
    fs::write(scenario.join("graph.csv"), ",web,cart\nweb,0.0\n")?;
    check("shop", "test", "low_traffic/graph.csv: line 2: it has 2 cells and should have 3")?;
    fs::write(scenario.join("graph.csv"), GRAPH)?;
    fs::remove_dir_all(scenario.join("test"))?;
    check("shop", "test", "shop holds no issue of test")?;
    fs::remove_dir_all(scenario.join("noissue"))?;
    check("shop", "train", "low_traffic/noissue/metrics.csv can't be read: No such file")
}
