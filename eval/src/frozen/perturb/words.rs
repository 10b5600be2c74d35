//! How a name is written: `order-worker`, `OrderWorker`, `ORDER_WORKER` and `orderworker` are one name. Which words say
//! what something is, and which one it is. It must not know any case.

/// Words that say what something is. They stay in a name that has other words too.
const ROLES: &str = "\
    service services svc api worker workers server app consumer producer job jobs db cron";
/// Words of technology and of networks, that name no one in particular.
const TECHNOLOGY: &str = "\
    postgres postgresql pg pgbouncer mysql mariadb redis valkey kafka rabbitmq nats mongo mongodb \
    elasticsearch opensearch memcached nginx envoy istio haproxy kubernetes kube k8s coredns dns s3 \
    sqs sns dynamodb etcd consul vault cassandra clickhouse zookeeper prometheus grafana github \
    gitlab golang google googleapis npmjs pypi python maven docker ghcr amazonaws aws gcp azure \
    schema xmlns apache spring rubygems crates";
/// Parts of hosts that are the same everywhere.
const NETWORK: &str = "\
    com org net io dev app cloud example test local localhost internal intern svc cluster prod \
    production staging stage default www api status cache primary replica standby leader master \
    reader writer node pod ip host eu us ap west east north south central region zone self this \
    config client http https host broker proxy private public corp gateway db service server rds ec2 \
    compute pool worker";
/// Words that technical texts use for other things than a service: they are replaced only where names stand.
const ORDINARY: &str = "\
    order user gateway auth cache search session log event message mail email notification image \
    file web edge proxy queue scheduler config data report index address token feed batch import \
    export stream route router lock key node host state store storage status task time rate limit \
    test main core frontend backend account item media product content record process request \
    response client table identity access link page upload download sync export job worker price \
    group";
/// First words of metrics that say what is measured.
const MEASURED: &str = "\
    http https grpc rpc request requests response responses error errors latency duration db sql tcp \
    dns tls cpu memory mem heap gc jvm go process container node disk fs filesystem network thread \
    threads pool connection connections queue consumer producer messages cache p50 p90 p95 p99 rate \
    server client pod kube goroutines open active max min total retry retries timeout timeouts cert \
    certificate up probe jobs worker workers rows lock locks upstream downstream api service system";

/// Whether a list of words, with blanks between them, holds a word.
pub(super) fn holds(list: &str, word: &str) -> bool {
    list.split(' ').any(|one| one.eq_ignore_ascii_case(word))
}

/// Whether a word says what something is.
pub(super) fn is_role(word: &str) -> bool {
    holds(ROLES, word)
}

/// Whether a name is one of technology as a whole.
pub(super) fn is_technology(word: &str) -> bool {
    holds(TECHNOLOGY, word)
}

/// Whether a part of a host is no name of its own.
pub(super) fn is_network(word: &str) -> bool {
    holds(NETWORK, word) || is_technology(word) || word.len() < 3 || word.bytes().any(|b| b.is_ascii_digit())
}

/// Whether a word means other things too.
pub(super) fn is_ordinary(word: &str) -> bool {
    holds(ORDINARY, singular(word)) || holds(ORDINARY, word) || is_network(word)
}

/// Whether a first word of a metric says what is measured.
pub(super) fn is_measured(word: &str) -> bool {
    holds(MEASURED, word)
}

/// Whether a text is a name and not a sentence.
pub(super) fn is_plain(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// `orders` is many of `order`.
pub(super) fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(one) if one.len() > 2 && !one.ends_with('s') => one,
        _ => word,
    }
}

/// Where the parts of words begin and end: `OrderWorker2` has three.
pub(super) fn humps(text: &str) -> Vec<(usize, usize)> {
    let mut humps = Vec::new();
    let mut begin = None;
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map_or(' ', |(_, next)| *next);
        // What an escape leaves of `\npayments` in a text that was escaped twice.
        let is_escape = before == '\\' && matches!(c, 'n' | 't' | 'r');
        let is_turn = (before.is_lowercase() && c.is_uppercase())
            || (before.is_uppercase() && c.is_uppercase() && next.is_lowercase())
            || (before.is_numeric() != c.is_numeric());
        if let Some(start) = begin
            && (!c.is_alphanumeric() || is_turn)
        {
            humps.push((start, at));
            begin = None;
        }
        if c.is_alphanumeric() && !is_escape && begin.is_none() {
            begin = Some(at);
        }
        before = c;
    }
    humps.extend(begin.map(|start| (start, text.len())));
    humps
}

/// The words of a name, in small letters: `payment-service` and `paymentservice` have two.
pub(super) fn parts(name: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for (from, to) in humps(name) {
        let hump = name.get(from..to).unwrap_or_default().to_ascii_lowercase();
        let role = ["service", "svc", "worker", "server", "api", "gateway"]
            .into_iter()
            .find(|role| hump.len() > role.len() + 2 && hump.ends_with(role));
        match role.and_then(|role| Some((hump.strip_suffix(role)?, role))) {
            Some((stem, role)) => parts.extend([stem.to_owned(), role.to_owned()]),
            None => parts.push(hump),
        }
    }
    parts
}

/// `new` written as `old` is: with its separator and its capitals.
pub(super) fn written_like(old: &str, new: &[String]) -> String {
    let humps = humps(old);
    let separator = match (humps.first(), humps.get(1)) {
        (Some((_, end)), Some((start, _))) => old.get(*end..*start).unwrap_or_default(),
        _ => "",
    };
    let letters = || old.chars().filter(|c| c.is_alphabetic());
    let is_upper = |hump: Option<&(usize, usize)>| {
        let first = hump.and_then(|(at, _)| old.get(*at..)).and_then(|text| text.chars().next());
        first.is_some_and(char::is_uppercase)
    };
    if letters().count() > 1 && letters().all(char::is_uppercase) {
        return new.join(separator).to_uppercase();
    }
    let (first, rest) = (is_upper(humps.first()), is_upper(humps.get(1)));
    let word = |(at, word): (usize, &String)| match if at == 0 { first } else { rest } {
        true => capitalised(word),
        false => word.clone(),
    };
    new.iter().enumerate().map(word).collect::<Vec<_>>().join(separator)
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, expect: &str) {
        let new = ["velmora".to_owned(), "worker".to_owned()];
        assert_eq!(written_like(old, &new), expect);
    }

    #[test]
    fn a_name_is_written_as_the_old_one_was() {
        check("orderworker", "velmoraworker");
        check("order-worker", "velmora-worker");
        check("order_worker", "velmora_worker");
        check("OrderWorker", "VelmoraWorker");
        check("orderWorker", "velmoraWorker");
        check("ORDER_WORKER", "VELMORA_WORKER");
        check("Orderworker", "Velmoraworker");
    }

    #[test]
    fn words_are_told_apart_by_capitals_digits_and_signs() {
        let text = "newOrderHTTPClient2 order-api\\npay";
        let parts: Vec<&str> = humps(text).into_iter().map(|(from, to)| &text[from..to]).collect();
        assert_eq!(parts, ["new", "Order", "HTTP", "Client", "2", "order", "api", "pay"]);
        assert_eq!(parts_of("paymentservice"), ["payment", "service"]);
        assert_eq!(parts_of("order-API"), ["order", "api"]);
    }

    fn parts_of(name: &str) -> Vec<String> {
        parts(name)
    }
}
