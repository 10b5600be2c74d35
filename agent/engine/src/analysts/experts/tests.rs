//! The experts of a small shop: who made what, who takes back, who is on call, who wants to be left out.

use hearback_core::change::{Author, Nature, RepoPath, Says};
use hearback_core::expertise::{NearLines, OnCall, Owned, Person, Work, Written};
use hearback_core::{Catalog, Digest, Window};

use super::*;
use crate::analysts::suspects::Standing;
use crate::features::Values;
use crate::scope::{Scope, SymptomWord};

const SHIPPED: &str = include_str!("../../../../../config/experts.toml");

fn at(time: &str) -> Timestamp {
    format!("2026-03-{time}:00Z").parse().unwrap()
}

fn id(name: &str) -> ChangeId {
    ChangeId::commit("shop", &format!("{name:0<40}")).unwrap()
}

fn author(name: &str) -> Author {
    let email = format!("{}@shop.example", name.to_lowercase().replace(' ', "."));
    Author { name: name.into(), email: Some(email.as_str().into()), nature: Nature::Person }
}

fn nature(name: &str) -> Nature {
    if name == "Renovate" { Nature::Bot } else { Nature::Person }
}

fn work(name: &str, time: &str, by: &str, title: &str, path: &str) -> Work {
    Work {
        change: id(name),
        at: at(time),
        author: author(by),
        alias: None,
        clock: Some(SignedDuration::from_hours(1)),
        landed_by: None,
        title: title.into(),
        body: "".into(),
        paths: vec![RepoPath::from(path)],
        says: Says::Nothing,
        reverts: vec![],
    }
}

/// Ana broke the cart, Ben takes things back, Cy worked on the search, a bot on everything.
fn works() -> Vec<Work> {
    let mut works = vec![
        work("a1", "02T10:00", "Ana Ruiz", "Cart holds lists", "web/cart.js"),
        work("a2", "02T11:30", "Ana Ruiz", "Round totals of the cart once", "web/cart.js"),
        work("b1", "01T09:00", "Ben Ode", "Revert \"Search by colour\"", "search/query.go"),
        work("c1", "01T08:00", "Cy Doe", "Search by colour", "search/query.go"),
        work("z1", "02T11:50", "Renovate", "Bump everything", "package.json"),
        work("f1", "02T12:30", "Fay Far", "From the future", "web/cart.js"),
    ];
    works[2].says = Says::Reverts;
    works[2].reverts = vec![id("c1")];
    works[4].author.nature = Nature::Bot;
    works
}

struct Asking {
    works: Vec<Work>,
    lines: Vec<NearLines>,
    people: Vec<KnownPerson>,
    on_call: Vec<(SourceName, OnCall)>,
    owned: Vec<(SourceName, Owned)>,
    catalog: Catalog,
    scope: Scope,
}

impl Asking {
    fn new() -> Self {
        let mut scope = Scope::default();
        for (place, word) in ["cart", "total"].into_iter().enumerate() {
            scope.words.insert(word.into(), SymptomWord { surface: word.into(), weight: 1.0, place });
        }
        let (people, on_call, owned, catalog) = (vec![], vec![], vec![], Catalog::default());
        Asking { works: works(), lines: vec![], people, on_call, owned, catalog, scope }
    }

