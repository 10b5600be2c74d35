//! The catalog for people: a table, one service, a list of problems. It must not know where the values come from.

use hearback_core::ExternalText;
use hearback_core::catalog::{Level, Reached, ServiceKind, listed};

use super::view::{Around, Checked, Code, ServiceView, Services};

/// What stands for nothing.
const NOTHING: &str = "-";

/// The columns of the table and the widest each gets, in characters.
const COLUMNS: [(&str, usize); 8] = [
    ("SERVICE", 28),
    ("TIER", 4),
    ("OWNER", 20),
    ("ON CALL", 24),
    ("DEPENDS ON", 26),
    ("CODE", 30),
    ("SIGNALS", 17),
    ("RUNBOOK", 60),
];

/// All services as a table.
pub fn table(services: &Services) -> String {
    if services.services.is_empty() {
        return "No services. Add [[service]] sections or [catalog] files to hearback.toml; \
                config/catalog.example.toml shows how.\n"
            .to_owned();
    }
    let head = COLUMNS.map(|(name, _)| name.to_owned());
    let rows: Vec<[String; COLUMNS.len()]> =
        std::iter::once(head).chain(services.services.iter().map(row)).collect();
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn row(service: &ServiceView) -> [String; COLUMNS.len()] {
    let name = match service.kind {
        ServiceKind::Service => service.name.clone(),
        ServiceKind::Resource => format!("{} (resource)", service.name),
    };
    let signals: Vec<&str> = service.signals.keys().map(|kind| kind.name()).collect();
    let cells = [
        name,
        service.tier.map(|tier| tier.to_string()).unwrap_or_default(),
        service.owner.clone().unwrap_or_default(),
        service.on_call.clone().unwrap_or_default(),
        first_and_more(&service.depends_on),
        first_and_more(if service.paths.is_empty() { &service.repositories } else { &service.paths }),
        signals.join(", "),
        service.runbook.clone().unwrap_or_default(),
    ];
    let mut widths = COLUMNS.iter().map(|(_, width)| *width);
    cells.map(|cell| match shown(&cell, widths.next().unwrap_or(20)) {
        cell if cell.is_empty() => NOTHING.to_owned(),
        cell => cell,
    })
}

fn shown(text: &str, width: usize) -> String {
    ExternalText::new(text).for_people(width)
}

/// Two items, and how many there are beyond.
fn first_and_more(items: &[String]) -> String {
    let (first, more) = items.split_at(items.len().min(2));
    match more.len() {
        0 => first.join(", "),
        more => format!("{} +{more}", first.join(", ")),
    }
}

/// One service in full.
pub fn one(service: &ServiceView) -> String {
    let mut lines = vec![headline(service)];
    let missing =
        |value: &Option<String>| value.as_deref().map_or(NOTHING.to_owned(), |text| shown(text, 200));
    let mut say = |name: &str, value: String| lines.push(format!("{name:<11} {value}"));
    say("owner", missing(&service.owner));
    say("on call", missing(&service.on_call));
    say("runbook", missing(&service.runbook));
    each(&service.dashboards, "dashboards", &mut say);
    let around = service.around.as_ref();
    let needs = around.map(|around| around.needs.as_slice()).unwrap_or_default();
    say("depends on", reached(needs));
    let dependents = around.map(|around| around.dependents.as_slice()).unwrap_or_default();
    say("dependents", reached(dependents));
    each(&service.repositories, "repository", &mut say);
    let mut name = "code";
    for path in &service.paths {
        say(name, code_of(path, around));
        name = "";
    }
    if service.paths.is_empty() {
        say("code", NOTHING.to_owned());
    }
    let mut name = "signals";
    for (kind, query) in &service.signals {
        say(name, format!("{kind}: {}", shown(query, 200)));
        name = "";
    }
    if service.signals.is_empty() {
        say("signals", "the configured templates".to_owned());
    }
    say("said by", shown(&service.said_by.join(", "), 300));
    for problem in around.iter().flat_map(|around| &around.problems) {
        lines.push(format!("{:<11} {}", level(problem.level), problem.says));
    }
    lines.join("\n") + "\n"
}

fn headline(service: &ServiceView) -> String {
    let mut line = service.name.clone();
    if service.kind == ServiceKind::Resource {
        line.push_str(", a resource");
    }
    line.push_str(&service.tier.map_or(", no tier".to_owned(), |tier| format!(", tier {tier}")));
    if !service.aliases.is_empty() {
        line.push_str(&format!(", also called {}", shown(&service.aliases.join(", "), 200)));
    }
    line
}

fn each(items: &[String], name: &str, say: &mut impl FnMut(&str, String)) {
    for (index, item) in items.iter().enumerate() {
        say(if index == 0 { name } else { "" }, shown(item, 200));
    }
}

/// "cart, payments; then ledger": direct first, what lies behind them after it.
fn reached(all: &[Reached]) -> String {
    let names = |direct: bool| {
        let some = all.iter().filter(|reached| (reached.hops == 1) == direct);
        listed(some.map(|reached| reached.service.as_str()))
    };
    match (names(true), names(false)) {
        (direct, _) if direct.is_empty() => NOTHING.to_owned(),
        (direct, behind) if behind.is_empty() => direct,
        (direct, behind) => format!("{direct}; behind them {behind}"),
    }
}

fn code_of(path: &str, around: Option<&Around>) -> String {
    let places: Vec<&Code> =
        around.iter().flat_map(|around| &around.code).filter(|code| code.path == path).collect();
    let path = shown(path, 200);
    if places.is_empty() {
        return format!("{path}  (no files seen)");
    }
    let told = places.iter().map(|code| {
        let mut owners: Vec<String> =
            code.owners.iter().take(4).map(|owner| format!("{} {}", owner.owner, owner.files)).collect();
        if owners.is_empty() {
            return format!("{} in {}", files(code.files), shown(&code.repository, 80));
        }
        if code.owners.len() > 4 {
            owners.push(format!("{} more", code.owners.len() - 4));
        }
        if code.files_of_nobody > 0 {
            owners.push(format!("nobody {}", code.files_of_nobody));
        }
        format!("{} in {}, CODEOWNERS: {}", files(code.files), shown(&code.repository, 80), owners.join(", "))
    });
    format!("{path}  {}", told.collect::<Vec<_>>().join("; "))
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Gap => "gap",
    }
}

