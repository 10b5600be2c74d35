//! Secrets that have no form of their own: a word beside them says what they are. Headers, addresses, settings,
//! options of commands; and what is not secret by its name but personal.

use super::likely::{
    has_long_number, is_argument, is_card_number, is_mailbox, is_no_word, is_of_request, is_random,
    is_signature, is_token_of_userinfo, is_value,
};
use super::rule::Rule;

/// The start of a name, which may be a part of one: `db.`, `X-`. No condition, so it is a border.
const IN_A_NAME: &str = r"\b[A-Za-z0-9_.-]*";

/// In the order in which they are looked for, after those that are known by their form.
pub(super) const NAMED: &[Rule] = &[
    Rule::behind(
        "authorization header",
        "What follows `Authorization:`, whatever its scheme",
        "Authorization: Token {32 hex}",
        (
            r#"(?i:authorization\\?["']?\s*[:=]\s*\\?["']?\[?\\?["']?(?:(?:bearer|basic|token|apikey|api-key|key|splunk|ssws|geniekey|negotiate|ntlm|hmac|bot|oauth)[ \t]+)?)"#,
            r#"(?:(?i:Digest|AWS4-HMAC-SHA256|OAuth|Hawk|Signature)[ \t]+[^\r\n'}]{8,}|[^\s"',;\\\])}]{8,})"#,
        ),
    )
    .if_so(is_value),
    Rule::behind(
        "authorization header",
        "A bearer or basic credential by itself",
        "Bearer {32 url64}",
        (r"(?i:(?:bearer|basic)\s+)", r"[A-Za-z0-9+/._~-]{16,}=*"),
    )
    .bordered(r"\b")
    .if_so(is_no_word),
    Rule::behind(
        "cookie",
        "All cookies of a `Cookie:` header",
        "Cookie: sid={32 hex}; theme=dark",
        (
            r#"(?i:\bcookie\\?["']?\s*[:=]\s*\\?["']?)"#,
            r#"[A-Za-z0-9_.%-]+=[^;\s"'\\]{4,}(?:;[ \t]*[A-Za-z0-9_.%-]+=[^;\s"'\\]*)*"#,
        ),
    )
    .if_so(is_of_request),
    Rule::behind(
        "cookie",
        "The value in a `Set-Cookie:` header; its name and attributes stay",
        "Set-Cookie: sid={32 hex}; Path=/; HttpOnly",
        (
            r#"(?i:\bset-cookie\\?["']?\s*[:=]\s*\\?["']?\[?\\?["']?[A-Za-z0-9_.%-]+=)"#,
            r#"[^;\s"'\\]{4,}"#,
        ),
    ),
    Rule::behind(
        "cookie",
        "The session of a web framework by the usual name of its cookie",
        "JSESSIONID={32 hex}",
        (
            r"(?:JSESSIONID|PHPSESSID|\bsid|\bsession|ASPSESSIONID[A-Z]{8}|ASP\.NET_SessionId|\.AspNetCore\.[A-Za-z]+|connect\.sid|laravel_session|_session_id|sessionid|csrftoken|XSRF-TOKEN|__Host-[A-Za-z]+|__Secure-[A-Za-z]+|wordpress_logged_in_[a-f0-9]+)=",
            r#"[^;\s"'&,]{8,}"#,
        ),
    ),
    Rule::behind(
        "password in a URL",
        "What stands between user and host, connection strings of databases and queues among them",
        "postgres://app:{12 alnum}@db.internal:5432/shop",
        (r"(?:://[^\s/:@?#]*:)", r#"[^\s/"'<>]+"#),
    )
    .bordered(r"\b[a-zA-Z][a-zA-Z0-9+.-]*")
    .until("@"),
    Rule::behind(
        "token in a URL",
        "A token in the place of the user, as in the address of a Sentry project",
        "https://{32 hex}@errors.internal/42",
        (r"(?:https?://)", r"[A-Za-z0-9_-]{20,}"),
    )
    .bordered(r"\b")
    .until("@")
    .if_so(is_token_of_userinfo),
    Rule::behind(
        "URL signature",
        "What makes a signed address valid: AWS, Google, Azure, CloudFront",
        "?X-Amz-Signature={64 hex}",
        (
            r"(?i:[?&;](?:amp;)?(?:X-(?:Amz|Goog)-(?:Signature|Security-Token|Credential)|signature|sig|key-pair-id|hmac|policy)=)",
            r#"[A-Za-z0-9%+/_~.=-]{16,}"#,
        ),
    )
    .if_so(is_signature),
    Rule::behind(
        "Azure key",
        "The key in a connection string of Azure",
        "AccountKey={86 base64}==",
        (r"(?:(?:AccountKey|SharedAccessKey|SharedSecretValue|EntityPath[^;]*;Key)=)", r"[A-Za-z0-9+/]{30,}={0,2}"),
    ),
    Rule::behind(
        "password",
        "A value in quotes whose name says that it is a password, a secret or a key to an interface",
        r#"{"password": "{16 alnum}"}"#,
        (
            r#"(?i:(?:pass(?:word|wd|phrase|code)|secret|api[_-]?key|(?:access|auth|private|refresh|id)[_-]?token|secret[_-]?(?:access[_-]?)?key|private[_-]?key)\\*["']?\s*(?:[:=]|=>|:=)\s*\\*")"#,
            r#"[^"\\\r\n]{4,400}"#,
        ),
    )
    .bordered(IN_A_NAME)
    .until(r#"\\*""#)
    .if_so(is_value),
    Rule::behind(
        "password",
        "The same in single quotes",
        "'password': '{16 alnum}'",
        (
            r#"(?i:(?:pass(?:word|wd|phrase|code)|secret|api[_-]?key|(?:access|auth|private|refresh|id)[_-]?token|secret[_-]?(?:access[_-]?)?key|private[_-]?key)\\*["']?\s*(?:[:=]|=>|:=)\s*\\*')"#,
            r"[^'\\\r\n]{4,400}",
        ),
    )
    .bordered(IN_A_NAME)
    .until(r"\\*'")
    .if_so(is_value),
    Rule::behind(
        "password",
        "The value of a variable of the environment, to the end of the word",
        "DB_PASSWORD={12 alnum}",
        (
            r#"(?:(?:PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SECRET|API_?KEY|(?:ACCESS|AUTH|PRIVATE|REFRESH)_TOKEN|SECRET_(?:ACCESS_)?KEY)=)"#,
            r#"[^\s"'`\\]{4,}"#,
        ),
    )
    .bordered(r"(?m:^|[\s;'-])[A-Z0-9_]*")
    .if_so(is_value),
    Rule::behind(
        "password",
        "A value whose name says that it is a password, a secret or a key to an interface",
        "password={12 alnum}",
        (
            r#"(?i:(?:pass(?:word|wd|phrase|code)|secret|api[_-]?key|(?:access|auth|private|refresh|id)[_-]?token|secret[_-]?(?:access[_-]?)?key|private[_-]?key)\\*["']?\s*(?:[:=]|=>|:=)\s*\\*["']?(?:[a-z0-9_.-]*(?:pass(?:word|wd|phrase|code)|secret|api[_-]?key|(?:access|auth|private|refresh|id)[_-]?token|secret[_-]?(?:access[_-]?)?key|private[_-]?key)\\*["']?\s*(?:[:=]|=>|:=)\s*\\*["']?)*)"#,
            r#"[^\s"',;&\\]{6,}"#,
        ),
    )
    .bordered(IN_A_NAME)
    .if_so(is_value),
    Rule::behind(
        "password",
        "The short names of connection strings and of programs: `pwd=`, `db_pass=`",
        "Server=db;Uid=app;Pwd={12 alnum};",
        (r#"(?i:(?:[;&?,\s"'](?:pwd|pass|pw)|(?:db|user|root|admin|smtp|redis|mysql|pg|login|ftp|proxy)[_-]?(?:pass|pwd|pw))["']?=["']?)"#, r#"[^\s"',;&\\]{4,}"#),
    )
    .bordered("")
    .if_so(is_value),
    Rule::behind(
        "password",
        "An option of a command: `--password …`, `--token …`",
        "deploy --token {24 alnum}",
        (
            r#"(?i:(?:password|passwd|passphrase|secret|token|api-?key|access-?key|secret-?key)[= \t]+["']?)"#,
            r#"[^\s"'`<>\[\]{}|\\-][^\s"'`\\]{3,}"#,
        ),
    )
    .bordered(r#"(?m:^|[\s"'=,\[(])--?(?:[A-Za-z]+-)*"#)
    .if_so(is_argument),
    Rule::behind(
        "password",
        "An option of a program that is known for it: `curl -u user:…`, `sshpass -p …`, `mysql -p…`, `redis-cli -a …`",
        "curl -u app:{12 alnum} https://api.internal/",
        (
            r#"(?:(?:curl|wget)\b[^\r\n|]*?[ \t](?:-u|--user|--proxy-user)[= \t]*["']?[^\s:"']+:|sshpass[ \t]+-p[ \t]*["']?|(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\r\n|]*?[ \t]-p["']?|redis-cli\b[^\r\n|]*?[ \t](?:-a|--pass)[ \t]+["']?|docker[ \t]+login\b[^\r\n|]*?[ \t]-p[ \t]+["']?)"#,
            r#"[^\s"'`<>\[\]{}|\\-][^\s"'`\\]{3,}"#,
        ),
    )
    .bordered("")
    .if_so(is_value),
    Rule::behind(
        "password",
        "A statement that sets one: SQL, netrc, Redis",
        "ALTER USER app IDENTIFIED BY '{12 alnum}'",
        (
            r#"(?i:identified[ \t]+by[ \t]+(?:password[ \t]+)?\\?["']|(?:with|set|encrypted)[ \t]+password[ \t]+\\?["']|\blogin[ \t]+\S+[ \t]+password[ \t]+|\brequirepass[ \t]+|\bAUTH[ \t]+["'])"#,
            r#"[^\s"'\\]{4,}"#,
        ),
    )
    .bordered(""),
    Rule::behind(
        "probable secret",
        "A random value whose name speaks of a token, a key, a session, a signature or a credential",
        "session_token: {32 alnum}",
        (
            r#"(?i:(?:token|auth|credentials?|creds?|session(?:[_-]?(?:id|key))?|sessid|signature|hmac|otp|jwt|passcode|csrf|xsrf|(?:encryption|signing|signature|master|account|access|shared[_-]?access|storage|license|service|deploy|app|application|client|consumer|cipher|crypto|webhook|ssh|integration|routing|ingest|write|admin|root|bot|session|auth|aes|data)[_-]?key|secret[a-z_-]*|key)\\*["']?\s*(?:[:=]|=>|:=)\s*\\*["']?)"#,
            r"[A-Za-z0-9+/_~.%=-]{16,}",
        ),
    )
    .bordered(IN_A_NAME)
    .if_so(is_random),
    Rule::behind(
        "probable secret",
        "A random value directly after such a word in a sentence",
        "rejected token {32 alnum}",
        (
            r#"(?i:(?:token|credentials?|api[ _-]?key|access[ _-]key|secret(?:[ _-]key)?|password|passphrase|session(?:[ _-]?id)?|signature)[ \t]+(?:is|was|of|value|id)?[ \t]*["'`(]?)"#,
            r"[A-Za-z0-9+/_~.%=-]{16,}",
        ),
    )
    .bordered(IN_A_NAME)
    .if_so(is_random),
    Rule::token(
        "card number",
        "The number of a payment card, checked by its issuer's digits and its check digit",
        "4111 1111 1111 1111",
        r"(?:[0-9]{13,19}|[0-9]{4}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{4}|3[47][0-9]{2}[ -][0-9]{6}[ -][0-9]{5})\b",
    )
    .where_seen(has_long_number)
    .if_so(is_card_number),
    Rule::token(
        "e-mail address",
        "An e-mail address in running text",
        "ana.{6 lower}@shop.example",
        r"@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}\b",
    )
    .led_by("[A-Za-z0-9._%+-]+")
    .personal()
    .if_so(is_mailbox),
];
