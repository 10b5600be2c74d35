//! A day of changes at the shop, up to the alert: what anybody could have read before the incident was declared.

use hearback_core::ids::ChangeId;

use super::cast::{DEPS_BOT, HANA, ILSE, KOFI, MAREN, NOOR, PRIYA, RELEASE_BOT, WORDS_BOT};
use crate::scenario::Story;
use crate::scenario::change::{
    ChangeSpec, certificate, commit, config, deploy, flag, infra, migration, schedule,
};

/// What really happened.
pub struct Cause {
    /// The commit.
    pub culprit: ChangeId,
    /// The release that brought it.
    pub culprit_deploy: ChangeId,
}

/// All of it; returns the cause.
pub fn tell(story: &mut Story) -> Cause {
    let yesterday = yesterday(story);
    night(story);
    let morning = morning(story, &yesterday);
    database_volume_grown(story);
    let cause = cause(story, &morning);
    around_the_onset(story);
    cause
}

fn shop(title: &str) -> ChangeSpec {
    commit("shop", title)
}

fn platform(title: &str) -> ChangeSpec {
    commit("platform", title)
}

/// What yesterday leaves to be released today, and a change that was taken back.
struct Yesterday {
    for_checkout: Vec<ChangeId>,
    taken_back: ChangeId,
}

fn yesterday(story: &mut Story) -> Yesterday {
    let wishlist = story.change(
        shop("Drop the wishlist endpoint nobody calls")
            .at("-1 14:22:40")
            .by(NOOR)
            .body("The last caller was the old app. Four weeks without a request.")
            .touches("services/cart/src/api/wishlist.ts", 0, 148)
            .touches("services/cart/src/api/routes.ts", 0, 6),
    );
    let payment_packages = story.change(
        shop("Update packages of payments")
            .at("-1 14:40:03")
            .by(DEPS_BOT)
            .body("Nine packages, all minor versions.")
            .touches("services/payments/package.json", 9, 9)
            .touches("services/payments/package-lock.json", 412, 388),
    );
    let taken_back = story.change(
        shop("Cache shipping estimates in the cart")
            .at("-1 15:11:20")
            .by(NOOR)
            .body("Estimates change once an hour; we ask for them on every cart view.")
            .touches("services/cart/src/shipping/estimate.ts", 57, 12)
            .touches("services/cart/src/shipping/estimate-cache.ts", 41, 0),
    );
    let sha = taken_back.sha().unwrap_or_default().to_owned();
    story.change(
        shop("Revert \"Cache shipping estimates in the cart\"")
            .at("-1 15:13:55")
            .by(NOOR)
            .body(&format!("This reverts commit {sha}.\n\nThe build of main is red: a type is missing."))
            .reverts(&taken_back)
            .touches("services/cart/src/shipping/estimate.ts", 12, 57)
            .touches("services/cart/src/shipping/estimate-cache.ts", 0, 41),
    );
    story.change(shop("Describe the on-call handover of payments").at("-1 15:36:12").by(KOFI).touches(
        "docs/oncall/payments.md",
        64,
        8,
    ));
    let declined = story.change(
        shop("Retry a declined capture only when the issuer says so")
            .at("-1 15:58:31")
            .by(KOFI)
            .body("We retried hard declines up to three times, and paid for each.")
            .touches("services/payments/src/capture/retry.ts", 38, 21)
            .touches("services/payments/test/capture/retry.test.ts", 52, 6),
    );
    story.change(
        deploy("cart", "2026.09.16-4", "cart 2026.09.16-4")
            .at("-1 16:20")
            .in_effect("-1 16:29")
            .by(RELEASE_BOT)
            .delivers(&[&wishlist]),
    );
    story.change(
        config("payments", "gateway.timeout:118", "Timeout of the card gateway: 4 s, was 5 s")
            .at("-1 16:31:09")
            .by(KOFI),
    );
    let delivery_date = story.change(
        shop("Show the delivery date above the fold")
            .at("-1 16:45:50")
            .by(HANA)
            .touches("services/checkout/web/summary.tsx", 22, 9)
            .touches("services/checkout/web/summary.css", 14, 3),
    );
    story.change(
        deploy("payments", "2026.09.16-2", "payments 2026.09.16-2")
            .at("-1 17:05")
            .in_effect("-1 17:14")
            .by(RELEASE_BOT)
            .delivers(&[&payment_packages, &declined]),
    );
    let currency_sign = story.change(
        shop("Format amounts with the narrow currency sign")
            .at("-1 17:12:44")
            .by(ILSE)
            .touches("libs/money/src/format.ts", 18, 11)
            .touches("libs/money/test/format.test.ts", 24, 10),
    );
    story.change(
        shop("Make the sandbox tests of payments wait for the callback")
            .at("-1 17:40:27")
            .by(KOFI)
            .body("They failed one run in thirty.")
            .touches("services/payments/test/sandbox/callback.test.ts", 17, 5),
    );
    story.change(
        flag("cart", "saved-carts:7", "saved-carts for 50 % of customers, was 25 %").at("-1 18:00").by(NOOR),
    );
    story.change(platform("Let checkout scale to 24 instances").at("-1 18:20:18").by(MAREN).touches(
        "clusters/main/checkout.yaml",
        1,
        1,
    ));
    story.change(
        infra("main:checkout:scale:61", "checkout may scale to 24 instances, was 16")
            .at("-1 18:24:02")
            .by(MAREN)
            .of("checkout"),
    );
    let words = story.change(
        shop("Update translations (14 languages)")
            .at("-1 19:02:00")
            .by(WORDS_BOT)
            .touches("services/checkout/locales/de.json", 12, 9)
            .touches("services/checkout/locales/fr.json", 11, 9)
            .touches("services/checkout/locales/nl.json", 15, 2)
            .touches("services/cart/locales/de.json", 3, 3),
    );
    Yesterday { for_checkout: vec![delivery_date, currency_sign, words], taken_back }
}

