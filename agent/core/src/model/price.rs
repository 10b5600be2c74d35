//! What models cost: tokens, rates, money. Everything is whole numbers, so a sum of ten thousand calls is exact. It must not
//! know where a price comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits after the point of a rate: millionths of the currency's unit.
const RATE_DIGITS: usize = 6;
/// Digits after the point of a cost: a token at a rate that counts millionths for a million tokens.
const COST_DIGITS: usize = 12;

/// The text is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {what}")]
pub struct BadAmount {
    what: &'static str,
    text: String,
}

impl BadAmount {
    fn of(what: &'static str, text: &str) -> Self {
        BadAmount { what, text: text.chars().filter(|c| !c.is_control()).take(40).collect() }
    }
}

/// `12.5` with `digits` after the point, as a whole number. None if it is something else, or does not fit.
fn parse_decimal(text: &str, digits: usize) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || fraction.len() > digits || whole.len() > 20 {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

/// The whole number with its point, without zeros at the end.
fn write_decimal(value: u128, digits: usize) -> String {
    let text = format!("{value:0>width$}", width = digits + 1);
    let (whole, fraction) = text.split_at(text.len() - digits);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// A currency by its three letters (ISO 4217): `USD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency([u8; 3]);

impl FromStr for Currency {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let letters: Option<[u8; 3]> = text.as_bytes().try_into().ok();
        let upper = letters.filter(|letters| letters.iter().all(u8::is_ascii_uppercase));
        upper.map(Currency).ok_or_else(|| BadAmount::of("a currency such as USD", text))
    }
}

impl TryFrom<String> for Currency {
    type Error = BadAmount;

    fn try_from(text: String) -> Result<Self, BadAmount> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.to_string()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

/// Money for a million tokens, in millionths of the currency's unit. Written `0.15`, with at most six digits after the point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// A rate of `micros` millionths for a million tokens.
    pub fn from_micros(micros: u64) -> Self {
        Rate(micros)
    }

    /// The millionths.
    pub fn micros(self) -> u64 {
        self.0
    }

    /// What `tokens` cost, in millionths of millionths.
    fn of(self, tokens: u64) -> u128 {
        u128::from(self.0) * u128::from(tokens)
    }
}

impl FromStr for Rate {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let micros = parse_decimal(text.trim(), RATE_DIGITS).and_then(|micros| u64::try_from(micros).ok());
        micros.map(Rate).ok_or_else(|| {
            BadAmount::of(
                "a price for a million tokens such as 0.15 (at most six digits after the point)",
                text,
            )
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&write_decimal(u128::from(self.0), RATE_DIGITS))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl Visitor<'_> for Written {
            type Value = Rate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price for a million tokens such as 0.15")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Rate, E> {
                self.visit_str(&whole.to_string())
            }

            fn visit_i64<E: de::Error>(self, whole: i64) -> Result<Rate, E> {
                self.visit_str(&whole.to_string())
            }

            /// A number of a configuration file. It is printed with the fewest digits that give it back, which are the
            /// ones that somebody wrote.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(Written)
    }
}

/// What a model asks for its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// For a million tokens read.
    pub input_per_million: Rate,
    /// For a million tokens read that its server had kept from before.
    pub cached_input_per_million: Rate,
    /// For a million tokens written.
    pub output_per_million: Rate,
    /// In which money.
    pub currency: Currency,
}

impl Price {
    /// What `usage` costs, to the last digit.
    pub fn cost(&self, usage: &Usage) -> Cost {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let picos = self.input_per_million.of(usage.input_tokens - cached)
            + self.cached_input_per_million.of(cached)
            + self.output_per_million.of(usage.output_tokens);
        Cost { picos, currency: self.currency }
    }
}

/// Tokens, as the server counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read, those that were kept included.
    pub input_tokens: u64,
    /// Of those, the ones that its server had kept from before.
    pub cached_input_tokens: u64,
    /// Tokens written, hidden reasoning included.
    pub output_tokens: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_input_tokens = self.cached_input_tokens.saturating_add(other.cached_input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}

/// Money that was spent, exact. Its JSON form is text: a number of JSON would be rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Millionths of millionths of the currency's unit.
    #[serde(rename = "amount", with = "decimal")]
    picos: u128,
    /// In which money.
    currency: Currency,
}

