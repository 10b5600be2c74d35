//! Whether a rollback's message tells of a failure or of a decision. A heuristic, and meant to be read as one: it only
//! sorts cases into those that resemble an incident and the rest.

use std::sync::LazyLock;

use regex::Regex;

/// Words for something that went wrong, in all their forms.
const FAILURE: &str = r"(?ix)\b(?:
    # what broke
    break(?:s|ing|age)?|broken?|borked|fail\w*|crash\w*|regress\w*|corrupt\w*|flak\w*|malfunction\w*|misbehav\w*|degrad\w*
    |vulnerab\w*|defect\w*|bug(?:s|gy)?|leak\w*|conflict\w*|collision\w*|overflow\w*|deadlock\w*|race\ conditions?|explod\w*|blow\w*|blew
    # what is said of it
    |error\w*|errs|erred|exception\w*|fatal\w*|panic\w*|segfault\w*|assert\w*|traceback\w*|stack\ ?traces?|core\ dump\w*|warn\w*
    |alert\w*|outages?|incidents?|issues?|problem\w*|trouble|[45][0-9x]{2}s?|undefined
    # what does not go any more
    |time(?:s|d)?[\ -]?outs?|timing\ out|hang(?:s|ing)?|hung|stuck|slow(?:s|er|ed|down|ness)?|latency|spik\w+|overload\w*|saturat\w*|throttl\w*
    |oom(?:s|ed)?|out\ of\ memory|unable|cannot|can['’]?t|could(?:\ not|n['’]?t)|refus\w*|reject\w*|den(?:ied|ying)|missing|lost|losing|down|red|blank|garbled
    |fill(?:s|ing|ed)?\ up|kill(?:s|ed|ing)?|perf|performance
    |not\ (?:work\w*|found|load\w*|render\w*|respond\w*|start\w*|boot\w*|compil\w*|build\w*)|no\ longer\ (?:work\w*|load\w*|start\w*|build\w*)
    |(?:do|does|did|was|is|are|were|has|would|wo)n['’]?t\ (?:\w+\ )?(?:work\w*|load\w*|render\w*|respond\w*|start\w*|boot\w*|compil\w*|build\w*|exist)
    # what it is not
    |incorrect\w*|wrong\w*|invalid|un(?:expected|reachable|responsive|usable|stable|available|happy)\w*
    # whose doing it is
    |caus(?:es|ed|ing)|impact\w*|suspect\w*|suspicious
    )\b|[a-z](?:Error|Exception)\b";

/// What is said when somebody made up their mind, or when it is over.
const DECISION: &str = r"(?ix)\b(?:
    (?:not|no\ longer|n['’]t)\ (?:actually\ |really\ )?(?:needed|required|necessary|wanted|used)|not\ yet|n['’]t\ yet|any\ ?more\ needed
    |(?:is|are|was|were|been|got|now)\ (?:now\ )?(?:fixed|resolved|solved|over|done|finished|complete[d]?|restored|repaired|back|replaced)
    |finished|maintenance\ is|as\ planned|take\ (?:two|2|three|3)|pending|on\ hold|by\ accident|accidental(?:ly)?|prematurely|too\ early
    )\b";

static FAILURES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(FAILURE).ok());
static DECISIONS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(DECISION).ok());

/// Whether `text` tells of a failure ("breaks login", "5xx on checkout") rather than of a decision ("not needed any
/// more", "not yet", "maintenance is over"). One word of failure beside the words of a decision is the failure that
/// the decision was about ("the bug is fixed now"); two are a failure.
pub fn tells_of_failure(text: &str) -> bool {
    let failures = (*FAILURES).as_ref().map_or(0, |pattern| pattern.find_iter(text).take(2).count());
    let is_decision = || (*DECISIONS).as_ref().is_some_and(|pattern| pattern.is_match(text));
    failures > 1 || failures == 1 && !is_decision()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_patterns_compile() {
        assert!(FAILURES.is_some() && DECISIONS.is_some());
    }

    #[test]
    fn failures_are_told_from_decisions() {
        let check = |text: &str, expect: bool| assert_eq!(tells_of_failure(text), expect, "{text}");
        check("breaks login on mobile", true);
        check("Checkout answers 503 since this went out", true);
        check("5xx on the cart", true);
        check("NullPointerException in the basket", true);
        check("Totals doesn't render any more", true);
        check("the integration tests are flaky with this", true);
        check("requests are timing out", true);
        check("Not needed any more.", false);
        check("Not yet, the shop wants to wait for the sale.", false);
        check("Maintenance is over, put the replica back.", false);
        check("The bug is fixed now, so turn it on again.", false);
        check("The bug is fixed now, and this still breaks the basket.", true);
        check("We agreed on another colour.", false);
        check("", false);
    }
}
