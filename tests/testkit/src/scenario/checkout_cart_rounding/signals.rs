//! What the machines said: metrics before the question and after the recovery, alerts, and one log excerpt.

use crate::scenario::Story;
use crate::scenario::alert::alert;
use crate::scenario::metric::{Curve, curve};

/// All of it.
pub fn tell(story: &mut Story) {
    alerts(story);
    // Ninety minutes up to shortly before the question, and ninety up to the end.
    let curves = curves();
    for curve in &curves {
        story.reads_metric("14:01:30", curve, "12:31", "14:01");
    }
    for curve in &curves {
        story.reads_metric("14:31:30", curve, "13:01", "14:31");
    }
    log(story);
}

fn curves() -> Vec<Curve> {
    let database = curve("orders-db", "connections in use", "of 400", 158.0, 4.0);
    vec![
        curve("checkout", "failed requests", "percent", 0.2, 0.06)
            .ramp("13:41", "13:50", 18.4)
            .ramp("14:13", "14:18", 0.2),
        curve("checkout", "latency p99", "ms", 430.0, 22.0)
            .ramp("13:44", "13:56", 3100.0)
            .ramp("14:15", "14:21", 440.0),
        curve("checkout", "orders placed", "per minute", 212.0, 7.0)
            .ramp("13:41", "13:50", 171.0)
            .ramp("14:13", "14:19", 214.0),
        curve("cart", "failed requests", "percent", 0.1, 0.04),
        curve("cart", "latency p99", "ms", 180.0, 9.0)
            .ramp("13:48", "13:57", 236.0)
            .ramp("14:16", "14:20", 182.0),
        curve("payments", "failed requests", "percent", 0.3, 0.07),
        curve("payments", "captures", "per minute", 208.0, 8.0)
            .ramp("13:41", "13:51", 166.0)
            .ramp("14:14", "14:20", 210.0),
        // It follows the failures: every failed order is tried three times, and each try holds a transaction open.
        database.ramp("13:45", "13:53", 399.0).ramp("14:16", "14:20", 161.0).at_most(400.0),
    ]
}

fn alerts(story: &mut Story) {
    story.alert(
        alert("CheckoutFailedRequestsHigh", "13:47", "13:52:10")
            .about("checkout")
            .saying("checkout: 14 % of requests fail (more than 2 % for 5 min)")
            .until("14:22:10"),
    );
    story.alert(
        alert("OrdersDbConnectionsSaturated", "13:53", "13:54:20")
            .about("orders-db")
            .saying("CRITICAL orders-db: 399 of 400 connections in use, new ones are refused")
            .until("14:20:20"),
    );
    story.alert(
        alert("OrdersDbConnectionWaitHigh", "13:53", "13:55:20")
            .about("orders-db")
            .saying("CRITICAL orders-db: waiting for a connection takes 2.6 s at p95")
            .until("14:19:20"),
    );
    story.alert(
        alert("CheckoutLatencyHigh", "13:49", "13:55:40")
            .about("checkout")
            .saying("checkout: p99 is 2.7 s (more than 1.5 s for 5 min)")
            .until("14:23:40"),
    );
    story.alert(
        alert("PaymentsCapturesLow", "13:50", "14:00:10")
            .about("payments")
            .saying("payments: captures are 20 % below the same hour of last week")
            .until("14:25:10"),
    );
}

fn log(story: &mut Story) {
    let lines = "\
4,112 of 4,690 error lines of checkout from 13:41 to 14:01, by their trace:

TypeError: Cannot read properties of undefined (reading 'minorUnits')
    at roundLineTotal (services/checkout/src/totals/cart-totals.ts:88:41)
    at cartTotals (services/checkout/src/totals/cart-totals.ts:61:22)
    at placeOrder (services/checkout/src/api/place-order.ts:132:19)

The rest, from 13:53 on:

Error: no connection to orders-db within 2000 ms
    at openTransaction (services/checkout/src/store/transaction.ts:27:11)
    at placeOrder (services/checkout/src/api/place-order.ts:97:15)
";
    story.reads_log("14:01:40", "checkout", "errors of checkout by their trace", "13:41", "14:01", lines);
}
