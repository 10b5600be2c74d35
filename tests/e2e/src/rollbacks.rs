//! The history of a shop that breaks now and then and takes back what broke it: the same commits with the same shas every
//! time. It must not know what is asked of it.

use anyhow::Result;

use crate::Repository;

/// Its first day; the days after are counted from it.
const FIRST_DAY: &str = "2025-03-01";
/// What is done in the shop when nothing breaks: a title, a file, and how its line begins.
const WORK: &[(&str, &str)] = &[
    ("Search by colour and size", "search/query.go"),
    ("Show the seller beside the article", "web/article.js"),
    ("Keep the stock of a second warehouse", "stock/levels.go"),
    ("Pack small parcels first", "shipping/packing.go"),
    ("Write invoices in two languages", "billing/invoice.rb"),
    ("Let people keep a list of wishes", "web/wishes.js"),
    ("Count visits of a page", "metrics/visits.go"),
    ("Send mails from a queue", "mail/sender.py"),
    ("Pictures of articles in three sizes", "media/resize.py"),
    ("Say when a parcel will come", "shipping/eta.go"),
];

fn work_of(day: u32) -> (&'static str, &'static str) {
    WORK.get(day as usize % WORK.len()).copied().unwrap_or_default()
}

/// The repository, and what a test wants to name.
pub struct Rollbacks {
    /// Called `shop`.
    pub repository: Repository,
    /// What broke the cart, and the revert of it.
    pub cart: (String, String),
    /// What emptied the search, and the revert of it.
    pub search: (String, String),
    /// What the sale's banner brought, taken back by a decision.
    pub banner: String,
}

/// A moment of its history.
pub fn at(day: u32, time: &str) -> String {
    let (mut month, mut left) = (3, day);
    for days in [31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < days {
            break;
        }
        left -= days;
        month += 1;
    }
    format!("2025-{month:02}-{:02}T{time}:00Z", left + 1)
}

