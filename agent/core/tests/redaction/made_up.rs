//! Made-up secrets, in the forms that those who issue them publish. They are put together from parts: no literal here
//! is one. It must not know the rules.

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGITS: &str = "0123456789";

/// A generator whose values never change (the multiplier of Knuth's MMIX, its high bits).
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        let mut chance = Chance(seed ^ 0x9e37_79b9_7f4a_7c15);
        for _ in 0..4 {
            chance.below(2);
        }
        chance
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    pub fn of(&mut self, letters: &str, count: usize) -> String {
        (0..count).map(|_| *self.pick(letters.as_bytes()) as char).collect()
    }

    /// As people and generators of passwords choose them.
    fn password(&mut self) -> String {
        match self.below(5) {
            0 => format!(
                "{}{}",
                self.pick(&["hunter", "summer", "Winter", "dragon", "letmein"]),
                self.below(900) + 10
            ),
            1 => format!(
                "{}-{}-{}",
                self.pick(&["correct", "purple"]),
                self.pick(&["horse", "monkey"]),
                self.pick(&["battery", "staple"])
            ),
            2 => self.of("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#%*+-_.?", 14),
            3 => self.of(ALNUM, 20),
            _ => format!("{}!{}", self.pick(&["Sommer", "P4ssw0rt", "S3cure"]), self.below(9000) + 1000),
        }
    }

    fn uuid(&mut self) -> String {
        format!(
            "{}-{}-4{}-b{}-{}",
            self.of(HEX, 8),
            self.of(HEX, 4),
            self.of(HEX, 3),
            self.of(HEX, 3),
            self.of(HEX, 12)
        )
    }

    /// `lines` of base64 as armour wraps it.
    fn armour(&mut self, lines: usize) -> Vec<String> {
        (0..lines).map(|_| self.of(BASE64, 64)).collect()
    }
}

