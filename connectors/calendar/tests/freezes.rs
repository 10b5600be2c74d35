//! Freezes of the configuration and of calendars, on the days on which clocks change and on others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop anywhere")]

use std::path::Path;
use std::sync::Arc;

use hearback_calendar::{CalendarOptions, Found, FreezeEntry, MAX_FILE_BYTES, parse_freezes, sources};
use hearback_core::Window;
use hearback_core::freeze::Freeze;
use hearback_core::ports::{ConnectorError, FreezeSource};
use jiff::Timestamp;
use proptest::prelude::*;
use serde::Deserialize;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn window(from: &str, until: &str) -> Window {
    Window { from: at(&format!("{from}T00:00:00Z")), until: at(&format!("{until}T00:00:00Z")) }
}

/// `from until`, to the minute, in UTC.
fn spans(freezes: &[Freeze]) -> Vec<String> {
    let minute = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M").to_string();
    freezes
        .iter()
        .map(|freeze| format!("{} {}", minute(freeze.window.from), minute(freeze.window.until)))
        .collect()
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    freeze: Vec<FreezeEntry>,
}

fn configured(text: &str) -> Result<Vec<Arc<dyn FreezeSource>>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    sources(&file.freeze, Path::new("")).map_err(|error| error.to_string())
}

async fn asked(text: &str, window: Window) -> Vec<Freeze> {
    let sources = configured(text).unwrap();
    assert_eq!(sources.len(), 1);
    sources[0].freezes(window).await.unwrap().items
}

#[tokio::test]
async fn a_weekly_freeze_follows_the_wall_clock() {
    let weekend = "[[freeze]]\nname = \"weekend\"\n\
                   weekly = {from = \"Fri 16:00\", until = \"monday 8:00\", zone = \"Europe/Berlin\"}\n";
    let check = async |from: &str, until: &str, expect: &[&str]| {
        assert_eq!(spans(&asked(weekend, window(from, until)).await), expect, "{from}");
    };
    // Clocks go back on 2026-10-25 and forward on 2026-03-29: 65 h and 63 h instead of 64.
    check("2026-10-22", "2026-10-28", &["2026-10-23T14:00 2026-10-26T07:00"]).await;
    check("2026-03-26", "2026-04-01", &["2026-03-27T15:00 2026-03-30T06:00"]).await;
    check(
        "2026-11-14",
        "2026-11-21",
        &["2026-11-13T15:00 2026-11-16T07:00", "2026-11-20T15:00 2026-11-23T07:00"],
    )
    .await;
    check("2026-11-17", "2026-11-20", &[]).await;
    // Half-open: a window that begins as the freeze ends has none of it.
    let monday = Window { from: at("2026-11-16T07:00:00Z"), until: at("2026-11-16T09:00:00Z") };
    assert_eq!(spans(&asked(weekend, monday).await).len(), 0);
    let same_day = "[[freeze]]\nname = \"lunch\"\nweekly = {from = \"Wed 12:00\", until = \"Wed 13:00\"}\n";
    assert_eq!(
        spans(&asked(same_day, window("2026-11-16", "2026-11-23")).await),
        ["2026-11-18T12:00 2026-11-18T13:00"]
    );
    let almost_all = "[[freeze]]\nname = \"all\"\nweekly = {from = \"Wed 13:00\", until = \"Wed 12:00\"}\n";
    assert_eq!(
        spans(&asked(almost_all, window("2026-11-19", "2026-11-20")).await),
        ["2026-11-18T13:00 2026-11-25T12:00"]
    );
}

#[tokio::test]
async fn a_dated_freeze_keeps_its_zone_services_and_environments() {
    let text = "[[freeze]]\nname = \"year end\"\nfrom = \"2026-12-18T18:00\"\nuntil = \"2027-01-04\"\n\
                zone = \"Europe/Berlin\"\nservices = [\"checkout\"]\nenvironments = [\"production\"]\n\
                [[freeze]]\nname = \"audit\"\nfrom = \"2026-12-20T00:00:00+02:00\"\nuntil = \"2026-12-21\"\n";
    let freezes = asked(text, window("2026-12-19", "2026-12-30")).await;
    assert_eq!(spans(&freezes), ["2026-12-18T17:00 2027-01-03T23:00", "2026-12-19T22:00 2026-12-21T00:00"]);
    assert_eq!(freezes[0].services[0].as_str(), "checkout");
    assert_eq!(freezes[0].environments, ["production"]);
    assert_eq!(freezes[0].name.as_untrusted(), "year end");
}