fn night(story: &mut Story) {
    story.change(
        schedule("invoice-export:plan:4", "Invoice export moved to 02:30, was 01:00").at("-1 20:00").by(KOFI),
    );
    story.change(
        infra("main:nodes:88", "Node images of the main cluster replaced, 38 nodes")
            .at("-1 22:10")
            .in_effect("-1 23:25")
            .by(PRIYA),
    );
    story.change(
        certificate("api.shop.example:2026-09-17", "Certificate of api.shop.example renewed for 90 days")
            .at("00:05:11")
            .by(RELEASE_BOT),
    );
    story.change(
        migration("orders-db", "0412", "Index order_lines by order and position")
            .at("01:30")
            .in_effect("01:52")
            .by(PRIYA)
            .body("Built concurrently; no lock on writes."),
    );
    story.change(
        schedule("invoice-export:run:2026-09-17", "Invoice export ran at its new time")
            .at("02:30")
            .by(RELEASE_BOT),
    );
    story.change(
        shop("Update lint rules").at("03:00:02").by(DEPS_BOT).touches("package.json", 2, 2).touches(
            "package-lock.json",
            61,
            58,
        ),
    );
}

/// What the morning leaves to be released after lunch.
struct Morning {
    redirects: ChangeId,
}

fn morning(story: &mut Story, yesterday: &Yesterday) -> Morning {
    let session = story.change(
        shop("Keep the cart when a session is renewed")
            .at("07:48:36")
            .by(NOOR)
            .touches("services/cart/src/session/renew.ts", 33, 17)
            .touches("services/cart/test/session/renew.test.ts", 48, 0),
    );
    story.change(
        shop("Correct the address of the test gateway in the README").at("08:05:14").by(KOFI).touches(
            "services/payments/README.md",
            2,
            2,
        ),
    );
    let issuer = story.change(
        shop("Name the issuer in refund mails")
            .at("08:31:40")
            .by(KOFI)
            .touches("services/payments/src/refund/mail.ts", 12, 4)
            .touches("services/payments/src/refund/mail.txt", 3, 1),
    );
    let postal_codes = story.change(
        shop("Accept postal codes of Ireland without a space")
            .at("08:50:22")
            .by(HANA)
            .touches("services/checkout/src/address/postal-code.ts", 9, 3)
            .touches("services/checkout/test/address/postal-code.test.ts", 14, 0),
    );
    let mut released: Vec<&ChangeId> = yesterday.for_checkout.iter().collect();
    released.push(&postal_codes);
    story.change(
        deploy("checkout", "2026.09.17-1", "checkout 2026.09.17-1")
            .at("09:12")
            .in_effect("09:24")
            .by(RELEASE_BOT)
            .delivers(&released),
    );
    let redirects = story.change(
        shop("Send the trace header on redirects too")
            .at("09:20:55")
            .by(MAREN)
            .body("Traces ended at the first redirect of the card gateway.")
            .touches("libs/http-client/src/follow.ts", 14, 3),
    );
    story.change(
        flag("checkout", "address-completion:12", "address-completion on for everybody")
            .at("09:41:30")
            .by(HANA),
    );
    story.change(
        deploy("payments", "2026.09.17-1", "payments 2026.09.17-1")
            .at("10:05")
            .in_effect("10:13")
            .by(RELEASE_BOT)
            .delivers(&[&issuer]),
    );
    let estimates = story.change(
        shop("Reland \"Cache shipping estimates in the cart\"")
            .at("10:20:48")
            .by(NOOR)
            .body("With the missing type.")
            .relands(&yesterday.taken_back)
            .touches("services/cart/src/shipping/estimate.ts", 59, 12)
            .touches("services/cart/src/shipping/estimate-cache.ts", 44, 0),
    );
    let decimals = story.change(
        shop("Parse minor units from decimal strings")
            .at("10:33:19")
            .by(KOFI)
            .body("The new gateway sends \"12.90\" where the old one sent 1290.")
            .touches("libs/money/src/parse.ts", 46, 8)
            .touches("libs/money/test/parse.test.ts", 63, 2),
    );
    story.change(platform("Give payments 768 MiB").at("10:41:07").by(KOFI).touches(
        "clusters/main/payments.yaml",
        2,
        2,
    ));
    story.change(
        infra("main:payments:memory:19", "Memory of payments: 768 MiB, was 512 MiB")
            .at("10:44:33")
            .in_effect("10:51")
            .by(KOFI)
            .of("payments"),
    );
    story.change(
        deploy("cart", "2026.09.17-1", "cart 2026.09.17-1")
            .at("11:40")
            .in_effect("11:50")
            .by(RELEASE_BOT)
            .delivers(&[&session, &estimates, &decimals]),
    );
    story.change(
        config("cart", "lifetime:9", "Lifetime of a cart: 30 days, was 14 days").at("12:02:26").by(NOOR),
    );
    Morning { redirects }
}

