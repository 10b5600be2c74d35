//! The features of a suspect by name: what the suspects analyst measures of a change, and which of them make one reason
//! together. It must not know weights or how anything is measured.

/// Goes up with every change of what a feature measures: what was calibrated before says nothing of what comes after.
pub const MEASURED_VERSION: u32 = 3;

/// A kind of reason: the features that say one thing to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// How long before, and how many others since.
    Recency,
    /// The symptom's words in title, message and paths.
    Words,
    /// The symptom's words on changed lines.
    DiffWords,
    /// A file that the symptom names.
    NamedFile,
    /// Identifiers that the symptom names.
    NamedIdentifier,
    /// The symptom names the author.
    /// The service it concerns.
    Service,
    /// It concerns other services only.
    OtherService,
    /// What kind of change it is.
    Kind,
    /// How much it changes.
    Size,
    /// What its files are for.
    Files,
    /// How its title is worded.
    Title,
    /// It reverts or lands again.
    Reverts,
    /// It was rolled back since.
    RolledBackSince,
    /// Who made it, seen as a maker of changes.
    Author,
    /// What was done to the same files later.
    Later,
    /// It is not merged.
    NotLanded,
    /// It reached production inside a change freeze.
    InFreeze,
    /// It lacks what the policy asks for.
    Unauthorised,
}

impl Family {
    /// All of them.
    pub const ALL: &'static [Family] = &[
        Family::Recency,
        Family::Words,
        Family::DiffWords,
        Family::NamedFile,
        Family::NamedIdentifier,
        Family::Service,
        Family::OtherService,
        Family::Kind,
        Family::Size,
        Family::Files,
        Family::Title,
        Family::Reverts,
        Family::RolledBackSince,
        Family::Author,
        Family::Later,
        Family::NotLanded,
        Family::InFreeze,
        Family::Unauthorised,
    ];

    /// The features that are part of it.
    pub fn features(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |feature| feature.family() == self)
    }

    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Family::Recency => "recency",
            Family::Words => "words",
            Family::DiffWords => "diff_words",
            Family::NamedFile => "named_file",
            Family::NamedIdentifier => "named_identifier",
            Family::Service => "service",
            Family::OtherService => "other_service",
            Family::Kind => "kind",
            Family::Size => "size",
            Family::Files => "files",
            Family::Title => "title",
            Family::Reverts => "reverts",
            Family::RolledBackSince => "rolled_back_since",
            Family::Author => "author",
            Family::Later => "later",
            Family::NotLanded => "not_landed",
            Family::InFreeze => "in_freeze",
            Family::Unauthorised => "unauthorised",
        }
    }
}

macro_rules! features {
    ($($family:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)* })*) => {
        /// What the suspects analyst measures of a change. Values are ≥ 0; the sign is the weight's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Feature { $($($(#[$doc])* $variant,)*)* }

        impl Feature {
            /// All of them, in the order of `ranker.toml`.
            pub const ALL: &'static [Feature] = &[$($(Feature::$variant,)*)*];

            /// The name in `ranker.toml` and in answers.
            pub fn name(self) -> &'static str {
                match self { $($(Feature::$variant => $name,)*)* }
            }

            /// The reason it is part of.
            pub fn family(self) -> Family {
                match self { $($(Feature::$variant => Family::$family,)*)* }
            }
        }
    };
}

