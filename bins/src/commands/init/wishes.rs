//! What a person wishes for: by flags, and by questions where somebody can be asked.

use std::str::FromStr;

use switchover::model::{PairName, SideName, ZoneName};

use super::side::{SideAt, SideWish};
use crate::args::Init;
use crate::exit::{Exit, Stop};
use crate::prompt;
use crate::render::say;

/// Everything that has to be known before anything is read.
#[derive(Debug)]
pub(super) struct Wishes {
    pub(super) pair: PairName,
    pub(super) sides: [SideWish; 2],
    pub(super) zones: Vec<ZoneName>,
    pub(super) cloudflare_url: Option<String>,
}

/// Takes the flags, and asks for what they leave out. With nobody to ask, everything that is missing is named at once.
pub(super) fn resolve(init: &Init) -> Result<Wishes, Stop> {
    let can_ask = prompt::can_ask();
    if init.sides.len() > 2 {
        return Err(Stop::new(
            Exit::Usage,
            format!("a pair has two sides, and `--side` was given {} times", init.sides.len()),
        ));
    }
    if !can_ask && (init.pair.is_none() || init.sides.len() < 2) {
        return Err(nobody_to_ask(init));
    }
    let pair = match &init.pair {
        Some(pair) => pair.clone(),
        None => ask_parsed("Name of the pair (such as that of the service)", None)?,
    };
    let mut given = init.sides.iter().cloned();
    let first = given.next().map_or_else(|| ask_side("first"), Ok)?;
    let second = given.next().map_or_else(|| ask_side("second"), Ok)?;
    if first.name == second.name {
        return Err(Stop::new(Exit::Usage, format!("both sides are called {}", first.name)));
    }
    let zones = if init.zones.is_empty() && can_ask { ask_zones()? } else { init.zones.clone() };
    Ok(Wishes {
        pair,
        sides: [first, second],
        zones: without_repeats(zones),
        cloudflare_url: init.cloudflare_url.clone(),
    })
}

fn nobody_to_ask(init: &Init) -> Stop {
    let pair = init.pair.is_none().then_some("`--pair NAME`");
    let sides = match init.sides.len() {
        0 => Some("`--side NAME` twice"),
        1 => Some("the second `--side NAME`"),
        _ => None,
    };
    let missing: Vec<&str> = [pair, sides].into_iter().flatten().collect();
    Stop::new(Exit::Usage, "there is no terminal to ask on").hint(format!("add {}", missing.join(" and ")))
}

fn without_repeats(zones: Vec<ZoneName>) -> Vec<ZoneName> {
    let mut kept = Vec::new();
    for zone in zones {
        if !kept.contains(&zone) {
            kept.push(zone);
        }
    }
    kept
}

/// Asks again until there is an answer that can be used, or nobody answers any more.
pub(super) fn ask_until<T>(mut once: impl FnMut() -> Result<Result<T, String>, Stop>) -> Result<T, Stop> {
    loop {
        match once()? {
            Ok(answer) => return Ok(answer),
            Err(why) => say(format_args!("  {why}")),
        }
    }
}

fn ask_parsed<T: FromStr<Err: ToString>>(question: &str, default: Option<&str>) -> Result<T, Stop> {
    ask_until(|| Ok(prompt::ask(question, default)?.parse().map_err(|error: T::Err| error.to_string())))
}

fn ask_side(which: &str) -> Result<SideWish, Stop> {
    let question = format!("Name of the {which} side (after where it is, never after its role)");
    let name: SideName = ask_parsed(&question, None)?;
    let question = format!(
        "Addresses of {name}: an AWS profile and region as `Upstream/ap-east-1`, networks as `192.0.2.0/24`, or `-` to fill \
         them in later"
    );
    let at = ask_until(|| {
        Ok(match prompt::ask(&question, Some("-"))?.as_str() {
            "-" => Ok(SideAt::Unsaid),
            said => said.parse().map_err(|error: super::side::SideError| error.to_string()),
        })
    })?;
    Ok(SideWish { name, at })
}

fn ask_zones() -> Result<Vec<ZoneName>, Stop> {
    let question =
        "Zones at Cloudflare that hold the names, with spaces between them, or `-` to fill them in later";
    ask_until(|| {
        Ok(match prompt::ask(question, Some("-"))?.as_str() {
            "-" => Ok(Vec::new()),
            said => said
                .split([' ', ','])
                .filter(|word| !word.is_empty())
                .map(|word| ZoneName::new(word).map_err(|error| error.to_string()))
                .collect(),
        })
    })
}
