//! Which query measures which signal of which service. A template is PromQL with three placeholders:
//!
//! - `{{service}}`: the service's name, to stand in a quoted string.
//! - `{{service_regex}}`: the same, to stand in a quoted regular expression.
//! - `{{range}}`: how far a rate looks back, such as `120s`; never less than the step, so that nothing falls between
//!   two points.

use std::collections::BTreeMap;

use hearback_core::{ServiceName, SignalKind};

use crate::promql::{escape_regex, escape_string};

/// The longest template, in bytes.
const LONGEST: usize = 10_000;

/// The name of the set that is used where none is named.
const EITHER: &str = "either";

/// A template can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// It holds a placeholder that is none.
    #[error(
        "the query for {what} holds {{{{{name}}}}}; there are {{{{service}}}}, {{{{service_regex}}}} and {{{{range}}}}"
    )]
    UnknownPlaceholder {
        /// Which template.
        what: String,
        /// What stands between the braces.
        name: String,
    },
    /// A placeholder is not closed.
    #[error("the query for {what} opens {{{{ and does not close it")]
    Unclosed {
        /// Which template.
        what: String,
    },
    /// It would ask the same for every service.
    #[error("the query for {what} does not name the service; put {{{{service}}}} where its name belongs")]
    NoService {
        /// Which template.
        what: String,
    },
    /// It is empty, or longer than any query should be.
    #[error("the query for {what} is empty or longer than {LONGEST} bytes")]
    Length {
        /// Which template.
        what: String,
    },
    /// A service is given a set that does not exist.
    #[error("the service {service} is to use the queries \"{set}\", which do not exist; there are {}", .known.join(", "))]
    UnknownSet {
        /// The service.
        service: ServiceName,
        /// The set.
        set: String,
        /// Those there are.
        known: Vec<String>,
    },
}

/// A template for each signal that is asked for.
pub type TemplateSet = BTreeMap<SignalKind, String>;

/// Which query measures which signal of which service. An override comes before the set of the service, and that
/// before the set `either`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    /// Sets by name. There are three to begin with: `opentelemetry`, `classic`, and `either`, which takes the first
    /// of these two that measures anything.
    pub sets: BTreeMap<String, TemplateSet>,
    /// Services that use another set than `either`.
    pub set_of: BTreeMap<ServiceName, String>,
    /// Queries of single services. They need not name the service.
    pub overrides: BTreeMap<(ServiceName, SignalKind), String>,
}

impl Default for Templates {
    fn default() -> Self {
        let sets = [("opentelemetry", opentelemetry()), ("classic", classic()), (EITHER, either())];
        let sets = sets.into_iter().map(|(name, set)| (name.to_owned(), set)).collect();
        Templates { sets, set_of: BTreeMap::new(), overrides: BTreeMap::new() }
    }
}

