//! Writes the report: the machine, the cost of each contender, and the ratios with their targets.

use std::fs;

use crate::churn::Churn;
use crate::contender::{Contender, GROUPS, INTERFACES, SOCKETS};
use crate::options::Options;
use crate::results::Results;
use crate::setup::says;
use crate::statistics::Spread;
use crate::targets::{Target, targets};

/// The whole report.
pub fn markdown(options: &Options, results: &Results) -> String {
    let mut text = String::from("# Measurements\n\n");
    if options.quick {
        text += "A quick run: the results mean little.\n\n";
    } else {
        text += "Made by `benches/run --save`.\n\n![CPU time per gather](results.svg)\n\n";
    }
    text += &machine(results);
    text += "\n## A gather\n\nCPU: user and system time of everything involved, children included; the median of the \
             rounds, and the least and the greatest. Wall: from the trigger to the last byte, the median. Memory: \
             that of the plugin's own process, the highest and what is left after the gather.\n";
    text += &costs("TCP sockets", &SOCKETS, results);
    text += &costs(&format!("groups of {} sockets", results.grouped_sockets), &GROUPS, results);
    text += &costs("interfaces", &INTERFACES, results);
    text += &churn(results);
    text += &telegraf(results);
    text += "\n## Targets\n\nA ratio of CPU times is taken within each round; here is the median of the rounds.\n\n\
             | what | measured | target | reached |\n|---|---|---|---|\n";
    for target in targets(results) {
        text += &row(&target, options.quick);
    }
    text
}

fn machine(results: &Results) -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let telegraf = results.telegraf.as_ref().map_or("not measured", |telegraf| telegraf.version.as_str());
    format!(
        "- machine: {}, {cores} cores\n- kernel: {}\n- ss: {}\n- Go: {}\n- Telegraf: {telegraf}\n- rustc: {}\n",
        model.map_or("unknown", |(_, model)| model),
        says("uname", &["-sr"]),
        says("ss", &["-V"]),
        says("go", &["version"]),
        says("rustc", &["--version"]),
    )
}

fn costs(of: &str, who: &[Contender], results: &Results) -> String {
    let mut text = format!("\n| {of} | contender | CPU, ms | least to greatest | wall, ms | memory, MB |\n");
    text += "|---:|---|---:|---:|---:|---:|\n";
    for size in results.sizes(who) {
        for &contender in who {
            let cpu = results.spread(contender, size, |sample| Some(sample.cpu));
            let wall = results.spread(contender, size, |sample| Some(sample.wall));
            let (Some(cpu), Some(wall)) = (cpu, wall) else { continue };
            let peak = results.spread(contender, size, |sample| Some(sample.memory?.peak));
            let after = results.spread(contender, size, |sample| Some(sample.memory?.after));
            let memory = match (peak, after) {
                (Some(peak), Some(after)) => format!("{} / {}", short(peak.median), short(after.median)),
                _ => String::new(),
            };
            let [median, least, greatest] = [cpu.median, cpu.least, cpu.greatest].map(short);
            let (name, wall) = (contender.name(), short(wall.median));
            text += &format!("| {size} | {name} | {median} | {least} to {greatest} | {wall} | {memory} |\n");
        }
    }
    text
}

/// The cost of sockets that are closed between two gathers.
fn churn(results: &Results) -> String {
    if results.churn.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n## Closed sockets\n\nConnections that open, move 100 bytes and close between two gathers, on loopback; each \
         line is a round. CPU is that of the whole plugin, that of its thread that collects the kernel's events, and that \
         of a process that receives and discards the same events in batches.\n\n\
         | connections per second | closed sockets | lost | CPU per closed socket, µs | of the thread | bare receiver |\n\
         |---:|---:|---:|---:|---:|---:|\n",
    );
    for churn in &results.churn {
        let Churn { closed, per_second, lost, .. } = churn;
        let [ours, thread, bare] = [churn.ours, churn.thread, churn.bare].map(short);
        text += &format!("| {per_second:.0} | {closed} | {lost} | {ours} | {thread} | {bare} |\n");
    }
    text
}

/// The cost of a gather in the whole Telegraf.
fn telegraf(results: &Results) -> String {
    let mut rows = Vec::new();
    if let Some(telegraf) = &results.telegraf {
        let of = format!("{} TCP sockets", telegraf.sockets);
        rows.push((of.clone(), "inputs.socketstat in Telegraf itself", &telegraf.native));
        rows.push((of.clone(), Contender::OursSs.name(), &telegraf.ss));
        rows.push((of.clone(), Contender::OursNetlink.name(), &telegraf.netlink));
        rows.push((of, Contender::OursServices.name(), &telegraf.services));
    }
    if let Some(telegraf) = &results.telegraf_net {
        let of = format!("{} interfaces", telegraf.interfaces);
        rows.push((of.clone(), "inputs.net in Telegraf itself", &telegraf.native));
        rows.push((of, "net", &telegraf.ours));
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n## The whole Telegraf\n\nCPU per gather of Telegraf with all its children. What Telegraf itself takes in the \
         same time without this input is subtracted.\n\n\
         | gathered | input | CPU, ms | least to greatest |\n|---|---|---:|---:|\n",
    );
    for (of, name, samples) in rows {
        let Some(cpu) = Spread::of(samples.iter().copied()) else { continue };
        let [median, least, greatest] = [cpu.median, cpu.least, cpu.greatest].map(short);
        text += &format!("| {of} | {name} | {median} | {least} to {greatest} |\n");
    }
    text
}

fn row(target: &Target, quick: bool) -> String {
    let what = &target.what;
    let limit = target.limit;
    let Some(measured) = target.measured else {
        return format!("| {what} | not measured | {limit} | |\n");
    };
    let reached = match (quick, limit.holds(measured)) {
        (true, _) => "",
        (false, true) => "yes",
        (false, false) => "**no**",
    };
    format!("| {what} | {} | {limit} | {reached} |\n", short(measured))
}

/// Three significant digits.
pub fn short(number: f64) -> String {
    match number {
        100.0.. => format!("{number:.0}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
