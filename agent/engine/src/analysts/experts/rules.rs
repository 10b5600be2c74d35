//! The weights of the experts analyst, as they stand in `config/experts.toml`: learned or set by hand, the code can't tell.
//! Every sign has exactly one weight and one meaning there. It must not know what is done with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the form of `experts.toml` that is read.
const VERSION: u32 = 1;

/// What stands for "never", in hours: a year.
pub(super) const NEVER_H: f64 = 365.0 * 24.0;

/// Something that is measured of a person. What a unit of it is, `measure` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// How long ago they last did something.
    Recent,
    /// How much they did in a year.
    Year,
    /// How often they took something back in a year.
    Reverts,
    /// How often lately.
    RevertsLately,
    /// How long ago they last did.
    LastRevert,
    /// How often what they took back was their own.
    OwnReverts,
    /// How often they took back what the makers of the suspects had made.
    TakesBackTheirs,
    /// How likely what they made is what failed.
    Made,
    /// How likely what they brought in for others is.
    LandedSuspect,
    /// How much of other people's work they bring in.
    Lands,
    /// How often they were at work at this time of day.
    Hour,
    /// How much of what they did speaks of the symptom.
    Words,
    /// How many of the lines that the suspects replaced or stand next to are theirs.
    Lines,
    /// How much they did where the suspects are.
    Folders,
    /// How much they did in the files that the symptom names.
    NamedFiles,
    /// They own what is affected, by CODEOWNERS or the catalog.
    Owns,
}

impl Sign {
    /// All of them, in the order of their columns where numbers are learned.
    pub const ALL: [Sign; 16] = [
        Sign::Recent,
        Sign::Year,
        Sign::Reverts,
        Sign::RevertsLately,
        Sign::LastRevert,
        Sign::OwnReverts,
        Sign::TakesBackTheirs,
        Sign::Made,
        Sign::LandedSuspect,
        Sign::Lands,
        Sign::Hour,
        Sign::Words,
        Sign::Lines,
        Sign::Folders,
        Sign::NamedFiles,
        Sign::Owns,
    ];

    /// What is measured of somebody of whom nothing is known.
    pub(super) fn of_nobody(self) -> f64 {
        match self {
            Sign::Recent | Sign::LastRevert => -NEVER_H.ln_1p(),
            Sign::Hour => 0.2,
            _ => 0.0,
        }
    }

    /// Its name in `experts.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Sign::Recent => "recent",
            Sign::Year => "year",
            Sign::Reverts => "reverts",
            Sign::RevertsLately => "reverts_lately",
            Sign::LastRevert => "last_revert",
            Sign::OwnReverts => "own_reverts",
            Sign::TakesBackTheirs => "takes_back_theirs",
            Sign::Made => "made",
            Sign::LandedSuspect => "landed_suspect",
            Sign::Lands => "lands",
            Sign::Hour => "hour",
            Sign::Words => "words",
            Sign::Lines => "lines",
            Sign::Folders => "folders",
            Sign::NamedFiles => "named_files",
            Sign::Owns => "owns",
        }
    }
}

/// The weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExpertRules {
    weights: BTreeMap<Sign, f64>,
}

/// A file of weights can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadExpertRules {
    /// It is of another form.
    #[error("the weights of the experts can't be read: {0}")]
    Malformed(String),
    /// A sign has no weight, or none that is a number.
    #[error("the sign \"{0}\" has no weight that can be used")]
    Unweighed(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    weights: BTreeMap<Sign, f64>,
}

impl ExpertRules {
    /// Reads a file of weights.
    ///
    /// # Errors
    /// [`BadExpertRules`] says what is wrong.
    pub fn parse(text: &str) -> Result<ExpertRules, BadExpertRules> {
        let file: File =
            toml::from_str(text).map_err(|error| BadExpertRules::Malformed(error.message().to_owned()))?;
        if file.version != VERSION {
            let says = format!("it is of version {}; this program reads version {VERSION}", file.version);
            return Err(BadExpertRules::Malformed(says));
        }
        let is_usable = |sign: &Sign| file.weights.get(sign).is_some_and(|weight| weight.is_finite());
        match Sign::ALL.iter().find(|sign| !is_usable(sign)) {
            Some(sign) => Err(BadExpertRules::Unweighed(sign.name())),
            None => Ok(ExpertRules { weights: file.weights }),
        }
    }

    /// Nobody is an expert by these: a sign weighs nothing.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// What one unit of a sign counts.
    pub fn weight(&self, sign: Sign) -> f64 {
        self.weights.get(&sign).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../../../config/experts.toml");

    #[test]
    fn the_shipped_weights_are_read_and_every_sign_is_called_as_in_the_file() {
        let rules = ExpertRules::parse(SHIPPED).unwrap();
        assert!(rules.weight(Sign::Made) > 0.0 && rules.weight(Sign::Recent) > 0.0);
        for sign in Sign::ALL {
            assert_eq!(serde_json::to_value(sign).unwrap(), sign.name());
        }
    }

    #[test]
    fn a_file_that_can_not_be_used_says_why() {
        let without = SHIPPED.lines().filter(|line| !line.starts_with("made = "));
        let check = |text: &str, expect: &str| {
            let error = ExpertRules::parse(text).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(&without.collect::<Vec<_>>().join("\n"), "the sign \"made\" has no weight");
        check(&SHIPPED.replace("version = 1", "version = 9"), "version 9");
        check(&format!("{SHIPPED}\nshoe_size = 1.0\n"), "unknown variant `shoe_size`");
        check("", "missing field");
    }
}
