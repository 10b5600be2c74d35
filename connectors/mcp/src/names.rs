//! What a server's tools are called here. The names depend on the configuration alone, so that no server can take the name
//! of another's tool, or of another tool of its own.

use hearback_core::hash::Digest;
use hearback_core::ids::ToolName;
use hearback_core::ports::ConnectorError;

/// The longest name of a server.
const LONGEST_SERVER: usize = 30;
/// So much of a digest tells two names apart.
const SUFFIX: usize = 8;
/// The longest name of a tool; [`ToolName`] takes no longer one.
const LONGEST: usize = 64;

/// A tool that may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// What the server calls it.
    pub(crate) raw: String,
    /// What it is called here.
    pub(crate) name: ToolName,
}

/// The tools that `server` may be asked to call, each with a name of its own.
pub(crate) fn named(server: &str, tools: &[String]) -> Result<Vec<Allowed>, ConnectorError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if server.is_empty() || server.len() > LONGEST_SERVER || !server.chars().all(fits) {
        let why = "an MCP server's name has small letters, digits and dashes, at most 30 characters";
        return Err(ConnectorError::NotUsable(why.to_owned()));
    }
    let mut named: Vec<Allowed> = Vec::new();
    for raw in tools {
        if named.iter().any(|known| known.raw == *raw) {
            continue;
        }
        let is_taken = |name: &ToolName| named.iter().any(|known| known.name == *name);
        let whole = format!("{server}__{raw}");
        let near = ToolName::nearest(&whole).filter(|name| !is_taken(name));
        let with_digest = || {
            let digest: String = Digest::of(raw.as_bytes()).to_string().chars().rev().take(SUFFIX).collect();
            let begin: String = whole.chars().take(LONGEST - SUFFIX - 1).collect();
            ToolName::nearest(&format!("{begin}_{digest}")).filter(|name| !is_taken(name))
        };
        let Some(name) = near.filter(|_| !raw.trim().is_empty()).or_else(with_digest) else {
            return Err(ConnectorError::NotUsable(format!(
                "a tool of {server} has a name that can't be used"
            )));
        };
        named.push(Allowed { raw: raw.clone(), name });
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tools: &[&str]) -> Vec<String> {
        let tools: Vec<String> = tools.iter().map(|tool| (*tool).to_owned()).collect();
        named("grafana", &tools).unwrap().into_iter().map(|allowed| allowed.name.to_string()).collect()
    }

    #[test]
    fn a_name_is_the_server_and_the_tool() {
        assert_eq!(names(&["query_range", "query_range"]), ["grafana__query_range"]);
        assert_eq!(names(&["logs.search"]), ["grafana__logs_search"]);
    }

    #[test]
    fn two_tools_never_have_one_name() {
        let long = "x".repeat(80);
        let longer = "x".repeat(81);
        let all = names(&["a.b", "a_b", "a b", &long, &longer]);
        assert_eq!(all[0], "grafana__a_b");
        assert!(all[1].starts_with("grafana__a_b_") && all[1].len() == "grafana__a_b_".len() + 8, "{all:?}");
        let distinct: std::collections::HashSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), 5, "{all:?}");
        assert!(all.iter().all(|name| name.len() <= 64), "{all:?}");
        assert_eq!(all, names(&["a.b", "a_b", "a b", &long, &longer]), "the same each time");
    }

    #[test]
    fn a_server_needs_a_short_name() {
        for bad in ["", "Grafana", "gra fana", "gra__fana", "g".repeat(31).as_str()] {
            assert!(named(bad, &[]).is_err(), "{bad}");
        }
    }
}