impl Cost {
    /// In which money.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The whole millionths of the currency's unit, rounded up: what was spent is never told as less.
    pub fn micros(&self) -> u64 {
        u64::try_from(self.picos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// The exact amount without its currency: `0.012345678901`.
    pub fn exact(&self) -> String {
        write_decimal(self.picos, COST_DIGITS)
    }
}

/// For people: two digits after the point from 1 on, four below, rounded half up; never nothing where there was something.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: u32 = if self.picos >= 10_u128.pow(12) { 2 } else { 4 };
        let unit = 10_u128.pow(12 - digits);
        let rounded = self.picos.saturating_add(unit / 2) / unit;
        let least = if rounded == 0 && self.picos > 0 { "under " } else { "" };
        let shown = if least.is_empty() { rounded } else { 1 };
        let ten = 10_u128.pow(digits);
        let width = usize::try_from(digits).unwrap_or_default();
        f.pad(&format!("{least}{}.{:0>width$} {}", shown / ten, shown % ten, self.currency))
    }
}

mod decimal {
    use super::{
        BadAmount, COST_DIGITS, Deserialize as _, Deserializer, Serializer, de, parse_decimal, write_decimal,
    };

    pub(super) fn serialize<S: Serializer>(picos: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&write_decimal(*picos, COST_DIGITS))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        let amount = parse_decimal(&text, COST_DIGITS);
        amount.ok_or_else(|| de::Error::custom(BadAmount::of("an amount of money such as 0.0123", &text)))
    }
}

/// What some requests cost together. It says how much of that is not known, so that no sum is told as more than it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Requests that were sent and whose answer began: each may have cost something.
    pub requests: u32,
    /// Of those, the ones whose server did not say how many tokens it counted.
    pub unmetered: u32,
    /// Of the others, the ones whose model has no price here.
    pub unpriced: u32,
    /// The tokens that are known.
    pub usage: Usage,
    /// The money that is known, one amount a currency.
    pub costs: Vec<Cost>,
}

impl Spent {
    /// One request: what its server counted, if it said so, at this price, if there is one.
    pub fn once(usage: Option<Usage>, price: Option<&Price>) -> Self {
        let Some(usage) = usage else { return Spent { requests: 1, unmetered: 1, ..Spent::default() } };
        let costs: Vec<Cost> = price.map(|price| price.cost(&usage)).into_iter().collect();
        Spent { requests: 1, unmetered: 0, unpriced: u32::from(costs.is_empty()), usage, costs }
    }

    /// Whether all tokens and all money are known.
    pub fn is_whole(&self) -> bool {
        self.unmetered == 0 && self.unpriced == 0
    }
}

