//! The sections of the configuration about other people's tool servers, `[[mcp]]`: how each is reached, and which of its tools
//! may be called. Nothing is allowed that is not named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::serve::Secret;
use crate::output::Usage;

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpSection {
    /// What it is called here.
    pub name: String,
    /// The program, if it is one of this machine.
    pub command: Option<PathBuf>,
    /// The program's arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// What is set in the program's environment.
    #[serde(default)]
    pub env: BTreeMap<String, Secret>,
    /// Its address, if it is somewhere.
    pub url: Option<String>,
    /// What proves to it who we are.
    pub token: Option<Secret>,
    /// The tools that may be called, by its own names.
    pub tools: Vec<String>,
}

impl McpSection {
    /// Checks it. Paths of secrets are relative to `base`.
    ///
    /// # Errors
    /// [`Usage`] says what is missing or too much.
    pub fn checked(self, base: &Path) -> anyhow::Result<Self> {
        let wrong = |says: &str| Err(Usage(format!("[[mcp]] {}: {says}", self.name)).into());
        match (&self.command, &self.url) {
            (Some(_), None) if self.token.is_none() => {}
            (None, Some(_)) if self.args.is_empty() && self.env.is_empty() => {}
            (Some(_), None) => return wrong("a token is for a url; give a program its secrets with env"),
            (None, Some(_)) => return wrong("args and env are for a command"),
            _ => return wrong("say either command or url"),
        }
        if self.tools.is_empty() {
            return wrong("name in tools what may be called; nothing else ever is");
        }
        let env = self.env.into_iter().map(|(name, secret)| (name, secret.beside(base))).collect();
        Ok(McpSection { env, token: self.token.map(|token| token.beside(base)), ..self })
    }
}

/// Checks all of them.
///
/// # Errors
/// [`Usage`]: one is wrong, or two have one name.
pub fn checked(sections: Vec<McpSection>, base: &Path) -> anyhow::Result<Vec<McpSection>> {
    let mut names: Vec<String> = Vec::new();
    for section in &sections {
        if names.contains(&section.name) {
            return Err(Usage(format!("[[mcp]] {}: two servers have this name", section.name)).into());
        }
        names.push(section.name.clone());
    }
    sections.into_iter().map(|section| section.checked(base)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_command_or_an_address_and_names_its_tools() {
        let check = |text: &str| {
            let section: McpSection = toml::from_str(&format!("name = \"boards\"\n{text}")).unwrap();
            section.checked(Path::new("conf")).map_err(|error| error.to_string())
        };
        let command = check(
            "command = \"mcp-boards\"\nargs = [\"--ro\"]\nenv = { T = { file = \"t\" } }\ntools = [\"q\"]",
        );
        assert_eq!(command.unwrap().env["T"], Secret::File("conf/t".into()));
        assert!(check("url = \"https://x/mcp\"\ntoken = { env = \"T\" }\ntools = [\"q\"]").is_ok());
        for (text, says) in [
            ("tools = [\"q\"]", "say either command or url"),
            ("command = \"a\"\nurl = \"https://x\"\ntools = [\"q\"]", "say either command or url"),
            ("command = \"a\"\ntoken = { env = \"T\" }\ntools = [\"q\"]", "a token is for a url"),
            ("url = \"https://x\"\nargs = [\"a\"]\ntools = [\"q\"]", "args and env are for a command"),
            ("command = \"a\"\ntools = []", "name in tools what may be called"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.starts_with("[[mcp]] boards: ") && error.contains(says), "{error}");
        }
    }
}
