//! From the arguments to the runs: every name is looked up, and what makes no sense is refused.

use std::rc::Rc;

use super::Args;
use super::words::{Amount, During, Of};
use crate::simulate::plan::{Announces, Outage, RegionPlan, Traffic};
use crate::simulate::{CLIENT_KEY, Metering, Plan};
use spillway::config::nearest::nearest;
use spillway::config::{Config, Id, Member, ModelId, Problem, quoted};
use spillway::gateway::Gateway;
use spillway::time::Millis;

/// The runs that the arguments ask for.
pub(super) fn plans(args: &Args, config: &Config) -> Result<Vec<Plan>, Problem> {
    let model = model(args, config)?;
    let pool = Pool::new(config, model);
    let regions = regions(args, &pool)?;
    // The simulated client is the first one; the others have keys of their own.
    let first_key = config.clients.iter().flatten().next().and_then(|c| c.key.variable());
    let gateway = Gateway::new(config.clone(), |name| {
        Some(if Some(name) == first_key { CLIENT_KEY.to_owned() } else { format!("key of {name}") })
    });
    let gateway = Rc::new(gateway.map_err(|problems| first(&problems))?);
    let plan = |gateways: &u16| Plan {
        gateway: gateway.clone(),
        model,
        gateways: usize::from(*gateways),
        workers: usize::from(args.workers),
        traffic: traffic(args),
        regions: regions.clone(),
        length: args.length,
        interval: args.interval,
        seed: args.seed,
    };
    let plans: Vec<Plan> = args.gateways.iter().map(plan).collect();
    if let Some(plan) = plans.first() {
        check(plan, &pool)?;
    }
    Ok(plans)
}

fn model(args: &Args, config: &Config) -> Result<ModelId, Problem> {
    let names: Vec<&str> = config.models.iter().map(|model| model.name.as_str()).collect();
    match &args.model {
        None if names.len() == 1 => Ok(Id::at(0)),
        None => {
            let example = names.first().copied().unwrap_or("NAME");
            let message = format!("the file has several models: {}", names.join(", "));
            Err(Problem::new("", message, format!("choose one: `--model {example}`")))
        }
        Some(name) => names.iter().position(|known| known == name).map(Id::at).ok_or_else(|| {
            let message = format!("no model is called {}", quoted(name));
            Problem::new("--model", message, meant(name, &names))
        }),
    }
}

fn traffic(args: &Args) -> Traffic {
    Traffic {
        rate: args.rate.0,
        surges: args.surge.iter().map(|surge| (surge.span, surge.what.0)).collect(),
        tokens: args.tokens,
        retries: args.retries,
    }
}

fn regions(args: &Args, pool: &Pool<'_>) -> Result<Vec<RegionPlan>, Problem> {
    let latencies = pool.each(said("--latency", &args.latency, |latency| latency))?;
    let round_trips = pool.each(said("--round-trip", &args.round_trip, |time| time))?;
    let announces = pool.each(said("--announce", &args.announce, |how| how))?;
    let provisioned =
        said("--provisioned", &args.provisioned, |Amount(a)| (Metering::Provisioned, a));
    let standard = said("--standard", &args.standard, |Amount(a)| (Metering::Standard, a));
    let capacities = pool.each(provisioned.chain(standard))?;
    let times = latencies.into_iter().zip(round_trips);
    let region = |((latency, round_trip), (announces, capacity))| RegionPlan {
        capacity,
        announces: Option::unwrap_or(announces, Announces::Exact),
        latency: Option::unwrap_or(latency, LATENCY),
        round_trip: Option::unwrap_or(round_trip, ROUND_TRIP),
        outages: Vec::new(),
    };
    let mut regions: Vec<RegionPlan> =
        times.zip(announces.into_iter().zip(capacities)).map(region).collect();
    for (flag, outage, outages) in [
        ("--fail", Outage::Fails, &args.fail),
        ("--refuse", Outage::Refuses, &args.refuse),
        ("--hang", Outage::Hangs, &args.hang),
    ] {
        for During { what, span } in outages {
            if let Some(region) = regions.get_mut(pool.member(flag, what)?) {
                region.outages.push((*span, outage));
            }
        }
    }
    Ok(regions)
}

