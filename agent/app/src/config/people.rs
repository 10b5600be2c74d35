//! `[[person]]` of the configuration, checked, and the weights by which experts are found.

use anyhow::Result;
use hearback_core::ExternalText;
use hearback_core::expertise::Person;
use hearback_engine::analysts::experts::KnownPerson;
use hearback_engine::analysts::experts::rules::ExpertRules;
use hearback_engine::expertise::ExpertSettings;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::output::Usage;

const SHIPPED: &str = include_str!("../../../../config/experts.toml");
/// So long an answer to "what changed?" is ready to wait for what people did, and no longer.
const BESIDE_AN_ANSWER: SignedDuration = SignedDuration::from_secs(2);

/// How experts are found beside an answer.
pub fn settings(people: Vec<Person>) -> Result<ExpertSettings> {
    let rules = ExpertRules::parse(SHIPPED)?;
    let people = people.into_iter().map(known).collect::<Result<Vec<KnownPerson>>>()?;
    Ok(ExpertSettings { rules, people, at_most: Some(BESIDE_AN_ANSWER) })
}

fn known(person: Person) -> Result<KnownPerson> {
    let name = ExternalText::from(person.name.as_str()).for_people(60);
    if person.name.trim().is_empty() {
        return Err(Usage("[[person]]: name is empty".to_owned()).into());
    }
    let zone = match &person.zone {
        None => None,
        Some(zone) => Some(TimeZone::get(zone).map_err(|_| {
            let zone = ExternalText::from(zone.as_str()).for_people(60);
            Usage(format!("person \"{name}\": zone \"{zone}\" is not known here; write it as Europe/Berlin"))
        })?),
    };
    Ok(KnownPerson { person, zone })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_that_can_not_be_used_is_named() {
        let check = |name: &str, zone: Option<&str>, expect: &str| {
            let person = Person {
                name: name.into(),
                emails: Vec::new(),
                handle: None,
                zone: zone.map(str::to_owned),
                teams: Vec::new(),
                opt_out: false,
            };
            let said = settings(vec![person]).map_or_else(|error| error.to_string(), |_| "read".to_owned());
            assert!(said.contains(expect), "{said}");
        };
        check("Ana", None, "read");
        check("Ana", Some("Europe/Berlin"), "read");
        check("Ana", Some("Europe/Atlantis"), "person \"Ana\": zone \"Europe/Atlantis\" is not known here");
        check(" ", None, "name is empty");
    }
}
