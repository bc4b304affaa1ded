//! The registry of sources. A new one is its own file and one entry here.

use super::socket::Protocol;
use super::source::Source;
use super::ss;
use crate::inputs::Environment;
use crate::platform::Platform;

/// What a source may need.
#[derive(Clone, Debug)]
pub struct Context {
    /// Roots, search path and children.
    pub environment: Environment,
    /// Whose netstat is installed, if anyone's.
    pub platform: Option<Platform>,
}

/// One source, as the configuration and `--sources` know it.
#[derive(Clone, Copy)]
pub struct Registration {
    /// Its name in the option `source`.
    pub name: &'static str,
    /// What it can ever give.
    pub protocols: &'static [Protocol],
    /// Whether it works on this host now, else one line that says what is missing.
    pub probe: fn(&Context) -> Result<(), String>,
    /// Makes it.
    pub open: fn(&Context) -> Box<dyn Source>,
}

/// Every source, in the order in which `auto` tries them.
pub const SOURCES: &[Registration] = &[Registration {
    name: "ss",
    protocols: ss::PROTOCOLS,
    probe: |context| ss::probe(&context.environment.host),
    open: |context| {
        let Environment { host, children } = context.environment.clone();
        Box::new(ss::Ss::new(host, children))
    },
}];