#[test]
fn mistakes_in_the_configuration_are_named() {
    let check = |body: &str, expect: &str| {
        let error =
            configured(&format!("[[freeze]]\n{body}\n")).err().unwrap_or_else(|| panic!("taken: {body}"));
        assert!(error.contains(expect), "{error}");
    };
    check("name = \"x\"", "freeze \"x\": give exactly one of weekly, from with until, and calendar");
    check("name = \" \"\nfrom = \"2026-01-01\"\nuntil = \"2026-01-02\"", "name is empty");
    check("name = \"x\"\nfrom = \"2026-01-01\"", "give exactly one");
    check("name = \"x\"\nfrom = \"2026-01-02\"\nuntil = \"2026-01-02\"", "until is not after from");
    check(
        "name = \"x\"\nfrom = \"Friday\"\nuntil = \"2026-01-02\"",
        "from \"Friday\" is not a time; write it as",
    );
    check(
        "name = \"x\"\nweekly = {from = \"Fri\", until = \"Mon 08:00\"}",
        "weekly.from \"Fri\" is not a day and time",
    );
    check(
        "name = \"x\"\nweekly = {from = \"Fri 16:00\", until = \"Mon 24:00\"}",
        "weekly.until \"Mon 24:00\"",
    );
    check("name = \"x\"\nweekly = {from = \"Fri +1:00\", until = \"Mon 8:00\"}", "weekly.from \"Fri +1:00\"");
    check("name = \"x\"\nweekly = {from = \"Fri 16:00\", until = \"fri 16:00\"}", "it would never end");
    check(
        "name = \"x\"\nweekly = {from = \"Fri 16:00\", until = \"Mon 8:00\", zone = \"Europe/Atlantis\"}",
        "zone \"Europe/Atlantis\" is not known here",
    );
    check(
        "name = \"x\"\nzone = \"UTC\"\nweekly = {from = \"Fri 16:00\", until = \"Mon 8:00\"}",
        "inside weekly",
    );
    check(
        "name = \"x\"\nmatching = \"a\"\nfrom = \"2026-01-01\"\nuntil = \"2026-01-02\"",
        "matching is for a calendar",
    );
    check(
        "name = \"x\"\ncalendar = \"a.ics\"\nmatching = \"(\"",
        "matching \"(\" is not a regular expression",
    );
    check("name = \"x\"\nweekly = {from = \"Fri 16:00\", untill = \"Mon 8:00\"}", "unknown field `untill`");
    check("name = \"x\"\ncalender = \"a.ics\"", "unknown field `calender`");
}

fn options() -> CalendarOptions {
    CalendarOptions {
        name: "unnamed".into(),
        matching: None,
        zone: None,
        services: vec![],
        environments: vec!["production".into()],
    }
}

fn calendar(body: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test\r\n{}END:VCALENDAR\r\n",
        body.replace('\n', "\r\n")
    )
}

fn event(lines: &str) -> String {
    calendar(&format!("BEGIN:VEVENT\nUID:1\nSUMMARY:Freeze\n{lines}\nEND:VEVENT\n"))
}

