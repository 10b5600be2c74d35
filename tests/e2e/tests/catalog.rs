//! `hearback catalog` as a user sees it: a catalog of TOML and Backstage files over a repository with CODEOWNERS.
//! The schemas below are the contract of `--json`: fields may be added, none goes away or changes its meaning.

use anyhow::{Context as _, Result};
use hearback_e2e::Home;
use serde_json::{Value, json};

const CONFIGURATION: &str = r#"
[catalog]
files = ["web.toml", "shop/**/catalog-info.yaml"]

[[repository]]
path = "shop"

[[service]]
name = "checkout"
aliases = ["checkoutservice"]
paths = ["services/checkout/", "libs/pricing/", "services/gone/"]
tier = 1
owner = "team-checkout"
depends_on = ["cart", "payments"]
signals = { errors = "rate(http_errors[1m])" }
"#;

const WEB: &str = r#"
[[service]]
name = "web"
tier = 7
runbook = "ask ann"
depends_on = ["checkoutservice"]
"#;

const SHOP: &str = "
kind: Resource
metadata: {name: cart-db}
spec: {type: database, owner: platform}
---
kind: Component
metadata: {name: checkout}
spec: {type: service, owner: payments, dependsOn: [payments]}
---
kind: Group
metadata: {name: platform}
---
kind: Location
spec: {targets: ['https://shop.example/all.yaml']}
";

const CART: &str = "
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: cart
  title: Shopping Cart
  labels: {shop.example/tier: '2'}
  annotations: {pagerduty.com/service-id: PCART}
  links: [{url: 'https://wiki.shop.example/cart', title: Runbook}]
spec:
  type: service
  owner: group:default/platform
  dependsOn: [resource:cart-db, component:checkout]
";

const CODEOWNERS: &str =
    "* @shop/platform\n/services/checkout/ @shop/team-checkout\n*.md @shop/writers\n!bad @x\n";

/// A home with the configuration and the repository `shop`, all committed.
fn home() -> Result<Home> {
    let home = Home::new()?;
    for (path, text) in [
        ("hearback.toml", CONFIGURATION),
        ("web.toml", WEB),
        ("shop/catalog-info.yaml", SHOP),
        ("shop/services/cart/catalog-info.yaml", CART),
        ("shop/services/cart/main.go", ""),
        ("shop/services/checkout/main.go", ""),
        ("shop/services/checkout/README.md", ""),
        ("shop/libs/pricing/price.go", ""),
        ("shop/tools/release.sh", ""),
        ("shop/docs/a.md", ""),
        ("shop/.github/CODEOWNERS", CODEOWNERS),
    ] {
        let path = home.path(path);
        std::fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        std::fs::write(path, text)?;
    }
    let git = "cd shop && git init -q -b main && git add -A && \
               git -c user.name=Ana -c user.email=ana@shop.example commit -qm Import";
    home.shell(git)?.ok()?;
    Ok(home)
}

fn follows(schema: &Value, value: &Value) -> Result<()> {
    let validator = jsonschema::validator_for(schema)?;
    let errors: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}: {value}");
    Ok(())
}

fn strings() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

/// A problem; `kind` is one of the snake-case names of `ProblemKind` in agent/core, to which more may come.
fn problems() -> Value {
    let problem = json!({
        "type": "object",
        "required": ["level", "kind", "services", "says"],
        "properties": {
            "level": {"enum": ["error", "gap"]},
            "kind": {"type": "string", "pattern": "^[a-z_]+$"},
            "services": strings(),
            "says": {"type": "string", "minLength": 10}
        }
    });
    json!({"type": "array", "items": problem})
}

fn service() -> Value {
    let text = json!({"type": ["string", "null"]});
    json!({
        "type": "object",
        "required": ["name", "kind", "aliases", "tier", "owner", "on_call", "runbook", "dashboards", "depends_on",
                     "repositories", "paths", "signals", "said_by"],
        "properties": {
            "name": {"type": "string"},
            "kind": {"enum": ["service", "resource"]},
            "aliases": strings(),
            "tier": {"type": ["integer", "null"]},
            "owner": text, "on_call": text, "runbook": text,
            "dashboards": strings(), "depends_on": strings(), "repositories": strings(), "paths": strings(),
            "signals": {"type": "object", "additionalProperties": {"type": "string"}},
            "said_by": strings()
        }
    })
}

/// `catalog show SERVICE` adds what stands around it.
fn whole_service() -> Value {
    let reached = json!({"type": "array", "items": {
        "type": "object",
        "required": ["service", "hops"],
        "properties": {"service": {"type": "string"}, "hops": {"type": "integer", "minimum": 1}}
    }});
    let code = json!({"type": "array", "items": {
        "type": "object",
        "required": ["path", "repository", "files", "owners", "files_of_nobody"],
        "properties": {
            "files": {"type": "integer", "minimum": 1},
            "owners": {"type": "array", "items": {"type": "object", "required": ["owner", "files"]}},
            "files_of_nobody": {"type": "integer"}
        }
    }});
    json!({"allOf": [service(), {
        "required": ["needs", "dependents", "code", "problems"],
        "properties": {"needs": reached, "dependents": reached, "code": code, "problems": problems()}
    }]})
}

