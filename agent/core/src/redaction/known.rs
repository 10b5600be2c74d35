//! Keys and tokens that are known by their own form, as those who issue them publish it. They are secrets wherever
//! they stand.

use super::likely::{is_no_class, is_varied};
use super::rule::Rule;

/// In the order in which they are looked for: what holds others comes before them.
pub(super) const KNOWN: &[Rule] = &[
    Rule::token(
        "private key",
        "A private key in PEM or PGP armour, cut off or written in one line too",
        r"-----BEGIN RSA PRIVATE KEY-----\n{64 base64}\n-----END RSA PRIVATE KEY-----",
        r"(?s:-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z))",
    )
    .bordered(""),
    Rule::token(
        "private key",
        "The rest of one whose beginning was cut off",
        "{64 base64}-----END PRIVATE KEY-----",
        "-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----",
    )
    .bordered("")
    .led_by(r"(?:[A-Za-z0-9+/=]{16,}(?:\s|\\r|\\n)*)+"),
    Rule::token(
        "private key",
        "A private key in PEM, once more in base64, as Kubernetes keeps it",
        "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS{64 base64}",
        r"LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0EgUFJJVkFUR|BFQyBQUklWQVRF|BPUEVOU1NIIFBSSVZBVE|BEU0EgUFJJVkFUR|BFTkNSWVBURUQgUFJJVkFUR|BQR1AgUFJJVkFUR)[A-Za-z0-9+/=]+",
    ),
    Rule::token("private key", "A key of age", "AGE-SECRET-KEY-1{58 upper}", r"AGE-SECRET-KEY-1[0-9A-Z]{20,}"),
    Rule::token("AWS access key", "The id of an AWS key", "AKIA{16 upper}", r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    Rule::token(
        "AWS session token",
        "The token of a temporary AWS session",
        "IQoJb3JpZ2lu{120 base64}",
        r"(?:FwoGZXIvYXdz|FQoGZXIvYXdz|IQoJb3JpZ2lu)[A-Za-z0-9+/=%]{20,}",
    ),
    Rule::token(
        "GitHub token",
        "GitHub",
        "ghp_{36 alnum}",
        r"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    ),
    Rule::token(
        "GitLab token",
        "GitLab: people, deployments, runners, agents",
        "glpat-{20 url64}",
        r"(?:gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[A-Za-z0-9_-]{20,}|GR1348941[A-Za-z0-9_-]{20,})",
    ),
    Rule::token(
        "Slack token",
        "Slack",
        "xoxb-{11 digits}-{24 alnum}",
        r"(?:xox[a-z]-[A-Za-z0-9-]{10,}|xoxe\.xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,})",
    ),
    Rule::token(
        "Slack webhook",
        "An address to which anybody can post into Slack",
        "https://hooks.slack.com/services/T{10 upper}/B{10 upper}/{24 alnum}",
        r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]+",
    )
    .bordered(""),
    Rule::token(
        "webhook address",
        "An address to which anybody can post: Discord, Teams, Google Chat, Zapier, IFTTT",
        "https://discord.com/api/webhooks/{18 digits}/{68 url64}",
        r"https://(?:[a-z.]*discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]+|[a-z0-9-]+\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]+|chat\.googleapis\.com/v1/spaces/[A-Za-z0-9_-]+/messages\?[A-Za-z0-9_=&%-]+|hooks\.zapier\.com/hooks/catch/[A-Za-z0-9/]+|maker\.ifttt\.com/trigger/[A-Za-z0-9_-]+/with/key/[A-Za-z0-9_-]+)",
    )
    .bordered(""),
    Rule::token("Google API key", "Google", "AIza{35 url64}", r"AIza[A-Za-z0-9_-]{35}"),
    Rule::token(
        "Google OAuth token",
        "Google: access, refresh, and the secret of a client",
        "ya29.{60 url64}",
        r"(?:ya29\.[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,}|GOCSPX-[A-Za-z0-9_-]{20,})",
    ),
    Rule::token("Stripe key", "Stripe", "sk_live_{24 alnum}", r"[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    Rule::token(
        "webhook secret",
        "What webhooks are signed with: Stripe, Standard Webhooks",
        "whsec_{32 alnum}",
        r"whsec_[A-Za-z0-9+/=]{16,}",
    ),
    Rule::token(
        "model API key",
        "Providers of models that begin with sk-: OpenAI, Anthropic, others",
        "sk-{40 alnum}",
        r"sk-[A-Za-z0-9_-]{20,}",
    )
    .if_so(is_no_class),
    Rule::token(
        "model API key",
        "Hugging Face, Groq, xAI, Replicate, Perplexity, Fireworks",
        "hf_{34 alnum}",
        r"(?:hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{40,}|fw_[A-Za-z0-9]{22,})",
    )
    .if_so(is_no_class),
    Rule::token("Hearback token", "Hearback's own", "hb_ana1_{32 alnum}", r"hb_[A-Za-z0-9]{1,40}_[A-Za-z0-9]{20,}"),
    Rule::token("npm token", "npm", "npm_{36 alnum}", r"npm_[A-Za-z0-9]{36}\b"),
    Rule::token(
        "package registry token",
        "PyPI, RubyGems, crates.io, NuGet, Docker Hub, Clojars, Artifactory",
        "pypi-AgEIcHlwaS5vcmc{80 url64}",
        r"(?:pypi-AgE[A-Za-z0-9_-]{40,}|rubygems_[a-f0-9]{48}|cio[A-Za-z0-9]{32}\b|oy2[a-z0-9]{43}\b|dckr_[op]at_[A-Za-z0-9_-]{20,}|CLOJARS_[a-z0-9]{40,}|AKCp[A-Za-z0-9]{50,}|cmVmdGtu[A-Za-z0-9]{40,})",
    )
    .if_so(is_varied),
    Rule::token(
        "JSON web token",
        "A signed or encrypted token in three or five parts",
        "eyJ{20 url64}.eyJ{40 url64}.{43 url64}",
        r"eyJ[A-Za-z0-9_-]{8,}\.(?:eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})",
    ),
    Rule::token(
        "cloud token",
        "DigitalOcean, Heroku, Fly, Alibaba, Tencent, Databricks, PlanetScale, Supabase, Netlify, Cloudflare",
        "dop_v1_{64 hex}",
        r"(?:do[opr]_v1_[a-f0-9]{64}|HRKU-[A-Za-z0-9_-]{30,}|fm[12][ar]?_[A-Za-z0-9+/=_-]{40,}|LTAI[A-Za-z0-9]{12,26}\b|AKID[A-Za-z0-9]{32}\b|dapi[a-f0-9]{32}|pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{30,}|sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,}|nfp_[A-Za-z0-9]{36,}|v1\.0-[a-f0-9]{24}-[a-f0-9]{100,})",
    ),
    Rule::token(
        "deploy tool token",
        "Vault, Pulumi, Doppler, 1Password, CircleCI, Buildkite, Sonar, Harness",
        "hvs.{90 url64}",
        r"(?:hv[sbr]\.[A-Za-z0-9_-]{20,}|pul-[a-f0-9]{40}|dp\.(?:pt|st|sa|ct|scim|audit)\.[A-Za-z0-9_.-]{40,}|ops_eyJ[A-Za-z0-9_=-]{40,}|CCIPAT_[A-Za-z0-9]{20,}_[a-f0-9]{40}|bk(?:ua|ct|at)_[a-f0-9]{40}|sq[upa]_[a-f0-9]{40}|pat\.[A-Za-z0-9_-]{22}\.[a-f0-9]{24}\.[A-Za-z0-9]{20})",
    ),
    Rule::token(
        "observability token",
        "Grafana, New Relic, Sentry, Dynatrace, Honeycomb, PostHog",
        "glsa_{32 alnum}_{8 hex}",
        r"(?:glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/=]{32,}|eyJrIjoi[A-Za-z0-9+/=]{40,}|NRAK-[A-Z0-9]{27}|NR(?:JS|II|IQ|RA)-[A-Za-z0-9_-]{19,}|sntrys_[A-Za-z0-9+/=_-]{40,}|sntryu_[a-f0-9]{64}|dt0[a-z]{1,2}[0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}|hc[abi][a-z]{2}_[A-Za-z0-9]{40,}|ph[cx]_[A-Za-z0-9]{40,})",
    ),
    Rule::token(
        "payment token",
        "Square, Braintree, Shopify, Razorpay, Plaid, Mollie, Flutterwave",
        "sq0csp-{43 url64}",
        r"(?:sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,}|EAAA[A-Za-z0-9_-]{56,}|access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}|shp(?:at|ca|pa|ss|tka)_[a-fA-F0-9]{32}|rzp_(?:live|test)_[A-Za-z0-9]{14,}|access-(?:sandbox|development|production)-[a-f0-9]{8}-[a-f0-9-]{27}|(?:live|test)_[A-Za-z0-9]{30}\b|FLWSECK(?:_TEST)?-[A-Za-z0-9-]{20,})",
    )
    .if_so(is_no_class),
    Rule::token(
        "message service token",
        "SendGrid, Mailgun, Brevo, Twilio, Resend",
        "SG.{22 url64}.{43 url64}",
        r"(?:SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50}|key-[a-f0-9]{32}\b|xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}|SK[a-f0-9]{32}\b|re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24})",
    ),
    Rule::token(
        "work tool token",
        "Atlassian, Bitbucket, Notion, Linear, Figma, Airtable, Postman, Dropbox, Mapbox, Contentful, LaunchDarkly, HubSpot",
        "lin_api_{40 alnum}",
        r"(?:AT[AC]TT3[A-Za-z0-9_=-]{50,}|ATBB[A-Za-z0-9]{24,}|ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}\b|lin_(?:api|oauth)_[A-Za-z0-9]{40,}|fig[dour]_[A-Za-z0-9_-]{36,}|pat[A-Za-z0-9]{14}\.[a-f0-9]{64}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|sl\.(?:u\.)?[A-Za-z0-9_-]{60,}|[sp]k\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}|CFPAT-[A-Za-z0-9_-]{40,}|(?:sdk|api|mob)-[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}|pat-(?:na|eu)[0-9]-[a-f0-9]{8}-[a-f0-9-]{27})",
    ),
    Rule::token(
        "password hash",
        "What crypt, bcrypt, scrypt, Argon2 and LDAP make of a password",
        "$2b$12${53 alnum}",
        r"(?:\$(?:1|5|6|y|2[abxy]?|apr1|argon2(?:id|i|d)|scrypt)\$[A-Za-z0-9./$,=+-]{20,}|\{S?(?:SHA|SHA256|SHA512|MD5)\}[A-Za-z0-9+/=]{20,})",
    )
    .bordered(""),
    Rule::token(
        "cloud token",
        "The secret of an Azure client",
        "{3 alnum}8Q~{34 alnum}",
        r"8Q~[A-Za-z0-9_~.-]{31,34}",
    )
    .led_by(r"[A-Za-z0-9_~.-]{3}"),
    Rule::token(
        "deploy tool token",
        "Terraform Cloud",
        "{14 alnum}.atlasv1.{67 alnum}",
        r"\.atlasv1\.[A-Za-z0-9_=-]{40,}",
    )
    .led_by("[A-Za-z0-9]{14}"),
    Rule::token(
        "observability token",
        "New Relic's older keys",
        "{36 hex}NRAL",
        r"NRAL\b",
    )
    .led_by("[a-f0-9]{32}[a-fF0-9]{4}"),
    Rule::token(
        "message service token",
        "Mailchimp",
        "{32 hex}-us12",
        r"-us[0-9]{1,2}\b",
    )
    .led_by("[a-f0-9]{32}"),
    Rule::token(
        "message service token",
        "Telegram",
        "{10 digits}:AA{33 url64}",
        r":AA[A-Za-z0-9_-]{32,34}",
    )
    .led_by("[0-9]{8,10}"),
];
