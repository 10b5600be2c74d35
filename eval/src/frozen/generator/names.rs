//! Made-up companies: what their services, people and providers are called. It must not know what happens to them.

/// A trade: what its services do, and what they do it to.
pub(super) struct Trade {
    pub org: &'static str,
    pub edge: &'static str,
    pub services: [&'static str; 9],
    pub entity: &'static str,
}

/// Trades to choose from.
pub(super) const TRADES: [Trade; 8] = [
    Trade {
        org: "larkpost",
        edge: "storefront",
        services: [
            "manifest", "tariff", "depot", "waybill", "tracking", "customs", "handover", "slotting", "labels",
        ],
        entity: "parcel",
    },
    Trade {
        org: "wellhouse",
        edge: "patient-portal",
        services: [
            "appointment",
            "triage",
            "roster",
            "prescription",
            "intake",
            "referral",
            "chart",
            "recall",
            "consent",
        ],
        entity: "appointment",
    },
    Trade {
        org: "alcove",
        edge: "reading-room",
        services: [
            "loan",
            "shelf",
            "hold",
            "fines",
            "acquisition",
            "interlend",
            "reader",
            "cataloguing",
            "renewal",
        ],
        entity: "loan",
    },
    Trade {
        org: "gridmoor",
        edge: "customer-hub",
        services: [
            "metering",
            "outagemap",
            "dispatch",
            "forecast",
            "settlement",
            "contract",
            "switching",
            "alarm",
            "solar",
        ],
        entity: "reading",
    },
    Trade {
        org: "ringside",
        edge: "box-office",
        services: [
            "seatmap", "payout", "waitlist", "scanner", "venue", "resale", "lineup", "discount", "wallet",
        ],
        entity: "booking",
    },
    Trade {
        org: "fernhill",
        edge: "broker-desk",
        services: [
            "quote",
            "policy",
            "claim",
            "underwriting",
            "premium",
            "fraudcheck",
            "letters",
            "reinsurance",
            "renewals",
        ],
        entity: "claim",
    },
    Trade {
        org: "tidewater",
        edge: "fleet-console",
        services: [
            "berth",
            "voyage",
            "bunker",
            "crewing",
            "cargo",
            "weather",
            "tariffs",
            "pilotage",
            "port-call",
        ],
        entity: "voyage",
    },
    Trade {
        org: "orchardly",
        edge: "grower-app",
        services: [
            "irrigation",
            "harvest",
            "cooling",
            "packing",
            "certify",
            "auction",
            "soil",
            "grading",
            "haulage",
        ],
        entity: "lot",
    },
];

/// First and last names of people who do not exist.
pub(super) const FIRST: [&str; 20] = [
    "mira", "otto", "salma", "jonas", "ines", "tomasz", "aiko", "ruben", "leila", "viktor", "noor", "elin",
    "pavel", "zora", "hamid", "greta", "emre", "sunniva", "dario", "wanda",
];
/// See [`FIRST`].
pub(super) const LAST: [&str; 20] = [
    "holt",
    "brandt",
    "vasquez",
    "lindqvist",
    "achterberg",
    "moreau",
    "tanabe",
    "oyelaran",
    "kessler",
    "ferro",
    "dvorak",
    "quill",
    "marsh",
    "sato",
    "bakker",
    "ilves",
    "rahimi",
    "corrado",
    "nyberg",
    "whitlock",
];
/// Providers who do not exist.
pub(super) const PROVIDERS: [&str; 8] =
    ["Northlane", "Pebblemail", "Quaymaps", "Fernpay", "Osprey", "Lumengrid", "Talonsign", "Heronpost"];
/// Libraries that several services use.
pub(super) const LIBRARIES: [&str; 4] = ["groundwork", "trellis", "keelkit", "backplane"];
/// Nodes of a cluster.
pub(super) const NODES: [&str; 4] = ["kite", "plover", "dunlin", "avocet"];

/// `port-call` as `PortCall`.
pub(super) fn pascal(name: &str) -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map_or(String::new(), |first| first.to_uppercase().collect::<String>() + chars.as_str())
    };
    name.split(['-', '_']).map(capital).collect()
}
