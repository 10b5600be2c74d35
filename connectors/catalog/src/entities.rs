//! Backstage's entities as services: references resolved, annotations and links read. Pure; it must not know files.

use std::collections::{BTreeMap, BTreeSet};

use hearback_core::catalog::{Level, Problem, ProblemKind, Service, ServiceKind};
use hearback_core::{ExternalText, ServiceName};

use crate::wire::{Entity, Link};

/// Types of components that run nowhere.
const NO_SERVICES: [&str; 3] = ["library", "documentation", "template"];
/// The longest value that is taken over, in bytes.
const LONGEST_VALUE: usize = 2000;

/// An entity and the file that holds it.
pub(crate) struct Stated {
    pub(crate) entity: Entity,
    /// The file, for people.
    pub(crate) file: String,
    /// `repository:folder/` of the file, if it is in a repository and holds one component only.
    pub(crate) path: Option<String>,
}

/// What a set of entities says.
#[derive(Default)]
pub(crate) struct Resolved {
    /// Services with the file that states them, in the order of the files.
    pub(crate) services: Vec<(String, Service)>,
    /// Names of groups and users, in lower case.
    pub(crate) people: BTreeSet<String>,
    pub(crate) problems: Vec<Problem>,
}

/// Makes services of components and resources. References between the entities count in every file.
pub(crate) fn resolve(stated: &[Stated]) -> Resolved {
    let mut resolved = Resolved::default();
    let mut index = Index::default();
    for one in stated {
        index.add(one, &mut resolved);
    }
    for one in stated {
        if let Some(name) = service_name(&one.entity) {
            let service = service(one, name, &index, &mut resolved.problems);
            resolved.services.push((one.file.clone(), service));
        }
    }
    resolved
}

