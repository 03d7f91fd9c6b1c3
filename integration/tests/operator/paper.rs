//! The paper: what clients saw, which alert fired after how long, and what panels said.

use std::fmt::Write as _;

use crate::scenarios::{DIGESTS, FIRST_TIER, GATEWAYS, OWN, Scenario};
use crate::sight::{ALL, Alert, Said, Sight};
use crate::traffic::Seen;

/// The text of docs/what-an-operator-sees.md.
pub(crate) fn write(
    scenarios: &[Scenario],
    seen: &Seen,
    sight: &Sight,
    [began, ended, back]: [usize; 3],
) -> String {
    let mut text = INTRODUCTION.to_owned();
    let fired = sight.alerts(began, ended);
    for scenario in scenarios {
        let Scenario { model, title, panels, .. } = scenario;
        let about = |alert: &&Alert| alert.labels.get("model").is_some_and(|its| its == model);
        let alerts: Vec<&Alert> = fired.iter().filter(about).collect();
        heading(&mut text, &capital(title));
        clients(&mut text, seen, model);
        told(&mut text, &alerts, began);
        let _ = writeln!(text, "\n| panel | says |\n|---|---|");
        for panel in *panels {
            let _ = writeln!(text, "| {panel} | {} |", says(sight.panel(model, panel), panel));
        }
    }
    let no_model = |alerts: &[Alert], name: &str| -> Vec<Alert> {
        let those = alerts.iter().filter(|alert| alert.name == name);
        those.cloned().collect()
    };
    let mut global = |title: &str, alert: &str, span: (usize, usize), panels: &[&'static str]| {
        heading(&mut text, title);
        let alerts = no_model(&sight.alerts(span.0, span.1), alert);
        told(&mut text, &alerts.iter().collect::<Vec<_>>(), span.0);
        let _ = writeln!(text, "\n| panel | says |\n|---|---|");
        for panel in panels {
            let _ = writeln!(text, "| {panel} | {} |", says(sight.panel(ALL, panel), panel));
        }
    };
    let outage = (began, ended);
    global("One gateway refuses a reload", "SpillwayConfigRefused", outage, &[DIGESTS]);
    global("A client has an old key", "SpillwayClientKeysInvalid", outage, &[OWN]);
    global("A gateway is away for five minutes", "SpillwayGatewayDown", (ended, back), &[GATEWAYS]);
    text
}

fn heading(text: &mut String, title: &str) {
    let _ = writeln!(text, "\n## {title}\n");
}

fn clients(text: &mut String, seen: &Seen, model: &str) {
    let statuses = seen.get(model).into_iter().flatten();
    let all: usize = statuses.clone().map(|(_, (count, _))| count).sum();
    let part = |(status, (count, longest)): (&String, &(usize, std::time::Duration))| {
        let percent = (count * 100 + all / 2) / all.max(1);
        format!("{status}: {percent} % (after {:.1} s at most)", longest.as_secs_f64())
    };
    let parts: Vec<String> = statuses.map(part).collect();
    let _ = writeln!(text, "Clients saw: {}.\n", parts.join(", "));
}

fn told(text: &mut String, alerts: &[&Alert], began: usize) {
    if alerts.is_empty() {
        let _ = writeln!(text, "No alert fired.");
        return;
    }
    let _ = writeln!(text, "| alert | about | after |\n|---|---|---|");
    for Alert { name, labels, since } in alerts {
        let about = labels.iter().filter(|(label, _)| *label != "model");
        let mut about: Vec<String> =
            about.map(|(label, value)| format!("{label} {value}")).collect();
        if about.is_empty() {
            about.push(if labels.is_empty() { "all gateways" } else { "the model" }.to_owned());
        }
        let minutes = (since - began).div_ceil(60);
        let link = format!("[{name}](alerts.md#{})", name.to_lowercase());
        let _ = writeln!(text, "| {link} | {} | {minutes} min |", about.join(", "));
    }
}

/// The largest of what a panel says.
fn says(said: &[Said], panel: &str) -> String {
    // That a tier gives nothing is worth a word; that a cause had no case is not.
    let least = if panel == FIRST_TIER { 0.0 } else { f64::MIN_POSITIVE };
    let mut said: Vec<&Said> =
        said.iter().filter(|said| (least..f64::INFINITY).contains(&said.found.value)).collect();
    said.sort_by(|one, other| other.found.value.total_cmp(&one.found.value));
    let mut parts: Vec<String> = said.iter().take(4).map(|said| one(said, panel)).collect();
    if said.len() > 4 {
        parts.push("…".to_owned());
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}

fn one(Said { legend, found }: &Said, panel: &str) -> String {
    let value = found.value;
    let is = |words: &[&str]| words.iter().any(|word| panel.contains(word));
    let said = if is(&["Share", "gave up", "Wasted"]) {
        format!("{:.0} %", value * 100.0)
    } else if is(&["token", "waited"]) {
        format!("{value:.2} s")
    } else if is(&["by tier", "itself"]) {
        format!("{value:.2} a second")
    } else {
        format!("{value:.0}")
    };
    if legend.is_empty() { said } else { format!("{legend}: {said}") }
}

fn capital(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

const INTRODUCTION: &str = "\
<!-- Written by `make operator-table`. Do not edit. -->

# What an operator sees

Two gateways on the real Envoy, on one file, and simulated regions that fail. For an hour all is well,
and one pool spills; no alert may fire. Then each model has the outage of its section, all at once, for
35 minutes. Both gateways are scraped all the time. Below is what clients saw, which alert fired how long
after the beginning, and what the dashboard's panels said at the end of it.

Time is stretched: a minute of Prometheus' time is 2.4 seconds of the play, and circuits are as much
faster. What takes time by itself is not: clients' patience and slow regions are as they are written, so
alerts about them come a few minutes later than they would. Histograms know a time as well as their
buckets tell: clients that left after 3.3 s are in the one from 3 s to 5 s.

`make test` plays the same, four times as fast, and fails where another alert fires than is expected, or
where a panel says something else than was played.
";