fn read(text: &str, window: Window) -> Found {
    parse_freezes(text, window, &options()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn events_of_every_form_become_freezes() {
    let check = |lines: &str, expect: &[&str]| {
        let found = read(&event(lines), window("2026-10-01", "2026-11-30"));
        assert_eq!(spans(&found.freezes), expect, "{lines}");
        assert_eq!(found.missing, Vec::<String>::new(), "{lines}");
        assert_eq!(found.events, 1);
    };
    check("DTSTART:20261120T160000Z\nDTEND:20261123T080000Z", &["2026-11-20T16:00 2026-11-23T08:00"]);
    check(
        "DTSTART;TZID=Europe/Berlin:20261120T160000\nDTEND;TZID=America/New_York:20261123T080000",
        &["2026-11-20T15:00 2026-11-23T13:00"],
    );
    check(
        "DTSTART;TZID=\"/example.org/2025_1/Europe/Berlin\":20261120T160000\nDURATION:PT2H",
        &["2026-11-20T15:00 2026-11-20T17:00"],
    );
    check("DTSTART;VALUE=DATE:20261120\nDTEND;VALUE=DATE:20261123", &["2026-11-20T00:00 2026-11-23T00:00"]);
    check("DTSTART;VALUE=DATE:20261120", &["2026-11-20T00:00 2026-11-21T00:00"]);
    check("DTSTART;VALUE=DATE:20261120\nDTEND;VALUE=DATE:20261120", &["2026-11-20T00:00 2026-11-21T00:00"]);
    check("DTSTART:20261120T160000\nDURATION:P1DT2H", &["2026-11-20T16:00 2026-11-21T18:00"]);
    // Days follow the clock over the end of summer time, hours and DTEND do not.
    check("DTSTART;TZID=Europe/Berlin:20261024T120000\nDURATION:P1D", &["2026-10-24T10:00 2026-10-25T11:00"]);
    check(
        "DTSTART;TZID=Europe/Berlin:20261024T120000\nDURATION:PT24H",
        &["2026-10-24T10:00 2026-10-25T10:00"],
    );
    check("DTSTART:20261220T160000Z\nDTEND:20261223T080000Z", &[]);
    check("STATUS:CANCELLED\nDTSTART:20261120T160000Z\nDTEND:20261123T080000Z", &[]);
    check(
        "STATUS:CONFIRMED\nDTSTART:20260901T160000Z\nDTEND:20261001T000001Z",
        &["2026-09-01T16:00 2026-10-01T00:00"],
    );
}

#[test]
fn events_recur_on_the_wall_clock() {
    let check = |lines: &str, expect: &[&str]| {
        let found = read(&event(lines), window("2026-10-13", "2026-11-09"));
        assert_eq!(spans(&found.freezes), expect, "{lines}");
        assert_eq!(found.missing, Vec::<String>::new(), "{lines}");
    };
    let berlin = "DTSTART;TZID=Europe/Berlin:20260102T160000\nDURATION:P2DT16H\n";
    let fridays = [
        "2026-10-16T14:00 2026-10-19T06:00",
        "2026-10-23T14:00 2026-10-26T07:00",
        "2026-10-30T15:00 2026-11-02T07:00",
        "2026-11-06T15:00 2026-11-09T07:00",
    ];
    check(&format!("{berlin}RRULE:FREQ=WEEKLY;BYDAY=FR"), &fridays);
    check(&format!("{berlin}RRULE:FREQ=WEEKLY;UNTIL=20261023T140000Z"), &fridays[..2]);
    check(&format!("{berlin}RRULE:FREQ=WEEKLY;UNTIL=20261023T135959Z"), &fridays[..1]);
    check(&format!("{berlin}RRULE:FREQ=WEEKLY;UNTIL=20261030"), &fridays[..3]);
    check(&format!("{berlin}RRULE:FREQ=WEEKLY;COUNT=43"), &fridays[..2]);
    check(
        &format!("{berlin}RRULE:FREQ=WEEKLY\nEXDATE;TZID=Europe/Berlin:20261016T160000,20261030T160000"),
        &[fridays[1], fridays[3]],
    );
    check(
        &format!("{berlin}RRULE:FREQ=WEEKLY\nEXDATE:20261023T140000Z\nEXDATE;VALUE=DATE:20261106"),
        &[fridays[0], fridays[2]],
    );
    check(&format!("{berlin}RDATE;TZID=Europe/Berlin:20261023T160000"), &[fridays[1]]);
    check(
        "DTSTART;VALUE=DATE:20200131\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1",
        &["2026-10-31T00:00 2026-11-01T00:00"],
    );
    check("DTSTART;VALUE=DATE:20261225\nRRULE:FREQ=YEARLY", &[]);
    // 2026-10-25 02:30 comes twice in Berlin; the first counts.
    check(
        "DTSTART;TZID=Europe/Berlin:20261025T023000\nDURATION:PT1H",
        &["2026-10-25T00:30 2026-10-25T01:30"],
    );
}

#[test]
fn single_occurrences_are_moved_and_cancelled() {
    let text = calendar(
        "BEGIN:VEVENT\nUID:w\nSUMMARY:Weekend\nDTSTART;TZID=Europe/Berlin:20261016T160000\nDURATION:PT12H\nRRULE:FREQ=WEEKLY\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:w\nSUMMARY:Moved\nRECURRENCE-ID;TZID=Europe/Berlin:20261023T160000\nDTSTART:20261024T100000Z\nDURATION:PT2H\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:w\nSTATUS:CANCELLED\nRECURRENCE-ID:20261030T150000Z\nDTSTART:20261030T150000Z\nDURATION:PT2H\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:other\nSEQUENCE:1\nDTSTART:20261020T100000Z\nDURATION:PT1H\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:other\nSEQUENCE:3\nDTSTART:20261021T100000Z\nDURATION:PT1H\nEND:VEVENT\n",
    );
    let found = read(&text, window("2026-10-12", "2026-11-09"));
    assert_eq!(
        spans(&found.freezes),
        [
            "2026-10-16T14:00 2026-10-17T02:00",
            "2026-10-21T10:00 2026-10-21T11:00",
            "2026-10-24T10:00 2026-10-24T12:00",
            "2026-11-06T15:00 2026-11-07T03:00",
        ]
    );
    let names: Vec<&str> = found.freezes.iter().map(|freeze| freeze.name.as_untrusted()).collect();
    assert_eq!(names, ["Weekend", "unnamed", "Moved", "Weekend"]);
    assert!(found.freezes.iter().all(|freeze| freeze.environments == ["production"]));
}

/// As Outlook writes it, with its own name and rules since 1601.
const OUTLOOK: &str = "BEGIN:VTIMEZONE\nTZID:W. Europe Standard Time\n\
    BEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n\
    BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\n\
    END:VTIMEZONE\n";

#[test]
fn a_zone_that_the_file_describes_is_the_same_as_the_one_the_system_knows() {
    let described = "W. Europe Standard Time";
    for start in [
        "20260101T160000",
        "20260329T015959",
        "20260329T023000",
        "20260329T030000",
        "20260701T160000",
        "20261025T015959",
        "20261025T023000",
        "20261025T030000",
        "20261120T160000",
    ] {
        let of = |zone: &str| {
            let event = format!(
                "BEGIN:VEVENT\nUID:1\nDTSTART;TZID={zone}:{start}\nDURATION:P1DT1H\nRRULE:FREQ=WEEKLY;COUNT=30\nEND:VEVENT\n"
            );
            let found = read(&calendar(&format!("{OUTLOOK}{event}")), window("2026-01-01", "2027-01-01"));
            assert_eq!(found.missing, Vec::<String>::new());
            spans(&found.freezes)
        };
        assert!(!of("Europe/Berlin").is_empty());
        assert_eq!(of(described), of("Europe/Berlin"), "{start}");
    }
}

#[test]
fn whole_days_are_those_of_the_calendar_or_of_the_configuration() {
    let day = "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20261120\nEND:VEVENT\n";
    let own = calendar(&format!("X-WR-TIMEZONE:Europe/Berlin\n{day}"));
    assert_eq!(
        spans(&read(&own, window("2026-11-01", "2026-12-01")).freezes),
        ["2026-11-19T23:00 2026-11-20T23:00"]
    );
    let zone = Some(jiff::tz::TimeZone::get("America/New_York").unwrap());
    let found =
        parse_freezes(&own, window("2026-11-01", "2026-12-01"), &CalendarOptions { zone, ..options() })
            .unwrap();
    assert_eq!(spans(&found.freezes), ["2026-11-20T05:00 2026-11-21T05:00"]);
}

#[test]
fn only_matching_events_count() {
    let text = calendar(
        "BEGIN:VEVENT\nUID:1\nSUMMARY:Code FREEZE week\nDTSTART;VALUE=DATE:20261116\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:2\nSUMMARY:Offsite\nCATEGORIES:Travel,freeze\nDTSTART;VALUE=DATE:20261117\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:3\nSUMMARY:Team lunch\nDTSTART:20261118T120000Z\nEND:VEVENT\n",
    );
    let matching = Some(regex::RegexBuilder::new("freeze").case_insensitive(true).build().unwrap());
    let found =
        parse_freezes(&text, window("2026-11-01", "2026-12-01"), &CalendarOptions { matching, ..options() });
    let found = found.unwrap();
    assert_eq!((found.freezes.len(), found.events, found.missing), (2, 3, vec![]));
}

#[test]
fn an_event_that_can_not_be_read_is_missing_and_hides_no_other() {
    let good = "BEGIN:VEVENT\nUID:good\nDTSTART:20261120T160000Z\nDURATION:PT1H\nEND:VEVENT\n";
    let check = |lines: &str, expect: &str| {
        let text = calendar(&format!("BEGIN:VEVENT\nUID:1\nSUMMARY:Bad\n{lines}\nEND:VEVENT\n{good}"));
        let found = read(&text, window("2026-11-01", "2026-12-01"));
        assert_eq!(found.freezes.len(), 1, "{lines}");
        assert_eq!(found.missing, [format!("event Bad: {expect}")], "{lines}");
    };
    check("X-NOTHING:1", "it has no DTSTART");
    check("DTSTART:20261120T160000Z", "it has neither DTEND nor DURATION, so it takes no time");
    check("DTSTART:soon\nDURATION:PT1H", "\"soon\" is no time");
    check("DTSTART:20261120T160000Z\nDTEND:20261120T160000Z", "it does not end after it begins");
    check("DTSTART;VALUE=DATE:20261120\nDTEND;VALUE=DATE:20261101", "it ends before it begins");
    check("DTSTART:20261120T160000Z\nDURATION:-PT1H", "its DURATION is no positive duration");
    check(
        "DTSTART;TZID=Middle-earth/Shire:20261120T160000\nDURATION:PT1H",
        "its time zone \"Middle-earth/Shire\" is neither known here nor described in the file",
    );
    let day = "DTSTART;VALUE=DATE:20261120\n";
    check(
        &format!("{day}RRULE:FREQ=SOMETIMES"),
        "a rule that recurs more than once a day, or by no known frequency",
    );
    check(
        &format!("{day}RRULE:FREQ=SECONDLY"),
        "a rule that recurs more than once a day, or by no known frequency",
    );
    check(&format!("{day}RRULE:FREQ=DAILY;BYDAY=XX"), "a recurrence rule that can't be read");
    check(&format!("{day}RRULE:FREQ=DAILY;UNTIL=never"), "a recurrence rule whose UNTIL is no time");
    check("DTSTART;VALUE=DATE:18000101\nRRULE:FREQ=DAILY", "it recurs more than 20000 times");
    check(
        &format!("{day}RECURRENCE-ID;RANGE=THISANDFUTURE:20261120"),
        "it changes all later occurrences (RANGE), which is not read",
    );
    let many: String = (0..40).map(|n| format!("BEGIN:VEVENT\nUID:{n}\nEND:VEVENT\n")).collect();
    let found = read(&calendar(&many), window("2026-11-01", "2026-12-01"));
    assert_eq!(
        (found.missing.len(), found.missing[10].as_str()),
        (11, "30 more parts of the calendar that can't be read")
    );
}

#[test]
fn what_is_no_calendar_is_refused() {
    let deep = format!("BEGIN:VCALENDAR\n{}", "BEGIN:X\n".repeat(100_000));
    let many = calendar(&"BEGIN:VEVENT\nEND:VEVENT\n".repeat(30_001));
    for (text, expect) in [
        ("", "it has no BEGIN:VCALENDAR"),
        ("hello", "it has no BEGIN:VCALENDAR"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "can't be understood"),
        ("BEGIN:VCALENDAR\nno colon here\nEND:VCALENDAR\n", "can't be understood"),
        (&deep, "nests more than 6 deep"),
        (&many, "has more than 10000 events"),
    ] {
        let error =
            parse_freezes(text, window("2026-11-01", "2026-12-01"), &options()).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
    assert_eq!(read("BEGIN:VCALENDAR\nEND:VCALENDAR\n", window("2026-11-01", "2026-12-01")).events, 0);
}

#[tokio::test]
async fn a_calendar_file_is_read_anew_at_every_question() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("freezes.ics");
    let text = "[[freeze]]\nname = \"company\"\ncalendar = \"freezes.ics\"\nservices = [\"checkout\"]\n";
    let file: File = toml::from_str(text).unwrap();
    let source = sources(&file.freeze, folder.path()).unwrap().pop().unwrap();
    assert_eq!(source.name().as_str(), "calendar:company");
    let window = window("2026-11-01", "2026-12-01");
    let unusable = async |expect: &str| match source.freezes(window).await {
        Err(ConnectorError::NotUsable(why)) => assert!(why.contains(expect), "{why}"),
        other => panic!("{other:?}"),
    };
    unusable("freezes.ics can't be read").await;
    std::fs::write(&path, event("DTSTART;VALUE=DATE:20261120")).unwrap();
    let fetched = source.freezes(window).await.unwrap();
    assert_eq!(spans(&fetched.items), ["2026-11-20T00:00 2026-11-21T00:00"]);
    assert_eq!(fetched.items[0].services[0].as_str(), "checkout");
    assert_eq!(fetched.coverage.searched, "1 events of freezes.ics");
    std::fs::write(&path, b"BEGIN:VCALENDAR\n\xff\nEND:VCALENDAR\n").unwrap();
    unusable("is not UTF-8 text").await;
    std::fs::write(&path, vec![b' '; usize::try_from(MAX_FILE_BYTES).unwrap() + 1]).unwrap();
    unusable("is larger than 4194304 bytes").await;
}

#[tokio::test]
async fn a_window_without_bounds_ends_and_says_what_it_left_out() {
    let all = Window { from: Timestamp::MIN, until: Timestamp::MAX };
    let weekly = "[[freeze]]\nname = \"weekend\"\nweekly = {from = \"Fri 16:00\", until = \"Mon 8:00\"}\n";
    let fetched = configured(weekly).unwrap()[0].freezes(all).await.unwrap();
    assert_eq!(fetched.coverage.missing, ["freeze weekend after its first 1044 weeks of the window"]);
    let text = event("DTSTART:20260102T160000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY");
    assert_eq!(read(&text, all).missing, ["event Freeze: it recurs more than 20000 times"]);
    let empty = Window { from: Timestamp::MAX, until: Timestamp::MIN };
    assert_eq!(read(&text, empty).freezes.len(), 0);
}

proptest! {
    #[test]
    fn no_rule_makes_it_panic(
        parts in proptest::collection::vec(
            (prop_oneof![Just("FREQ"), Just("INTERVAL"), Just("COUNT"), Just("UNTIL"), Just("BYDAY"), Just("BYMONTHDAY"),
                Just("BYMONTH"), Just("BYSETPOS"), Just("BYWEEKNO"), Just("BYYEARDAY"), Just("BYHOUR"), Just("WKST")],
             prop_oneof![Just("DAILY".to_owned()), Just("YEARLY".to_owned()), Just("0".to_owned()), Just("MO,-1FR".to_owned()),
                Just("20261231T000000Z".to_owned()), "-?[0-9]{1,5}", "[A-Z0-9,+-]{0,12}"]), 0..6),
        start in prop_oneof![Just("20260101T090000".to_owned()), Just("00010101T000000".to_owned()),
            Just("99991231T235959".to_owned()), "[0-9]{8}T[0-2][0-9][0-5][0-9]00"],
    ) {
        let rule: Vec<String> = parts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let lines = format!("DTSTART:{start}\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;{}", rule.join(";"));
        let _ = read(&event(&lines), window("2026-11-01", "2026-12-01"));
        let lines = format!("DTSTART:{start}\nDURATION:PT1H\nRRULE:{}", rule.join(";"));
        let _ = read(&event(&lines), window("2026-11-01", "2026-12-01"));
    }

    #[test]
    fn no_text_makes_it_panic(lines in proptest::collection::vec(
        prop_oneof![Just("BEGIN:VEVENT".to_owned()), Just("END:VEVENT".to_owned()), Just("BEGIN:VTIMEZONE".to_owned()),
            Just("END:VTIMEZONE".to_owned()), "DTSTART(;TZID=[A-Za-z/]{0,12})?:[0-9TZ]{0,16}", "DURATION:[-+P0-9TDHMSW]{0,12}",
            "TZOFFSET(FROM|TO):[-+0-9]{0,7}", "(SUMMARY|EXDATE|RECURRENCE-ID|UID):.{0,20}", ".{0,30}"], 0..14)) {
        let _ = parse_freezes(&calendar(&format!("{}\n", lines.join("\n"))), window("2026-11-01", "2026-12-01"), &options());
        let _ = parse_freezes(&lines.join("\r\n"), window("2026-11-01", "2026-12-01"), &options());
    }
}