/// How a secret is known to be one.
pub enum Shape {
    /// By its own form: this text may stand anywhere.
    Anywhere(String),
    /// By its name.
    Named(&'static str),
    /// By all of the text, which is a line by itself.
    Whole(String),
}

/// A secret: what must not be left, and how it stands.
pub struct Secret {
    pub values: Vec<String>,
    pub shape: Shape,
}

/// A kind of secret.
pub struct Kind {
    pub name: &'static str,
    pub make: fn(&mut Chance) -> Secret,
}

fn bare(value: String) -> Secret {
    Secret { shape: Shape::Anywhere(value.clone()), values: vec![value] }
}

/// `text` holds `value` and may stand anywhere.
fn within(value: String, text: String) -> Secret {
    Secret { values: vec![value], shape: Shape::Anywhere(text) }
}

fn whole(value: String, text: String) -> Secret {
    Secret { values: vec![value], shape: Shape::Whole(text) }
}

fn named(name: &'static str, value: String) -> Secret {
    Secret { values: vec![value], shape: Shape::Named(name) }
}

/// Armour around lines; `between` is how lines end.
fn pem(label: &str, lines: Vec<String>, between: &str) -> Secret {
    let (begin, end) = (format!("-----{} {label}-----", "BEGIN"), format!("-----{} {label}-----", "END"));
    let text = format!("{begin}{between}{}{between}{end}", lines.join(between));
    Secret { values: lines, shape: Shape::Whole(text) }
}

macro_rules! kinds {
    ($($name:literal => |$chance:ident| $make:expr;)*) => {
        &[$(Kind { name: $name, make: |$chance| $make }),*]
    };
}

/// Every kind, with how one is made.
pub const KINDS: &[Kind] = kinds! {
    "AWS key id" => |c| bare(format!("AKIA{}", c.of(UPPER, 16)));
    "AWS temporary key id" => |c| bare(format!("ASIA{}", c.of(UPPER, 16)));
    "AWS secret key" => |c| named("aws_secret_access_key", c.of(BASE64, 40));
    "AWS session token" => |c| named("aws_session_token", format!("IQoJb3JpZ2luX2Vj{}", c.of(BASE64, 220)));
    "GitHub token" => |c| { let p = *c.pick(&["ghp", "gho", "ghs", "ghr"]); bare(format!("{p}_{}", c.of(ALNUM, 36))) };
    "GitHub fine-grained token" => |c| bare(format!("github_{}_{}_{}", "pat", c.of(ALNUM, 22), c.of(ALNUM, 59)));
    "GitLab token" => |c| bare(format!("{}-{}", "glpat", c.of(URL64, 20)));
    "GitLab runner token" => |c| bare(format!("{}-{}", "glrt", c.of(URL64, 20)));
    "Slack bot token" => |c| bare(format!("{}-{}-{}-{}", "xoxb", c.of(DIGITS, 12), c.of(DIGITS, 12), c.of(ALNUM, 24)));
    "Slack app token" => |c| bare(format!("{}-1-A{}-{}-{}", "xapp", c.of(UPPER, 10), c.of(DIGITS, 13), c.of(HEX, 64)));
    "Slack webhook" => |c| { let v = c.of(ALNUM, 24); within(v.clone(), format!("https://hooks.slack.com/{}/T{}/B{}/{v}", "services", c.of(UPPER, 8), c.of(UPPER, 10))) };
    "Discord webhook" => |c| { let v = c.of(URL64, 68); within(v.clone(), format!("https://discord.com/api/{}/{}/{v}", "webhooks", c.of(DIGITS, 18))) };
    "Teams webhook" => |c| { let v = c.of(HEX, 32); within(v.clone(), format!("https://shop.webhook.office.com/webhookb2/{}@{}/IncomingWebhook/{v}/{}", c.uuid(), c.uuid(), c.uuid())) };
    "Google API key" => |c| bare(format!("{}{}", "AIza", c.of(URL64, 35)));
    "Google client secret" => |c| bare(format!("{}-{}", "GOCSPX", c.of(URL64, 28)));
    "Google access token" => |c| bare(format!("{}.a0{}", "ya29", c.of(URL64, 120)));
    "Stripe key" => |c| { let p = *c.pick(&["sk_live", "rk_live", "sk_test"]); bare(format!("{p}_{}", c.of(ALNUM, 24))) };
    "webhook secret" => |c| bare(format!("{}_{}", "whsec", c.of(ALNUM, 32)));
    "OpenAI key" => |c| bare(format!("{}-proj-{}", "sk", c.of(URL64, 64)));
    "Anthropic key" => |c| bare(format!("{}-ant-api03-{}AA", "sk", c.of(URL64, 93)));
    "Hugging Face token" => |c| bare(format!("{}_{}", "hf", c.of(ALNUM, 34)));
    "Hearback token" => |c| bare(format!("{}_ops{}_{}", "hb", c.of(LOWER, 4), c.of(ALNUM, 32)));
    "npm token" => |c| bare(format!("{}_{}", "npm", c.of(ALNUM, 36)));
    "npmrc" => |c| { let v = c.uuid(); whole(v.clone(), format!("//registry.shop.example/:_authToken={v}")) };
    "PyPI token" => |c| bare(format!("{}-AgEIcHlwaS5vcmc{}", "pypi", c.of(URL64, 150)));
    "RubyGems key" => |c| bare(format!("{}_{}", "rubygems", c.of(HEX, 48)));
    "Docker Hub token" => |c| bare(format!("{}_pat_{}", "dckr", c.of(URL64, 27)));
    "Docker login" => |c| { let v = c.of(BASE64, 44); whole(v.clone(), format!("{{\"auths\":{{\"registry.shop.example\":{{\"auth\":\"{v}\"}}}}}}")) };
    "JSON web token" => |c| bare(format!("{}hbGciOiJIUzI1NiJ9.{}{}.{}", "eyJ", "eyJ", c.of(URL64, 80), c.of(URL64, 43)));
    "bearer token" => |c| { let v = c.of(URL64, 40); within(v.clone(), format!("Authorization: Bearer {v}")) };
    "bearer token in JSON" => |c| { let v = c.of(URL64, 40); whole(v.clone(), format!("{{\"headers\":{{\"Authorization\":\"Bearer {v}\",\"Accept\":\"*/*\"}}}}")) };
    "basic authorization" => |c| { let v = format!("{}==", c.of(BASE64, 26)); whole(v.clone(), format!("curl -H 'Authorization: Basic {v}' https://api.internal/v1/orders")) };
    "token authorization" => |c| { let v = c.of(HEX, 40); within(v.clone(), format!("Authorization: Token {v}")) };
    "digest authorization" => |c| { let v = c.of(HEX, 32); whole(v.clone(), format!("Authorization: Digest username=\"app\", realm=\"shop\", uri=\"/v1\", response=\"{v}\"")) };
    "AWS signature" => |c| { let v = c.of(HEX, 64); whole(v.clone(), format!("authorization: AWS4-HMAC-SHA256 Credential=app/20260301/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature={v}")) };
    "Splunk token" => |c| { let v = c.uuid(); whole(v.clone(), format!("> Authorization: Splunk {v}")) };
    "cookie" => |c| { let v = c.of(HEX, 32); whole(v.clone(), format!("Cookie: theme=dark; sid={v}; lang=de")) };
    "cookie in JSON" => |c| { let v = c.of(URL64, 44); whole(v.clone(), format!("{{\"cookie\":\"_ga=GA1.2.3; shop_session={v}\",\"host\":\"shop.example\"}}")) };
    "set-cookie" => |c| { let v = c.of(URL64, 32); whole(v.clone(), format!("< Set-Cookie: shop_session={v}; Path=/; HttpOnly; Secure")) };
    "Java session" => |c| { let v = c.of(HEX, 32).to_uppercase(); within(v.clone(), format!("/cart;JSESSIONID={v}")) };
    "PostgreSQL address" => |c| { let v = c.password(); within(v.clone(), format!("postgresql://app:{v}@db.internal:5432/shop?sslmode=require")) };
    "MongoDB address" => |c| { let v = c.password(); within(v.clone(), format!("mongodb+srv://app:{v}@cluster0.mongo.internal/shop")) };
    "Redis address" => |c| { let v = c.password(); within(v.clone(), format!("redis://:{v}@cache.internal:6379/0")) };
    "AMQP address" => |c| { let v = c.password(); within(v.clone(), format!("amqps://app:{v}@mq.internal/shop")) };
    "address with a token" => |c| { let v = c.of(ALNUM, 40); within(v.clone(), format!("https://x-access-token:{v}@git.internal/shop/cart.git")) };
    "JDBC address" => |c| { let v = c.of(ALNUM, 16); whole(v.clone(), format!("Connecting to jdbc:postgresql://db.internal:5432/shop?user=app&password={v}&ssl=true")) };
    "ADO connection string" => |c| { let v = c.of(ALNUM, 16); whole(v.clone(), format!("ConnectionString=\"Server=tcp:db.internal,1433;Initial Catalog=shop;User ID=app;Password={v};Encrypt=True;\"")) };
    "ODBC connection string" => |c| { let v = c.of(ALNUM, 12); whole(v.clone(), format!("Driver={{PostgreSQL}};Server=db.internal;Uid=app;Pwd={v};")) };
    "Azure storage key" => |c| { let v = c.of(BASE64, 86); whole(v.clone(), format!("DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={v}==;EndpointSuffix=core.windows.net")) };
    "Azure shared access" => |c| { let v = c.of(ALNUM, 43); whole(v.clone(), format!("GET https://shop.blob.core.windows.net/invoices/1.pdf?sv=2023-11-03&sr=b&sp=r&sig={v}%3D 200")) };
    "signed S3 address" => |c| { let v = c.of(HEX, 64); whole(v.clone(), format!("redirect to https://shop.s3.amazonaws.com/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=300&X-Amz-Signature={v}")) };
    "signed Google address" => |c| { let v = c.of(HEX, 128); whole(v.clone(), format!("https://storage.googleapis.com/shop/x?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature={v}")) };
    "RSA private key" => |c| { let l = c.armour(6); pem("RSA PRIVATE KEY", l, "\n") };
    "private key in JSON" => |c| { let l = c.armour(6); pem("PRIVATE KEY", l, "\\n") };
    "OpenSSH private key" => |c| { let l = c.armour(5); pem("OPENSSH PRIVATE KEY", l, "\r\n") };
    "PGP private key" => |c| { let l = c.armour(5); pem("PGP PRIVATE KEY BLOCK", l, "\n") };
    "private key that was cut off" => |c| { let l = c.armour(3); whole(l[1].clone(), format!("-----{} EC PRIVATE KEY-----\n{}", "BEGIN", l.join("\n"))) };
    "private key in base64" => |c| { let v = c.of(BASE64, 200); whole(v.clone(), format!("data:\n  tls.key: {}BSU0EgUFJJVkFURSBLRVkt{v}\n  tls.crt: x", "LS0tLS1CRUdJTi")) };
    "age key" => |c| bare(format!("AGE-SECRET-{}-1{}", "KEY", c.of(UPPER, 58)));
    "password" => |c| { let v = c.password(); named("db_password", v) };
    "password of one's own" => |c| { let v = c.password(); named("password", v) };
    "passphrase" => |c| { let v = c.password(); named("key_passphrase", v) };
    "client secret" => |c| { let v = c.of(URL64, 36); named("client_secret", v) };
    "API key" => |c| { let v = c.of(HEX, 32); named("dd_api_key", v) };
    "application key" => |c| { let v = c.of(HEX, 40); named("dd_application_key", v) };
    "access token" => |c| { let v = c.of(ALNUM, 40); named("access_token", v) };
    "refresh token" => |c| { let v = c.of(URL64, 64); named("refresh_token", v) };
    "session token" => |c| { let v = c.of(ALNUM, 32); named("session_token", v) };
    "session key" => |c| { let v = c.of(HEX, 48); named("session_key", v) };
    "encryption key" => |c| { let v = c.of(HEX, 64); named("encryption_key", v) };
    "Rails secret" => |c| { let v = c.of(HEX, 128); named("secret_key_base", v) };
    "Django secret" => |c| { let v = c.of("abcdefghijklmnopqrstuvwxyz0123456789!@#%*(-_=+)", 50); whole(v.clone(), format!("SECRET_KEY = 'django-insecure-{v}'")) };
    "one-time password secret" => |c| { let v = c.of(BASE32, 32); whole(v.clone(), format!("otpauth://totp/Shop:ana?secret={v}&issuer=Shop")) };
    "Heroku key" => |c| { let v = c.uuid(); named("heroku_api_key", v) };
    "Consul token" => |c| { let v = c.uuid(); named("consul_http_token", v) };
    "CSRF token" => |c| { let v = c.of(ALNUM, 64); named("csrf_token", v) };
    "option of a command" => |c| { let v = c.password(); whole(v.clone(), format!("+ helm upgrade checkout ./chart --set image.tag=1.4.2 --password {v} --wait")) };
    "token option" => |c| { let v = c.of(ALNUM, 32); whole(v.clone(), format!("$ deploy --env prod --token {v} --verbose")) };
    "curl user" => |c| { let v = c.password(); whole(v.clone(), format!("curl -sS -u app:{v} https://api.internal/v1/orders")) };
    "mysql option" => |c| { let v = c.of(ALNUM, 12); whole(v.clone(), format!("sh -c mysqldump -h db.internal -u app -p{v} shop")) };
    "sshpass" => |c| { let v = c.password(); whole(v.clone(), format!("sshpass -p '{v}' ssh deploy@10.0.3.17")) };
    "SQL password" => |c| { let v = c.of(ALNUM, 14); whole(v.clone(), format!("STATEMENT:  ALTER USER app WITH PASSWORD '{v}'")) };
    "MySQL password" => |c| { let v = c.of(ALNUM, 14); whole(v.clone(), format!("Query\tCREATE USER 'app'@'%' IDENTIFIED BY '{v}'")) };
    "netrc" => |c| { let v = c.password(); whole(v.clone(), format!("machine git.internal login app password {v}")) };
    "bcrypt hash" => |c| bare(format!("$2b$12${}", c.of(ALNUM, 53)));
    "shadow hash" => |c| { let v = c.of(ALNUM, 86); whole(v.clone(), format!("app:$6${}${v}:19800:0:99999:7:::", c.of(ALNUM, 16))) };
    "Argon2 hash" => |c| { let v = c.of(BASE64, 43); within(v.clone(), format!("$argon2id$v=19$m=65536,t=3,p=4${}${v}", c.of(BASE64, 22))) };
    "Vault token" => |c| bare(format!("{}.{}", "hvs", c.of(URL64, 90)));
    "Terraform token" => |c| { let v = c.of(ALNUM, 67); within(v.clone(), format!("{}.{}.{v}", c.of(ALNUM, 14), "atlasv1")) };
    "DigitalOcean token" => |c| bare(format!("{}_v1_{}", "dop", c.of(HEX, 64)));
    "Databricks token" => |c| bare(format!("{}{}", "dapi", c.of(HEX, 32)));
    "Azure client secret" => |c| bare(format!("{}8Q~{}", c.of(ALNUM, 3), c.of(ALNUM, 34)));
    "Alibaba key" => |c| bare(format!("{}{}", "LTAI", c.of(ALNUM, 20)));
    "Grafana token" => |c| bare(format!("{}_{}_{}", "glsa", c.of(ALNUM, 32), c.of(HEX, 8)));
    "New Relic key" => |c| bare(format!("{}-{}", "NRAK", c.of(UPPER, 27)));
    "Sentry address" => |c| { let v = c.of(HEX, 32); within(v.clone(), format!("https://{v}@o{}.ingest.sentry.io/{}", c.of(DIGITS, 6), c.of(DIGITS, 7))) };
    "Dynatrace token" => |c| { let v = c.of(UPPER, 64); within(v.clone(), format!("{}c01.{}.{v}", "dt0", c.of(UPPER, 24))) };
    "SendGrid key" => |c| bare(format!("{}.{}.{}", "SG", c.of(URL64, 22), c.of(URL64, 43)));
    "Twilio key" => |c| bare(format!("{}{}", "SK", c.of(HEX, 32)));
    "Twilio secret" => |c| { let v = c.of(HEX, 32); named("twilio_auth_token", v) };
    "Telegram token" => |c| { let v = c.of(URL64, 33); within(v.clone(), format!("{}:{}{v}", c.of("123456789", 10), "AA")) };
    "Mailgun key" => |c| bare(format!("{}-{}", "key", c.of(HEX, 32)));
    "Square token" => |c| bare(format!("{}{}", "EAAA", c.of(URL64, 60)));
    "Shopify token" => |c| bare(format!("{}_{}", "shpat", c.of(HEX, 32)));
    "Atlassian token" => |c| bare(format!("{}3xFfGF0{}={}", "ATATT", c.of(URL64, 160), c.of(HEX, 8).to_uppercase()));
    "Linear key" => |c| bare(format!("{}_api_{}", "lin", c.of(ALNUM, 40)));
    "Notion token" => |c| bare(format!("{}_{}", "ntn", c.of(ALNUM, 46)));
    "CircleCI token" => |c| bare(format!("{}_{}_{}", "CCIPAT", c.of(ALNUM, 22), c.of(HEX, 40)));
    "e-mail address" => |c| { let v = format!("{}.{}", c.pick(&["ana", "otto", "li"]), c.of("abcdefghijklmnop", 8)); within(v.clone(), format!("{v}@{}", c.pick(&["shop.example", "mail.kestrel.co.uk"]))) };
    "card number" => |c| { let v = card(c); bare(v) };
};

/// A number of a card: an issuer's first digits, and a check digit by Luhn.
fn card(chance: &mut Chance) -> String {
    let (start, length) = *chance.pick(&[("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16)]);
    let mut number = start.to_owned();
    number.push_str(&chance.of(DIGITS, length - 1 - start.len()));
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 1 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    number.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    match (length, chance.below(3)) {
        (16, 0) => number
            .as_bytes()
            .chunks(4)
            .map(|four| std::str::from_utf8(four).unwrap())
            .collect::<Vec<_>>()
            .join(" "),
        (16, 1) => number
            .as_bytes()
            .chunks(4)
            .map(|four| std::str::from_utf8(four).unwrap())
            .collect::<Vec<_>>()
            .join("-"),
        _ => number,
    }
}