/// The problems of the catalog.
pub fn check(checked: &Checked) -> String {
    let mut text = String::new();
    for problem in &checked.problems {
        text.push_str(&format!("{:<5}  {}\n", level(problem.level), problem.says));
    }
    if !checked.problems.is_empty() {
        text.push('\n');
    }
    let count = |number: usize, one: &str, many: &str| match number {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    };
    let verdict = match (checked.services, checked.errors, checked.gaps) {
        (0, 0, 0) => "The catalog is empty. Add [[service]] sections or [catalog] files to hearback.toml; \
             config/catalog.example.toml shows how."
            .to_owned(),
        (_, 0, 0) => "Nothing is wrong and nothing is missing.".to_owned(),
        (_, 0, gaps) => format!(
            "No errors, {}. Questions work; what is missing they can't say.",
            count(gaps, "gap", "gaps")
        ),
        (_, errors, gaps) => format!(
            "{}, {}. Mend the errors first: until then an answer may name the wrong service.",
            count(errors, "error", "errors"),
            count(gaps, "gap", "gaps")
        ),
    };
    let files = checked.files.iter().map(|file| shown(file, 80)).collect::<Vec<_>>();
    let files = if files.is_empty() {
        String::new()
    } else {
        format!(" of {}", listed(files.iter().map(String::as_str)))
    };
    let names = checked.repositories.iter().map(|name| shown(name, 80)).collect::<Vec<_>>();
    let repositories = match names.len() {
        0 => "no repository".to_owned(),
        _ => format!("the code of {}", listed(names.iter().map(String::as_str))),
    };
    let services = count(checked.services, "service", "services");
    text.push_str(&format!("{verdict}\nChecked: {services}{files}, against {repositories}.\n"));
    text
}