    fn known(mut self, name: &str, opt_out: bool) -> Self {
        let person = Person {
            name: name.into(),
            emails: vec![],
            handle: Some("@x".into()),
            zone: Some("Asia/Tokyo".into()),
            teams: vec!["@shop/web".into()],
            opt_out,
        };
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(9));
        self.people.push(KnownPerson { person, zone: Some(zone) });
        self
    }

    /// Lines of a place of twenty that `suspect` touched, each of `written` by somebody on a day of February.
    fn near(mut self, suspect: &str, path: &str, written: &[(&str, u32, u32)]) -> Self {
        let written = written.iter().map(|(by, day, lines)| Written {
            change: id(&format!("f{day}")),
            at: format!("2026-02-{day:02}T12:00:00Z").parse().unwrap(),
            author: Author { nature: nature(by), ..author(by) },
            alias: None,
            lines: *lines,
        });
        self.lines.push(NearLines {
            change: id(suspect),
            changed_at: at("02T11:30"),
            path: RepoPath::from(path),
            first: 7,
            lines: 20,
            written: written.collect(),
        });
        self
    }

    fn on_call(mut self, person: &str, services: &[&str]) -> Self {
        let window = Window { from: at("01T00:00"), until: at("03T00:00") };
        let services = services.iter().map(|name| name.parse().unwrap()).collect();
        let duty = OnCall { person: person.into(), window, services };
        self.on_call.push((SourceName::new("on_call").unwrap(), duty));
        self
    }

    fn profiles(&self) -> Vec<Profile> {
        let standing = |name: &str, probability: f64| Standing {
            change: id(name),
            values: Values::default(),
            score: 0.0,
            probability,
        };
        let profiles = profiles(Inputs {
            people: &self.people,
            catalog: &self.catalog,
            scope: &self.scope,
            as_of: at("02T12:00"),
            changes: &[],
            works: &self.works,
            lines: &self.lines,
            standings: &[standing("a2", 0.7), standing("a1", 0.1)],
            owned: &self.owned,
            on_call: &self.on_call,
        });
        let mut ordered = order(&rules(), profiles);
        (1..).zip(ordered.iter_mut()).for_each(|(place, profile)| profile.place = place);
        ordered
    }

    fn experts(&self, most: usize) -> Vec<Expert> {
        experts(&rules(), &self.profiles(), EvidenceId(Digest::of(b"x")), at("02T12:00"), most)
    }
}

fn rules() -> ExpertRules {
    ExpertRules::parse(SHIPPED).unwrap()
}

fn names(experts: &[Expert]) -> Vec<&str> {
    experts.iter().map(|expert| expert.name.as_untrusted()).collect()
}

fn says(expert: &Expert) -> String {
    let says: Vec<&str> = expert.reasons.iter().map(|reason| reason.claim.says()).collect();
    says.join("; ")
}

#[test]
fn who_made_the_suspect_is_first_and_programs_and_the_future_are_nobody() {
    let experts = Asking::new().experts(5);
    assert_eq!(names(&experts), ["Ana Ruiz", "Ben Ode", "Cy Doe"]);
    let (ana, ben) = (says(&experts[0]), says(&experts[1]));
    assert!(
        ana.contains("made a200000000") && ana.contains("worked on") && ana.contains("active 30 min"),
        "{ana}"
    );
    assert!(ben.contains("took changes back once in a year, last 27 h ago"), "{ben}");
    let made = experts[0].reasons.iter().find(|reason| reason.feature == "made").unwrap();
    assert_eq!(made.claim.citations()[0].change, Some(id("a2")), "the claim points at the change");
    assert!(made.points > 0.0 && made.parts[0].feature == "made");
}

#[test]
fn what_a_message_says_below_its_first_line_counts_too() {
    let cy = |asking: &Asking| {
        let found = asking.profiles().into_iter().find(|one| one.name.as_untrusted() == "Cy Doe");
        found.map(|profile| (profile.value(Sign::Words) > 0.0, profile.words)).unwrap()
    };
    let mut asking = Asking::new();
    assert_eq!(cy(&asking), (false, vec![]));
    asking.works[3].body = "Also takes the total out of the cart.".into();
    assert_eq!(cy(&asking), (true, vec!["total".to_owned(), "cart".to_owned()]), "what is rare first");
}

#[test]
fn who_opted_out_is_never_shown_whatever_speaks_for_them() {
    let asking = Asking::new().known("Ana Ruiz", true).on_call("Ana Ruiz", &[]).on_call("@x", &[]);
    let experts = asking.experts(5);
    assert_eq!(names(&experts), ["Ben Ode", "Cy Doe"]);
    assert!(experts.iter().all(|expert| !expert.on_call));
    assert!(!serde_json::to_string(&asking.profiles()).unwrap().contains("Ana"));
}

