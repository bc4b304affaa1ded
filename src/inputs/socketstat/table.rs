//! The sockets of one protocol in a gather: from a source, through the selection, to lines or groups.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::events::Events;
use super::groups::Groups;
use super::lines::Lines;
use super::select::Selection;
use super::socket::Protocol;
use super::source::{Capabilities, Query, Source};
use super::sources::SOURCES;
use super::state;
use crate::accumulator::Accumulator;
use crate::command::Children;
use crate::inputs::choice::Choice;
use crate::inputs::source::{Diagnostic, SourceError};
use crate::logger::Level;

/// The sockets of one protocol. Each has a source of its own, so that a failure of one changes nothing for the others.
pub(super) struct Table {
    protocol: Protocol,
    /// Whether the section has other tables.
    one_of_several: bool,
    choice: Choice<dyn Source, Capabilities>,
    /// The source that was last said to be read.
    announced: Option<&'static str>,
    /// The source of the last dump.
    source: Option<&'static str>,
    /// What was said once and for all.
    said: HashSet<&'static str>,
}

/// What the tables of a section have in common.
pub(super) struct Shared {
    pub(super) timeout: Duration,
    pub(super) selection: Selection,
    pub(super) output: Output,
    /// Whether the name of the congestion control is wanted.
    pub(super) congestion: bool,
    /// The source of the first table that was read.
    pub(super) announced: Option<&'static str>,
    /// Connections that end.
    pub(super) events: Events,
    pub(super) stats: Stats,
}

/// How the gathers go, for the line that says so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    /// Dumps that failed, a total.
    pub(super) errors: u64,
    /// Sockets that were listed in the last gather.
    pub(super) sockets: u64,
    /// What the dumps of the last gather took.
    pub(super) dumps: Duration,
    /// The last source that gave sockets.
    pub(super) source: &'static str,
}

/// Where sockets go.
pub(super) enum Output {
    Lines(Box<Lines>),
    Groups(Box<Groups>),
}

impl Table {
    pub(super) fn new(
        protocol: Protocol,
        one_of_several: bool,
        choice: Choice<dyn Source, Capabilities>,
    ) -> Self {
        Self { protocol, one_of_several, choice, announced: None, source: None, said: HashSet::new() }
    }

    /// The source that a gather would read now, or why there is none.
    pub(super) fn source(&self) -> (Protocol, Result<&'static str, String>) {
        let source = match self.choice.would_choose() {
            Ok(chosen) if chosen.capabilities.protocols.contains(&self.protocol) => Ok(chosen.name),
            Ok(chosen) => Err(format!("source {} does not support it", chosen.name)),
            Err(error) => Err(error.to_string()),
        };
        (self.protocol, source)
    }

    /// All or nothing: an error drops what came before it. Where the source turns out not to work here, the next one is
    /// read at once.
    pub(super) fn gather(&mut self, shared: &mut Shared, accumulator: &mut Accumulator<'_>) {
        let mut attempts = SOURCES.len();
        loop {
            let outcome = self.dump(shared, accumulator);
            attempts -= 1;
            match outcome {
                Ok(diagnostics) => {
                    self.choice.succeeded();
                    shared.stats.source = self.source.unwrap_or_default();
                    return self.report(diagnostics, accumulator);
                }
                Err(error) => {
                    if !matches!(error, SourceError::Unsupported(_)) {
                        shared.stats.errors += 1;
                    }
                    let again = self.choice.failed(&error, Instant::now());
                    if !again || attempts == 0 {
                        return self.report_error(error, accumulator);
                    }
                }
            }
        }
    }

