//! The reports of several gateways as one.
//!
//! Counts are added up. A circuit is each gateway's own: where they differ, the state says at which
//! gateways it is which.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::numbers::{clock, counted, span};
use super::screen::{Look, State as Shown, body, refused, state};
use spillway::status::Report;
use spillway::status::report::{Member, Model, State, Tier, Tokens};

/// What each gateway said, or why it said nothing.
pub(super) type Asked = Vec<(SocketAddr, Result<Report, String>)>;

/// The lines: one for each gateway, and the tables of all that answer.
pub(super) fn screen(asked: &Asked, look: &Look) -> Vec<String> {
    let answered: Vec<(SocketAddr, &Report)> =
        asked.iter().filter_map(|(at, said)| Some((*at, said.as_ref().ok()?))).collect();
    let newest = answered.iter().map(|(_, report)| report.now_ms).max().unwrap_or_default();
    let longest = answered.iter().map(|(_, report)| report.span_ms).max().unwrap_or_default();
    let all = counted(asked.len() as u64, "gateway answers", "gateways answer");
    let mut lines = vec![format!(
        "{} of {all}, {} UTC, counts of the last {}",
        answered.len(),
        clock(newest),
        span(longest)
    )];
    for (at, said) in asked {
        match said {
            Ok(report) => lines.extend(gateway(*at, report)),
            Err(trouble) => lines.push(format!("  {trouble}")),
        }
    }
    let mut digests: Vec<&str> =
        answered.iter().map(|(_, report)| &*report.config.digest).collect();
    digests.sort_unstable();
    digests.dedup();
    if digests.len() > 1 {
        lines.push(format!("Their configurations differ: {}", digests.join(", ")));
    }
    if let Some(report) = merged(&answered) {
        let shown = |model: &Model, member: &Member| states(&answered, &model.name, member);
        lines.extend(body(&report, look, &shown));
    }
    look.fit(&mut lines);
    lines
}

fn gateway(at: SocketAddr, report: &Report) -> Vec<String> {
    let ago = span(report.now_ms.saturating_sub(report.config.loaded_ms));
    let mut lines = vec![format!(
        "  {at}: Spillway {}, configuration {} loaded {ago} ago",
        report.spillway, report.config.digest
    )];
    let newer = report.config.refused.as_ref();
    lines.extend(newer.map(|what| format!("  {at}: {}", refused(what, report.now_ms))));
    lines
}

/// All reports as one; `None` where there is none.
fn merged(answered: &[(SocketAddr, &Report)]) -> Option<Report> {
    let (_, first) = answered.first()?;
    let mut models: BTreeMap<&str, Model> = BTreeMap::new();
    let mut failovers = Vec::new();
    for (_, report) in answered {
        for model in &report.models {
            match models.get_mut(&*model.name) {
                Some(sum) => add(sum, model),
                None => drop(models.insert(&model.name, model.clone())),
            }
        }
        failovers.extend(report.failovers.iter().cloned());
    }
    failovers.sort_by_key(|failover| std::cmp::Reverse(failover.at_ms));
    let mut models: Vec<Model> = models.into_values().collect();
    for model in &mut models {
        let name = model.name.clone();
        let knows = |(_, report): &&(SocketAddr, &Report)| {
            report.models.iter().any(|model| model.name == name)
        };
        let gateways = answered.iter().filter(knows).count();
        #[allow(clippy::cast_precision_loss, reason = "it is shown as a percentage")]
        for member in model.tiers.iter_mut().flat_map(|tier| &mut tier.members) {
            member.next_share /= gateways.max(1) as f64;
        }
    }
    Some(Report { models, failovers, ..(*first).clone() })
}

fn add(sum: &mut Model, more: &Model) {
    sum.requests += more.requests;
    sum.answered += more.answered;
    sum.failovers += more.failovers;
    add_tokens(&mut sum.tokens, &more.tokens);
    for tier in &more.tiers {
        let same = sum.tiers.iter().position(|other| other.priority == tier.priority);
        let at = same.unwrap_or_else(|| {
            let before = sum.tiers.iter().filter(|other| other.priority < tier.priority).count();
            sum.tiers.insert(before, Tier { priority: tier.priority, members: Vec::new() });
            before
        });
        let Some(own) = sum.tiers.get_mut(at) else { continue };
        for member in &tier.members {
            match own.members.iter_mut().find(|other| other.backend == member.backend) {
                Some(known) => add_member(known, member),
                None => own.members.push(member.clone()),
            }
        }
    }
}

fn add_member(sum: &mut Member, more: &Member) {
    sum.next_share += more.next_share;
    sum.attempts += more.attempts;
    sum.answered += more.answered;
    sum.throttled += more.throttled;
    sum.failed += more.failed;
    sum.refused += more.refused;
    sum.failovers += more.failovers;
    add_tokens(&mut sum.tokens, &more.tokens);
    sum.headroom = sum.headroom.into_iter().chain(more.headroom).min_by(f64::total_cmp);
    // In a large pool, what stands out at one gateway stands out.
    if more.state != State::Closed {
        sum.state = more.state;
    }
    for (slice, other) in sum.timeline.iter_mut().zip(&more.timeline) {
        *slice += other;
    }
}

fn add_tokens(sum: &mut Tokens, more: &Tokens) {
    let add = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    };
    sum.told += more.told;
    sum.prompt = add(sum.prompt, more.prompt);
    sum.completion = add(sum.completion, more.completion);
    sum.cached = add(sum.cached, more.cached);
    sum.reasoning = add(sum.reasoning, more.reasoning);
}

/// The states of a member at all gateways: one if they agree, else each with where it is so.
fn states(answered: &[(SocketAddr, &Report)], model: &str, member: &Member) -> Shown {
    let mut groups: Vec<(State, &Member, Vec<SocketAddr>)> = Vec::new();
    for (at, report) in answered {
        let models = report.models.iter().filter(|other| other.name == model);
        let own = models.flat_map(Model::members).find(|own| own.backend == member.backend);
        let Some(own) = own else { continue };
        match groups.iter_mut().find(|(state, ..)| *state == own.state) {
            Some((_, longest, gateways)) => {
                if own.remaining_ms > longest.remaining_ms {
                    *longest = own;
                }
                gateways.push(*at);
            }
            None => groups.push((own.state, own, vec![*at])),
        }
    }
    if let [(_, own, _)] = groups.as_slice() {
        return state(own);
    }
    // What is not closed is what one looks for.
    groups.sort_by_key(|(state, ..)| *state == State::Closed);
    let one = |(_, own, gateways): &(State, &Member, Vec<SocketAddr>)| match gateways.as_slice() {
        [only] => format!("{} at {only}", state(own)),
        several => format!("{} at {}", state(own), several.len()),
    };
    groups.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
