//! The options of `inputs.socketstat`, checked.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::extra::ExtraFields;
use super::groups::{GroupOptions, Groups};
use super::lines::ExtraTags;
use super::select::{Selection, SelectionOptions};
use super::socket::Protocol;
use super::source::{Capabilities, Source};
use super::sources::{SOURCES, SocketSource};
use super::state::ESTABLISHED;
use crate::config::duration::GoDuration;
use crate::config::{ConfigError, OptionError, Section, Strings};
use crate::host::Network;
use crate::inputs::choice::{Choice, SourceOptions};
use crate::inputs::environment::{Context, Environment};
use crate::quote::quote;

/// The options as they stand in the file.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::inputs) struct Options {
    protocols: Strings,
    timeout: GoDuration,
    source: String,
    netstat_platform: Option<String>,
    states: Strings,
    local_ports: Strings,
    remote_ports: Strings,
    local_addrs: Strings,
    remote_addrs: Strings,
    extra_fields: Strings,
    group_by: Strings,
    port_names: BTreeMap<String, String>,
    ipv4_prefix: Option<i64>,
    ipv6_prefix: Option<i64>,
    max_series: Option<i64>,
    rank_by: Option<String>,
    closed_sockets: Option<bool>,
    internal: Option<bool>,
    extra_tags: Strings,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocols: Strings::default(),
            timeout: GoDuration(Duration::from_secs(1)),
            source: String::from("auto"),
            netstat_platform: None,
            states: Strings::default(),
            local_ports: Strings::default(),
            remote_ports: Strings::default(),
            local_addrs: Strings::default(),
            remote_addrs: Strings::default(),
            extra_fields: Strings::default(),
            group_by: Strings::default(),
            port_names: BTreeMap::new(),
            ipv4_prefix: None,
            ipv6_prefix: None,
            max_series: None,
            rank_by: None,
            closed_sockets: None,
            internal: None,
            extra_tags: Strings::default(),
        }
    }
}

/// What a section asks for.
pub(super) struct Settings {
    pub(super) protocols: Vec<Protocol>,
    pub(super) timeout: Duration,
    pub(super) selection: Selection,
    pub(super) extra: ExtraFields,
    pub(super) extra_tags: ExtraTags,
    /// `None`: a line per socket.
    pub(super) groups: Option<Groups>,
    /// Whether a line says how the gathers go.
    pub(super) internal: bool,
    named: Option<&'static SocketSource>,
    pub(super) context: Context,
    needs: Needs,
}

/// What a section needs of its source, and the option or key that needs it.
#[derive(Clone, Copy, Debug, Default)]
struct Needs {
    tcp_info: Option<&'static str>,
    listening: Option<&'static str>,
    identity: Option<&'static str>,
    events: Option<&'static str>,
}

impl Settings {
    /// Checks the options of a section.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub(super) fn of_section(section: &Section<'_>, environment: &Environment) -> Result<Self, ConfigError> {
        let options: Options = section.options()?;
        Self::new(options, environment).map_err(|error| section.error(&error))
    }

    fn new(options: Options, environment: &Environment) -> Result<Self, OptionError> {
        let protocols = protocols(&options.protocols.0).map_err(|message| fault("protocols", message))?;
        let SourceOptions { named, timeout, platform } = SourceOptions::new(
            SOURCES,
            &options.source,
            options.timeout,
            options.netstat_platform.as_deref(),
        )?;
        let selection = SelectionOptions {
            states: options.states,
            local_ports: options.local_ports,
            remote_ports: options.remote_ports,
            local_addrs: options.local_addrs,
            remote_addrs: options.remote_addrs,
        };
        let selection = Selection::new(&selection, &protocols)?;
        let extra = ExtraFields::of_option(&options.extra_fields.0, !options.group_by.0.is_empty())
            .map_err(|message| fault("extra_fields", message))?;
        let groups = GroupOptions {
            group_by: options.group_by,
            port_names: options.port_names,
            ipv4_prefix: options.ipv4_prefix,
            ipv6_prefix: options.ipv6_prefix,
            max_series: options.max_series,
            rank_by: options.rank_by,
        };
        let grouping = !groups.group_by.0.is_empty();
        let extra_tags =
            ExtraTags::of_option(&options.extra_tags.0).map_err(|message| fault("extra_tags", message))?;
        check_together(&groups, extra_tags, options.closed_sockets)?;
        let closed = options.closed_sockets != Some(false)
            && counts_connections(&selection, options.closed_sockets)?
            && named.is_none_or(|named| named.capabilities.events)
            && environment.host.network() == Network::Own;
        let sys = environment.host.sys();
        let groups = Groups::of_options(&groups, &extra, &protocols, environment.once, closed, sys)?;
        let needs = Needs {
            tcp_info: (!extra.is_empty()).then_some("extra_fields"),
            listening: groups.as_ref().and_then(Groups::needs_listening),
            identity: if extra_tags.is_empty() {
                groups.as_ref().and_then(Groups::needs_identity)
            } else {
                Some("extra_tags")
            },
            events: options.closed_sockets.filter(|asked| *asked).map(|_| "closed_sockets"),
        };
        if let Some(named) = named {
            check_source(named, &protocols, needs)?;
        }
        let context = Context { environment: environment.clone(), platform };
        let internal = options.internal.unwrap_or(grouping);
        Ok(Self { protocols, timeout, selection, extra, extra_tags, groups, internal, named, context, needs })
    }

    /// The choice among the sources for one of the protocols.
    pub(super) fn choice(&self) -> Choice<dyn Source, Capabilities> {
        let grouping = self.groups.as_ref().is_some_and(Groups::is_grouping);
        let candidates = candidates(&self.protocols, grouping);
        let needs = self.needs;
        let lacks = move |can: Capabilities, context: &Context| {
            let foreign = !can.other_network && context.environment.host.network() == Network::Other;
            if foreign {
                return Some(String::from("does not see the network of HOST_PROC"));
            }
            needs.lacking(&can).map(|(_, lack)| lack)
        };
        Choice::new(candidates, self.named, Box::new(lacks), self.context.clone())
    }
}