/// Whether an entity becomes a service.
pub(crate) fn is_service(entity: &Entity) -> bool {
    let kind = entity.kind.as_deref().unwrap_or_default();
    let r#type = entity.spec.kind.as_deref().unwrap_or_default();
    kind.eq_ignore_ascii_case("resource")
        || (kind.eq_ignore_ascii_case("component")
            && !NO_SERVICES.iter().any(|other| other.eq_ignore_ascii_case(r#type)))
}

fn service_name(entity: &Entity) -> Option<ServiceName> {
    let name = entity.metadata.name.as_deref().filter(|_| is_service(entity))?;
    ServiceName::new(name.trim()).ok()
}

/// What references point at.
#[derive(Default)]
struct Index {
    services: BTreeMap<String, ServiceName>,
    /// Who provides an API.
    providers: BTreeMap<String, Vec<ServiceName>>,
    /// The owner of a system.
    systems: BTreeMap<String, String>,
    /// Components that run nowhere: no service depends on them at run time.
    passive: BTreeSet<String>,
}

impl Index {
    fn add(&mut self, stated: &Stated, resolved: &mut Resolved) {
        let Stated { entity, file, .. } = stated;
        let Some(kind) = entity.kind.as_deref() else {
            resolved.problems.push(unreadable(file, "an entity has no kind; write kind: Component"));
            return;
        };
        let kind = kind.to_ascii_lowercase();
        // A Location needs no name.
        let Some(name) = entity.metadata.name.as_deref().filter(|name| !name.trim().is_empty()) else {
            if kind != "location" {
                resolved.problems.push(unreadable(file, "an entity has no metadata.name; give it one"));
            }
            return;
        };
        let namespace = namespace(entity);
        let key = format!("{kind}:{namespace}/{}", name.trim().to_ascii_lowercase());
        match kind.as_str() {
            "component" | "resource" => match service_name(entity) {
                Some(service) => {
                    for api in entity.spec.provides_apis.iter().flatten() {
                        let api = Reference::read(api, "api", &namespace).key();
                        self.providers.entry(api).or_default().push(service.clone());
                    }
                    if self.services.insert(key, service).is_some() {
                        let says = format!("{kind} {} is stated twice; take one away", shown(name));
                        resolved.problems.push(unreadable(file, &says));
                    }
                }
                None if is_service(entity) => {
                    let says =
                        format!("{} is not a service name (letters, digits, '-', '_', '.')", shown(name));
                    resolved.problems.push(unreadable(file, &says));
                }
                None => {
                    self.passive.insert(key);
                }
            },
            "system" => {
                if let Some(owner) = &entity.spec.owner {
                    self.systems.insert(key, owner.clone());
                }
            }
            "group" | "user" => {
                resolved.people.insert(name.trim().to_ascii_lowercase());
            }
            _ => {}
        }
    }
}

fn namespace(entity: &Entity) -> String {
    let namespace = entity.metadata.namespace.as_deref().map(str::trim).filter(|n| !n.is_empty());
    namespace.unwrap_or("default").to_ascii_lowercase()
}

/// `[kind:][namespace/]name`.
struct Reference<'r> {
    kind: String,
    namespace: String,
    name: &'r str,
}

impl<'r> Reference<'r> {
    /// Reads a reference that stands in an entity of `namespace`, where `kind` is meant if none is written.
    fn read(text: &'r str, kind: &str, namespace: &str) -> Self {
        let (kind, rest) = text.trim().split_once(':').unwrap_or((kind, text.trim()));
        let (namespace, name) = rest.split_once('/').unwrap_or((namespace, rest));
        let lower = |text: &str| text.trim().to_ascii_lowercase();
        Reference { kind: lower(kind), namespace: lower(namespace), name: name.trim() }
    }

    fn key(&self) -> String {
        format!("{}:{}/{}", self.kind, self.namespace, self.name.to_ascii_lowercase())
    }

    /// As people say it.
    fn short(&self) -> String {
        match self.namespace.as_str() {
            "default" => self.name.to_owned(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }
}

fn service(stated: &Stated, name: ServiceName, index: &Index, problems: &mut Vec<Problem>) -> Service {
    let Stated { entity, file, path } = stated;
    let (metadata, spec, namespace) = (&entity.metadata, &entity.spec, namespace(entity));
    let annotation = |key: &str| {
        let value = metadata.annotations.as_ref()?.get(key)?.as_deref()?.trim();
        (!value.is_empty() && value.len() <= LONGEST_VALUE).then(|| value.to_owned())
    };
    let system = || index.systems.get(&Reference::read(spec.system.as_deref()?, "system", &namespace).key());
    let owner = spec.owner.as_ref().filter(|owner| !owner.trim().is_empty()).or_else(system);
    let code = annotation("backstage.io/source-location").and_then(|location| Code::of_location(&location));
    let slug = annotation("github.com/project-slug").or_else(|| annotation("gitlab.com/project-slug"));
    let stated_path = code.as_ref().map(Code::path).or_else(|| path.clone());
    let is_resource = entity.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("resource"));
    let mut service = Service {
        kind: if is_resource { ServiceKind::Resource } else { ServiceKind::Service },
        owner: owner.map(|owner| Reference::read(owner, "group", &namespace).short()),
        tier: tier(entity, file, problems),
        paths: stated_path.into_iter().filter(|_| !is_resource).collect(),
        repositories: code.map(|code| code.repository).or(slug).into_iter().collect(),
        on_call: annotation("pagerduty.com/service-id")
            .map(|id| format!("PagerDuty service {id}"))
            .or_else(|| annotation("opsgenie.com/team").map(|team| format!("Opsgenie team {team}"))),
        ..Service::named(name)
    };
    let title = metadata.title.as_deref().map(str::trim).unwrap_or_default();
    if !title.is_empty() && title.len() <= 200 && !title.eq_ignore_ascii_case(service.name.as_str()) {
        service.aliases.push(title.to_owned());
    }
    service.dashboards.extend(annotation("grafana/overview-dashboard"));
    service.dashboards.extend(annotation("grafana/dashboard-selector").map(|tag| format!("Grafana: {tag}")));
    for link in metadata.links.iter().flatten() {
        take_link(&mut service, link);
    }
    service.depends_on = depends_on(entity, &service.name, &namespace, index, file, problems);
    service
}

fn depends_on(
    entity: &Entity,
    me: &ServiceName,
    namespace: &str,
    index: &Index,
    file: &str,
    problems: &mut Vec<Problem>,
) -> Vec<ServiceName> {
    let mut needs: Vec<ServiceName> = Vec::new();
    let mut add = |name: ServiceName| {
        if !needs.contains(&name) {
            needs.push(name);
        }
    };
    for text in entity.spec.depends_on.iter().flatten() {
        let reference = Reference::read(text, "component", namespace);
        if index.passive.contains(&reference.key()) {
            continue;
        }
        match index.services.get(&reference.key()) {
            Some(service) => add(service.clone()),
            None => match ServiceName::new(reference.name) {
                Ok(name) => add(name),
                Err(_) => {
                    let says = format!("{me} depends on {}, which is no reference; mend it", shown(text));
                    problems.push(unreadable(file, &says));
                }
            },
        }
    }
    for text in entity.spec.consumes_apis.iter().flatten() {
        let reference = Reference::read(text, "api", namespace);
        match index.providers.get(&reference.key()) {
            // A service may call itself through its own API; that is no dependency.
            Some(providers) => {
                providers.iter().filter(|provider| *provider != me).cloned().for_each(&mut add)
            }
            None => problems.push(Problem {
                level: Level::Gap,
                kind: ProblemKind::UnknownDependency,
                services: vec![me.clone()],
                says: format!(
                    "{me} consumes the API {}, which no component provides; add it to providesApis of one",
                    shown(&reference.short())
                ),
            }),
        }
    }
    needs
}

/// The first link of a kind wins; dashboards are all kept.
fn take_link(service: &mut Service, link: &Link) {
    let Some(url) =
        link.url.as_deref().map(str::trim).filter(|url| !url.is_empty() && url.len() <= LONGEST_VALUE)
    else {
        return;
    };
    let words = [&link.kind, &link.title].into_iter().flatten().map(|text| text.to_ascii_lowercase());
    let words = words.collect::<Vec<_>>().join(" ");
    let says = |any: &[&str]| any.iter().any(|word| words.contains(word));
    if says(&["runbook", "playbook"]) {
        service.runbook.get_or_insert_with(|| url.to_owned());
    } else if says(&["on-call", "on call", "oncall", "pagerduty", "opsgenie"]) {
        service.on_call.get_or_insert_with(|| url.to_owned());
    } else if says(&["dashboard", "grafana"]) && !service.dashboards.iter().any(|known| known == url) {
        service.dashboards.push(url.to_owned());
    }
}

/// From `spec.tier`, or a label or annotation whose key is `tier` or ends in `/tier`: `1`, `tier-1`, `T1`.
fn tier(entity: &Entity, file: &str, problems: &mut Vec<Problem>) -> Option<u8> {
    let named = |values: &Option<BTreeMap<String, Option<String>>>| {
        let is_tier = |key: &str| key.rsplit('/').next().is_some_and(|key| key.eq_ignore_ascii_case("tier"));
        values.as_ref()?.iter().find(|(key, _)| is_tier(key)).and_then(|(_, value)| value.clone())
    };
    let written = entity
        .spec
        .tier
        .clone()
        .or_else(|| named(&entity.metadata.labels))
        .or_else(|| named(&entity.metadata.annotations))?;
    let lower = written.trim().to_ascii_lowercase();
    let digits = lower.strip_prefix("tier").or(lower.strip_prefix('t')).unwrap_or(&lower);
    let tier = digits.trim_start_matches(['-', '_', ' ']).parse().ok();
    if tier.is_none() {
        let name = entity.metadata.name.as_deref().unwrap_or_default();
        let says = format!("the tier {} of {} is none; write 1 to 4", shown(&written), shown(name));
        problems.push(unreadable(file, &says));
    }
    tier
}

/// Where code is on a forge.
struct Code {
    /// `organisation/repository`
    repository: String,
    /// The folder, with a slash at its end; empty is the top.
    folder: String,
}

impl Code {
    /// Reads `url:https://host/organisation/repository/tree/main/folder/`, in the forms of GitHub, GitLab and
    /// Bitbucket.
    fn of_location(location: &str) -> Option<Self> {
        let url = location.strip_prefix("url:").unwrap_or(location);
        let (_, rest) = url.split_once("://")?;
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).skip(1).collect();
        let is_view = |part: &&str| matches!(*part, "tree" | "blob" | "src");
        let view = parts.iter().skip(2).position(is_view).map(|at| at + 2);
        let name: Vec<&str> =
            parts.iter().copied().take(view.unwrap_or(parts.len())).filter(|p| *p != "-").collect();
        let [.., _, last] = name.as_slice() else { return None };
        let last = last.strip_suffix(".git").unwrap_or(last);
        let (above, _) = name.split_at(name.len() - 1);
        let mut folder: Vec<&str> =
            view.map(|at| parts.iter().copied().skip(at + 2).collect()).unwrap_or_default();
        if view.and_then(|at| parts.get(at)) == Some(&"blob") {
            folder.pop();
        }
        let folder = folder.iter().map(|part| format!("{part}/")).collect();
        Some(Code { repository: format!("{}/{last}", above.join("/")), folder })
    }

    /// As a path prefix of a service.
    fn path(&self) -> String {
        let repository = self.repository.rsplit('/').next().unwrap_or_default();
        format!("{repository}:{}", self.folder)
    }
}

/// What somebody wrote, in quotation marks and safe to print.
fn shown(text: &str) -> String {
    format!("\"{}\"", ExternalText::new(text).for_people(80))
}

/// A part of `file` that can't be read.
pub(crate) fn unreadable(file: &str, says: &str) -> Problem {
    let says =
        format!("{}: {}", ExternalText::new(file).for_people(200), ExternalText::new(says).for_people(300));
    Problem { level: Level::Error, kind: ProblemKind::Unreadable, services: Vec::new(), says }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::parse_entities;

    fn read(yaml: &str) -> Resolved {
        let (entities, unread) = parse_entities(yaml.as_bytes());
        assert_eq!(unread, Vec::<String>::new());
        let stated = |entity| Stated { entity, file: "catalog-info.yaml".into(), path: None };
        resolve(&entities.into_iter().map(stated).collect::<Vec<_>>())
    }

    #[test]
    fn a_component_gives_all_it_says() {
        let resolved = read(
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: checkout\n  title: Checkout Service\n\
             \x20 labels: {example.com/tier: tier-1}\n  annotations:\n\
             \x20   backstage.io/source-location: url:https://github.com/shop/web/tree/main/services/checkout/\n\
             \x20   github.com/project-slug: shop/web\n    pagerduty.com/service-id: P123\n\
             \x20   pagerduty.com/integration-key: secret\n    grafana/dashboard-selector: checkout\n\
             \x20 links:\n    - {url: https://wiki.example/checkout, title: Runbook}\n\
             \x20   - {url: https://grafana.example/d/1, type: dashboard}\n\
             spec:\n  type: service\n  lifecycle: production\n  owner: group:default/team-checkout\n  system: shop\n\
             \x20 dependsOn: [component:default/cart, 'resource:orders-db', component:pricing-lib]\n\
             \x20 consumesApis: [payments-api, checkout-api, ghost-api]\n  providesApis: [checkout-api]\n\
             ---\nkind: Resource\nmetadata: {name: Orders-DB}\nspec: {type: database, system: shop}\n\
             ---\nkind: Component\nmetadata: {name: pay}\nspec: {type: service, owner: user:pay/ann, providesApis: [api:payments-api]}\n\
             ---\nkind: Component\nmetadata: {name: pricing-lib}\nspec: {type: library, owner: x}\n\
             ---\nkind: System\nmetadata: {name: shop}\nspec: {owner: platform}\n\
             ---\nkind: Group\nmetadata: {name: Team-Checkout}\nspec: {type: team}\n",
        );
        let services: Vec<&Service> = resolved.services.iter().map(|(_, service)| service).collect();
        let [checkout, db, pay] = services.as_slice() else { panic!("{services:?}") };
        let expect = Service {
            aliases: vec!["Checkout Service".into()],
            owner: Some("team-checkout".into()),
            tier: Some(1),
            paths: vec!["web:services/checkout/".into()],
            repositories: vec!["shop/web".into()],
            depends_on: ["cart", "Orders-DB", "pay"].map(|name| ServiceName::new(name).unwrap()).to_vec(),
            dashboards: vec!["Grafana: checkout".into(), "https://grafana.example/d/1".into()],
            runbook: Some("https://wiki.example/checkout".into()),
            on_call: Some("PagerDuty service P123".into()),
            ..Service::named(ServiceName::new("checkout").unwrap())
        };
        assert_eq!(**checkout, expect);
        assert_eq!((db.kind, db.owner.as_deref()), (ServiceKind::Resource, Some("platform")));
        assert_eq!(pay.owner.as_deref(), Some("pay/ann"));
        assert_eq!(resolved.people.iter().collect::<Vec<_>>(), ["team-checkout"]);
        let says: Vec<&str> = resolved.problems.iter().map(|problem| problem.says.as_str()).collect();
        assert_eq!(
            says,
            [
                "checkout consumes the API \"ghost-api\", which no component provides; add it to providesApis of one"
            ]
        );
    }

    #[test]
    fn locations_of_code_are_read_in_the_forms_of_the_forges() {
        for (location, expect) in [
            ("url:https://github.com/o/r/", Some(("o/r", "r:"))),
            ("url:https://github.com/o/r.git", Some(("o/r", "r:"))),
            ("url:https://github.com/o/r/blob/main/a/catalog-info.yaml", Some(("o/r", "r:a/"))),
            ("url:https://gitlab.example.com/g/s/r/-/tree/main/a/b", Some(("g/s/r", "r:a/b/"))),
            ("https://bitbucket.org/o/r/src/main/a/", Some(("o/r", "r:a/"))),
            ("url:https://github.com/o", None),
            ("dir:./", None),
        ] {
            let code = Code::of_location(location);
            let found = code.as_ref().map(|code| (code.repository.as_str(), code.path()));
            assert_eq!(found, expect.map(|(name, path)| (name, path.to_owned())), "{location}");
        }
    }

    #[test]
    fn entities_that_make_no_sense_are_told() {
        let resolved = read(
            "metadata: {name: a}\n---\nkind: Component\n---\nkind: Component\nmetadata: {name: a b}\n---\n\
             kind: Component\nmetadata: {name: c, labels: {tier: gold}}\n---\nkind: Component\nmetadata: {name: C}\n",
        );
        let says: Vec<&str> = resolved.problems.iter().map(|problem| problem.says.as_str()).collect();
        assert_eq!(
            says,
            [
                "catalog-info.yaml: an entity has no kind; write kind: Component",
                "catalog-info.yaml: an entity has no metadata.name; give it one",
                "catalog-info.yaml: \"a b\" is not a service name (letters, digits, '-', '_', '.')",
                "catalog-info.yaml: component \"C\" is stated twice; take one away",
                "catalog-info.yaml: the tier \"gold\" of \"c\" is none; write 1 to 4",
            ]
        );
    }
}