/// OpenTelemetry's semantic conventions for HTTP servers (1.23 and later) as its exporter and its collector name them
/// for Prometheus: `http.server.request.duration` in seconds. The job is `service.name`, after `service.namespace/` if
/// there is one.
fn opentelemetry() -> TemplateSet {
    let requests = r#"http_server_request_duration_seconds_count{job=~"(.+/)?{{service_regex}}""#;
    let buckets = r#"http_server_request_duration_seconds_bucket{job=~"(.+/)?{{service_regex}}"}"#;
    let traffic = format!("sum(rate({requests}}}[{{{{range}}}}]))");
    let failed = format!(r#"sum(rate({requests},http_response_status_code=~"5.."}}[{{{{range}}}}]))"#);
    TemplateSet::from([
        (SignalKind::Errors, or_none_of(&failed, &traffic)),
        (SignalKind::Latency, slowest_5_percent(buckets)),
        (SignalKind::Traffic, traffic),
        (SignalKind::Saturation, format!("{CONTAINERS_OF_COLLECTOR} or {CONTAINERS_OF_CADVISOR}")),
    ])
}

/// What Prometheus's own client libraries and most exporters do: `http_requests_total` with `code`,
/// `http_request_duration_seconds`, `process_open_fds`.
fn classic() -> TemplateSet {
    let traffic = r#"sum(rate(http_requests_total{job="{{service}}"}[{{range}}]))"#;
    let failed = r#"sum(rate(http_requests_total{job="{{service}}",code=~"5.."}[{{range}}]))"#;
    TemplateSet::from([
        (SignalKind::Errors, or_none_of(failed, traffic)),
        (
            SignalKind::Latency,
            slowest_5_percent(r#"http_request_duration_seconds_bucket{job="{{service}}"}"#),
        ),
        (SignalKind::Traffic, traffic.to_owned()),
        (SignalKind::Saturation, format!("{CONTAINERS_OF_CADVISOR} or {FILES}")),
    ])
}

fn either() -> TemplateSet {
    let (first, second) = (opentelemetry(), classic());
    let both =
        |kind: SignalKind| Some((kind, format!("({}) or ({})", first.get(&kind)?, second.get(&kind)?)));
    let mut set: TemplateSet = SignalKind::ALL.into_iter().filter_map(both).collect();
    // The two share a part, which is asked once.
    let fullest = format!("{CONTAINERS_OF_COLLECTOR} or {CONTAINERS_OF_CADVISOR} or {FILES}");
    set.insert(SignalKind::Saturation, fullest);
    set
}

/// A service that has never failed has no series of failures. Where it has traffic, that is a zero and not a gap:
/// without it nobody sees failures begin.
fn or_none_of(failed: &str, traffic: &str) -> String {
    format!("{failed} or 0 * {traffic}")
}

/// What 95 of 100 requests stay below, in seconds.
fn slowest_5_percent(buckets: &str) -> String {
    format!("histogram_quantile(0.95, sum by (le) (rate({buckets}[{{{{range}}}}])))")
}

/// How full the memory of the service's fullest container is, as the receiver `kubeletstats` of OpenTelemetry's
/// collector tells it.
const CONTAINERS_OF_COLLECTOR: &str =
    r#"max(k8s_container_memory_limit_utilization_ratio{k8s_container_name="{{service}}"})"#;

/// The same, as cAdvisor tells it. A limit of 0 is none.
const CONTAINERS_OF_CADVISOR: &str = concat!(
    r#"max(container_memory_working_set_bytes{container="{{service}}"}"#,
    r#" / (container_spec_memory_limit_bytes{container="{{service}}"} > 0))"#,
);

/// How many of the files that the service's fullest process may open are open.
const FILES: &str = r#"max(process_open_fds{job="{{service}}"} / process_max_fds{job="{{service}}"})"#;

impl Templates {
    /// Whether every template can be used.
    ///
    /// # Errors
    /// [`BadTemplate`] names the first that can't.
    pub(crate) fn check(&self) -> Result<(), BadTemplate> {
        for (name, set) in &self.sets {
            for (kind, template) in set {
                let what = format!("{kind} in \"{name}\"");
                if check_template(&what, template)? == Names::Nobody {
                    return Err(BadTemplate::NoService { what });
                }
            }
        }
        for ((service, kind), template) in &self.overrides {
            check_template(&format!("{kind} of {service}"), template)?;
        }
        for (service, set) in &self.set_of {
            if !self.sets.contains_key(set) {
                let known = self.sets.keys().cloned().collect();
                return Err(BadTemplate::UnknownSet { service: service.clone(), set: set.clone(), known });
            }
        }
        Ok(())
    }

    /// The query for a signal of a service, if there is one. `range_s` is in seconds.
    pub(crate) fn query(&self, service: &ServiceName, kind: SignalKind, range_s: i64) -> Option<String> {
        let own = self.overrides.get(&(service.clone(), kind));
        let set = self.set_of.get(service).map_or(EITHER, String::as_str);
        let template = own.or_else(|| self.sets.get(set)?.get(&kind))?;
        let mut query = String::new();
        let mut rest = template.as_str();
        // One pass: what is put in is not looked at again.
        while let Some((before, name, after)) = next_placeholder(rest) {
            query.push_str(before);
            match name {
                "service" => query.push_str(&escape_string(service.as_str())),
                "service_regex" => query.push_str(&escape_regex(service.as_str())),
                _ => query.push_str(&format!("{range_s}s")),
            }
            rest = after;
        }
        query.push_str(rest);
        Some(query)
    }
}

/// Whom a template is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    TheService,
    Nobody,
}

fn check_template(what: &str, template: &str) -> Result<Names, BadTemplate> {
    let what = what.to_owned();
    if template.trim().is_empty() || template.len() > LONGEST {
        return Err(BadTemplate::Length { what });
    }
    let (mut rest, mut names) = (template, Names::Nobody);
    while let Some((_, name, after)) = next_placeholder(rest) {
        match name {
            "service" | "service_regex" => names = Names::TheService,
            "range" => {}
            name => {
                let name = name.chars().take(40).collect();
                return Err(BadTemplate::UnknownPlaceholder { what, name });
            }
        }
        rest = after;
    }
    if rest.contains("{{") {
        return Err(BadTemplate::Unclosed { what });
    }
    Ok(names)
}

/// What stands before the next placeholder, its name, and what stands after it.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name.trim(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> ServiceName {
        ServiceName::new(name).unwrap()
    }

    #[test]
    fn the_built_in_queries() {
        let templates = Templates::default();
        assert_eq!(templates.check(), Ok(()));
        let mut text = String::new();
        for (name, set) in &templates.sets {
            let of = service("pay.roll");
            let set_of = BTreeMap::from([(of.clone(), name.clone())]);
            let templates = Templates { set_of, ..Templates::default() };
            for kind in set.keys() {
                let query = templates.query(&of, *kind, 120).unwrap();
                text.push_str(&format!("{name} {kind}\n    {query}\n"));
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn an_override_comes_first_and_a_set_second() {
        let (checkout, cart, shop) = (service("checkout"), service("cart"), service("shop"));
        let mut templates = Templates::default();
        templates.sets.insert("own".into(), [(SignalKind::Errors, "own({{ service }})".into())].into());
        templates.set_of.insert(checkout.clone(), "own".into());
        templates.set_of.insert(cart.clone(), "own".into());
        templates.overrides.insert((cart.clone(), SignalKind::Errors), "its[{{range}}]".into());
        assert_eq!(templates.check(), Ok(()));
        let query = |service, kind| templates.query(service, kind, 60);
        assert_eq!(query(&checkout, SignalKind::Errors).as_deref(), Some("own(checkout)"));
        assert_eq!(query(&checkout, SignalKind::Latency), None);
        assert_eq!(query(&cart, SignalKind::Errors).as_deref(), Some("its[60s]"));
        assert!(query(&shop, SignalKind::Errors).unwrap().contains("job=\"shop\""));
    }

    #[test]
    fn templates_that_can_not_be_used_are_refused() {
        let check = |template: &str, expect: &str| {
            let mut templates = Templates::default();
            templates.sets.insert("own".into(), [(SignalKind::Errors, template.into())].into());
            assert_eq!(templates.check().unwrap_err().to_string(), expect);
        };
        check(
            "up{job=\"{{job}}\"}",
            "the query for errors in \"own\" holds {{job}}; there are {{service}}, {{service_regex}} and {{range}}",
        );
        check("up{job=\"{{service\"}", "the query for errors in \"own\" opens {{ and does not close it");
        check(
            "up[{{range}}]",
            "the query for errors in \"own\" does not name the service; put {{service}} where its name belongs",
        );
        check(" ", "the query for errors in \"own\" is empty or longer than 10000 bytes");
        let mut templates = Templates::default();
        templates.set_of.insert(service("cart"), "statsd".into());
        assert_eq!(
            templates.check().unwrap_err().to_string(),
            "the service cart is to use the queries \"statsd\", which do not exist; there are classic, either, opentelemetry"
        );
    }
}