/// About seventy commits in sixty days, ten of which take something back, each in another form.
///
/// # Errors
/// `git` or the file system failed.
pub fn rollbacks() -> Result<Rollbacks> {
    let shop = Repository::called("shop")?;
    let start = format!("{FIRST_DAY}T08:00:00Z");
    shop.commit(&start, "Import", &[("README.md", "A shop\n"), ("web/cart.js", "total(items);\n")])?;
    let work = |from: u32, until: u32| -> Result<()> {
        for day in from..until {
            let (title, path) = work_of(day);
            let line = format!("part({day});\n");
            shop.commit(&at(day, "09:10"), &format!("{title}, step {day}"), &[(path, &line)])?;
        }
        Ok(())
    };

    // As `git revert` writes it, and what was seen below.
    work(1, 6)?;
    let broke_cart = shop.commit(
        &at(6, "10:00"),
        "Let the cart hold several lists",
        &[("web/cart.js", "export const sumTotals = (items) => items.lines.reduce(add);\n")],
    )?;
    shop.commit(&at(6, "11:00"), "Explain how to build", &[("README.md", "A shop\nmake\n")])?;
    let mended_cart = take_back(
        &shop,
        &at(6, "13:30"),
        &format!(
            "Revert \"Let the cart hold several lists\"\n\nThis reverts commit {broke_cart}.\n\nCheckout answers 500 for \
             every customer: TypeError in cart.js, sumTotals reads lines of undefined."
        ),
        &[("web/cart.js", "total(items);\n")],
    )?;

    // Its title quoted in the body; a day and a half later.
    work(7, 12)?;
    let broke_search = shop.commit(
        &at(12, "10:00"),
        "Read the search index from the replica",
        &[("search/index.go", "open(replica);\n"), ("search/query.go", "replica();\n")],
    )?;
    work(13, 14)?;
    let mended_search = take_back(
        &shop,
        &at(14, "08:00"),
        &format!(
            "Roll back the index\n\nThis reverts commit {broke_search} (\"Read the search index from the replica\").\n\nThe \
             search page stays empty, queries time out after 30 seconds while the replica lags. \"Read the search index \
             from the replica\" can come back when it is fast enough."
        ),
        &[("search/index.go", "open(primary);\n")],
    )?;

    // A short sha in the title.
    work(15, 19)?;
    let broke_login =
        shop.commit(&at(19, "12:00"), "Tokens live for an hour", &[("login/token.rb", "hour\n")])?;
    take_back(
        &shop,
        &at(19, "12:45"),
        &format!("Revert {}: people on phones can't log in, 401 after each redirect", &broke_login[..10]),
        &[("login/token.rb", "day\n")],
    )?;

    // Landed again with a remedy, and taken back once more.
    let again = shop.commit(
        &at(20, "12:00"),
        "Reland \"Tokens live for an hour\"\n\nWith a longer grace for phones.",
        &[("login/token.rb", "hour, grace\n")],
    )?;
    take_back(
        &shop,
        &at(20, "15:00"),
        &format!(
            "Revert \"Reland \"Tokens live for an hour\"\"\n\nThis reverts commit {again}.\n\nSessions of the mobile apps end \
             in the middle of a payment, error 401 again."
        ),
        &[("login/token.rb", "day\n")],
    )?;

    // A decision, nothing broke.
    work(21, 25)?;
    let banner =
        shop.commit(&at(25, "09:30"), "Banner for the summer sale", &[("web/banner.js", "sale\n")])?;
    take_back(
        &shop,
        &at(25, "16:00"),
        &format!(
            "Revert \"Banner for the summer sale\"\n\nThis reverts commit {banner}.\n\nMarketing wants to wait until Monday, \
             it is not needed yet."
        ),
        &[("web/banner.js", "none\n")],
    )?;

    // Nothing is said but what is reverted.
    let silent =
        shop.commit(&at(26, "09:30"), "Round prices to five cents", &[("prices/round.go", "five\n")])?;
    shop.git(&["revert", "--no-edit", &silent], &at(26, "10:30"))?;

    // Too little is said.
    let short = shop.commit(&at(27, "10:30"), "Cache prices for a day", &[("prices/cache.go", "day\n")])?;
    take_back(
        &shop,
        &at(27, "11:30"),
        &format!("Revert \"Cache prices for a day\"\n\nThis reverts commit {short}.\n\nIt broke."),
        &[("prices/cache.go", "hour\n")],
    )?;

    // Two at once, as a pull request with its number.
    work(28, 33)?;
    let tax = shop.commit(&at(33, "10:00"), "Tax by country (#41)", &[("billing/tax.rb", "by country\n")])?;
    let rounded =
        shop.commit(&at(33, "11:00"), "Round tax per line (#42)", &[("billing/tax.rb", "per line\n")])?;
    take_back(
        &shop,
        &at(34, "07:00"),
        &format!(
            "Revert tax by country and its rounding (#43)\n\nThis reverts commit {tax}.\nThis reverts commit {rounded}.\n\n\
             Invoices for Switzerland fail with a division by zero in the rounding, accounting can't close the day."
        ),
        &[("billing/tax.rb", "one\n")],
    )?;

    // What broke is older than a month.
    work(35, 55)?;
    let title = "Show the seller beside the article, step 11";
    let old = shop.git(&["log", "--format=%H", "--grep", title], &at(55, "12:00"))?;
    take_back(
        &shop,
        &at(55, "12:00"),
        &format!(
            "Revert \"{title}\"\n\nThis reverts commit {}.\n\nMemory of the article servers grows for weeks until they are \
             killed, out of memory every night.",
            old.trim()
        ),
        &[("web/article.js", "part(0);\n")],
    )?;
    work(56, 60)?;
    Ok(Rollbacks {
        repository: shop,
        cart: (broke_cart, mended_cart),
        search: (broke_search, mended_search),
        banner,
    })
}

fn take_back(shop: &Repository, at: &str, message: &str, files: &[(&str, &str)]) -> Result<String> {
    shop.commit(at, message, files)
}

/// A history with `count` rollbacks of failures and nothing else to tell: one a day, each of what landed that morning.
///
/// # Errors
/// `git` or the file system failed.
pub fn many(count: u32) -> Result<Repository> {
    let shop = Repository::called("shop")?;
    shop.commit(&at(0, "08:00"), "Import", &[("README.md", "A shop\n")])?;
    for day in 1..=count {
        let (title, path) = work_of(day);
        shop.commit(
            &at(day, "08:10"),
            &format!("{title}, part {day}"),
            &[(path, &format!("part({day});\n"))],
        )?;
        let other = work_of(day + 3);
        let line = format!("also({day});\n");
        let broke =
            shop.commit(&at(day, "09:10"), &format!("{}, more {day}", other.0), &[(other.1, &line)])?;
        // Every third time the symptom tells nothing of the file.
        let seen = if day % 3 == 0 { "some page" } else { other.1 };
        take_back(
            &shop,
            &at(day, "12:10"),
            &format!(
                "Take it back\n\nThis reverts commit {broke}.\n\nError 500 in {seen}, customers can't pay {day} times."
            ),
            &[(other.1, "before\n")],
        )?;
    }
    Ok(shop)
}
