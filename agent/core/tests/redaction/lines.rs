//! Lines as programs write them, with something in them that should not be there. It must not know what.

use super::made_up::{Chance, Secret, Shape};

/// A line, or the few lines that belong together, and what must not be left of it.
pub struct Line {
    pub text: String,
    pub secrets: Vec<String>,
    /// Words around it that must be left.
    pub stays: Vec<String>,
}

/// A line that carries `secret`.
pub fn carrying(secret: &Secret, chance: &mut Chance) -> Line {
    let (text, stays) = match &secret.shape {
        Shape::Anywhere(shown) => anywhere(shown, chance),
        Shape::Named(name) => (named(name, &secret.values[0], chance), Vec::new()),
        Shape::Whole(text) => (text.clone(), Vec::new()),
    };
    Line { text, secrets: secret.values.clone(), stays }
}

/// What is known by its own form may stand in any line.
fn anywhere(shown: &str, chance: &mut Chance) -> (String, Vec<String>) {
    let (host, number) = (chance.pick(&["api-7f9c", "cart-2", "gateway"]), chance.below(900) + 100);
    let templates = [
        r#"{"ts":"2026-03-01T10:04:00.123Z","level":"error","service":"HOST","msg":"upstream refused SECRET","attempt":3}"#,
        "ts=2026-03-01T10:04:00Z level=warn service=HOST msg=\"retrying with SECRET\" attempt=2",
        "2026-03-01 10:04:00,123 ERROR [http-nio-8080-exec-7] c.s.checkout.PaymentClient - rejected: SECRET",
        "10.0.3.17 - - [01/Mar/2026:10:04:00 +0000] \"GET /callback?code=SECRET HTTP/1.1\" 401 512 \"-\" \"curl/8.5.0\"",
        "java.io.IOException: NUMBER from upstream for SECRET\n\tat shop.checkout.PaymentClient.charge(PaymentClient.java:88)\n\tat java.base/java.lang.Thread.run(Thread.java:1583)",
        "LAST SEEN   TYPE      REASON   OBJECT      MESSAGE\n2m          Warning   Failed   pod/HOST    Error: bad value \"SECRET\"",
        "curl -sS -X POST https://api.internal/v1/charge -H 'Accept: application/json' --data 'note=SECRET'",
        "      - name: EXTRA\n        value: \"SECRET\"",
        "Mar  1 10:04:00 HOST checkout[NUMBER]: got SECRET from client",
        "Traceback (most recent call last):\n  File \"/app/pay.py\", line 41, in charge\nValueError: SECRET is not accepted",
        "\"Env\": [\"PATH=/usr/bin\", \"EXTRA=SECRET\", \"HOME=/root\"]",
        "-  url: SECRET\n+  url: ${EXTRA}",
        "panic: cannot use SECRET\n\ngoroutine 17 [running]:\nmain.charge(0xc000012345)",
        "HOST | time=10:04 | config dump: region=eu-1, extra=SECRET, timeout=30s",
        "<error code=\"NUMBER\"><message>SECRET</message></error>",
    ];
    let template = chance.pick(&templates);
    let text = template.replace("HOST", host).replace("NUMBER", &number.to_string());
    let first = text.split("SECRET").next().unwrap().to_owned();
    (text.replace("SECRET", shown), vec![first.trim().to_owned()])
}

/// What is a secret only by its name, in the ways names and values are written.
fn named(name: &str, value: &str, chance: &mut Chance) -> String {
    let snake = name.to_lowercase();
    let upper = name.to_uppercase();
    let kebab = snake.replace('_', "-");
    let camel: String = snake
        .split('_')
        .enumerate()
        .map(|(place, word)| if place == 0 { word.to_owned() } else { word[..1].to_uppercase() + &word[1..] })
        .collect();
    let templates = [
        format!("PATH=/usr/bin\n{upper}={value}\nHOME=/root"),
        format!("export {upper}='{value}'"),
        format!("docker run -e {upper}={value} -p 8080:8080 shop/cart:1.4.2"),
        format!(r#"{{"level":"debug","config":{{"{snake}":"{value}","region":"eu-1"}}}}"#),
        format!(r#"{{"msg":"body {{\"{camel}\":\"{value}\",\"a\":1}}"}}"#),
        format!("database:\n  host: db.internal\n  {snake}: {value}\n  pool: 20"),
        format!("level=debug msg=\"starting\" {snake}={value} region=eu-1"),
        format!("{}={value}", snake.replace('_', ".")),
        format!("{{'{snake}': '{value}', 'region': 'eu-1'}}"),
        format!("Config {{ {snake}: \"{value}\", region: \"eu-1\" }}"),
        format!("{{:{snake}=>\"{value}\", :region=>\"eu-1\"}}"),
        format!("> X-{kebab}: {value}\n> Accept: */*"),
        format!("      - name: x\n        {camel}: \"{value}\""),
        format!("+    {upper}: {value}"),
    ];
    chance.pick(&templates).clone()
}