/// The red herring's alibi: the database that will be blamed was indeed touched an hour before.
fn database_volume_grown(story: &mut Story) {
    story.change(
        platform("Grow the volume of orders-db")
            .at("12:10:41")
            .by(PRIYA)
            .body("It fills up by the end of October.")
            .touches("databases/orders-db.yaml", 1, 1),
    );
    story.change(
        infra("orders-db:volume:3", "Volume of orders-db grown to 1.2 TB, was 0.8 TB")
            .at("12:40")
            .in_effect("12:46:30")
            .by(PRIYA)
            .of("orders-db")
            .body("Online; no restart."),
    );
}

/// The cause, what surrounds it in its branch, and the release that brings it out.
fn cause(story: &mut Story, morning: &Morning) -> Cause {
    let culprit = story.change(
        shop("Round cart totals line by line")
            .at("10:58:04")
            .in_effect("12:37:10")
            .by(ILSE)
            .body(
                "Finance found receipts whose lines and total differ by a cent. roundLineTotal() now rounds the \
                 unitPrice of each line before it multiplies, and cartTotals() no longer rounds the sum.\n\n\
                 Callers get Money instead of a number.",
            )
            .touches("services/checkout/src/totals/cart-totals.ts", 64, 41)
            .touches("services/checkout/src/totals/line.ts", 19, 7)
            .touches("services/checkout/src/api/place-order.ts", 5, 5)
            .touches("services/checkout/test/totals/cart-totals.test.ts", 88, 30),
    );
    let banner = story.change(
        shop("Remove the summer banner")
            .at("11:04:37")
            .by(HANA)
            .touches("services/checkout/web/banner.tsx", 0, 74)
            .touches("services/checkout/web/summary.tsx", 1, 3),
    );
    story.change(shop("Test cart totals in three currencies").at("11:16:20").by(ILSE).touches(
        "services/checkout/test/totals/currencies.test.ts",
        71,
        0,
    ));
    story.change(shop("Explain how cart totals are rounded").at("11:25:58").by(ILSE).touches(
        "docs/checkout/rounding.md",
        42,
        0,
    ));
    let queue = story.change(
        shop("Split the capture queue by currency")
            .at("11:52:13")
            .by(KOFI)
            .touches("services/payments/src/capture/queue.ts", 84, 39)
            .touches("services/payments/test/capture/queue.test.ts", 66, 12),
    );
    let coupon_file = story.change(
        shop("Move the coupon types to a folder of their own")
            .at("12:20:49")
            .by(HANA)
            .moves("services/checkout/src/totals/coupon.ts", "services/checkout/src/coupons/coupon.ts")
            .touches("services/checkout/src/totals/index.ts", 1, 1),
    );
    let merge =
        story.change(shop("Merge branch 'line-rounding'").at("12:37:10").by(ILSE).delivers(&[&culprit]));
    let order_id =
        story.change(shop("Log the order id with every failed placement").at("12:48:25").by(MAREN).touches(
            "services/checkout/src/api/place-order.ts",
            6,
            2,
        ));
    let icons = story.change(
        shop("New icons for the ways to pay")
            .at("12:55:01")
            .by(HANA)
            .touches_binary("services/checkout/web/icons/card.png")
            .touches_binary("services/checkout/web/icons/transfer.png"),
    );
    story.change(
        deploy("payments", "2026.09.17-2", "payments 2026.09.17-2")
            .at("13:05")
            .in_effect("13:13")
            .by(RELEASE_BOT)
            .delivers(&[&queue]),
    );
    let culprit_deploy = story.change(
        deploy("checkout", "2026.09.17-2", "checkout 2026.09.17-2")
            .at("13:29")
            .in_effect("13:41")
            .by(RELEASE_BOT)
            .delivers(&[&culprit, &merge, &banner, &coupon_file, &order_id, &icons, &morning.redirects]),
    );
    Cause { culprit, culprit_deploy }
}