impl AddAssign<&Spent> for Spent {
    fn add_assign(&mut self, other: &Spent) {
        self.requests = self.requests.saturating_add(other.requests);
        self.unmetered = self.unmetered.saturating_add(other.unmetered);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
        self.usage += other.usage;
        let mut sums: BTreeMap<Currency, u128> = BTreeMap::new();
        for cost in self.costs.iter().chain(&other.costs) {
            let sum = sums.entry(cost.currency).or_default();
            *sum = sum.saturating_add(cost.picos);
        }
        self.costs = sums.into_iter().map(|(currency, picos)| Cost { picos, currency }).collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(input: &str, cached: &str, output: &str, currency: &str) -> Price {
        Price {
            input_per_million: input.parse().unwrap(),
            cached_input_per_million: cached.parse().unwrap(),
            output_per_million: output.parse().unwrap(),
            currency: currency.parse().unwrap(),
        }
    }

    fn usage(input_tokens: u64, cached_input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, cached_input_tokens, output_tokens }
    }

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        let check = |text: &str, micros: u64, again: &str| {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate, rate.to_string().as_str()), (Rate::from_micros(micros), again), "{text}");
        };
        check("0.15", 150_000, "0.15");
        check("2.50", 2_500_000, "2.5");
        check("10", 10_000_000, "10");
        check(" 0.000001 ", 1, "0.000001");
        for bad in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000001", "1,5", "NaN", "99999999999999999999", "$1"]
        {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
        for json in ["0.15", "\"0.15\""] {
            assert_eq!(serde_json::from_str::<Rate>(json).unwrap(), Rate::from_micros(150_000), "{json}");
        }
        assert_eq!(serde_json::from_str::<Rate>("3").unwrap(), Rate::from_micros(3_000_000));
        for bad in ["-1", "1e-9", "null", "-0.5"] {
            assert!(serde_json::from_str::<Rate>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn kept_tokens_cost_what_kept_tokens_cost() {
        let price = price("2.50", "1.25", "10", "USD");
        let check = |of: Usage, expect: &str| assert_eq!(price.cost(&of).exact(), expect, "{of:?}");
        check(usage(1, 0, 0), "0.0000025");
        check(usage(1000, 0, 0), "0.0025");
        check(usage(1000, 400, 0), "0.002");
        check(usage(0, 0, 7), "0.00007");
        check(usage(1_000_000, 1_000_000, 1_000_000), "11.25");
        // A server that counts more kept tokens than tokens is not believed.
        check(usage(10, 20, 0), "0.0000125");
        check(usage(0, 0, 0), "0");
    }

    #[test]
    fn people_read_a_few_digits_and_never_nothing_for_something() {
        let check = |micros_per_million: u64, tokens: u64, expect: &str| {
            let rate = Rate::from_micros(micros_per_million);
            let price = Price { output_per_million: rate, ..price("0", "0", "0", "EUR") };
            assert_eq!(price.cost(&usage(0, 0, tokens)).to_string(), expect);
        };
        check(1_000_000, 0, "0.0000 EUR");
        check(1, 1, "under 0.0001 EUR");
        check(1_000_000, 49, "under 0.0001 EUR");
        check(1_000_000, 50, "0.0001 EUR");
        check(1_000_000, 12_345, "0.0123 EUR");
        check(1_000_000, 999_999, "1.0000 EUR");
        check(1_000_000, 1_234_567, "1.23 EUR");
        check(1_000_000, 1_235_000, "1.24 EUR");
    }

    #[test]
    fn a_sum_says_what_it_does_not_know() {
        let dollars = price("1", "1", "1", "USD");
        let mut spent = Spent::default();
        spent += &Spent::once(Some(usage(3, 0, 1)), Some(&dollars));
        assert!(spent.is_whole());
        spent += &Spent::once(Some(usage(5, 1, 0)), Some(&price("1", "1", "1", "EUR")));
        spent += &Spent::once(Some(usage(0, 0, 2)), Some(&dollars));
        spent += &Spent::once(None, Some(&dollars));
        spent += &Spent::once(Some(usage(1, 0, 0)), None);
        assert_eq!((spent.requests, spent.unmetered, spent.unpriced), (5, 1, 1));
        assert!(!spent.is_whole());
        assert_eq!(spent.usage, usage(9, 1, 3));
        let costs: Vec<String> =
            spent.costs.iter().map(|cost| format!("{} {}", cost.exact(), cost.currency())).collect();
        assert_eq!(costs, ["0.000005 EUR", "0.000006 USD"]);
        let kept = serde_json::to_string(&spent).unwrap();
        assert!(kept.contains(r#""amount":"0.000005","currency":"EUR""#), "{kept}");
        assert_eq!(serde_json::from_str::<Spent>(&kept).unwrap(), spent);
    }

    #[test]
    fn a_currency_has_three_letters() {
        for bad in ["", "usd", "US", "USDT", "U$D", "ÜS"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
        assert_eq!(String::from("USD".parse::<Currency>().unwrap()), "USD");
    }

    proptest! {
        #[test]
        fn calls_one_by_one_cost_what_they_cost_together(
            calls in prop::collection::vec((0_u64..1 << 40, 0_u64..1 << 20, 0_u64..1 << 40), 0..50),
            rates in (0_u64..1 << 40, 0_u64..1 << 40, 0_u64..1 << 40),
        ) {
            let price = Price {
                input_per_million: Rate::from_micros(rates.0),
                cached_input_per_million: Rate::from_micros(rates.1),
                output_per_million: Rate::from_micros(rates.2),
                currency: "USD".parse().unwrap(),
            };
            let (mut sum, mut together) = (Spent::default(), Usage::default());
            for (fresh, cached, output) in calls.iter().copied() {
                let usage = usage(fresh + cached, cached, output);
                sum += &Spent::once(Some(usage), Some(&price));
                together += usage;
            }
            let cost = sum.costs.first().map_or("0".to_owned(), Cost::exact);
            prop_assert_eq!(cost, price.cost(&together).exact());
            let kept: Spent = serde_json::from_str(&serde_json::to_string(&sum).unwrap()).unwrap();
            prop_assert_eq!(kept, sum);
        }

        #[test]
        fn a_rate_survives_being_written(micros in any::<u64>()) {
            let rate = Rate::from_micros(micros);
            prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
        }
    }
}