/// What cannot be played, or would say nothing.
fn check(plan: &Plan, pool: &Pool<'_>) -> Result<(), Problem> {
    let unlimited = |at: &usize| plan.regions.get(*at).is_some_and(|r| r.capacity.is_none());
    if let Some(at) = plan.first_tier().into_iter().find(unlimited) {
        let name = pool.names.get(at).copied().unwrap_or_default();
        let message = format!("nothing says how much {} can take", quoted(name));
        let hint = format!("`--provisioned {name}=600k` or `--standard {name}=600k`, a minute");
        return Err(Problem::new("", message, hint));
    }
    let longest = plan.traffic.tokens.1;
    let too_small = |(region, name): (&RegionPlan, &&str)| match region.capacity {
        Some((Metering::Standard, tokens)) if tokens < longest => Some((*name).to_owned()),
        _ => None,
    };
    if let Some(name) = plan.regions.iter().zip(&pool.names).find_map(too_small) {
        let message = format!("a call of {longest} tokens never fits into {}", quoted(&name));
        return Err(Problem::new("", message, "raise its `--standard` or lower `--tokens`"));
    }
    if plan.calls() > MOST_CALLS {
        let message = format!("about {:.0} calls are too many to be played", plan.calls());
        let hint = "shorten it, or lower rates and capacities alike";
        return Err(Problem::new("", message, hint));
    }
    if plan.intervals() > MOST_INTERVALS {
        let message = format!("{} has too many intervals of {}", plan.length, plan.interval);
        return Err(Problem::new("", message, "raise `--interval`"));
    }
    Ok(())
}

/// The pool that is played: its members by name.
struct Pool<'a> {
    names: Vec<&'a str>,
}

impl<'a> Pool<'a> {
    fn new(config: &'a Config, model: ModelId) -> Self {
        let name = |member: &Member| member.backend.of(&config.backends).map(|b| b.name.as_str());
        let pool = model.of(&config.models).map(|model| &model.pool);
        Self { names: pool.into_iter().flatten().filter_map(name).collect() }
    }

    fn member(&self, flag: &str, name: &str) -> Result<usize, Problem> {
        self.names.iter().position(|known| *known == name).ok_or_else(|| {
            let message = format!("no backend of the pool is called {}", quoted(name));
            Problem::new(flag, message, meant(name, &self.names))
        })
    }

    /// What was said of each member, by which flag: of itself rather than of all, and what was said
    /// last.
    fn each<T: Copy>(
        &self,
        said: impl Iterator<Item = (&'static str, Of<T>)>,
    ) -> Result<Vec<Option<T>>, Problem> {
        let mut of_all = None;
        let mut each = vec![None; self.names.len()];
        for (flag, Of { backend, what }) in said {
            match backend {
                None => of_all = Some(what),
                Some(name) => {
                    if let Some(one) = each.get_mut(self.member(flag, &name)?) {
                        *one = Some(what);
                    }
                }
            }
        }
        Ok(each.into_iter().map(|one| one.or(of_all)).collect())
    }
}

fn said<T: Copy, U>(
    flag: &'static str,
    said: &[Of<T>],
    as_what: impl Fn(T) -> U,
) -> impl Iterator<Item = (&'static str, Of<U>)> {
    said.iter().map(move |of| (flag, Of { backend: of.backend.clone(), what: as_what(of.what) }))
}

fn meant(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean {}?", quoted(nearest)),
        None => format!("there are: {}", known.join(", ")),
    }
}

fn first(problems: &[Problem]) -> Problem {
    problems.first().cloned().unwrap_or_else(|| Problem::new("", "the gateway does not start", ""))
}

/// How long an answer takes where nothing is said, and how long bytes are under way.
const LATENCY: Millis = Millis(1000);
const ROUND_TRIP: Millis = Millis(20);

/// They take a minute or two.
const MOST_CALLS: f64 = 10_000_000.0;

const MOST_INTERVALS: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Metering::{Provisioned, Standard};

    #[test]
    fn what_is_said_of_one_backend_counts_before_what_is_said_of_all() {
        let pool = Pool { names: vec!["a", "b", "c"] };
        let of = |backend: &str, what| Of {
            backend: Some(backend.to_owned()).filter(|name| !name.is_empty()),
            what,
        };
        let said = [
            ("--provisioned", of("a", (Provisioned, 1))),
            ("--provisioned", of("b", (Provisioned, 2))),
            ("--standard", of("b", (Standard, 3))),
            ("--standard", of("", (Standard, 4))),
        ];
        let each = pool.each(said.into_iter()).unwrap();
        let expected = [(Provisioned, 1), (Standard, 3), (Standard, 4)].map(Some);
        assert_eq!(each, expected);
    }
}
