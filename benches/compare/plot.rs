//! Draws the plot: CPU time per gather by number of sockets or interfaces, on logarithmic axes.

use std::ops::RangeInclusive;

use crate::contender::{Contender, GROUPS, INTERFACES, SOCKETS};
use crate::mode::Mode;
use crate::report::short;
use crate::results::Results;

const WIDTH: f64 = 430.0;
const HEIGHT: f64 = 360.0;
/// The space around the axes for labels.
const MARGIN: f64 = 60.0;

/// Three panels side by side.
pub fn svg(results: &Results) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        3.0 * WIDTH
    );
    let groups = format!("groups of {} sockets", results.grouped_sockets);
    let panels: [(&str, &[Contender]); 3] =
        [("TCP sockets", &SOCKETS), (&groups, &GROUPS), ("interfaces", &INTERFACES)];
    let mut left = 0.0;
    for (title, who) in panels {
        let who: Vec<Contender> = who.iter().copied().filter(|who| is_plotted(*who)).collect();
        svg += &format!("<g transform=\"translate({left} 0)\">\n{}</g>\n", panel(title, &who, results));
        left += WIDTH;
    }
    svg + "</svg>\n"
}

/// Leaves out contenders whose lines would cover each other: other modes of interfaces, other groups, and static
/// binaries.
const fn is_plotted(who: Contender) -> bool {
    use Contender::{OursNet, OursSampled, PeerNet, StaticNetlink, StaticServices};
    match who {
        PeerNet(mode) | OursNet(mode) => matches!(mode, Mode::Busy),
        OursSampled | StaticNetlink | StaticServices => false,
        _ => true,
    }
}

/// A logarithmic axis from one power of ten to another.
struct Axis {
    powers: RangeInclusive<i32>,
    from: f64,
    to: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (least, greatest) = values
            .fold((f64::MAX, f64::MIN), |(least, greatest), value| (least.min(value), greatest.max(value)));
        let power = |value: f64| (-6..9).rev().find(|power| 10_f64.powi(*power) <= value).unwrap_or(-6);
        Self { powers: power(least)..=power(greatest) + 1, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let (first, last) = (f64::from(*self.powers.start()), f64::from(*self.powers.end()));
        self.from + (self.to - self.from) * (value.log10() - first) / (last - first)
    }
}

fn panel(title: &str, who: &[Contender], results: &Results) -> String {
    let lines: Vec<(Contender, Vec<(f64, f64)>)> =
        who.iter().map(|who| (*who, points(*who, results))).collect();
    let all = || lines.iter().flat_map(|(_, points)| points);
    if all().next().is_none() {
        return String::new();
    }
    let x = Axis::of(all().map(|point| point.0), MARGIN, WIDTH - 20.0);
    let y = Axis::of(all().map(|point| point.1), HEIGHT - MARGIN, 40.0);
    let mut svg = format!(
        "<text x=\"{MARGIN}\" y=\"22\" font-size=\"13\">CPU time per gather, ms, by {title}</text>\n"
    );
    svg += &grid(&x, &y);
    for (place, (contender, points)) in lines.iter().enumerate() {
        svg += &line(*contender, points, &x, &y);
        let colour = contender.colour();
        let row = 52 + 15 * place;
        svg += &format!(
            "<rect x=\"{0}\" y=\"{1}\" width=\"9\" height=\"9\" fill=\"{colour}\"/>\
             <text x=\"{2}\" y=\"{row}\">{3}</text>\n",
            MARGIN + 8.0,
            row - 9,
            MARGIN + 22.0,
            contender.name().replace('`', "")
        );
    }
    svg
}

fn grid(x: &Axis, y: &Axis) -> String {
    let mut svg = String::new();
    let rule = |x1: f64, y1: f64, x2: f64, y2: f64| {
        format!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#dddddd\"/>\n")
    };
    for power in x.powers.clone() {
        let (value, at) = (10_f64.powi(power), x.at(10_f64.powi(power)));
        svg += &rule(at, y.from, at, y.to);
        svg +=
            &format!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>\n", y.from + 16.0);
    }
    for power in y.powers.clone() {
        let (value, at) = (10_f64.powi(power), y.at(10_f64.powi(power)));
        svg += &rule(x.from, at, x.to, at);
        svg += &format!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>\n",
            x.from - 6.0,
            at + 4.0
        );
    }
    svg
}

fn line(contender: Contender, points: &[(f64, f64)], x: &Axis, y: &Axis) -> String {
    let colour = contender.colour();
    let places: Vec<String> =
        points.iter().map(|point| format!("{:.1},{:.1}", x.at(point.0), y.at(point.1))).collect();
    let mut svg = format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
        places.join(" ")
    );
    for point in points {
        svg += &format!(
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"><title>{}: {} ms</title></circle>\n",
            x.at(point.0),
            y.at(point.1),
            contender.name().replace('`', ""),
            short(point.1)
        );
    }
    svg
}

#[expect(clippy::cast_precision_loss, reason = "numbers of sockets are far below 2^52")]
fn points(contender: Contender, results: &Results) -> Vec<(f64, f64)> {
    let sizes = results.sizes(&[contender]).into_iter();
    let cpu = |size| results.spread(contender, size, |sample| Some(sample.cpu)).map(|cpu| cpu.median);
    // The logarithm needs a positive value. The difference of two short times may be 0.
    sizes.filter_map(|size| Some((size as f64, cpu(size).filter(|cpu| *cpu > 0.0)?))).collect()
}
