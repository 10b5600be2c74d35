//! Lines with nothing to take out that look like it: ids, digests, names of code, sentences about secrets. It must
//! not know the rules.

use super::made_up::Chance;

/// One line of each sort.
pub fn lines(chance: &mut Chance) -> Vec<String> {
    let mut hex = |count: usize| chance.of("0123456789abcdef", count);
    let uuid = format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12));
    let (sha, short, digest, trace, span) = (hex(40), hex(7), hex(64), hex(32), hex(16));
    let etag = hex(32);
    let number = chance.of("123456789", 9);
    let order = format!("9{}", chance.of("0123456789", 15));
    let image = chance.of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 240);
    vec![
        format!("commit {sha}"),
        format!("Merge pull request #4711 from shop/token-bucket, head {short}"),
        format!("revert: \"rotate signing key\" ({sha})"),
        format!("pulled shop/cart@sha256:{digest}"),
        format!("level=info trace_id={trace} span_id={span} msg=\"GET /cart\" status=200"),
        format!(r#"{{"traceId":"{trace}","spanId":"{span}","traceparent":"00-{trace}-{span}-01"}}"#),
        format!("request_id={uuid} method=POST path=/checkout"),
        format!("x-request-id: {uuid}"),
        format!("idempotency_key={uuid} accepted"),
        format!("Idempotency-Key: {uuid}"),
        format!("cache key: {trace} missed"),
        format!("cache_key={etag} ttl=300"),
        format!("partition key {number} moved to broker 3"),
        format!("key={sha} not found in bucket"),
        format!("ETag: \"{etag}\""),
        format!("If-None-Match: W/\"{etag}\""),
        format!("container {digest} exited with 137"),
        format!("containerd://{digest}"),
        format!("session.id={uuid} page=/cart"),
        format!("next_page_token={number}"),
        format!("order {order} could not be charged"),
        format!("timestamp=17{}000000 offset={number}", chance.of("0123456789", 8)),
        format!("src=\"data:image/png;base64,{image}\""),
        format!("integrity sha512-{}==", &image[..86]),
        format!("\"integrity\": \"sha256-{}=\"", &image[..43]),
        format!("s3://shop-uploads/2026/03/{uuid}/invoice.pdf"),
        format!("GET /static/js/main.{}.chunk.js 200", &trace[..8]),
        format!("pod/checkout-{}-{} evicted", &trace[..10], chance.of("bcdfghjklmnpqrstvwxz2456789", 5)),
        format!("build {short}-{number} of cart:1.4.{} passed", &number[..2]),
        format!("fingerprint SHA256:{}", &image[..43].replace('/', "a")),
        "invalid token: expected ',' or '}' at line 3 column 17".to_owned(),
        "unexpected token: IDENTIFIER_OR_KEYWORD".to_owned(),
        "the token has expired, sign in again".to_owned(),
        "password authentication failed for user \"app\"".to_owned(),
        "secret \"checkout-db-credentials\" not found in namespace shop".to_owned(),
        "let token: CancellationToken = parent.child_token();".to_owned(),
        "fn verify_password(password: &str, hash: &PasswordHash) -> bool".to_owned(),
        "private static final String API_KEY_HEADER_NAME = DEFAULT_API_KEY_HEADER;".to_owned(),
        "password: ${DB_PASSWORD}".to_owned(),
        "api_key: {{ .Values.checkout.apiKey }}".to_owned(),
        "secret = os.environ[\"CHECKOUT_SECRET\"]".to_owned(),
        "token = self.session.create_access_token_for_user(user)".to_owned(),
        "usage: deploy --token <TOKEN> --password <PASSWORD> SERVICE".to_owned(),
        "rotate the keys of https://shop.example/settings?tab=tokens first".to_owned(),
        "bearer of bad news: deploy-of-checkout-was-rolled-back".to_owned(),
        "basic health-check-of-the-gateway failed".to_owned(),
        "Set-Cookie header is missing; see the docs on cookies: they expire".to_owned(),
        "ssh -i ~/.ssh/id_ed25519 deploy@10.0.3.17".to_owned(),
        "git@github.com:shop/checkout.git".to_owned(),
        "cargo install ripgrep@14.1.0".to_owned(),
        "npm i @types/node@20.11.5".to_owned(),
        "systemd[1]: Started user@1000.service".to_owned(),
        "kex: curve25519-sha256@libssh.org, chacha20-poly1305@openssh.com".to_owned(),
        "the primary key orders_pkey is violated: Key (id)=(4711) already exists".to_owned(),
        "key_rotation_interval_seconds=86400".to_owned(),
        "ssl_key_file=/etc/ssl/private/checkout-internal-2026.pem".to_owned(),
        "-----BEGIN CERTIFICATE-----".to_owned(),
        "public key of the signer: ed25519".to_owned(),
        format!("version 1.{}.{}+build.{short}", &number[..1], &number[1..3]),
        format!("eth0: {}:{}:{}:02:42:ac", &trace[..2], &trace[2..4], &trace[4..6]),
    ]
}