    fn dump(
        &mut self,
        shared: &mut Shared,
        accumulator: &mut Accumulator<'_>,
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let protocol = self.protocol;
        let now = Instant::now();
        let children = self.choice.children();
        let chosen = self.choice.source(now)?;
        let name = chosen.registration.name;
        if let Some(instead_of) = chosen.instead_of.take() {
            let why =
                if instead_of.is_empty() { String::new() } else { format!(" ({})", instead_of.join("; ")) };
            // All tables of a section begin with the same source.
            let known = self.announced.or(shared.announced);
            if known != Some(name) {
                let text = if self.announced.is_some() && self.one_of_several {
                    format!("{protocol} sockets are read from source {name}{why}")
                } else {
                    format!("sockets are read from source {name}{why}")
                };
                accumulator.say(Level::Info, &text);
            }
            self.announced = Some(name);
            shared.announced.get_or_insert(name);
        }
        if !chosen.registration.capabilities.protocols.contains(&protocol) {
            let text = format!("source {name} does not support {protocol}; skipping it");
            return Ok(vec![Diagnostic { level: Level::Info, key: "not of this source", text }]);
        }
        let is_other_source = self.source.replace(name).is_some_and(|before| before != name);
        let Shared { selection, output, congestion, timeout, events, stats, .. } = shared;
        let query = Query {
            protocol,
            states: selection.states(protocol),
            tcp_info: true,
            congestion: *congestion,
            deadline: now + *timeout,
        };
        let outcome = match output {
            Output::Lines(lines) => {
                let mut reader =
                    LineReader { selection, lines, sockets: &mut stats.sockets, children: &children };
                reader.read(&mut *chosen.source, &query, accumulator)
            }
            Output::Groups(groups) => {
                if is_other_source {
                    groups.reset(protocol);
                }
                let hears = chosen.registration.capabilities.events;
                add_to_groups(&mut *chosen.source, &query, selection, groups, (events, hears))
            }
        };
        stats.dumps += now.elapsed();
        outcome
    }

    fn report(&mut self, diagnostics: Vec<Diagnostic>, accumulator: &mut Accumulator<'_>) {
        for Diagnostic { level, key, text } in diagnostics {
            if level == Level::Info {
                if self.said.insert(key) {
                    accumulator.say(level, &text);
                }
            } else {
                accumulator.remark(level, &format!("{} {key}", self.protocol), &text);
            }
        }
    }

    fn report_error(&mut self, error: SourceError, accumulator: &mut Accumulator<'_>) {
        match error {
            SourceError::Unsupported(cause) => {
                let text = cause.to_string();
                let diagnostic = Diagnostic { level: Level::Info, key: "unsupported on this host", text };
                self.report(vec![diagnostic], accumulator);
            }
            error => accumulator.error(&error.to_string()),
        }
    }
}

/// A line per socket.
struct LineReader<'a> {
    selection: &'a mut Selection,
    lines: &'a mut Lines,
    /// How many there are.
    sockets: &'a mut u64,
    children: &'a Children,
}

impl LineReader<'_> {
    fn read(
        &mut self,
        source: &mut dyn Source,
        query: &Query,
        accumulator: &mut Accumulator<'_>,
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let mark = accumulator.mark();
        let outcome = source.dump(query, &mut |socket| {
            if self.selection.takes(query.protocol, socket) {
                *self.sockets += 1;
                self.lines.write(query.protocol, socket, &mut |metric| accumulator.add(metric));
                if accumulator.is_full() {
                    self.children.kill();
                }
            }
        });
        if accumulator.drop_if_full(&format!("{} sockets", query.protocol)) {
            return Ok(Vec::new());
        }
        if outcome.is_err() {
            accumulator.rollback(mark);
        }
        outcome
    }
}

/// The groups need to know first which ports this host listens on.
fn add_to_groups(
    source: &mut dyn Source,
    query: &Query,
    selection: &mut Selection,
    groups: &mut Groups,
    (events, hears): (&mut Events, bool),
) -> Result<Vec<Diagnostic>, SourceError> {
    let hears = hears && query.protocol == Protocol::Tcp && groups.closed_info().is_some();
    // The end of a connection tells nothing of its states: what each has moved is followed in all of them.
    let followed = if hears { state::listed(query.protocol) } else { 0 };
    let states = query.states | followed;
    let query = Query { states, tcp_info: groups.wants_tcp_info(), ..*query };
    let listening = groups.listening_states(query.protocol);
    let Some(mut dump) = groups.dump(query.protocol) else { return Ok(Vec::new()) };
    if let Some(states) = listening {
        let query = Query { states, tcp_info: false, congestion: false, ..query };
        // What there is to say about this table is said of the next one too.
        source.dump(&query, &mut |socket| dump.listens(socket))?;
    }
    let diagnostics = source.dump(&query, &mut |socket| {
        if selection.takes(query.protocol, socket) {
            dump.add(socket);
        } else if hears && selection.takes_ends(query.protocol, socket) {
            dump.pass_over(socket);
        }
    })?;
    if query.protocol == Protocol::Tcp {
        dump.hears_closed(hears);
        // Behind the dump: what ended before is among them, and what ended since is known from it. Where the dump was of a
        // source that knows no cookies, they go unused.
        events.take(&mut |socket| {
            if hears && selection.takes_ends(query.protocol, socket) {
                dump.closed(socket);
            }
        });
    }
    dump.commit();
    Ok(diagnostics)
}