#[test]
fn who_wrote_the_lines_near_a_suspect_is_told_how_many_and_how_long_before() {
    let asking = Asking::new().near("a2", "web/cart.js", &[("Dee Fox", 20, 14), ("Ana Ruiz", 25, 2)]);
    let experts = asking.experts(9);
    let dee = experts.iter().find(|one| one.name.as_untrusted() == "Dee Fox").unwrap();
    let lines = dee.reasons.iter().find(|reason| reason.feature == "lines").unwrap();
    let said = lines.claim.says();
    assert_eq!(said, "wrote 14 of the 20 lines next to a200000000 in web/cart.js, 9 d 23 h before");
    assert_eq!(lines.claim.citations()[0].change, Some(id("a2")));
    assert!(lines.stands_out > 0.0 && lines.parts[0].feature == "lines");
    // Few of many lines are no reason to ask anybody.
    let few = Asking::new().near("a2", "web/cart.js", &[("Dee Fox", 20, 1)]).experts(9);
    let dee = few.iter().find(|one| one.name.as_untrusted() == "Dee Fox").unwrap();
    assert!(dee.reasons.iter().all(|reason| reason.feature != "lines"), "{}", says(dee));
}

#[test]
fn lines_near_suspects_count_the_more_the_newer_they_are_and_the_likelier_the_suspect() {
    let value = |asking: &Asking, name: &str| {
        let profiles = asking.profiles();
        let found = profiles.iter().find(|one| one.name.as_untrusted() == name);
        found.map_or(0.0, |profile| profile.value(Sign::Lines))
    };
    let check = |more: Asking, less: Asking| {
        let (more, less) = (value(&more, "Dee Fox"), value(&less, "Dee Fox"));
        assert!(more > less && less > 0.0, "{more} {less}");
    };
    let near = |suspect: &str, day: u32, lines: u32| {
        Asking::new().near(suspect, "web/cart.js", &[("Dee Fox", day, lines)])
    };
    check(near("a2", 20, 14), near("a2", 20, 3));
    check(near("a2", 20, 14), near("a2", 1, 14));
    check(near("a2", 20, 14), near("a1", 20, 14));
    // A change's lines share what it counts: elsewhere in it nobody was seen.
    check(near("a2", 20, 14), near("a2", 20, 14).near("a2", "web/other.js", &[]));
    assert_eq!(value(&near("c1", 20, 14), "Dee Fox"), 0.0, "no suspect");
}

#[test]
fn programs_and_who_opted_out_wrote_no_lines_and_one_person_with_two_addresses_wrote_all_of_theirs() {
    let written = [("Dee Fox", 20, 9), ("Renovate", 21, 5)];
    let named =
        |asking: &Asking| names(&asking.experts(9)).iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let asking = Asking::new().near("a2", "web/cart.js", &written);
    assert!(
        named(&asking).contains(&"Dee Fox".to_owned()) && !named(&asking).contains(&"Renovate".to_owned())
    );
    let out = Asking::new().known("Dee Fox", true).near("a2", "web/cart.js", &written);
    assert!(!named(&out).contains(&"Dee Fox".to_owned()));
    assert!(!serde_json::to_string(&out.profiles()).unwrap().contains("Dee"));
    let mut twice = asking.near("a2", "web/cart.js", &[("Dee Fox", 22, 4)]);
    twice.lines[1].written[0].author.email = Some("dee@home.example".into());
    let profiles = twice.profiles();
    let dee: Vec<&Profile> = profiles.iter().filter(|one| one.name.as_untrusted() == "Dee Fox").collect();
    let near = dee[0].near.clone().unwrap();
    assert_eq!((dee.len(), near.lines, near.of), (1, 13, 40));
}