impl Needs {
    /// What of it a source cannot do: the option that asks for it, and one line.
    fn lacking(&self, can: &Capabilities) -> Option<(&'static str, String)> {
        if let Some(option) = self.tcp_info.filter(|_| !can.tcp_info) {
            return Some((option, format!("does not have the tcp_info that {option} needs")));
        }
        if let Some(option) = self.events.filter(|_| !can.events) {
            return Some((option, format!("is not told of the sockets that end, which {option} needs")));
        }
        if let Some(key) = self.identity.filter(|_| !can.identity) {
            let option = if key == "extra_tags" { key } else { "group_by" };
            return Some((option, format!("does not have the owners of sockets that {key} needs")));
        }
        let key = self.listening.filter(|_| !can.listening)?;
        Some(("group_by", format!("does not list the listening sockets that the key {key} needs")))
    }
}

fn fault(key: &str, message: String) -> OptionError {
    OptionError { key: key.to_owned(), message }
}

/// Options that exclude or need each other.
fn check_together(
    groups: &GroupOptions,
    extra_tags: ExtraTags,
    closed_sockets: Option<bool>,
) -> Result<(), OptionError> {
    let grouping = !groups.group_by.0.is_empty();
    if grouping && !extra_tags.is_empty() {
        return Err(fault("extra_tags", String::from("not supported with group_by: name the keys there")));
    }
    if !extra_tags.is_empty() && groups.max_series.is_some_and(|most| most != 0) {
        return Err(fault("extra_tags", String::from("not supported with max_series")));
    }
    if closed_sockets == Some(true) && !grouping {
        let message = "needs group_by: a closed socket has no line of its own";
        return Err(fault("closed_sockets", message.to_owned()));
    }
    Ok(())
}

/// Whether connections are selected that end: their last state does not tell in which they were before.
fn counts_connections(selection: &Selection, asked: Option<bool>) -> Result<bool, OptionError> {
    let counts = selection.states(Protocol::Tcp) & (1 << ESTABLISHED) != 0;
    if asked == Some(true) && !counts {
        return Err(fault("closed_sockets", String::from("needs established among the states")));
    }
    Ok(counts)
}

/// Whether a source that the section names can do what it needs.
fn check_source(named: &SocketSource, protocols: &[Protocol], needs: Needs) -> Result<(), OptionError> {
    let others = |can: &dyn Fn(&Capabilities) -> bool| {
        let others = SOURCES.iter().filter(|source| can(&source.capabilities)).map(|source| source.name);
        others.collect::<Vec<_>>().join(", ")
    };
    let name = named.name;
    if let Some(never) = protocols.iter().find(|protocol| !named.capabilities.protocols.contains(protocol)) {
        let others = others(&|can| can.protocols.contains(never));
        return Err(fault(
            "protocols",
            format!("source {name} does not support {never}; supported by {others}"),
        ));
    }
    if let Some((option, lack)) = needs.lacking(&named.capabilities) {
        let others = others(&|can| needs.lacking(can).is_none());
        return Err(fault(option, format!("source {name} {lack}; supported by {others}")));
    }
    Ok(())
}

/// Telegraf takes tcp and udp where none is named.
fn protocols(names: &[String]) -> Result<Vec<Protocol>, String> {
    let mut protocols = Vec::new();
    for name in names {
        let protocol = Protocol::from_name(name).ok_or_else(|| {
            let allowed = Protocol::ALL.map(Protocol::name).join(", ");
            format!("unknown protocol {}; allowed are {allowed}", quote(name.as_bytes()))
        })?;
        if !protocols.contains(&protocol) {
            protocols.push(protocol);
        }
    }
    if protocols.is_empty() {
        protocols.extend([Protocol::Tcp, Protocol::Udp]);
    }
    Ok(protocols)
}

/// The sources in the order in which `auto` tries them: those that list all of the protocols before the others. For groups
/// the kernel itself is asked first: there is no native series to be equal to.
fn candidates(protocols: &[Protocol], grouping: bool) -> Vec<&'static SocketSource> {
    let mut sources: Vec<&SocketSource> = SOURCES.iter().collect();
    sources.sort_by_key(|source| grouping && source.name != "netlink");
    let lists_all = |source: &&SocketSource| {
        protocols.iter().all(|protocol| source.capabilities.protocols.contains(protocol))
    };
    let (mut candidates, others): (Vec<_>, Vec<_>) = sources.into_iter().partition(lists_all);
    candidates.extend(others);
    candidates
}
