//! Invalid configurations and command lines.

use std::fs;

use super::run::Log;

/// Options of a section `[[inputs.socketstat]]`, one error each.
const SOCKETSTAT: &[&str] = &[
    "protocls = []",
    "nothing_alike = 1",
    "protocols = ['icmp']",
    "states = ['open']",
    "states = ['established', '!established']",
    "local_ports = ['http']",
    "local_addrs = ['10.0.0.0/99']",
    "group_by = ['port']",
    "group_by = ['remote_port']\nport_names = { http = 'web' }",
    "group_by = ['remote_port']\nport_names = { 80 = '' }",
    "group_by = ['remote_addr']\nipv4_prefix = 33",
    "group_by = ['remote_addr']\nmax_series = 1",
    "group_by = ['remote_addr']\nrank_by = 'age'",
    "group_by = ['remote_addr']\nextra_fields = ['congestion']",
    "group_by = ['service']\nsource = 'ss'",
    "group_by = ['remote_addr']\nextra_tags = ['user']",
    "extra_fields = ['rtt']\nsource = 'procfs'",
    "extra_fields = ['no_such']",
    "extra_fields = ['rt']",
    "extra_tags = ['pid']",
    "extra_tags = ['user']\nmax_series = 9",
    "extra_tags = ['user']\nsource = 'ss'",
    "closed_sockets = true",
    "closed_sockets = true\ngroup_by = ['remote_addr']\nstates = ['listening']",
    "closed_sockets = true\ngroup_by = ['remote_addr']\nsource = 'ss'",
    "source = 'procfs'\nprotocols = ['dccp']",
    "source = 'dtrace'",
    "netstat_platform = 'plan9'",
    "timeout = '0s'",
    "timeout = true",
    "timeout = 'soon'",
    "timeout = '1s5'",
    "timeout = '5 fortnights'",
    "timeout = '1y'",
    "timeout = '-1s'",
    "timeout = '999999999h'",
    "timeout = '99999999999999999999h'",
    "timeout = ''",
    "protocols = 'tcp'",
    "tags = 1",
    "tags = [{ a = 'b' }]",
    "tags = { 'a\\' = 'b' }",
    "log_level = 'loud'",
    "name_prefix = '#'",
    "name_override = '\\'",
    "alias = '${NOT_SET:?say it}'",
    "alias = '${NOT_SET?}'",
    "namepass = ['[']",
    "namepass = ['[]']",
    "namepass = ['[a-cx]']",
    "namepass = ['[c-a]']",
    "interval = '1s'",
    "metricpass = 'true'",
    "data_format = 'influx'",
    "always_include_global_tags = true",
    "time_source = 'gather'",
    "order = 1",
    "period = '1s'",
    "flush_interval = '1s'",
    "id = 'x'",
    "lvm = true",
];

/// Options of a section `[[inputs.net]]`.
const NET: &[&str] = &[
    "kinds = ['!']",
    "kinds = ['veth']\nsource = 'netstat'",
    "extra_fields = ['nothing_alike']",
    "extra_fields = ['mtuu']",
    "extra_tags = ['nothing_alike']",
    "extra_tags = ['kin']",
    "protocol_stats = ['nothing_alike']",
    "protocol_stats = ['snmpp']",
];

/// Whole files.
const FILES: &[&str] = &[
    "",
    "[[inputs.net]\n",
    "inputs = 1",
    "inputs.net = 1",
    "[agent]\n",
    "[[input.net]]\n",
    "[nothing]\n",
    "[[inputs.nett]]\n",
    "[[inputs.cpu]]\n",
    "[[inputs.net]]\nkinds = 1\n",
];

const FLAGS: &[&[&str]] = &[
    &["--help"],
    &["--version"],
    &["--nonsense"],
    &["--config"],
    &["--config", "/nonexistent"],
    &["--poll-interval", "soon"],
    &["--poll-interval", "0s"],
    &["--once=perhaps"],
    &["--check"],
    &["--sources"],
];

pub fn run(log: &mut Log) {
    for flags in FLAGS {
        log.flags(flags);
    }
    for (input, options) in [("socketstat", SOCKETSTAT), ("net", NET)] {
        for option in options {
            log.run(&format!("[[inputs.{input}]]\n{option}\n")).check();
        }
    }
    for file in FILES {
        log.run(file).check();
    }
    let deep = format!("{}{}", "${A:-".repeat(40), "}".repeat(40));
    log.run(&format!("[[inputs.net]]\nalias = '{deep}'\n")).check();
    let deep = format!("*{}{}", "{".repeat(70), "}".repeat(70));
    log.run(&format!("[[inputs.net]]\ninterfaces = ['{deep}']\n")).check();
    let many = "x".repeat(70_000);
    log.run(&format!("[[inputs.net]]\ninterfaces = ['a*{many}']\n")).check();
    let not_utf8 = log.run("");
    fs::write(not_utf8.dir.path().join("plugin.conf"), b"\xff").expect("it can be written");
    not_utf8.check();
    let huge = log.run("");
    let file = fs::File::create(huge.dir.path().join("plugin.conf")).expect("it can be written");
    file.set_len(17 * 1024 * 1024).expect("it can be made longer");
    huge.check();
}