#[test]
fn the_table_and_one_service_read_well() -> Result<()> {
    let home = home()?;
    insta::assert_snapshot!("catalog_show", home.run(["catalog", "show"])?.ok()?);
    let one = home.run(["catalog", "show", "CheckoutService"])?.ok()?;
    insta::assert_snapshot!("catalog_show_checkout", one);
    let unknown = home.run(["catalog", "show", "chekout"])?;
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("chekout is not in the catalog; did you mean checkout?"), "{}", unknown.err);
    Ok(())
}

#[test]
fn the_check_tells_errors_and_gaps_and_only_errors_fail() -> Result<()> {
    let home = home()?;
    let checked = home.run(["catalog", "check"])?;
    assert_eq!(checked.code, Some(1), "{}", checked.err);
    insta::assert_snapshot!("catalog_check", checked.out);
    let doctor = home.run(["doctor"])?.out;
    assert!(doctor.contains("BROKEN catalog: 4 services of 4 files, 2 errors"), "{doctor}");
    std::fs::write(home.path("web.toml"), "[[service]]\nname = \"web\"\n")?;
    let out = home.run(["catalog", "check"])?.ok()?;
    assert!(out.contains("\nNo errors, ") && !out.contains("ERROR"), "{out}");
    assert!(home.run(["doctor"])?.out.contains("ok     catalog: 4 services of 4 files"));
    Ok(())
}

#[test]
fn json_follows_its_schema() -> Result<()> {
    let home = home()?;
    let all = home.run(["catalog", "show", "--json"])?.json()?;
    let schema = json!({"required": ["files", "services"],
                        "properties": {"files": strings(), "services": {"type": "array", "items": service()}}});
    follows(&schema, &all)?;
    let names: Vec<&str> =
        all["services"].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["checkout", "cart", "web", "cart-db"], "tier 1 first, no tier last");
    let cart = home.run(["catalog", "show", "Shopping Cart", "--json"])?.json()?;
    follows(&whole_service(), &cart)?;
    assert_eq!(cart["paths"], json!(["shop:services/cart/"]), "from where its file lies");
    assert_eq!(cart["code"][0]["owners"], json!([{"owner": "@shop/platform", "files": 2}]));
    assert_eq!(
        cart["dependents"],
        json!([{"service": "checkout", "hops": 1}, {"service": "web", "hops": 2}])
    );
    let checked: Value = serde_json::from_str(&home.run(["catalog", "check", "--json"])?.out)?;
    let schema = json!({
        "required": ["services", "files", "repositories", "errors", "gaps", "problems"],
        "properties": {"services": {"type": "integer"}, "files": strings(), "repositories": strings(),
                       "errors": {"type": "integer"}, "gaps": {"type": "integer"}, "problems": problems()}
    });
    follows(&schema, &checked)?;
    assert_eq!((&checked["services"], &checked["errors"]), (&json!(4), &json!(2)));
    Ok(())
}

#[test]
fn a_bare_repository_and_a_broken_catalog_file_still_give_an_answer() -> Result<()> {
    let home = home()?;
    home.shell("git clone -q --bare shop bare.git && rm -rf shop")?.ok()?;
    std::fs::write(
        home.path("hearback.toml"),
        "[catalog]\nfiles = [\"broken.toml\", \"broken.yaml\", \"gone.toml\"]\n[[repository]]\npath = \"bare.git\"\n\
         [[service]]\nname = \"checkout\"\npaths = [\"services/checkout/\"]\n",
    )?;
    std::fs::write(home.path("broken.toml"), "[[service]]\nnme = \"x\"\n")?;
    std::fs::write(home.path("broken.yaml"), "a: [")?;
    let out = home.run(["catalog", "show", "checkout"])?.ok()?;
    assert!(out.contains("2 files in bare, CODEOWNERS: @shop/team-checkout 1, @shop/writers 1"), "{out}");
    let checked = home.run(["catalog", "check"])?;
    assert_eq!(checked.code, Some(1));
    for says in [
        "ERROR  broken.toml, line 2, column 1: unknown field `nme`",
        "ERROR  broken.yaml: line 1: ",
        "ERROR  gone.toml: there is no such file; correct [catalog] files",
    ] {
        assert!(checked.out.contains(says), "{says}: {}", checked.out);
    }
    home.run(["ask", "--since", "7d"])?.ok()?;
    Ok(())
}

#[test]
fn the_example_has_no_error() -> Result<()> {
    let home = Home::new()?;
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/catalog.example.toml");
    std::fs::copy(example, home.path("catalog.toml"))?;
    std::fs::write(home.path("hearback.toml"), "[catalog]\nfiles = [\"*.toml\"]\n")?;
    // The pattern finds hearback.toml as well, which is no catalog.
    let run = home.run(["catalog", "check"])?;
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("ERROR  hearback.toml, line 1, column "), "{}", run.out);
    std::fs::write(home.path("hearback.toml"), "[catalog]\nfiles = [\"catalog.toml\"]\n")?;
    let out = home.run(["catalog", "check"])?.ok()?;
    assert!(out.contains("No errors, ") && out.contains("Checked: 4 services of catalog.toml"), "{out}");
    Ok(())
}

#[test]
fn an_empty_catalog_says_how_to_begin() -> Result<()> {
    let home = Home::new()?;
    for command in ["show", "check"] {
        let out = home.run(["catalog", command])?.ok()?;
        assert!(out.contains("Add [[service]] sections or [catalog] files"), "{out}");
    }
    Ok(())
}