#[test]
fn being_on_call_moves_nobody_but_says_whom_to_page_first() {
    let before = Asking::new().experts(2);
    let experts = Asking::new().on_call("Cy Doe", &["search"]).experts(2);
    assert_eq!(names(&experts), ["Ana Ruiz", "Ben Ode", "Cy Doe"], "whoever is on call is listed");
    assert_eq!(names(&experts)[..2], names(&before)[..]);
    assert!(experts[2].page_first && experts[2].rank == 3);
    assert!(says(&experts[2]).starts_with("on call for search until 2026-03-03 00:00:00Z by on_call"));
}

#[test]
fn a_turn_for_another_service_is_no_turn() {
    let mut asking = Asking::new().on_call("Cy Doe", &["search"]);
    asking.scope.services = vec!["cart".parse().unwrap()];
    assert!(asking.experts(5).iter().all(|expert| !expert.on_call));
}

#[test]
fn the_local_time_is_that_of_the_configuration_or_else_of_their_commits() {
    let check = |asking: Asking, expect: (&str, &str, bool)| {
        let time = asking.experts(1)[0].local_time.clone().unwrap();
        assert_eq!((time.clock.as_str(), time.zone.as_str(), time.is_night), expect);
    };
    check(Asking::new(), ("13:00", "UTC+01:00", false));
    check(Asking::new().known("Ana Ruiz", false), ("21:00", "Asia/Tokyo", false));
    let mut west = Asking::new();
    west.works.iter_mut().for_each(|work| work.clock = Some(-SignedDuration::from_mins(9 * 60 + 30)));
    check(west, ("02:30", "UTC-09:30", true));
    let mut torn = Asking::new();
    torn.works[1].clock = Some(SignedDuration::from_hours(5));
    assert_eq!(torn.experts(1)[0].local_time, None, "two clocks, and neither is usual");
}

#[test]
fn owners_are_found_by_codeowners_and_by_the_catalog() {
    let mut asking = Asking::new();
    asking.catalog =
        toml::from_str("[[service]]\nname = \"cart\"\nowner = \"ben.ode@shop.example\"\n").unwrap();
    asking.scope.services = vec!["cart".parse().unwrap()];
    let said = says(asking.experts(5).iter().find(|one| one.name.as_untrusted() == "Ben Ode").unwrap());
    assert!(said.contains("owns cart by the catalog"), "{said}");
    // A team that nobody configured stands for itself.
    let owned = |owner: &str| Owned { path: RepoPath::from("web/cart.js"), owner: owner.into() };
    let mut asking = Asking::new();
    asking.owned = vec![(SourceName::new("git:shop").unwrap(), owned("@shop/web"))];
    assert!(names(&asking.experts(5)).contains(&"@shop/web"));
    let experts = asking.known("Cy Doe", false).experts(5);
    assert!(!names(&experts).contains(&"@shop/web"), "its member does");
}

#[test]
fn the_same_profiles_read_back_give_the_same_experts() {
    let asking = Asking::new().on_call("Cy Doe", &[]).near("a2", "web/cart.js", &[("Cy Doe", 20, 14)]);
    let profiles = asking.profiles();
    assert!(profiles.iter().any(|profile| profile.near.is_some()));
    let json = serde_json::to_string(&profiles).unwrap();
    let again: Vec<Profile> = serde_json::from_str(&json).unwrap();
    let tell = |profiles: &[Profile]| {
        serde_json::to_string(&experts(&rules(), profiles, EvidenceId(Digest::of(b"x")), at("02T12:00"), 5))
            .unwrap()
    };
    assert_eq!(tell(&profiles), tell(&again));
    assert!(!json.contains("@shop.example"), "addresses are kept nowhere");
}

#[test]
fn nobody_is_an_expert_of_nothing() {
    let mut asking = Asking::new();
    asking.works.clear();
    assert_eq!(asking.experts(5), []);
}