/// The last changes before the alert; all innocent, two of them very recent.
fn around_the_onset(story: &mut Story) {
    story.change(
        migration("payments-db", "0187", "Add the currency to captures")
            .at("13:01")
            .in_effect("13:03")
            .by(KOFI),
    );
    story.change(
        certificate("gateway-client:2026-09-17", "Client certificate for the card gateway rotated")
            .at("13:16:40")
            .by(RELEASE_BOT)
            .of("payments"),
    );
    let packages = story.change(
        shop("Update packages of checkout")
            .at("13:20:02")
            .by(DEPS_BOT)
            .body("Four packages, all patch versions.")
            .touches("services/checkout/package.json", 4, 4)
            .touches("services/checkout/package-lock.json", 133, 127),
    );
    let words = story.change(
        shop("Update translations (3 languages)")
            .at("13:24:00")
            .by(WORDS_BOT)
            .touches("services/checkout/locales/pl.json", 6, 1)
            .touches("services/checkout/locales/pt.json", 4, 2)
            .touches("services/checkout/locales/sv.json", 5, 0),
    );
    story.change(
        schedule("stock-check:plan:11", "Stock check every 15 min, was every 30 min")
            .at("13:25")
            .by(NOOR)
            .of("cart"),
    );
    story.change(
        flag("payments", "express-wallet:5", "express-wallet for 25 % of customers, was 10 %")
            .at("13:42:30")
            .by(KOFI),
    );
    story.change(
        deploy("checkout", "2026.09.17-3", "checkout 2026.09.17-3")
            .at("13:44")
            .in_effect("13:49")
            .by(RELEASE_BOT)
            .delivers(&[&packages, &words]),
    );
    story.change(flag("cart", "gift-notes:1", "gift-notes on for staff").at("13:50:15").by(NOOR));
}