features! {
    Recency {
        /// ln(1 + age in minutes), before the onset or the as-of.
        Age = "age",
        /// How far the age lies above a quarter of an hour, as a logarithm; 0 below.
        AgeOver15Min = "age_over_15min",
        /// The same above an hour.
        AgeOver1H = "age_over_1h",
        /// The same above a day.
        AgeOver1D = "age_over_1d",
        /// The same above three days.
        AgeOver3D = "age_over_3d",
        /// ln(1 + how many candidates are newer).
        Newer = "newer",
        /// Age × ln(1 + the symptom's information): the more a symptom says, the less the clock counts.
        AgeXSymptom = "age_x_symptom",
        /// Age × the change's own words.
        AgeXWords = "age_x_words",
        /// Age × its rarest word.
        AgeXRarest = "age_x_rarest",
    }
    Words {
        /// BM25 of the symptom over the rest of the message.
        BodyWords = "body_words",
        /// Its place among those that have words, by message and paths: ln((1 + those) / (1 + better ones)).
        WordsPlace = "words_place",
        /// The same by title alone.
        TitlePlace = "title_place",
        /// The same by paths alone.
        PathPlace = "path_place",
        /// Its words, in message, paths and changed lines, beside those of the change that has most: 0 to 1.
        WordsBesideBest = "words_beside_best",
    }
    DiffWords {
        /// BM25 of the symptom over removed lines.
        RemovedWords = "removed_words",
        /// BM25 of the symptom over the changed lines, words that message and paths lack.
        DiffWords = "diff_words",
        /// The rarity of its rarest word on a changed line.
        RarestDiffWord = "rarest_diff_word",
        /// How many words of the symptom it has, changed lines included.
        DiffWordCount = "diff_word_count",
        /// The share of the symptom's information, changed lines included, 0 to 1.
        DiffWordShare = "diff_word_share",
        /// Its place among those whose changed lines have words beyond the message.
        DiffWordsPlace = "diff_words_place",
    }
    NamedFile {
        /// How exactly the change touches a file that the symptom names: 1 by file name, up to 2 by path.
        NamedFile = "named_file",
    }
    NamedIdentifier {
        /// Identifiers that the symptom names and that stand on changed lines: 1 for each that no other diff has, less
        /// the more diffs have it; at most 3.
        NamedIdentifier = "named_identifier",
    }
    Service {
        /// 1 if the change concerns an affected service.
        Service = "service",
    }
    OtherService {
        /// 1 if the catalog gives all of its files, or its source all of it, to other services.
        OtherService = "other_service",
    }
    Kind {
        /// 1 for a deploy.
        Deploy = "deploy",
        /// 1 for a configuration value.
        Config = "config",
        /// 1 for a feature flag.
        Flag = "flag",
        /// 1 for infrastructure.
        Infra = "infra",
        /// 1 for a migration.
        Migration = "migration",
        /// 1 for a certificate.
        Certificate = "certificate",
        /// 1 for a schedule.
        Schedule = "schedule",
    }
    Size {
        /// ln(1 + files).
        FileCount = "files",
    }
    Files {
        /// The share of its files that are documentation.
        DocsShare = "docs_share",
        /// The share of its files that are tests.
        TestsShare = "tests_share",
        /// The share of its files that are settings: YAML, JSON, templates and the like.
        SettingsShare = "settings_share",
    }
    Title {
        /// 1 if the title says that it mends: fix, typo, oops, missing, follow-up.
        SaysFix = "says_fix",
        /// ln(1 + characters of the title).
        TitleLength = "title_length",
    }
    Reverts {
        /// 1 if it lands something again that was reverted before.
        Reland = "reland",
        /// 1 if it reverts something.
        IsRevert = "is_revert",
    }
    RolledBackSince {
        /// 1 if it was rolled back after the onset: somebody thought so already.
        RolledBackSince = "rolled_back_since",
    }
    Author {
        /// ln(1 + candidates of the same author).
        AuthorChanges = "author_changes",
    }
    Later {
        /// 1 if its author touched one of its files again within a day.
        Retouched = "retouched",
        /// 1 if the next newer candidate is by the same author, within an hour: one of a series, and not its last.
        Series = "series",
    }
    NotLanded {
        /// 1 if it was written but not merged.
        NotLanded = "not_landed",
    }
    InFreeze {
        /// 1 if it reached production inside a change freeze that holds for it.
        InFreeze = "in_freeze",
    }
    Unauthorised {
        /// 1 if the policy asks for authorisation and it was neither reviewed nor delivered by a deploy record.
        Unauthorised = "unauthorised",
    }
}

/// How many features there are.
pub const FEATURES: usize = Feature::ALL.len();

/// What was measured of one change, in the order of [`Feature::ALL`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values([f64; FEATURES]);

impl Default for Values {
    fn default() -> Self {
        Values([0.0; FEATURES])
    }
}

impl Values {
    /// The value of a feature.
    pub fn get(&self, feature: Feature) -> f64 {
        self.0.get(feature as usize).copied().unwrap_or_default()
    }

    /// Sets the value of a feature.
    pub fn set(&mut self, feature: Feature, value: f64) {
        if let Some(slot) = self.0.get_mut(feature as usize) {
            *slot = value;
        }
    }

    /// All of them, in the order of [`Feature::ALL`].
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }
}
