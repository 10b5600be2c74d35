//! People raise, confirm and dismiss hypotheses, on the command line and over HTTP, and the model that looks further takes them
//! up: while it looks, and after it has reported.

use anyhow::Result;
use hearback_e2e::Home;
use hearback_e2e::service::Service;
use hearback_fake_model::{Asked, FakeModel, Play};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{configure, incident, named, shop};

/// Blames the suspect, unless somebody said that it is wrong: then it says so.
fn blames(asked: &Asked) -> Play {
    let suspect = named(asked, "Smaller connection pool");
    let said = asked.messages().iter().filter_map(|message| message["content"].as_str()).collect::<String>();
    let hypotheses = match said.contains("They say that this is wrong.") {
        true => json!([]),
        false => json!([{
            "says": "A file pool.yaml changed, and the pool is too small.", "cites": [suspect], "change": "C1",
            "disproved_by": "The errors go on.", "doubtful": false
        }]),
    };
    let claims = match said.contains("the disk is full") {
        true => {
            let (_, name) = said.rsplit_once("cite it as ").unwrap();
            json!([{ "says": "Somebody says that the disk is full.", "cites": [name.split(':').next().unwrap()] }])
        }
        false => json!([]),
    };
    let report = json!({ "claims": claims, "hypotheses": hypotheses, "done": true });
    Play::calls(&[("report", &report.to_string())]).counting(1_000, 0, 50)
}

fn verdict<'a>(list: &'a Value, id: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|one| one["id"] == id).map(|one| &one["verdict"])
}

#[test]
fn what_people_say_of_hypotheses_is_taken_up_by_the_model() -> Result<()> {
    let runtime = Runtime::new()?;
    let model = runtime.block_on(FakeModel::directed(blames));
    let (home, shop) = (Home::new()?, shop()?);
    configure(&home, &model.base_url(), &format!("[[repository]]\npath = {:?}\n", shop.path()))?;
    let service = Service::start(&home)?;
    let id = incident(&service)?;
    let list = format!("/v1/incidents/{id}/hypotheses");
    let first = service.wait_for(&list, |all| Some(all[0]["id"].as_str()?.to_owned()))?;
    let told = home.run(["hypothesis", "list", &id])?.ok()?;
    assert!(told.starts_with(&first) && told.contains("a model"), "{told}");

    // One is dismissed over HTTP: the model hears it, and what it blamed does not stand any more.
    let asked = model.asked().len();
    let why = json!({ "verdict": "dismissed", "why": "it was rolled back before" });
    service.post(&format!("{list}/{first}"), &why)?.ok()?;
    let again = service.post(&format!("{list}/{first}"), &why)?;
    assert_eq!(again.status, 409, "{}", again.text());
    let entries = format!("/v1/incidents/{id}/entries");
    let found = |count: usize| {
        move |page: &Value| {
            let all = page["entries"].as_array()?.iter().filter(|entry| entry["kind"] == "investigated");
            let all: Vec<&Value> = all.collect();
            (all.len() >= count).then(|| all[count - 1]["body"]["kept"]["json"].clone())
        }
    };
    let second = service.wait_for(&entries, found(2))?;
    assert_eq!(second["found"]["hypotheses"], json!([]), "{second}");
    assert!(second["taken_up"].as_u64().unwrap() > 0, "{second}");
    assert_eq!(verdict(&service.get(&list)?.json(), &first), Some(&json!("dismissed")));
    let heard = &model.asked()[asked];
    assert!(heard.messages().iter().any(|message| {
        message["content"].as_str().is_some_and(|text| text.contains("it was rolled back before"))
    }));

    // One is raised on the command line, beside the service: it is heard too, and can be cited.
    let raised = home.run(["hypothesis", "raise", &id, "the disk is full", "--by", "Ana"])?.ok()?;
    assert!(raised.contains("raised; a model that looks further is told"), "{raised}");
    let third = service.wait_for(&entries, found(3))?;
    assert_eq!(third["found"]["claims"][0]["says"], "Somebody says that the disk is full.", "{third}");
    // A program has no word in this, whatever its token may do else.
    let made = home.run(["token", "add", "bot", "--program", "--right", "read,respond", "--json"])?.json()?;
    let bot = format!("Bearer {}", made["token"].as_str().unwrap());
    let headers = [("authorization", bot.as_str()), ("content-type", "application/json")];
    let refused = service.send("POST", &list, &headers, br#"{"says": "the cache"}"#)?;
    assert!(refused.status == 400 && refused.text().contains("only people say"), "{}", refused.text());
    let token = service.token.clone();
    let server = ["--server", &service.url, "--token-file"];
    std::fs::write(home.path("token"), &token)?;
    let place = home.path("token");
    let told = home
        .run(["hypothesis", "list", &id].iter().chain(&server).copied().chain([place.to_str().unwrap()]))?;
    assert!(told.ok()?.contains("Ana: the disk is full"));
    Ok(())
}

#[test]
fn what_can_not_be_said_is_refused_in_a_sentence() -> Result<()> {
    let home = Home::new()?;
    home.run(["declare", "Checkout 5xx", "--severity", "SEV-2", "--by", "Ana"])?.ok()?;
    let refused = |arguments: &[&str], says: &str| -> Result<()> {
        let run = home.run(arguments)?;
        assert!(run.code == Some(2) && run.err.contains(says), "{arguments:?}: {run:?}");
        Ok(())
    };
    refused(&["hypothesis", "raise", "INC-1", " "], "say in a few words what may have caused it")?;
    refused(&["hypothesis", "raise", "INC-1", "x", "--change", "nothing"], "no change of this incident")?;
    refused(&["hypothesis", "dismiss", "INC-1", "H99"], "INC-1 has no hypothesis H99")?;
    refused(&["hypothesis", "dismiss", "INC-1", "the pool"], "is not a hypothesis such as H12")?;
    home.run(["hypothesis", "raise", "INC-1", "the pool"])?.ok()?;
    refused(&["hypothesis", "raise", "INC-1", "the pool"], "it stands already as H2")?;
    let confirmed = home.run(["hypothesis", "confirm", "INC-1", "h2", "--why", "it is full"])?.ok()?;
    assert!(confirmed.starts_with("INC-1 H2 confirmed"), "{confirmed}");
    refused(&["hypothesis", "confirm", "INC-1", "H2", "--why", "it is full"], "H2 is confirmed already")?;
    let shown = home.run(["incident", "show", "INC-1"])?.ok()?;
    assert!(shown.contains("may be: the pool") && shown.contains("H2 is confirmed: it is full"), "{shown}");
    home.run(["incident", "resolve", "INC-1", "--how", "restarted"])?.ok()?;
    refused(&["hypothesis", "raise", "INC-1", "the disk"], "INC-1 is over")
}
