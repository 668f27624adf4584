//! Plays many seeds, or one with its story.
use switchover_sim::{Scenario, Timeline, judged};
fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().expect("a number")).collect();
    if let [seed] = arguments[..] {
        let scenario = Scenario::of(seed);
        let timeline = Timeline::kept();
        let verdict = judged(&scenario, None, &timeline);
        print!("{scenario}");
        for line in timeline.lines() {
            println!("{line}");
        }
        println!("{verdict:?}");
        return;
    }
    let (from, to) = (arguments[0], arguments[1]);
    let began = std::time::Instant::now();
    let mut kinds: std::collections::BTreeMap<String, Vec<u64>> = Default::default();
    let mut steps = 0;
    let mut entries = 0;
    let mut ok = 0;
    for seed in from..to {
        match judged(&Scenario::of(seed), None, &Timeline::none()) {
            Ok(played) => {
                steps += played.steps;
                entries += played.entries;
                ok += 1;
            }
            Err(v) => kinds
                .entry(format!("{} {}", v.place, v.what.chars().take(150).collect::<String>()))
                .or_default()
                .push(seed),
        }
    }
    let secs = began.elapsed().as_secs_f64();
    let mut by_place: std::collections::BTreeMap<String, (usize, u64, String)> = Default::default();
    for (kind, seeds) in &kinds {
        let place = kind.split(' ').next().unwrap().to_owned();
        let e = by_place.entry(place).or_insert((0, seeds[0], kind.clone()));
        e.0 += seeds.len();
    }
    for (_, (n, seed, kind)) in by_place {
        println!("{n:5} seed {seed}: {kind}");
    }
    println!(
        "{} seeds, {ok} ok in {secs:.1} s: {:.0}/s; {:.0} steps, {:.0} entries each",
        to - from,
        (to - from) as f64 / secs,
        steps as f64 / ok as f64,
        entries as f64 / ok as f64
    );
}
